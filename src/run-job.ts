/** Running job modules: the embedded cluster with worker threads as its slots, in the real World. */

import { importProgram } from './cluster/program.ts';
import { runModule, type RunJobOptions } from './cluster/embedded-cluster.ts';
import type { JobClient } from './graph/launch.ts';
import { RealDoorbell } from './world/doorbell.ts';
import { createRealWorld } from './world/real-world.ts';

/**
 * Runs a job module: every slot is a worker thread that loads the module and runs its share of the job.
 *
 * @param module URL of a module whose default export is a `job(…)`.
 * @param options `slots`: worker threads, by default as many as the job needs; `parameters` for the job;
 *   `settings` that override the job's own; `fromSavepoint` to start from; `signal` to cancel.
 * @returns The client of the running job.
 * @throws JOB_MODULE_INVALID, GRAPH_INVALID, RESOURCES_INSUFFICIENT.
 *
 * @example no-run
 * ```ts
 * const client = await runJob(new URL('./word-count.ts', import.meta.url), { slots: 2, parameters: { port: 9999 } });
 * const { status } = await client.result();
 * ```
 */
export async function runJob(module: URL | string, options: RunJobOptions = {}): Promise<JobClient> {
  const url = new URL(module);
  const program = await importProgram(url.href);
  return await runModule(createRealWorld(), url, program, new URL('./cluster/slot-worker.ts', import.meta.url), () => new RealDoorbell(), options);
}
