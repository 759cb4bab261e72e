/** The JobManager against TaskManagers that are nothing but a connection: who holds a seat, and what is said about it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, type MillstreamError } from 'millstream';
import type { World } from '../../src/base/world.ts';
import { ClusterClient } from '../../src/cluster/cluster-client.ts';
import type { Job } from '../../src/cluster/job.ts';
import { JobManager } from '../../src/cluster/job-manager.ts';
import type { FromTaskManager, ToTaskManager } from '../../src/cluster/messages.ts';
import { Wire } from '../../src/cluster/wire.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

interface Seated {
  readonly wire: Wire<FromTaskManager, ToTaskManager>;
  /** The kinds of messages that have arrived. */
  readonly heard: string[];
  readonly closed: Promise<void>;
}

/** Takes a seat for a TaskManager with this id and one slot. */
async function takeSeat(world: World, address: string, id: string): Promise<Seated> {
  const wire = new Wire<FromTaskManager, ToTaskManager>(await world.network.connect(address));
  const heard: string[] = [];
  const closed = Promise.withResolvers<void>();
  wire.onMessage((message) => heard.push(message.kind === 'slot' ? message.message.kind : message.kind));
  wire.onClose(() => closed.resolve());
  wire.send({
    kind: 'register',
    taskManager: id,
    slots: [{ slot: 0, host: 0, dataAddress: undefined, heapMegabytes: undefined }],
  });
  return { wire, heard, closed: closed.promise };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 10_000, 'what was waited for did not happen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function submit(manager: JobManager, jobId: string): Promise<Job> {
  const env = createEnvironment();
  env.fromSequence(1, 9).print();
  return manager.submit({
    jobId,
    graph: env.buildGraph('counts'),
    program: { kind: 'graph', id: jobId },
    parameters: {},
    restore: undefined,
    claimMode: 'no-claim',
    allowNonRestoredState: false,
  });
}

test('a TaskManager that registers again has lost what it ran before', async () => {
  const world = createRealWorld();
  const manager = new JobManager({ world });
  const address = await manager.listen('local:job-manager');
  const first = await takeSeat(world, address, 'worker-1');
  await manager.hasSlots(1);
  const job = await submit(manager, 'job-1');
  await until(() => first.heard.includes('deploy'));
  const second = await takeSeat(world, address, 'worker-1');
  await assert.rejects(job.result(), (error: MillstreamError) => {
    assert.equal(error.code, 'SLOT_LOST');
    assert.match(error.message, /worker-1 is gone: it has registered again/);
    return true;
  });
  assert.equal(manager.slots, 1);
  await first.closed;
  const next = await submit(manager, 'job-2');
  await until(() => second.heard.includes('deploy'));
  assert.ok(!second.heard.includes('cancel'), 'the new seat hears nothing of what the old one ran');
  second.wire.close();
  await assert.rejects(next.result(), (error: MillstreamError) => error.code === 'SLOT_LOST');
  await manager.close();
});

test('a client that asks for a job that nobody submitted is told so', async () => {
  const world = createRealWorld();
  const manager = new JobManager({ world });
  const address = await manager.listen('local:job-manager');
  const client = new ClusterClient(world, () => address);
  await assert.rejects(client.job('job-7', 'counts', new TypeRegistry()).status(), (error: MillstreamError) => {
    assert.equal(error.code, 'JOB_UNKNOWN');
    assert.match(error.message, /knows no job job-7/);
    return true;
  });
  client.close();
  await manager.close();
});
