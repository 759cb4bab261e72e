/** Checkpoint hooks of functions in running jobs, and jobs that go on from a savepoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reinterpretAsKeyedStream } from '../../src/api/reinterpret.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';
import type { FunctionInitializationContext, FunctionSnapshotContext } from '../../src/operator/functions.ts';
import type { SavepointHandle } from '../../src/graph/launch.ts';
import type { OperatorListState } from '../../src/state/operator-state.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { environment } from './environments.ts';

test('a function snapshots itself, hears of complete checkpoints, and is initialised from a savepoint', async () => {
  const events: string[] = [];
  const { promise: running, resolve: runs } = Promise.withResolvers<void>();
  class Summing {
    sum = 0;
    list: OperatorListState<number> | undefined;

    initializeState(context: FunctionInitializationContext): void {
      this.list = context.operatorState.list<number>('sum', 'split');
      this.sum = this.list.items.reduce((a, b) => a + b, 0);
      events.push(`initialised ${context.isRestored} ${this.sum}`);
    }

    open(): void {
      events.push('opened');
    }

    snapshotState({ checkpointId }: FunctionSnapshotContext): void {
      events.push(`snapshot ${checkpointId}`);
      this.list?.update([this.sum]);
    }

    notifyCheckpointComplete(checkpointId: number): void {
      events.push(`complete ${checkpointId}`);
    }

    map(n: number): number {
      this.sum += n;
      runs();
      return this.sum;
    }

    close(): void {
      events.push('closed');
    }
  }
  const describe = () => {
    const env = environment();
    env
      .fromGenerator(() => 1, { recordsPerSecond: 1_000 })
      .uid('ones')
      .map(Summing)
      .uid('sum')
      .sinkTo(discardSink())
      .uid('end');
    return env;
  };
  const client = await describe().executeAsync('first');
  await running;
  const checkpoint = await client.triggerCheckpoint();
  const savepoint = await client.stopWithSavepoint();
  assert.deepEqual(events.slice(0, 3), ['initialised false 0', 'opened', `snapshot ${checkpoint}`]);
  assert.ok(events.includes(`complete ${checkpoint}`));
  assert.equal(events.at(-1), 'closed');

  events.length = 0;
  const second = await describe().executeAsync('second', { fromSavepoint: savepoint });
  while (events.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await second.cancel();
  assert.match(events[0] as string, /^initialised true [1-9]/);
});

test('keyed state goes on from a savepoint at another parallelism', async () => {
  const KEYS = 7;
  interface Counted {
    readonly n: number;
    readonly seen: number;
  }
  const run = async (
    parallelism: number,
    fromSavepoint?: SavepointHandle,
  ): Promise<{ results: Counted[]; savepoint: SavepointHandle }> => {
    const env = environment({ settings: { parallelism } });
    env
      .fromGenerator((i) => i, { recordsPerSecond: 2_000 })
      .uid('numbers')
      .keyBy((n) => n % KEYS)
      .process({
        state: { seen: valueState<number>('seen') },
        *processElement(n, ctx) {
          const seen = (ctx.state.seen.value() ?? 0) + 1;
          ctx.state.seen.update(seen);
          yield { n, seen };
        },
      })
      .uid('counts')
      .collect('results');
    const client = await env.executeAsync('counting', fromSavepoint === undefined ? {} : { fromSavepoint });
    const results: Counted[] = [];
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const result of client.collected<Counted>('results')) if (results.push(result) === 20) resolve();
    })();
    await enough;
    const savepoint = await client.stopWithSavepoint();
    await reading;
    return { results, savepoint };
  };
  const first = await run(2);
  const second = await run(3, first.savepoint);
  const third = await run(1, second.savepoint);
  const all = [first, second, third].flatMap(({ results }) => results);
  for (let key = 0; key < KEYS; key++) {
    const seen = all
      .filter(({ n }) => n % KEYS === key)
      .map((result) => result.seen)
      .toSorted((a, b) => a - b);
    assert.deepEqual(
      seen,
      Array.from({ length: seen.length }, (_, i) => i + 1),
      'each count once',
    );
  }
  assert.equal(new Set(all.map(({ n }) => n)).size, all.length, 'each number once');
});

test('a stream that is keyed already is not dealt out again', async () => {
  const env = environment({ settings: { parallelism: 2 } });
  const totals = env
    .fromSequence(1, 20)
    .keyBy((n) => n % 5)
    .reduce((a, b) => a + b);
  const counted = reinterpretAsKeyedStream(
    totals.map((n) => n),
    (n) => n % 5,
  );
  counted
    .map((n) => n)
    .name('after')
    .sinkTo(discardSink());
  const plan = env.getExecutionPlan().toJSON();
  assert.deepEqual(
    plan.vertices.map((vertex) => vertex.nodes),
    [[1], [2, 3, 4, 5]],
  );
  const mismatched = environment({ settings: { parallelism: 2 } });
  const keyed = reinterpretAsKeyedStream(mismatched.fromSequence(1, 20), (n) => n);
  keyed
    .reduce((a) => a)
    .setParallelism(3)
    .sinkTo(discardSink());
  assert.throws(() => mismatched.buildGraph(), /forwards to "Keyed Reduce"/);
});
