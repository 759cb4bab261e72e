/** Runs a job on this thread with its checkpoints in reach: what a client only gets of savepoints. */

import { buildJobGraph } from '../../src/graph/job-graph.ts';
import type { StreamGraph } from '../../src/graph/stream-graph.ts';
import { savepointHandle, type CompletedCheckpoint } from '../../src/cluster/completed-checkpoint.ts';
import { JobManager } from '../../src/cluster/job-manager.ts';
import type { TypeRegistry } from '../../src/data/type-registry.ts';
import type { Job } from '../../src/cluster/job.ts';
import { slotDemands } from '../../src/cluster/placement.ts';
import { registerGraph } from '../../src/cluster/program.ts';
import { TaskManager } from '../../src/cluster/task-manager.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';

export interface JobInProcess {
  readonly job: Job;
  readonly types: TypeRegistry;
  /** Cancels the job, if it still runs, and stops everything. */
  close(): Promise<void>;
}

export async function runInProcess(graph: StreamGraph, restore?: CompletedCheckpoint): Promise<JobInProcess> {
  const world = createRealWorld();
  const slots = slotDemands(buildJobGraph(graph)).length;
  const jobManager = new JobManager({ world });
  const address = await jobManager.listen(`local:jobmanager-${world.random.id()}`);
  const taskManager = new TaskManager({
    world,
    id: 'taskmanager-0',
    slots,
    execution: { kind: 'inline', doorbell: new RealDoorbell() },
    listenAddress: graph.settings.localChannels === 'network' ? 'tcp:127.0.0.1:0' : undefined,
  });
  await taskManager.start();
  void taskManager.join(await world.network.connect(address));
  await jobManager.hasSlots(slots);
  const id = world.random.id();
  const forget = registerGraph(id, graph);
  const job = await jobManager.submit({
    jobId: id,
    graph,
    program: { kind: 'graph', id },
    parameters: {},
    // With all its channels: as bytes, a checkpoint is what a savepoint is.
    restore: restore && savepointHandle(restore),
    claimMode: 'no-claim',
    allowNonRestoredState: false,
  });
  return {
    job,
    types: graph.types,
    close: async () => {
      await job.cancel();
      await job.result().catch(() => {});
      await jobManager.close();
      await taskManager.close();
      forget();
    },
  };
}
