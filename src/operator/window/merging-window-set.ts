/**
 * The windows of one key under a merging assigner, and where the elements of each lie.
 *
 * When windows become one, the elements stay where the first of them put its own: the key of that *state window* is
 * the namespace of the contents. So growing a session moves no state, and only bridging two sessions does.
 */

import { invariant } from '../../base/assert.ts';
import type { MergingWindowAssigner } from '../../time/windows/window-assigner.ts';
import type { Window } from '../../time/windows/window.ts';

/** A window and its state window, by their keys: as it stands in state. */
export type StoredWindow = readonly [window: string, stateWindow: string];

/**
 * Told that `merged` have become `result`, whose elements lie under `stateWindow`; those under `mergedStateWindows`
 * have to move there.
 */
export type OnMerge<W> = (
  result: W,
  merged: readonly W[],
  stateWindow: string,
  mergedStateWindows: readonly string[],
) => void;

export class MergingWindowSet<W extends Window> {
  readonly #assigner: MergingWindowAssigner<never, W>;
  readonly #stateWindows = new Map<string, string>();
  readonly #windows = new Map<string, W>();

  constructor(assigner: MergingWindowAssigner<never, W>, stored: readonly StoredWindow[]) {
    this.#assigner = assigner;
    for (const [window, stateWindow] of stored) this.#put(assigner.windows.fromKey(window), stateWindow);
  }

  #put(window: W, stateWindow: string): void {
    this.#windows.set(window.key, window);
    this.#stateWindows.set(window.key, stateWindow);
  }

  stateWindow(window: W): string | undefined {
    return this.#stateWindows.get(window.key);
  }

  retire(window: W): void {
    this.#windows.delete(window.key);
    this.#stateWindows.delete(window.key);
  }

  get stored(): readonly StoredWindow[] {
    return [...this.#stateWindows];
  }

  /** Adds a window and merges what must be merged; returns the window that the new one has become. */
  add(added: W, onMerge: OnMerge<W>): W {
    const merges: { readonly result: W; readonly members: readonly W[] }[] = [];
    this.#assigner.mergeWindows([...this.#windows.values(), added], (members, result) =>
      merges.push({ result, members }),
    );
    let home: W | undefined;
    for (const { result, members } of merges) {
      const position = members.findIndex((member) => member.key === added.key);
      if (position >= 0) home = result;
      this.#merge(result, position < 0 ? members : members.toSpliced(position, 1), onMerge);
    }
    if (home !== undefined) return home;
    if (!this.#windows.has(added.key)) this.#put(added, added.key);
    return added;
  }

  /** `before` are the windows that existed already. */
  #merge(result: W, before: readonly W[], onMerge: OnMerge<W>): void {
    const stateWindows = before.map((window) => {
      const stateWindow = this.#stateWindows.get(window.key);
      invariant(stateWindow !== undefined, 'an assigner merges windows that it was asked about');
      return stateWindow;
    });
    const [target, ...others] = stateWindows;
    invariant(target !== undefined, 'a merge concerns a window that existed');
    for (const window of before) this.retire(window);
    this.#put(result, target);
    // A new window inside an existing one changes nothing.
    if (before.length === 1 && before[0]?.key === result.key) return;
    onMerge(result, before, target, others);
  }
}
