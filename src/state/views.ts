/**
 * Views: how keyed state is written while the task goes on changing it.
 *
 * At a barrier the state's owner *fixes a view*: from then on the view is what the state was at that moment. It is
 * written in slices between the turns of the task, and whatever has not been written when it is first touched is
 * written then, before the touch. A value that was handed out and can be changed counts as touched.
 *
 * Views have numbers, their *generations*, which grow with each. What changes between the views 4 and 5 belongs to
 * generation 5. A view writes everything that changed in the generations after `since`, which is that of the last
 * checkpoint that is complete, up to its own; so nothing is lost when a checkpoint is given up, and several views may be
 * under way at once. Generation 0 is what was restored.
 *
 * What a view writes becomes parts of key groups (`snapshot.ts`). Of groups in `whole` it writes everything, whether it
 * changed or not; of the others what was put, and what is gone. A removal need only be written for what some view
 * before this one, or the snapshot that was restored, has held. Within one view all removals of a key group come
 * before everything that is put, in whatever order the view names them, and everything else stands once.
 */

/** Takes what a view writes of one state. Everything is encoded before the call returns. */
export interface StatePartWriter {
  /**
   * The whole of what the state holds for a key, or a key and a namespace: it replaces what was there. How each kind of
   * state looks is said in `cell-shape.ts`.
   *
   * @throws VALUE_UNSUPPORTED for what has no bytes.
   */
  put(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void;
  /**
   * One entry of a map; with TTL `value` is `[value, stamp]`. Timers are written as entries too: the timestamp is the
   * `entryKey`, and `value` undefined.
   */
  putEntry(keyGroup: number, key: unknown, namespace: unknown, entryKey: unknown, value: unknown): void;
  /** Items of a list from `index` on, in the form of a whole list: a longer one is cut off there first. */
  putTail(keyGroup: number, key: unknown, namespace: unknown, index: number, items: unknown): void;
  /** What `putEntry`, `put` or `putTail` would write, encoded by {@link encodeStandalone} (`part-entries.ts`). */
  putEncoded(keyGroup: number, entry: Uint8Array): void;

  /** Rows of a table over columns, `count` of them, as `column-parts.ts` writes them; each stands for a `put`. */
  putColumns(keyGroup: number, count: number, rows: Uint8Array): void;
  /** Nothing is left of what was stored under a namespace, in a state whose puts are columns. */
  removeNamespace(keyGroup: number, namespace: unknown): void;

  /** Nothing is left of what was stored for the key and namespace; of a map, no entry that was there. */
  remove(keyGroup: number, key: unknown, namespace: unknown): void;
  /** An entry of a map, or a timer, is gone. */
  removeEntry(keyGroup: number, key: unknown, namespace: unknown, entryKey: unknown): void;
  /** What `remove` or `removeEntry` would write, encoded as in `part-entries.ts`. */
  removeEncoded(keyGroup: number, removal: Uint8Array): void;
}

/** Takes what a view writes. */
export interface PartWriter {
  /**
   * The writer of a state, for values of that version. A state whose values are migrated one by one has several
   * versions at once; an entry of one replaces that of another.
   */
  state(name: string, kind: string, version: number): StatePartWriter;
}

/** What a view is to hold. */
export interface ViewPlan {
  /** Its number: one more than that of the view before it. */
  readonly generation: number;
  /** Everything that changed in later generations is written. Undefined: everything is, as if every group were `whole`. */
  readonly since: number | undefined;
  /** Key groups that are written whole. */
  readonly whole: ReadonlySet<number>;
  /** Takes all of it, from `beginView` on until the view is done or released. */
  readonly to: PartWriter;
  /** No later view will name a `since` before this one: what was noted for that can be forgotten. */
  readonly anew?: boolean;
}

/** State as it was when the view was fixed. */
export interface KeyedView {
  /**
   * Goes on writing until everything is written, or `proceed` says to stop; it is asked after every few entries.
   *
   * @returns Whether everything is written. Then the view has let go of the state.
   * @throws What writing an entry threw, also when that was before a touch: the touch itself never fails by it.
   */
  advance(proceed: () => boolean): boolean;
  /** Lets go of the state; nothing is written after. Idempotent. */
  release(): void;
}

/** Keyed state that can be viewed: a backend, or the tables of an operator that keeps its own. */
export interface ViewedState {
  /**
   * What a state of an earlier snapshot is here: `current`, when views write it under this kind; `replaced`, when it
   * was taken over and views write it as something else; `unclaimed`, when nobody has asked for it. What is unclaimed
   * stays part of every checkpoint as it is, and views do not write it.
   */
  standing(name: string, kind: string): 'current' | 'replaced' | 'unclaimed';
  /** Fixes a view: costs no more than a few microseconds, however much there is. */
  beginView(plan: ViewPlan): KeyedView;
  /** A checkpoint is complete: no later view will name a `since` before this generation. */
  completed(generation: number): void;
  /** Whether so much waits for a checkpoint to complete that it costs less to write everything anew. */
  readonly burdened?: boolean;
}

/** Views that are one: written one after the other. */
export function joinedView(views: readonly KeyedView[]): KeyedView {
  let at = 0;
  return {
    advance(proceed) {
      for (; at < views.length; at++) {
        if (!(views[at] as KeyedView).advance(proceed)) return false;
      }
      return true;
    },
    release() {
      for (const view of views) view.release();
    },
  };
}
