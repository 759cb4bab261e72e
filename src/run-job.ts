/** Running job modules in the real World: the embedded cluster, with worker threads as its slots. */

import { MillstreamError } from './base/error.ts';
import type { World } from './base/world.ts';
import { buildProgram, EmbeddedCluster, runOnThreads, type RunOptions } from './cluster/embedded-cluster.ts';
import { importProgram } from './cluster/program.ts';
import { warnOfGuarantees } from './create-environment.ts';
import { DEFAULT_SETTINGS } from './graph/settings.ts';
import type { JobClient, JobProgram } from './graph/launch.ts';
import { RealDoorbell } from './world/doorbell.ts';
import { createRealWorld } from './world/real-world.ts';

const SLOT_ENTRY = new URL('./cluster/slot-worker.ts', import.meta.url);

/** How long a job module may take to load. */
const LOAD_MS_MAX = 20_000;

/** How to run a job module. */
export interface RunJobOptions extends RunOptions {
  /** Worker threads to run on. Default: as many slots as the job needs. */
  readonly slots?: number;
}

/**
 * Runs a job module: every slot is a worker thread that loads the module and runs its share of the job.
 *
 * @param module URL of a module whose default export is a `job(…)`.
 * @param options `slots`: worker threads, by default as many as the job needs; `parameters` for the job; `settings`
 *   that override the job's own; `fromSavepoint` to start from; `signal` to cancel.
 * @returns The client of the running job.
 * @throws JOB_MODULE_INVALID, GRAPH_INVALID, RESOURCES_INSUFFICIENT.
 *
 * @example
 * ```ts no-run
 * const client = await runJob(new URL('./word-count.ts', import.meta.url), { slots: 2, parameters: { port: 9999 } });
 * const { status } = await client.result();
 * ```
 */
export async function runJob(module: URL | string, options: RunJobOptions = {}): Promise<JobClient> {
  const url = new URL(module);
  const world = createRealWorld();
  const graph = buildProgram(await load(world, url), options);
  warnOfGuarantees(world, graph);
  const threads = { entry: SLOT_ENTRY, newDoorbell: () => new RealDoorbell(), slots: options.slots };
  return await runOnThreads(world, url, graph, threads, options);
}

/** A module that awaits its own job at its top level would be waited for for ever, without a word. */
async function load(world: World, url: URL): Promise<JobProgram> {
  const waiting = Promise.withResolvers<never>();
  const timer = world.clock.after(LOAD_MS_MAX, () =>
    waiting.reject(
      new MillstreamError(
        'JOB_MODULE_INVALID',
        `The job module ${url.href} was not loaded after ${LOAD_MS_MAX / 1000} s. Does it await the job itself at its top level? Run it from another module.`,
      ),
    ),
  );
  try {
    return await Promise.race([importProgram(url.href), waiting.promise]);
  } finally {
    timer.cancel();
  }
}

/** The size of a local cluster. */
export interface LocalClusterOptions {
  /** Worker threads, one per slot. Default 2. */
  readonly slots?: number;
  /** Megabytes of JavaScript heap that each slot may use. Default 4096. */
  readonly slotHeapMegabytes?: number;
}

/**
 * A cluster inside this process that outlives its jobs: several can run at a time, share its slots, and find its
 * threads warm.
 *
 * @example
 * ```ts no-run
 * await using cluster = await LocalCluster.start({ slots: 2 });
 * const client = await cluster.run(new URL('./word-count.ts', import.meta.url));
 * await client.result();
 * ```
 */
export class LocalCluster implements AsyncDisposable {
  readonly #world: World;
  readonly #cluster: EmbeddedCluster;

  private constructor(world: World, cluster: EmbeddedCluster) {
    this.#world = world;
    this.#cluster = cluster;
  }

  /** Starts the threads; resolves when all slots are there. */
  static async start(options: LocalClusterOptions = {}): Promise<LocalCluster> {
    const heapMegabytes = options.slotHeapMegabytes ?? DEFAULT_SETTINGS.slotHeapMegabytes;
    const world = createRealWorld();
    const cluster = await EmbeddedCluster.start({
      world,
      execution: { kind: 'threads', entry: SLOT_ENTRY, heapMegabytes, newDoorbell: () => new RealDoorbell() },
      slots: options.slots ?? 2,
      networkChannels: true,
    });
    return new LocalCluster(world, cluster);
  }

  /** Runs a job module on the slots of this cluster. Fails as {@link runJob} does. */
  async run(module: URL | string, options: RunOptions = {}): Promise<JobClient> {
    const url = new URL(module);
    const graph = buildProgram(await load(this.#world, url), options);
    warnOfGuarantees(this.#world, graph);
    return this.#cluster.submit(graph, { kind: 'module', url: url.href, settings: options.settings ?? {} }, options);
  }

  /** Cancels what runs and ends the threads. */
  async close(): Promise<void> {
    await this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
