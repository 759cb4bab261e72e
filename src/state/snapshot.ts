/**
 * How state leaves an operator and comes back.
 *
 * At a barrier an operator describes its state to a {@link SnapshotWriter}: keyed entries under their key groups,
 * and lists with the way in which they are dealt out when the parallelism changes. What it writes becomes an
 * {@link OperatorSnapshot}: bytes by state and key group, in the canonical form that every backend reads. On restore
 * each subtask is handed the parts that now belong to it as a {@link RestoredState}.
 *
 * The writer may take its bytes at once or fix a view and read it later; an operator only promises that what it
 * handed over is the state at the barrier, and protects it by handing over copies or by versions.
 */

/** How an operator's list is dealt out to the subtasks on restore. */
export type Redistribution =
  /** Item by item, round robin. */
  | 'split'
  /** Every subtask gets all items of all subtasks. */
  | 'union'
  /** Every subtask gets the items of one subtask: they are all the same. */
  | 'broadcast';

/** Takes the entries of one keyed state. */
export interface KeyedEntryWriter {
  /** `namespace` tells windows apart; undefined where there is none. Values are encoded before the call returns. */
  entry(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void;
}

/** What an operator describes its state to. */
export interface SnapshotWriter {
  readonly checkpoint: number;
  readonly type: 'checkpoint' | 'savepoint';
  keyed(state: { readonly name: string; readonly kind: string; readonly version: number }): KeyedEntryWriter;
  list(name: string, redistribution: Redistribution, items: readonly unknown[], version?: number): void;
}

/** A keyed state of a checkpoint, as far as it belongs to this subtask. */
export interface RestoredKeyedState {
  readonly name: string;
  /** The kind of the descriptor, with `+ttl` where values carry stamps, or that of timers; see `cell-shape.ts`. */
  readonly kind: string;
  readonly version: number;
  /** Entries of this subtask's key groups. */
  entries(): Iterable<RestoredEntry>;
}

/** One entry of a keyed state, as it was written. */
export interface RestoredEntry {
  readonly keyGroup: number;
  readonly key: unknown;
  readonly namespace: unknown;
  readonly value: unknown;
}

/** A list of a checkpoint, as far as it belongs to this subtask. */
export interface RestoredList {
  readonly name: string;
  readonly redistribution: Redistribution;
  readonly version: number;
  readonly items: readonly unknown[];
}

/** What a checkpoint holds for one operator subtask. */
export interface RestoredState {
  readonly keyed: readonly RestoredKeyedState[];
  readonly lists: readonly RestoredList[];
  list(name: string): RestoredList | undefined;
}

/** A snapshot of one operator subtask as plain, serialisable data. */
export interface OperatorSnapshot {
  readonly operatorId: string;
  readonly keyed: readonly {
    readonly name: string;
    readonly kind: string;
    readonly version: number;
    readonly groups: readonly { readonly group: number; readonly count: number; readonly bytes: Uint8Array }[];
  }[];
  readonly lists: readonly {
    readonly name: string;
    readonly redistribution: Redistribution;
    readonly version: number;
    readonly items: readonly Uint8Array[];
  }[];
}
