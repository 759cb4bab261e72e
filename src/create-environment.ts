/** Environments in the real World: what is described is run by the embedded cluster, on the calling thread. */

import { StreamEnvironment, type EnvironmentOptions } from './api/environment.ts';
import type { World } from './base/world.ts';
import { InlineLauncher } from './cluster/embedded-cluster.ts';
import { jobGuarantees } from './graph/guarantees.ts';
import type { Launcher } from './graph/launch.ts';
import type { StreamGraph } from './graph/stream-graph.ts';
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
  const world = createRealWorld();
  const inline = new InlineLauncher(world, () => new RealDoorbell());
  const launcher: Launcher = {
    launch: (graph, launchOptions) => {
      warnOfGuarantees(world, graph);
      return inline.launch(graph, launchOptions);
    },
  };
  return new StreamEnvironment(launcher, options);
}

/** Says before a job starts that it keeps less than its checkpoints promise. */
export function warnOfGuarantees(world: World, graph: StreamGraph): void {
  const { warning } = jobGuarantees(graph);
  if (warning !== undefined) world.print(warning, 'error');
}
