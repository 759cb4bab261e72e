/** The entry of a TaskManager's process: offers its slots to the JobManager, again and again, until it is killed. */

import { RealDoorbell } from '../world/doorbell.ts';
import { keepCompiled, supervised } from '../world/processes.ts';
import { createRealWorld } from '../world/real-world.ts';
import type { HeartbeatOptions } from './heartbeat.ts';
import { keepMembership } from './membership.ts';
import { TaskManager } from './task-manager.ts';

/** What the process is started with. */
export interface TaskManagerInput {
  readonly id: string;
  readonly jobManager: string;
  readonly slots: number;
  readonly slotHeapMegabytes: number;
  readonly heartbeat: HeartbeatOptions;
  /** The module that a slot's thread runs. */
  readonly slotEntry: string;
}

const options = supervised().input as TaskManagerInput;
const world = createRealWorld();
const taskManager = new TaskManager({
  world,
  id: options.id,
  slots: options.slots,
  execution: {
    kind: 'threads',
    entry: new URL(options.slotEntry),
    heapMegabytes: options.slotHeapMegabytes,
    newDoorbell: () => new RealDoorbell(),
  },
  listenAddress: 'tcp:127.0.0.1:0',
  heartbeat: options.heartbeat,
});
await taskManager.start();
keepCompiled();
await keepMembership(world, taskManager, options.jobManager, new AbortController().signal);
