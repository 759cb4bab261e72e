/**
 * The sink contract, after Flink's Sink V2: a writer in every subtask, a committer for what it prepared, and a global
 * committer that sees a whole checkpoint at once. What Flink calls pre-commit and post-commit topology are two functions
 * on the way of the committables.
 *
 * For each checkpoint the runtime calls, on the writer's thread: `flush`, unless the input has ended; `prepareCommit`, whose committables go through
 * the pre-committer and become part of the checkpoint; then `snapshot` of writer and pre-committer. When the checkpoint
 * is complete, the committables go to the committer, then to the post-committer, and when all subtasks have come so far
 * to the global committer. After a restore they come again, possibly in another process: `commit` must be idempotent,
 * and must be able to work from the committable alone.
 *
 * For a savepoint it calls `flush` likewise, `prepareSavepoint` and `snapshot`: nothing is committed, what is open belongs into
 * the snapshot. A savepoint may be restored more than once, and after newer checkpoints: what it holds may have been
 * committed since, or be committed by somebody else at the same time.
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
  /** Everything written so far leaves the writer's buffers. `endOfInput`: nothing will follow, and this is the last call. */
  flush(endOfInput: boolean): void | Promise<void>;
  prepareCommit?(checkpoint: number): readonly Committable[] | Promise<readonly Committable[]>;
  /** In place of `prepareCommit`, where a savepoint is taken. It may lie around for long: what it refers to must last. */
  prepareSavepoint?(checkpoint: number): void | Promise<void>;
  snapshot?(checkpoint: number): readonly State[];
  close(): void | Promise<void>;
}

/**
 * What committables of a subtask go through before they become part of a checkpoint: Flink's pre-commit topology. It may
 * replace them, put several together, or keep them back for a later checkpoint: small files become large ones.
 */
export interface PreCommitter<Committable> {
  /**
   * What the writer prepared goes in, what is to be committed comes out. A promise holds the barrier back, so long work
   * is begun here and its result given at a later checkpoint. `endOfInput`: nothing will follow, give everything.
   */
  process(
    checkpoint: number,
    committables: readonly Committable[],
    endOfInput: boolean,
  ): readonly Committable[] | Promise<readonly Committable[]>;
  /** What it keeps back; plain data, dealt out by `split` on a restore. For savepoints too. */
  snapshot(checkpoint: number): readonly unknown[];
  close(): void | Promise<void>;
}

/**
 * What committables of a subtask go through after they were committed: Flink's post-commit topology. Called at least
 * once with each, again after a failure before the next checkpoint. When it throws, the job fails and restarts.
 */
export interface PostCommitter<Committable> {
  process(committables: readonly Committable[]): void | Promise<void>;
  close(): void | Promise<void>;
}

/** What became of a committable. */
export interface CommitRequest<Committable> {
  readonly committable: Committable;
  /** How often this one has been tried before. */
  readonly retries: number;
  /** Somebody has committed it before: counted, not an error. */
  alreadyCommitted(): void;
  /** Try again later, up to `sink.committer.retries` times. */
  retryLater(): void;
  /** Data is lost, for the reason given: the job fails for good, with SINK_DATA_LOST, which names the committable. */
  failed(reason: Error): void;
}

/** Makes visible what writers prepared. */
export interface Committer<Committable> {
  /** Requests that are not answered otherwise are committed when the promise resolves. */
  commit(requests: readonly CommitRequest<Committable>[]): void | Promise<void>;
  close(): void | Promise<void>;
}

/**
 * Called with the committables of all subtasks for a checkpoint, after they were committed; not for one without any.
 * Called again with the same ones when the job fails before the next checkpoint is complete, and after the restore of a
 * savepoint that is older: `commit` must be idempotent. Runs beside the JobManager.
 */
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
  /** `restored` is what `snapshot` of pre-committers returned. */
  createPreCommitter?(context: WriterContext, restored: readonly unknown[]): PreCommitter<Committable>;
  createCommitter?(world: ConnectorWorld): Committer<Committable>;
  createPostCommitter?(context: WriterContext): PostCommitter<Committable>;
  createGlobalCommitter?(world: ConnectorWorld): GlobalCommitter<Committable>;
  /** Refuses records with another row kind than `+I` when false. Default false. */
  readonly changelog?: boolean;
  /** Carries the element type; never set, and contravariant. */
  readonly elementType?: (value: T) => void;
}
