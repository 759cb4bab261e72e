/** Which slots a job gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitSlots, slotDemands, type AssignedSlot } from '../../src/cluster/placement.ts';
import { buildJobGraph } from '../../src/graph/job-graph.ts';
import { createEnvironment } from '../../src/index.ts';

const slot = (taskManager: string, heapMegabytes: number | undefined): AssignedSlot => ({
  taskManager,
  offer: { slot: 0, host: 0, dataAddress: undefined, heapMegabytes },
});
const names = (slots: readonly AssignedSlot[] | undefined): readonly string[] | undefined =>
  slots?.map(({ taskManager }) => taskManager);

test('a job asks for a slot per subtask of each slot sharing group, with the heap of the group', () => {
  const env = createEnvironment().registerSlotSharingGroup('heavy', { heapMegabytes: 512, cpuCores: 0.5 });
  env
    .fromSequence(1, 9)
    .map((n) => n)
    .setParallelism(2)
    .slotSharingGroup('heavy')
    .print();
  assert.deepEqual(slotDemands(buildJobGraph(env.buildGraph())), [0, 512, 512]);
});

test('the greatest demands are met first, each by the first slot that suffices', () => {
  const slots = [slot('a', 100), slot('b', 200), slot('c', 100), slot('d', 200)];
  assert.deepEqual(names(fitSlots(slots, [0, 0])), ['a', 'b']);
  assert.deepEqual(names(fitSlots(slots, [0, 150, 0, 200])), ['a', 'd', 'c', 'b']);
  assert.equal(fitSlots(slots, [150, 150, 150]), undefined);
  assert.equal(fitSlots(slots, [201]), undefined);
  assert.deepEqual(names(fitSlots([slot('inline', undefined)], [100_000])), ['inline']);
});
