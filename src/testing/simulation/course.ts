/**
 * The course of a job in a simulation: from its submission to its end, over stops with a savepoint, cancellations, and
 * starts in between.
 */

import { JobStorage } from '../../checkpoint/storage/job-storage.ts';
import { CheckpointStores } from '../../checkpoint/storage/stores.ts';
import type { Milliseconds } from '../../base/world.ts';
import type { JobExecutionResult, JobProgram, SavepointHandle } from '../../graph/launch.ts';
import type { ExecutionSettings } from '../../graph/settings.ts';
import { operatorId, type StreamGraph } from '../../graph/stream-graph.ts';
import type { SimulatedCluster, SimulatedJob } from '../simulated-cluster.ts';
import type { Simulation } from '../simulated-world.ts';
import { pickOne } from './plan-faults.ts';

/** What a job that was stopped may go on with: its own parallelism, or one of these. */
export const PARALLELISMS = [1, 2, 3];

/** Somebody ends the job before it has come to its end, and starts it again. */
export interface Interruption {
  readonly kind: 'stop' | 'cancel';
  readonly at: Milliseconds;
  readonly parallelism: number;
}

/** Interruptions in the order of their times; at most so many of each kind. */
export function planInterruptions(
  simulation: Simulation,
  durationMs: Milliseconds,
  stops: number,
  cancels: number,
): readonly Interruption[] {
  const random = simulation.random('stops');
  const planned = (kind: Interruption['kind'], most: number): Interruption[] =>
    Array.from({ length: Math.floor(random.next() * (most + 1)) }, () => ({
      kind,
      at: random.next() * durationMs,
      parallelism: pickOne(random, PARALLELISMS),
    }));
  return [...planned('stop', stops), ...planned('cancel', cancels)].toSorted((a, b) => a.at - b.at);
}

/** What the job is started from. */
type Origin = SavepointHandle | string | undefined;

/** A job that runs, and what it gives. */
interface Run {
  readonly job: SimulatedJob;
  readonly values: ReadonlyMap<string, readonly unknown[]>;
  /** Settles when the last value was read. */
  readonly read: Promise<void>;
}

export class Course {
  /** What was collected by each sink, but by starts that were taken back. */
  readonly collected = new Map<string, unknown[]>();
  restarts = 0;
  #current: Run | undefined;
  readonly #simulation: Simulation;
  readonly #cluster: SimulatedCluster;
  readonly #program: JobProgram;
  readonly #settings: Partial<ExecutionSettings>;
  readonly #parameters: Readonly<Record<string, unknown>>;
  readonly #faults: string[];

  constructor(
    simulation: Simulation,
    cluster: SimulatedCluster,
    program: JobProgram,
    settings: Partial<ExecutionSettings>,
    parameters: Readonly<Record<string, unknown>>,
    faults: string[],
  ) {
    this.#simulation = simulation;
    this.#cluster = cluster;
    this.#program = program;
    this.#settings = settings;
    this.#parameters = parameters;
    this.#faults = faults;
  }

  async run(interruptions: readonly Interruption[]): Promise<JobExecutionResult> {
    let origin: Origin;
    let parallelism: number | undefined;
    for (const interruption of interruptions) {
      const run = await this.#start(origin, parallelism);
      const over = run.job.result().then(() => true);
      if (await Promise.race([over, this.#until(interruption.at)])) return await this.#ended(run);
      const { kind } = interruption;
      const next = kind === 'stop' ? await this.#stop(run) : await this.#cancel(run, origin);
      if (next.result !== undefined) return next.result;
      origin = next.origin;
      parallelism = interruption.parallelism;
      this.#faults.push(
        `${next.how} at ${this.#simulation.now.toFixed(3)} ms, went on with parallelism ${parallelism}`,
      );
    }
    return await this.#ended(await this.#start(origin, parallelism));
  }

  /** What has been collected so far, by starts that were not taken back and by the one that runs. */
  collectedSoFar(): ReadonlyMap<string, readonly unknown[]> {
    const sofar = new Map<string, readonly unknown[]>(this.collected);
    for (const [id, values] of this.#current?.values ?? []) sofar.set(id, [...(sofar.get(id) ?? []), ...values]);
    return sofar;
  }

  /** Takes a savepoint that nothing is started from. */
  takeSavepoint(): void {
    this.#current?.job.savepoint().then(
      () => this.#faults.push(`a savepoint was complete at ${this.#simulation.now.toFixed(3)} ms`),
      // Restarts and the end of the job come in between, which is no wrong.
      () => {},
    );
  }

  async #start(origin: Origin, parallelism: number | undefined): Promise<Run> {
    const graph = this.#program.build(this.#parameters, {
      ...this.#settings,
      ...(parallelism === undefined ? {} : { parallelism }),
    });
    const job = await this.#cluster.submit(graph, this.#parameters, origin);
    const values = new Map<string, unknown[]>();
    const run: Run = { job, values, read: this.#read(job, graph, values) };
    this.#current = run;
    return run;
  }

  /** What comes out of a stop: what the job goes on from, or how it ended by itself. */
  async #stop(run: Run): Promise<Next> {
    let savepoint: SavepointHandle | undefined;
    try {
      savepoint = await run.job.stop();
    } catch {
      // It could not be stopped, because it was restarting or ending: then it simply goes on. Or it was, and the
      // JobManager crashed before it said so.
    }
    const result = await this.#ended(run);
    const origin = savepoint ?? result.savepoint;
    if (origin === undefined) return { result };
    return { result: undefined, origin, how: savepoint === undefined ? 'stopped unheard' : 'stopped' };
  }

  /**
   * A job whose results are only collected is taken back: it starts again from where it had started, as if it had not
   * run in between. What others wrote outside stays there: such a job goes on from its last checkpoint.
   */
  async #cancel(run: Run, origin: Origin): Promise<Next> {
    const result = await Promise.race([run.job.cancel(), run.job.result()]).then(() => run.job.result());
    await run.read;
    this.restarts += result.restarts;
    this.#current = undefined;
    if (result.status === 'finished') {
      this.#keep(run);
      return { result };
    }
    if (run.values.size > 0) return { result: undefined, origin, how: 'taken back' };
    const latest = await this.#latestCheckpoint(run.job.submission.jobId);
    return { result: undefined, origin: latest ?? origin, how: 'cancelled' };
  }

  /** The last complete checkpoint that a job left behind, found by whoever looks where it should be. */
  async #latestCheckpoint(jobId: string): Promise<string | undefined> {
    const { directory = '', retained = 1, externalizedRetention: retention } = this.#settings.checkpoint ?? {};
    const world = this.#simulation.world('operator');
    const options = { jobId, directory, retained, retention: retention ?? 'retain-on-cancellation' };
    const storage = await JobStorage.open(options, world, new CheckpointStores(world));
    return storage.latest?.directory;
  }

  async #ended(run: Run): Promise<JobExecutionResult> {
    const result = await run.job.result();
    await run.read;
    this.restarts += result.restarts;
    this.#current = undefined;
    this.#keep(run);
    return result;
  }

  #keep(run: Run): void {
    for (const [id, values] of run.values) {
      const kept = this.collected.get(id);
      if (kept === undefined) this.collected.set(id, [...values]);
      else for (const value of values) kept.push(value);
    }
  }

  /** Resolves with false at the given time. */
  #until(time: Milliseconds): Promise<false> {
    return new Promise((resolve) => void this.#simulation.after(time - this.#simulation.now, () => resolve(false)));
  }

  /** Reads every collecting sink to its end. */
  async #read(job: SimulatedJob, graph: StreamGraph, into: Map<string, unknown[]>): Promise<void> {
    const ids = graph.nodes.filter((node) => node.definition.kind === 'collect').map(operatorId);
    await Promise.all(
      ids.map(async (id) => {
        const values: unknown[] = [];
        into.set(id, values);
        try {
          for await (const value of job.collected(id, graph.types)) values.push(value);
        } catch {
          // The job has failed, which its result tells.
        }
      }),
    );
  }
}

type Next =
  | { readonly result: JobExecutionResult }
  | { readonly result: undefined; readonly origin: Origin; readonly how: string };
