/** The entry of a JobManager's process: takes up the jobs it finds, and serves TaskManagers and clients until it is killed. */

import { keepCompiled, supervised } from '../world/processes.ts';
import { createRealWorld } from '../world/real-world.ts';
import type { HeartbeatOptions } from './heartbeat.ts';
import { JobManager } from './job-manager.ts';
import { JobStore } from './job-store.ts';

/** What the process is started with. */
export interface JobManagerInput {
  readonly listenAddress: string;
  /** Where jobs survive the process. */
  readonly jobDirectory: string | undefined;
  readonly heartbeat: HeartbeatOptions;
}

/** What it says once it listens. */
export interface JobManagerReady {
  readonly address: string;
}

const { input, post } = supervised();
const { listenAddress, jobDirectory, heartbeat } = input as JobManagerInput;
const world = createRealWorld();
const store = jobDirectory === undefined ? {} : { store: new JobStore(world.storage, jobDirectory) };
const jobManager = new JobManager({ world, heartbeat, ...store });
// Who can ask about a job finds it.
await jobManager.recover();
const address = await jobManager.listen(listenAddress);
post({ address } satisfies JobManagerReady);
keepCompiled();
