/** Plans as Flink's JSON and as text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamEnvironment } from '../../src/api/environment.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';

function plan() {
  const env = new StreamEnvironment(undefined, { jobName: 'orders', settings: { parallelism: 2 } });
  const late = new OutputTag<{ id: number }>('late');
  const orders = env
    .fromGenerator((id) => ({ id }), { count: 10 })
    .name('Orders')
    .uid('orders');
  const checked = orders
    .process({ processElement() {} })
    .name('Check')
    .setDescription('drops what is late');
  checked.getSideOutput(late).sinkTo(discardSink()).name('Late').slotSharingGroup('aside');
  checked
    .map((order) => order)
    .keyBy((order) => order)
    .connect(env.fromSequence(1, 2).keyBy((n) => n))
    .map(
      (order) => order,
      (n) => n,
    )
    .uid('both')
    .rebalance()
    .sinkTo(discardSink())
    .setParallelism(1);
  return env.getExecutionPlan();
}

test("a plan is JSON in the shape of Flink's", () => {
  const { job, mode, nodes, vertices } = JSON.parse(JSON.stringify(plan())) as ReturnType<
    ReturnType<typeof plan>['toJSON']
  >;
  assert.deepEqual([job, mode], ['orders', 'streaming']);
  assert.deepEqual(
    nodes.map(({ id, type, pact, contents, parallelism, uid }) => ({ id, type, pact, contents, parallelism, uid })),
    [
      { id: 1, type: 'Orders', pact: 'Data Source', contents: 'Orders', parallelism: 2, uid: 'orders' },
      { id: 2, type: 'Check', pact: 'Operator', contents: 'drops what is late', parallelism: 2, uid: 'process-1' },
      { id: 3, type: 'Late', pact: 'Data Sink', contents: 'Late', parallelism: 2, uid: 'sink-2' },
      { id: 4, type: 'Map', pact: 'Operator', contents: 'Map', parallelism: 2, uid: 'map-3' },
      {
        id: 5,
        type: 'Source: Sequence Source',
        pact: 'Data Source',
        contents: 'Source: Sequence Source',
        parallelism: 2,
        uid: 'source-4',
      },
      { id: 6, type: 'Co-Map', pact: 'Operator', contents: 'Co-Map', parallelism: 2, uid: 'both' },
      { id: 7, type: 'Sink: discard', pact: 'Data Sink', contents: 'Sink: discard', parallelism: 1, uid: 'sink-6' },
    ],
  );
  assert.deepEqual(
    nodes.map((node) => node.predecessors),
    [
      undefined,
      [{ id: 1, ship_strategy: 'FORWARD' }],
      [{ id: 2, ship_strategy: 'FORWARD', output: 'late' }],
      [{ id: 2, ship_strategy: 'FORWARD' }],
      undefined,
      [
        { id: 4, ship_strategy: 'HASH' },
        { id: 5, ship_strategy: 'HASH', side: 'second' },
      ],
      [{ id: 6, ship_strategy: 'REBALANCE' }],
    ],
  );
  assert.deepEqual(
    vertices.map(({ nodes: ids, parallelism, slotSharingGroup }) => [ids, parallelism, slotSharingGroup]),
    [
      [[1, 2, 4], 2, 'default'],
      [[3], 2, 'aside'],
      [[5], 2, 'default'],
      [[6], 2, 'default'],
      [[7], 1, 'default'],
    ],
  );
});

test('a plan is text that shows tasks and what is chained in them', () => {
  assert.equal(
    String(plan()).replaceAll(/ \{.*\}/g, ''),
    `Job "orders" (STREAMING, no guarantee)
Task 1, parallelism 2 of at most 128
  1 Orders
    2 Check: drops what is late
      4 Map
Task 2, parallelism 2 of at most 128, slot sharing group aside
  3 Late <- FORWARD from 2 "late"
Task 3, parallelism 2 of at most 128
  5 Source: Sequence Source
Task 4, parallelism 2 of at most 128
  6 Co-Map <- HASH from 4, HASH from 5 (second input)
Task 5, parallelism 1 of at most 128
  7 Sink: discard <- REBALANCE from 6`,
  );
});
