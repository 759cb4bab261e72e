/**
 * The source contract, after Flink's FLIP-27: an enumerator finds splits, readers read them.
 *
 * The **enumerator** lives once per job, beside the coordinator; it discovers splits and hands them out. A **reader**
 * lives in each source subtask and turns its splits into records. Splits and enumerator state are plain values (what
 * the structured codec carries): they travel in messages and in checkpoints. A split carries its own position: what
 * `snapshot` of a reader returns are the reader's splits, each with the position of its next record, so that a reader
 * that is given them goes on exactly there.
 *
 * A reader is called by its task alone: `start`; then `addSplits`, `poll`, `snapshot`, … in any order; then `close`,
 * also after a failure. `poll` emits records until the output's gate says stop or nothing more is at hand, and must
 * not wait: it says what it knows and offers a promise in `available`.
 */

import type { World } from '../base/world.ts';
import type { MetricGroup } from '../observe/metrics.ts';

/** `bounded` sources end by themselves; a job of bounded sources may run in BATCH mode. */
export type Boundedness = 'bounded' | 'unbounded';

/** What a poll found. */
export type PollResult =
  /** The gate said stop: there is more. */
  | 'more'
  /** Nothing is at hand now; `available` tells when that changes. */
  | 'waiting'
  /** All splits are read and no more will come. */
  | 'finished';

/** Where a reader puts its records. */
export interface ReaderOutput<T> {
  /** One record; `timestamp` is the source's own (a broker's time), when it has one. */
  collect(value: T, timestamp?: number): void;
  /** Asked between records; false ends this poll. */
  proceed(): boolean;
  /** An output that keeps a watermark of its own for the split. Release it with `releaseSplit`. */
  forSplit(splitId: string): ReaderOutput<T>;
  releaseSplit(splitId: string): void;
  /** A record that could not be decoded, for the side output that the user chose. */
  side(tag: string, value: unknown): void;
  /** A record that could not be decoded and that the user chose to leave out: counted, and a sample kept. */
  dropped(value: unknown): void;
}

/** Turns splits into records, in one subtask. */
export interface SourceReader<T, Split> {
  start(): void;
  addSplits(splits: readonly Split[]): void;
  /** The enumerator has no more splits for this reader. */
  noMoreSplits(): void;
  poll(output: ReaderOutput<T>): PollResult;
  /** Settles when `poll` is worth a call again. Called only after `waiting`. */
  available(): Promise<void>;
  /** The splits with their positions, consistent with what `poll` has emitted. `checkpoint` says what it is part of. */
  snapshot(checkpoint: number): readonly Split[];
  /** Watermark alignment: stops and restarts reading of single splits. */
  pauseOrResumeSplits?(pause: readonly string[], resume: readonly string[]): void;
  checkpointComplete?(checkpoint: number): void;
  fromEnumerator?(event: unknown): void;
  close(): void | Promise<void>;
}

/** What a reader may ask of the task that runs it. */
export interface ReaderContext {
  readonly subtask: number;
  readonly parallelism: number;
  /** Asks the enumerator for another split. */
  requestSplit(): void;
  toEnumerator(event: unknown): void;
  /** Wall-clock milliseconds. */
  now(): number;
  /** Calls back once on the task's thread. */
  after(delayMs: number, callback: () => void): void;
  readonly metrics: MetricGroup;
  readonly world: ConnectorWorld;
}

/** The parts of the World that a connector may use. */
export type ConnectorWorld = Pick<World, 'storage' | 'network' | 'clock' | 'random' | 'print'>;

/** What an enumerator may ask of the coordinator that runs it. */
export interface EnumeratorContext<Split> {
  readonly parallelism: number;
  /** Subtasks whose readers have registered. */
  readers(): readonly number[];
  assign(subtask: number, splits: readonly Split[]): void;
  noMoreSplits(subtask: number): void;
  toReader(subtask: number, event: unknown): void;
  /** Runs `work` outside the coordinator's turn and brings its result back into it; a failure fails the job. */
  call<R>(work: () => Promise<R>, done: (result: R) => void, everyMs?: number): void;
  readonly world: ConnectorWorld;
}

/** Finds splits and hands them out, once per job. */
export interface SplitEnumerator<Split, State> {
  start(): void;
  addReader(subtask: number): void;
  handleSplitRequest(subtask: number): void;
  /**
   * Splits that a reader had in the checkpoint that is restored, where the source `reassignsSplits`: called for all
   * readers before the first `addReader`.
   */
  addSplitsBack(splits: readonly Split[], subtask: number): void;
  handleEvent?(subtask: number, event: unknown): void;
  snapshot(): State;
  checkpointComplete?(checkpoint: number): void;
  close(): void | Promise<void>;
}

/** Describes a source: makes its enumerator and its readers. The contract stands on top of this file. */
export interface Source<T, Split = unknown, State = unknown> {
  readonly name: string;
  readonly boundedness: Boundedness;
  /** Whether a reader can go back to a split's position. Without it a job is at most once from this source on. */
  readonly replayable: boolean;
  /** The only parallelism that makes sense (a socket: 1), when there is one. */
  readonly parallelism?: number;
  /**
   * Whether readers give their splits back to the enumerator after a restore, which then deals them out as it would new
   * ones. Default: readers keep what they had, dealt out evenly where the parallelism has changed.
   */
  readonly reassignsSplits?: boolean;
  createEnumerator(context: EnumeratorContext<Split>, restored: State | undefined): SplitEnumerator<Split, State>;
  createReader(context: ReaderContext): SourceReader<T, Split>;
  splitId(split: Split): string;
  /** Carries the element type; never set. */
  readonly elementType?: T;
}
