/**
 * What the committed files of `golden/` hold, one directory per version of the formats: a job with one completed
 * checkpoint, small and large state, plain and compressed. Every build must restore them all.
 *
 * A new version gets a directory of its own, written by `write-golden.ts`; those that are there never change.
 */

import type { CheckpointContent } from '../../../src/checkpoint/storage/metadata.ts';
import type { OperatorSnapshot, StateBytes } from '../../../src/state/snapshot.ts';

export const GOLDEN_JOB = 'golden-job';

/** The bytes of a part: any, but recognisable. */
export function goldenBytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * seed) & 0xff);
}

/** Three parts in files, one inline: lengths and seeds. */
export const GOLDEN_PARTS = {
  plain: [
    [300, 3],
    [70_000, 5],
  ],
  compressed: [[300_000, 1]],
  inline: [[20, 7]],
} as const;

export function goldenContent(
  epoch: number,
  parts: {
    readonly plain: readonly StateBytes[];
    readonly compressed: readonly StateBytes[];
    readonly inline: readonly StateBytes[];
  },
): CheckpointContent {
  const part = (kind: 'base' | 'delta' | 'removals', bytes: StateBytes | undefined) =>
    ({ kind, encoding: 'entries', version: 1, count: 2, bytes: bytes as StateBytes }) as const;
  const counts: OperatorSnapshot = {
    operatorId: 'counts',
    keyed: [
      {
        name: 'count',
        kind: 'value',
        groups: [
          { group: 3, parts: [part('base', parts.plain[0]), part('delta', parts.plain[1])] },
          { group: 90, parts: [part('base', parts.compressed[0]), part('removals', parts.inline[0])] },
        ],
      },
    ],
    lists: [{ name: 'offsets', redistribution: 'split', version: 1, items: [goldenBytes(5, 9)] }],
  };
  return {
    kind: 'checkpoint',
    checkpoint: 7,
    epoch,
    jobId: GOLDEN_JOB,
    jobName: 'Golden ✓',
    triggeredAt: 1_700_000_000_000,
    completedAt: 1_700_000_000_250,
    operators: new Map([['counts', [counts]]]),
    coordinators: new Map<string, unknown>([
      ['source', { splits: ['a', 2n, new Map([[1, new Date(5)]])], next: null }],
    ]),
    channels: [],
  };
}
