/** The three kinds of channel, each with the same longs from one task to another. */

import { scaled, type Benchmark, type Outcome } from './benchmark.ts';
import { jobModule, measure } from './throughput.ts';

const CHANNELS = [
  { channel: 'same-thread', slots: 1, settings: {}, records: 40e6 },
  { channel: 'shared-memory', slots: 2, settings: {}, records: 30e6 },
  { channel: 'tcp', slots: 2, settings: { localChannels: 'network' }, records: 20e6 },
] as const;

export const networkThroughput: Benchmark = {
  name: 'networkThroughput',
  run: async (extent) => {
    const module = await jobModule('network');
    const outcomes: Outcome[] = [];
    for (const { channel, slots, settings, records } of CHANNELS) {
      const parameters = { channel, records: scaled(records, extent.scale) };
      outcomes.push({
        figure: await measure({ benchmark: 'networkThroughput', module, parameters, slots, settings }, extent),
      });
    }
    return outcomes;
  },
};
