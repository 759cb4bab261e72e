/** Environments in the real World: what is described is run by the embedded cluster, on the calling thread. */

import { StreamEnvironment, type EnvironmentOptions } from './api/environment.ts';
import { InlineLauncher } from './cluster/embedded-cluster.ts';
import { RealDoorbell } from './world/doorbell.ts';
import { createRealWorld } from './world/real-world.ts';

/**
 * An environment that runs its job in this process, all subtasks side by side on the calling thread. For worker threads
 * write the job as a module and start it with `runJob`.
 *
 * @param options `parameters` and `settings` of the job.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * const lengths = [];
 * for await (const length of env.fromData('to', 'be', 'or', 'not').map((word) => word.length)) lengths.push(length);
 * ```
 */
export function createEnvironment(options: EnvironmentOptions = {}): StreamEnvironment {
  return new StreamEnvironment(new InlineLauncher(createRealWorld(), () => new RealDoorbell()), options);
}
