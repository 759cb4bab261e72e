import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sink } from '../../src/connect/sink.ts';
import type { CoordinatorContext, OperatorCoordinator } from '../../src/operator/coordinator.ts';
import { sinkDefinition } from '../../src/operator/sink-operator.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';

interface Call {
  readonly checkpoint: number;
  readonly committables: readonly string[];
}

/** A sink whose every record is a committable, and what its committers were called with. */
function recording(globalCommit: (call: Call) => void): Sink<string, string, never> {
  let open: string[] = [];
  return {
    name: 'recording',
    guarantee: 'exactly-once',
    createWriter: () => ({
      write: (value) => void open.push(value),
      flush: () => {},
      prepareCommit: () => open.splice(0),
      close: () => {
        open = [];
      },
    }),
    createCommitter: () => ({ commit: () => {}, close: () => {} }),
    createGlobalCommitter: () => ({
      commit: (checkpoint, committables) => globalCommit({ checkpoint, committables: committables.toSorted() }),
      close: () => {},
    }),
  };
}

/** One subtask and the coordinator of the sink, as a job would connect them. */
class Run {
  readonly calls: Call[];
  readonly operator: OperatorHarness;
  readonly coordinator: OperatorCoordinator;
  #delivered = 0;
  #toTask: unknown[] = [];
  failure: unknown;

  constructor(
    calls: Call[],
    restored?: { readonly task: OperatorSnapshot; readonly coordinator: unknown },
    sink = recording((call) => void calls.push(call)),
  ) {
    this.calls = calls;
    const { definition, coordinator } = sinkDefinition(sink as unknown as Sink<string, never, never>);
    const context = {
      parallelism: 1,
      operatorName: 'sink',
      toTask: (_subtask: number, message: unknown) => void this.#toTask.push(message),
      fail: (error: unknown) => void (this.failure ??= error),
    } as unknown as CoordinatorContext;
    this.coordinator = (coordinator as NonNullable<typeof coordinator>)(context, restored?.coordinator);
    this.operator = new OperatorHarness(definition, restored === undefined ? {} : { restore: restored.task });
  }

  /** Lets everything arrive that was said. */
  async talk(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await this.operator.settled();
      await new Promise((resolve) => setImmediate(resolve));
      while (this.#delivered < this.operator.toCoordinator.length)
        this.coordinator.fromTask(0, this.operator.toCoordinator[this.#delivered++]);
      for (const message of this.#toTask.splice(0)) this.operator.fromCoordinator(message);
    }
  }

  /** `between`: what happens between the coordinator's part of the checkpoint and the barrier at the task. */
  async checkpoint(
    id: number,
    between: () => Promise<void> = async () => {},
  ): Promise<{ readonly task: OperatorSnapshot; readonly coordinator: unknown }> {
    const coordinator = structuredClone(this.coordinator.snapshot(id));
    await between();
    return { task: await this.operator.snapshotAsync(), coordinator };
  }

  complete(id: number): void {
    this.operator.checkpointComplete();
    this.coordinator.checkpointComplete(id);
  }
}

test('what was committed and not globally committed when the job fails is globally committed after the restart', async () => {
  const calls: Call[] = [];
  const failing = recording(() => {
    throw new Error('the catalogue is out of reach');
  });
  const before = new Run(calls, undefined, failing);
  before.operator.element('a');
  await before.checkpoint(1);
  before.complete(1);
  await before.talk();
  assert.match(String(before.failure), /out of reach/);
  // The next checkpoint completes before the failure is acted on: the task itself has nothing to commit any more.
  const second = await before.checkpoint(2);
  await before.operator.close();

  const after = new Run(calls, second);
  await after.talk();
  await after.checkpoint(3);
  after.complete(3);
  await after.talk();
  assert.deepEqual(
    calls.filter(({ committables }) => committables.length > 0),
    [{ checkpoint: 1, committables: ['a'] }],
  );
  await after.operator.close();
});

test('a commit that is told between the two halves of a checkpoint is not lost with them', async () => {
  const calls: Call[] = [];
  const before = new Run(calls);
  before.operator.element('a');
  await before.checkpoint(1);
  // The coordinator has given its part of checkpoint 2 when checkpoint 1 is committed and told.
  const second = await before.checkpoint(2, async () => {
    before.operator.element('b');
    before.complete(1);
    await before.talk();
  });
  assert.deepEqual(calls, [{ checkpoint: 1, committables: ['a'] }]);
  await before.operator.close();

  const after = new Run(calls, second);
  await after.talk();
  // Globally committed again, as a whole, and what checkpoint 2 holds besides.
  assert.deepEqual(calls.slice(1), [
    { checkpoint: 1, committables: ['a'] },
    { checkpoint: 2, committables: ['b'] },
  ]);
  await after.operator.close();
});

test('what is known to be globally committed is not handed over again', async () => {
  const calls: Call[] = [];
  const before = new Run(calls);
  for (const [id, value] of ['a', 'b', 'c'].entries()) {
    before.operator.element(value);
    await before.checkpoint(id + 1);
    before.complete(id + 1);
    await before.talk();
  }
  const last = await before.checkpoint(4);
  await before.operator.close();
  assert.deepEqual(
    calls.map(({ checkpoint }) => checkpoint),
    [1, 2, 3],
  );
  const after = new Run(calls, last);
  await after.talk();
  assert.equal(calls.length, 3);
  await after.operator.close();
});
