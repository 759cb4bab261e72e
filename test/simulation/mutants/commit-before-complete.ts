/** Sinks commit when all tasks have acknowledged, before the checkpoint is stored. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'commit-before-complete',
  file: 'src/checkpoint/coordinator.ts',
  find: `  const { type, commits, bytes, startedAt } = acknowledged;
`,
  replace: `  const { type, commits, bytes, startedAt } = acknowledged;
  if (commits) turn.effects.push({ kind: 'notify-complete', epoch, checkpoint });
`,
  jobs: ['file-sink', 'file-compaction'],
};
