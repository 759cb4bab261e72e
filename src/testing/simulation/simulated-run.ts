/** A run of a simulated job: what goes wrong in it, and what it gave. */

import type { JobExecutionResult } from '../../graph/launch.ts';
import type { SimulatedDisk } from './storage.ts';

/** What goes wrong in a run: how often at most, each time as the seed decides. */
export interface SimulatedFaults {
  /** Crashes of TaskManagers. Default 2. */
  readonly crashes?: number;
  /**
   * Crashes of any process in the middle of what it does to the outside: before, during or after a write, a rename, a
   * removal, a message, a connection. Successive seeds crash all over a run. Default 2.
   */
  readonly effectCrashes?: number;
  /** Crashes of the JobManager. Default 1. */
  readonly jobManagerCrashes?: number;
  /** Processes that stop for a while, as if by SIGSTOP, and then go on, whatever has become of their job. Default 1. */
  readonly hangs?: number;
  /** Processes that are much slower than others for a while. Default 1. */
  readonly slowdowns?: number;
  /** Times that a TaskManager is cut off from the JobManager. Default 1. */
  readonly partitions?: number;
  /** Times that the disk is full for a while. Default 2. */
  readonly fullDisks?: number;
  /** Connections between two TaskManagers that are reset. Default 2. */
  readonly resets?: number;
  /** Savepoints that somebody takes while the job goes on. Default 2. */
  readonly savepoints?: number;
  /** Times that the job is stopped with a savepoint and started from it, with another parallelism. Default 1. */
  readonly stops?: number;
  /**
   * Times that the job is cancelled and started again, with another parallelism. What it collected since its start is
   * thrown away, and it starts again from the same savepoint; a job that collects nothing goes on from its last
   * checkpoint instead, since what it wrote outside stays. Default 1.
   */
  readonly cancels?: number;
}

/** One run, when it is over. */
export interface SimulatedRun {
  readonly seed: number;
  readonly result: JobExecutionResult;
  /** What came out of each collecting sink, by its uid. */
  readonly collected: ReadonlyMap<string, readonly unknown[]>;
  /** The disk of the cluster, with what sinks left on it. */
  readonly disk: SimulatedDisk;
  /** What went wrong, in words. */
  readonly faults: readonly string[];
  /** How often the job was restarted, over all its starts. */
  readonly restarts: number;
  /** How often each process changed something outside it: files, messages, connections. */
  readonly effects: ReadonlyMap<string, number>;
  /** Equal whenever the same seed is run again. */
  readonly traceHash: string;
}
