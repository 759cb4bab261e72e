/** Records that an operator leaves out, as side outputs carry them: what they were, why, and where they come from. */

/**
 * Why a record was left out. `late`: time had passed it. `undecodable`: a source could not read it. `failed`: a call
 * that should have answered did not, after its retries. `expired`: state whose time to live was over. `filtered`: no
 * window takes it.
 */
export type DropReason = 'late' | 'undecodable' | 'failed' | 'expired' | 'filtered';

/** What is said of a record beside itself. */
export interface DropFacts {
  /** Why, as a clause. */
  readonly error?: string;
  /** The split of the source that it came from. */
  readonly split?: string;
  /** The name of the state that it was in. */
  readonly state?: string;
  /** The key that it belonged to. */
  readonly key?: unknown;
  /** The key of a map state's entry. */
  readonly entryKey?: unknown;
}

/** A record that was left out: see `getDropped` of a stream. */
export interface Dropped<T = unknown> extends DropFacts {
  readonly reason: DropReason;
  /** The record; where it could not be decoded, its bytes with their place: `Undecodable` for files and sockets. */
  readonly value: T;
  /** Event time in milliseconds; undefined when it has none. */
  readonly timestamp: number | undefined;
  /** The name of the operator that left it out. */
  readonly operator: string;
  readonly uid: string;
  readonly subtask: number;
}

/** The side output of an operator for what it leaves out for a reason. */
export function dropTag(reason: DropReason): string {
  return `dropped:${reason}`;
}
