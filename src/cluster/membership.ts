/**
 * A TaskManager's place in a cluster: it stays with a JobManager for as long as that is there, gives up what it ran when
 * it is not, and looks for it again until it is back.
 */

import type { Milliseconds, World } from '../base/world.ts';
import type { TaskManager } from './task-manager.ts';

/** While the JobManager cannot be reached, it is tried again this often. */
const RETRY_MS: Milliseconds = 100;

/**
 * Runs until `signal` is aborted.
 *
 * @param address where the JobManager listens.
 */
export async function keepMembership(
  world: World,
  taskManager: TaskManager,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const reason = await taskManager.join(await world.network.connect(address));
      if (signal.aborted) return;
      world.print(`The JobManager at ${address} is lost (${reason}); what ran for it is given up.`, 'error');
      // Nothing of it may still run when the JobManager deploys anew.
      await taskManager.abandon();
    } catch {
      await new Promise<void>((resolve) => void world.clock.after(RETRY_MS, resolve));
    }
  }
}
