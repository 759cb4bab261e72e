/** Records that barriers have overtaken are not restored. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'channel-state-dropped',
  file: 'src/cluster/restore-plan.ts',
  find: `    channelStatesFor(checkpoint.channels, receiverOf(graph, job, edge, place.subtask)),
`,
  replace: `    channelStatesFor(checkpoint.channels.slice(0, 0), receiverOf(graph, job, edge, place.subtask)),
`,
  jobs: ['two-inputs', 'keyed-reduce'],
};
