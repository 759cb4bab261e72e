/** The shell around the checkpoint coordinator, driven by hand: what it keeps, and what it passes on. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BarrierElement } from '../../src/data/element.ts';
import { openKeeper } from '../../src/cluster/checkpoint-keeper.ts';
import type { CompletedCheckpoint } from '../../src/cluster/completed-checkpoint.ts';
import type { CheckpointedAttempt } from '../../src/cluster/job-checkpoints.ts';
import { CheckpointStores } from '../../src/checkpoint/storage/stores.ts';
import { JobCheckpoints } from '../../src/cluster/job-checkpoints.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { DEFAULT_SETTINGS, type CheckpointSettings } from '../../src/graph/settings.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { ManualClock, manualWorld } from '../../src/testing/manual-world.ts';

/** An attempt of two tasks that runs and writes down what it is told. */
class Recorded implements CheckpointedAttempt {
  readonly epoch: number;
  readonly tasks = ['0/0', '1/0'];
  readonly sources = ['0/0'];
  readonly barriers: BarrierElement[] = [];
  readonly said: string[] = [];

  constructor(epoch = 1) {
    this.epoch = epoch;
  }

  trigger(_task: string, barrier: BarrierElement): void {
    this.barriers.push(barrier);
  }
  drainSource(): void {}
  snapshotCoordinators(): ReadonlyMap<string, unknown> {
    return new Map();
  }
  gatheredCoordinators(): ReadonlyMap<string, unknown> {
    return new Map();
  }
  notifyComplete(checkpoint: number): void {
    this.said.push(`complete ${checkpoint}`);
  }
  notifyAborted(checkpoint: number): void {
    this.said.push(`aborted ${checkpoint}`);
  }
  fail(error: Error): void {
    this.said.push(`failed: ${error.message}`);
  }
  finished(): void {}
}

async function running(part: Partial<CheckpointSettings> = {}): Promise<{
  readonly checkpoints: JobCheckpoints;
  readonly attempt: Recorded;
  readonly completed: CompletedCheckpoint[];
}> {
  const completed: CompletedCheckpoint[] = [];
  const world = manualWorld(new ManualClock());
  const settings = { ...DEFAULT_SETTINGS.checkpoint, ...part };
  const keeper = await openKeeper({
    world,
    stores: new CheckpointStores(world),
    jobId: 'job-1',
    jobName: 'counts',
    settings,
    attemptsBefore: 0,
    operators: { types: new TypeRegistry(), facts: () => new Map(), timeToLive: () => undefined },
  });
  const checkpoints = new JobCheckpoints(world, 'counts', settings, keeper, (checkpoint) => completed.push(checkpoint));
  const attempt = new Recorded();
  checkpoints.attemptStarted(attempt, undefined);
  checkpoints.allRunning(1);
  return { checkpoints, attempt, completed };
}

function snapshot(operatorId: string): OperatorSnapshot {
  return { operatorId, keyed: [], lists: [] };
}

test('what a task acknowledges again is not kept beside what it acknowledged first', async () => {
  const { checkpoints, completed } = await running();
  const requested = checkpoints.checkpoint();
  checkpoints.acknowledged(1, '0/0', 1, { operators: [snapshot('source')], channels: [] });
  checkpoints.acknowledged(1, '0/0', 1, { operators: [snapshot('source')], channels: [] });
  checkpoints.acknowledged(1, '1/0', 1, { operators: [snapshot('count')], channels: [] });
  const checkpoint = await requested;
  assert.deepEqual(
    [...checkpoint.operators].map(([id, snapshots]) => [id, snapshots.length]),
    [
      ['source', 1],
      ['count', 1],
    ],
  );
  assert.deepEqual(completed, [checkpoint]);
});

test('what a task of another attempt, or none of the job, acknowledges is not kept', async () => {
  const { checkpoints } = await running();
  const requested = checkpoints.checkpoint();
  checkpoints.acknowledged(0, '1/0', 1, { operators: [snapshot('count')], channels: [] });
  checkpoints.acknowledged(1, '7/0', 1, { operators: [snapshot('stranger')], channels: [] });
  checkpoints.acknowledged(1, '0/0', 1, { operators: [snapshot('source')], channels: [] });
  checkpoints.acknowledged(1, '1/0', 1, { operators: [snapshot('count')], channels: [] });
  const { operators } = await requested;
  assert.deepEqual([...operators.keys()], ['source', 'count']);
  assert.equal(operators.get('count')?.length, 1);
});

test('a task that declines because its snapshot went wrong fails a job that tolerates no failure', async () => {
  const { checkpoints, attempt } = await running();
  const requested = checkpoints.checkpoint();
  checkpoints.declined(1, '1/0', 1, 'no space left on the device', true);
  await assert.rejects(requested, /declined by 1\/0: no space left on the device/);
  assert.match(attempt.said.at(-1) as string, /^failed: .*no space left on the device/);
});

test('a task that declines because it was in no position to take a snapshot costs the checkpoint only', async () => {
  const { checkpoints, attempt } = await running();
  const requested = checkpoints.checkpoint();
  checkpoints.declined(1, '1/0', 1, 'the task is not running', false);
  await assert.rejects(requested, /the task is not running/);
  assert.deepEqual(attempt.said, ['aborted 1']);
});

test('what tasks acknowledge is kept in the order of the tasks, whoever was first', async () => {
  const { checkpoints } = await running();
  const requested = checkpoints.checkpoint();
  const state = (receiver: number) => ({
    edge: 'a > b/0',
    sender: 0,
    senders: 1,
    receiver,
    receivers: 2,
    end: 'receiver' as const,
    bytes: new Uint8Array(8),
  });
  checkpoints.acknowledged(1, '1/0', 1, { operators: [snapshot('same')], channels: [state(1)] });
  checkpoints.acknowledged(1, '0/0', 1, { operators: [snapshot('same')], channels: [state(0)] });
  const { channels } = await requested;
  assert.deepEqual(
    channels.map(({ receiver }) => receiver),
    [0, 1],
  );
});

test('barriers of checkpoints may overtake from the time that was set; those of savepoints, and behind one, never do', async () => {
  const { checkpoints, attempt } = await running({ unaligned: true, alignedTimeoutMs: 30, maxConcurrent: 3 });
  const asked = [checkpoints.checkpoint(), checkpoints.savepoint({}), checkpoints.checkpoint()];
  for (const request of asked) request.catch(() => {});
  assert.deepEqual(
    attempt.barriers.map(({ checkpoint, triggeredAt, unalignedAt }) => [
      checkpoint,
      unalignedAt === undefined ? undefined : unalignedAt - triggeredAt,
    ]),
    [
      [1, 30],
      [2, undefined],
      [3, undefined],
    ],
  );
});

test('without a time to wait barriers overtake at once, and at least once they never do', async () => {
  const barrierOf = async (part: Partial<CheckpointSettings>): Promise<BarrierElement | undefined> => {
    const { checkpoints, attempt } = await running(part);
    checkpoints.checkpoint().catch(() => {});
    return attempt.barriers[0];
  };
  assert.equal((await barrierOf({ unaligned: true }))?.unalignedAt, 0);
  assert.equal((await barrierOf({ unaligned: true, mode: 'at-least-once' }))?.unalignedAt, undefined);
  assert.equal((await barrierOf({}))?.unalignedAt, undefined);
});

test('a job that was restarted while the savepoint was stored behind which it was to stop has not stopped', async () => {
  const acknowledged = async (restarted: boolean): Promise<CompletedCheckpoint | undefined> => {
    const { checkpoints } = await running();
    const stopped = checkpoints.stop(false, {}).catch(() => {});
    for (const task of ['0/0', '1/0']) checkpoints.acknowledged(1, task, 1, { operators: [], channels: [] });
    if (restarted) {
      checkpoints.attemptFailed(1, 'a slot was lost');
      checkpoints.attemptStarted(new Recorded(2), undefined);
    } else {
      for (const task of ['0/0', '1/0']) checkpoints.taskEnded(1, task);
    }
    await stopped;
    await new Promise((resolve) => setImmediate(resolve));
    return checkpoints.stoppedBehind;
  };
  assert.equal((await acknowledged(false))?.id, 1);
  assert.equal(await acknowledged(true), undefined);
});
