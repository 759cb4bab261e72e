/**
 * The sink contract, after Flink's Sink V2: a writer in every subtask, a committer for what it prepared, and a global
 * committer that sees a whole checkpoint at once.
 *
 * For each checkpoint the runtime calls, on the writer's thread: `flush`, then `prepareCommit`, whose committables
 * become part of the checkpoint, then `snapshot`. When the checkpoint is complete, the committables go to the
 * committer, also after a restore, possibly more than once and by another process: `commit` must be idempotent, and
 * must be able to work from the committable alone. Savepoints prepare nothing and commit nothing.
 *
 * A job without checkpoints commits when its input ends.
 */

import type { MetricGroup } from '../observe/metrics.ts';
import type { ConnectorWorld } from './source.ts';

/** What is known of the record that is written. Valid during the call only. */
export interface WriteContext {
  /** `NO_TIMESTAMP` when the record has none. */
  readonly timestamp: number;
  readonly watermark: number;
  readonly rowKind: number;
}

/** How often checkpoints are taken, as far as a writer has to know. */
export interface Checkpointing {
  /** Milliseconds between two checkpoints. */
  readonly intervalMs: number;
  /** Milliseconds after which one that is not complete is given up. */
  readonly timeoutMs: number;
}

/** What a writer may ask of the task that runs it. */
export interface WriterContext {
  readonly subtask: number;
  readonly parallelism: number;
  readonly attempt: number;
  readonly jobId: string;
  /** The checkpoint that was restored, if any. */
  readonly restoredCheckpoint: number | undefined;
  /** `undefined` when the job takes no checkpoints by itself. */
  readonly checkpointing: Checkpointing | undefined;
  now(): number;
  /** Calls back once, on the writer's thread, between two records. */
  after(delayMs: number, callback: () => void): void;
  /** Fails the task from outside a call: a background write went wrong. */
  fail(error: unknown): void;
  readonly metrics: MetricGroup;
  readonly world: ConnectorWorld;
}

/** Takes the records of one subtask. */
export interface SinkWriter<T, Committable = never, State = never> {
  /** A promise holds the input back until it has settled: how a writer puts its own limit on what it buffers. */
  write(value: T, context: WriteContext): void | Promise<void>;
  writeWatermark?(watermark: number): void;
  /** Everything written so far leaves the writer's buffers. `endOfInput`: nothing will follow. */
  flush(endOfInput: boolean): void | Promise<void>;
  prepareCommit?(checkpoint: number): readonly Committable[] | Promise<readonly Committable[]>;
  snapshot?(checkpoint: number): readonly State[];
  close(): void | Promise<void>;
}

/** What became of a committable. */
export interface CommitRequest<Committable> {
  readonly committable: Committable;
  /** How often this one has been tried before. */
  readonly retries: number;
  /** Somebody has committed it before: counted, not an error. */
  alreadyCommitted(): void;
  /** Try again later. */
  retryLater(): void;
  /** Data is lost, for the reason given: the job fails and names the committable. */
  failed(reason: Error): void;
}

/** Makes visible what writers prepared. */
export interface Committer<Committable> {
  /** Requests that are not answered otherwise are committed when the promise resolves. */
  commit(requests: readonly CommitRequest<Committable>[]): void | Promise<void>;
  close(): void | Promise<void>;
}

/** Called once per checkpoint with the committables of all subtasks, after they were committed. */
export interface GlobalCommitter<Committable> {
  commit(checkpoint: number, committables: readonly Committable[]): void | Promise<void>;
  close(): void | Promise<void>;
}

/** What a sink promises when the job checkpoints. */
export type Guarantee = 'at-most-once' | 'at-least-once' | 'exactly-once';

/** Describes a sink: makes its writers and committers. The contract stands on top of this file. */
export interface Sink<T, Committable = unknown, State = unknown> {
  readonly name: string;
  readonly guarantee: Guarantee;
  /** The only parallelism that makes sense, when there is one. */
  readonly parallelism?: number;
  /**
   * Who is given the states of the writers on a restore: `split` deals them out, each to one writer; `union` gives all of
   * them to every writer. Default `split`.
   */
  readonly writerState?: 'split' | 'union';
  createWriter(context: WriterContext, restored: readonly State[]): SinkWriter<T, Committable, State>;
  createCommitter?(world: ConnectorWorld): Committer<Committable>;
  createGlobalCommitter?(world: ConnectorWorld): GlobalCommitter<Committable>;
  /** Refuses records with another row kind than `+I` when false. Default false. */
  readonly changelog?: boolean;
  /** Carries the element type; never set, and contravariant. */
  readonly elementType?: (value: T) => void;
}
