/**
 * Between the towers: how a graph that was described becomes a job that runs, and what its owner can do with it.
 *
 * The description tower only knows this contract; the cluster implements it.
 */

import type { SerializedError } from '../base/error.ts';
import type { MetricSnapshot } from '../observe/metrics.ts';
import type { SettingsPart } from './settings.ts';
import type { StreamGraph } from './stream-graph.ts';

/** Where a job is in its life. */
export type JobStatus =
  | 'created'
  | 'running'
  | 'restarting'
  | 'failing'
  | 'cancelling'
  | 'finishing'
  | 'failed'
  | 'cancelled'
  | 'finished';

/** What a job module exports: a program that builds the same graph in every process that calls it. */
export interface JobProgram {
  readonly kind: 'millstream-job';
  readonly name: string;
  build(parameters: Readonly<Record<string, unknown>>, settings: SettingsPart): StreamGraph;
}

/** What is known of a job that has ended well. `durationMs` is wall-clock time from its submission on. */
export interface JobExecutionResult {
  readonly jobId: string;
  readonly jobName: string;
  readonly status: 'finished' | 'cancelled';
  readonly durationMs: number;
  readonly accumulators: Readonly<Record<string, unknown>>;
  readonly restarts: number;
  readonly checkpoints: number;
  /** The savepoint behind which the job was stopped; undefined when it was not. */
  readonly savepoint: SavepointHandle | undefined;
}

/** Metrics of one subtask of one operator. */
export interface OperatorMetrics {
  readonly operatorId: string;
  readonly name: string;
  readonly subtask: number;
  /** What `addMetricVariable` gave the operator; absent where it gave nothing. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly values: MetricSnapshot;
}

/** A record that an operator dropped, as far as it can be printed. */
export interface DroppedSample {
  readonly operatorId: string;
  readonly subtask: number;
  readonly reason: string;
  readonly record: string;
  readonly timestamp: number;
}

/** The heap of a thread that runs tasks. */
export interface SlotMetrics {
  readonly taskManager: string;
  readonly slot: number;
  readonly heapUsedMegabytes: number;
  /** What the slot may use before the job fails with SLOT_OUT_OF_MEMORY. */
  readonly heapLimitMegabytes: number;
  /** Connections to the slot's thread that were turned away, because the attempt that they belonged to was over. */
  readonly refusedConnections: number;
}

/** What keeps a job from getting on, or shows that it does. */
export interface JobProgress {
  /** What the job waits for before it can run, in words; undefined when it runs or has ended. */
  readonly waitingFor: string | undefined;
  /** The last checkpoint that is complete. Times in milliseconds, `at` since the epoch. */
  readonly lastCheckpoint:
    | { readonly id: number; readonly at: number; readonly durationMs: number; readonly bytes: number }
    | undefined;
  /** The last checkpoint that was given up, and why. */
  readonly lastCheckpointFailure: { readonly id: number; readonly at: number; readonly reason: string } | undefined;
}

/** Metrics of a job at one moment, gathered from all its slots. */
export interface JobMetrics {
  readonly progress: JobProgress;
  readonly operators: readonly OperatorMetrics[];
  readonly slots: readonly SlotMetrics[];
  /** The last few records dropped by each subtask; their counts are in the metrics `dropped.*`. */
  readonly dropped: readonly DroppedSample[];
}

/** One failure of a job, as its exception history keeps it. */
export interface JobFailure {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  /** What went wrong first; its details name the operator and, where there is one, the record. */
  readonly error: SerializedError;
  /** The task that failed and where it ran; undefined when it was not a task. */
  readonly task: { readonly name: string; readonly taskManager: string; readonly slot: number } | undefined;
  /** Further failures of the same attempt, in the order of their arrival. */
  readonly concurrent: readonly SerializedError[];
  /** What the job did about it. */
  readonly outcome: 'restarted' | 'failed';
}

/** A running or ended job. */
export interface JobClient {
  readonly jobId: string;
  readonly jobName: string;
  status(): Promise<JobStatus>;
  /** Ends the job at once; resolves when nothing of it is left running. Idempotent. */
  cancel(): Promise<void>;
  /**
   * Stops the sources and lets everything in flight arrive. With `drain` event time ends too: windows and timers fire.
   * A savepoint is taken behind the last record; it is what `fromSavepoint` of a later run takes.
   */
  stopWithSavepoint(options?: SavepointOptions & { readonly drain?: boolean }): Promise<SavepointHandle>;
  triggerSavepoint(options?: SavepointOptions): Promise<SavepointHandle>;
  /** Triggers a checkpoint now and resolves with its id when it is complete. */
  triggerCheckpoint(): Promise<number>;
  /** Settles when the job has ended; rejects with its failure. */
  result(): Promise<JobExecutionResult>;
  metrics(): Promise<JobMetrics>;
  /** The last 16 failures of the job, the newest first. */
  exceptions(): Promise<readonly JobFailure[]>;
  /** The values of a collecting sink, as they come; ending the iteration early cancels the job. */
  collected<T>(operatorId: string): AsyncIterableIterator<T>;
}

/**
 * Told about the job of an environment; see `registerJobListener`. Of client and error, and of result and error, exactly
 * one is given.
 */
export interface JobListener {
  /** The job has been submitted, or could not be. */
  onJobSubmitted?(client: JobClient | undefined, error: unknown): void;
  /** The job that `execute` was called for has ended. Not called where `executeAsync` was. */
  onJobExecuted?(result: JobExecutionResult | undefined, error: unknown): void;
}

/** Where a savepoint goes, and how it is written. */
export interface SavepointOptions {
  /**
   * Path or URL below which the savepoint gets a directory of its own. Default: the setting
   * `checkpoint.savepointDirectory`. A job whose checkpoints stay in memory needs none: the handle then holds it all.
   */
  readonly directory?: string;
  /**
   * `canonical`, the default: open and columnar, in Apache Arrow's format; any version, state backend and tool can read
   * it. `native`: as checkpoints are written, which is quicker. Where the handle holds the savepoint it is native.
   */
  readonly format?: 'canonical' | 'native';
}

/** A savepoint: where it lies, or, when it was given no place, all of it. Plain data. */
export interface SavepointHandle {
  readonly checkpoint: number;
  /** URL of its directory. */
  readonly path: string | undefined;
  readonly bytes: Uint8Array | undefined;
}

/** How a job is started: its parameters, the savepoint to start from, a signal that cancels it. */
export interface LaunchOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** A savepoint, or the path or URL of one, or of a checkpoint that was kept when a job ended. */
  readonly fromSavepoint?: SavepointHandle | string;
  /**
   * Whose the savepoint is from now on. With `claim` it becomes one of the job's checkpoints and is removed like them;
   * with `no-claim`, the default, it is left alone and nothing refers to it once the first checkpoint is complete.
   */
  readonly claimMode?: 'claim' | 'no-claim';
  /** State of operators that the job no longer has is dropped instead of refused. */
  readonly allowNonRestoredState?: boolean;
  readonly signal?: AbortSignal;
}

/** What a job starts from, and on which terms: by its launch, else by its settings. */
export function restoreTerms(
  { settings }: StreamGraph,
  options: LaunchOptions,
): {
  readonly restore: SavepointHandle | string | undefined;
  readonly claimMode: 'claim' | 'no-claim';
  readonly allowNonRestoredState: boolean;
} {
  return {
    restore: options.fromSavepoint ?? settings.fromSavepoint,
    claimMode: options.claimMode ?? settings.claimMode,
    allowNonRestoredState: options.allowNonRestoredState ?? settings.allowNonRestoredState,
  };
}

/** Runs graphs built ad hoc, on the calling thread. */
export interface Launcher {
  launch(graph: StreamGraph, options: LaunchOptions): Promise<JobClient>;
}
