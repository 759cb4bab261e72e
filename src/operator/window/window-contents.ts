/**
 * The elements of windows in keyed state, under the namespace that is current: folded into one value, as a list, or
 * as a list with timestamps for an evictor.
 *
 * The name and the form of what is kept are the same for all window operators, so that a job may change its trigger
 * or its lateness and still find its windows: docs/internals/windows.md.
 */

import { MillstreamError } from '../../base/error.ts';
import { listState, valueState, type ListState, type ValueState } from '../../state/descriptor.ts';
import type { KeyedBackend } from '../../state/keyed-backend.ts';
import type { Evictor, EvictorContext, TimestampedValue } from '../../time/evictors/evictor.ts';
import type { Window } from '../../time/windows/window.ts';
import type { Fold } from './window-fold.ts';

/** The state that holds the accumulator, or the list, of each key and window. */
export const CONTENTS = 'window-contents';
/** The state that holds elements with their timestamps. */
export const TIMESTAMPED_CONTENTS = 'window-elements';

export interface WindowContents<W extends Window> {
  /** Returns whether there was something before. */
  add(value: unknown, timestamp: number): boolean;
  /** What the window gives to its function, or sends on; undefined when it is empty. */
  elements(window: W): readonly unknown[] | undefined;
  /** The window has fired. Called with its namespace current. */
  fired(window: W): void;
  clear(): void;
  /** Moves what lies under the namespaces `sources` to `target`. */
  merge(target: string, sources: readonly string[]): void;
}

/** One accumulator per window. */
export class FoldedContents implements WindowContents<Window> {
  readonly #backend: KeyedBackend;
  readonly #state: ValueState<unknown>;
  readonly #fold: Fold;

  constructor(backend: KeyedBackend, fold: Fold) {
    this.#backend = backend;
    this.#state = backend.value(valueState<unknown>(CONTENTS), true);
    this.#fold = fold;
  }

  add(value: unknown): boolean {
    const before = this.#state.value();
    this.#state.update(before === undefined ? this.#fold.first(value) : this.#fold.add(before, value));
    return before !== undefined;
  }

  /** Joins an accumulator that comes from elsewhere to what is there. */
  put(accumulator: unknown): void {
    const before = this.#state.value();
    this.#state.update(before === undefined ? accumulator : this.#merged(before, accumulator));
  }

  elements(): readonly unknown[] | undefined {
    const accumulator = this.#state.value();
    return accumulator === undefined ? undefined : [this.#fold.result(accumulator)];
  }

  fired(): void {}

  clear(): void {
    this.#state.clear();
  }

  merge(target: string, sources: readonly string[]): void {
    for (const source of sources) {
      this.#backend.setCurrentNamespace(source);
      const moved = this.#state.value();
      this.#state.clear();
      if (moved === undefined) continue;
      this.#backend.setCurrentNamespace(target);
      const before = this.#state.value();
      this.#state.update(before === undefined ? moved : this.#merged(before, moved));
    }
  }

  #merged(a: unknown, b: unknown): unknown {
    const { merge } = this.#fold;
    if (merge === undefined)
      throw new MillstreamError('WINDOW_INVALID', 'Windows that merge need an aggregate function with merge().');
    return merge(a, b);
  }
}

/** All elements of a window, in the order in which they came. */
export class ListedContents implements WindowContents<Window> {
  readonly #backend: KeyedBackend;
  readonly #state: ListState<unknown>;

  constructor(backend: KeyedBackend) {
    this.#backend = backend;
    this.#state = backend.list(listState<unknown>(CONTENTS), true);
  }

  add(value: unknown): boolean {
    const held = !this.#state.isEmpty();
    this.#state.add(value);
    return held;
  }

  elements(): readonly unknown[] | undefined {
    const items = this.#state.get();
    return items.length === 0 ? undefined : items;
  }

  fired(): void {}

  clear(): void {
    this.#state.clear();
  }

  merge(target: string, sources: readonly string[]): void {
    moveItems(this.#backend, this.#state, target, sources);
  }
}

/** All elements with their timestamps. An evictor has its say each time the window fires. */
export class EvictedContents<W extends Window> implements WindowContents<W> {
  readonly #backend: KeyedBackend;
  readonly #state: ListState<TimestampedValue<unknown>>;
  readonly #evictor: Evictor<unknown, W>;
  readonly #context: EvictorContext;
  /** Absent where the window function takes the elements one by one. */
  readonly #fold: Fold | undefined;

  constructor(backend: KeyedBackend, evictor: Evictor<unknown, W>, context: EvictorContext, fold: Fold | undefined) {
    this.#backend = backend;
    this.#state = backend.list(listState<TimestampedValue<unknown>>(TIMESTAMPED_CONTENTS), true);
    this.#evictor = evictor;
    this.#context = context;
    this.#fold = fold;
  }

  add(value: unknown, timestamp: number): boolean {
    const held = !this.#state.isEmpty();
    this.#state.add({ value, timestamp });
    return held;
  }

  elements(window: W): readonly unknown[] | undefined {
    const all = this.#state.get();
    if (all.length === 0) return undefined;
    const left = this.#evictor.evictBefore(all, window, this.#context);
    if (left.length < all.length) this.#state.update(left);
    const values = left.map((element) => element.value);
    return this.#fold === undefined ? values : folded(this.#fold, values);
  }

  fired(window: W): void {
    const all = this.#state.get();
    const left = this.#evictor.evictAfter(all, window, this.#context);
    if (left.length < all.length) this.#state.update(left);
  }

  clear(): void {
    this.#state.clear();
  }

  merge(target: string, sources: readonly string[]): void {
    moveItems(this.#backend, this.#state, target, sources);
  }
}

/** Nothing, where an evictor left nothing. */
function folded(fold: Fold, values: readonly unknown[]): readonly unknown[] {
  const [first, ...rest] = values;
  if (values.length === 0) return [];
  return [fold.result(rest.reduce((accumulator, value) => fold.add(accumulator, value), fold.first(first)))];
}

function moveItems<T>(backend: KeyedBackend, state: ListState<T>, target: string, sources: readonly string[]): void {
  for (const source of sources) {
    backend.setCurrentNamespace(source);
    const items = state.get();
    state.clear();
    backend.setCurrentNamespace(target);
    state.addAll(items);
  }
}
