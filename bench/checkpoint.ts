/** What checkpoints cost: each figure is a file of its own. */

import type { Benchmark, Extent, Outcome } from './benchmark.ts';
import { incrementalCheckpoint } from './checkpoint-incremental.ts';
import { unalignedCheckpoint } from './checkpoint-unaligned.ts';

const FIGURES: readonly ((extent: Extent) => Promise<readonly Outcome[]>)[] = [
  unalignedCheckpoint,
  incrementalCheckpoint,
];

export const checkpoint: Benchmark = {
  name: 'checkpoint',
  run: async (extent) => {
    const outcomes: Outcome[] = [];
    for (const figure of FIGURES) outcomes.push(...(await figure(extent)));
    return outcomes;
  },
};
