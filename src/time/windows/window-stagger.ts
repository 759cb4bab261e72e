/** Staggering: windows of different subtasks begin at different times, so that they do not all fire at once. */

import { keyHash } from '../../data/key.ts';
import type { AssignerSubtask } from './window-assigner.ts';
import { TimeWindow } from './window.ts';

/**
 * How far the windows of a subtask are shifted: `ALIGNED` not at all; `RANDOM` by a share of the window's size that
 * differs from subtask to subtask (and is the same after a restart); `NATURAL` so that the first window begins when
 * the subtask sees its first element.
 *
 * @example
 * ```ts
 * const windows = TumblingEventTimeWindows.of(60_000, 0, WindowStagger.RANDOM);
 * ```
 */
export const WindowStagger = { ALIGNED: 'ALIGNED', RANDOM: 'RANDOM', NATURAL: 'NATURAL' } as const;

export type WindowStagger = (typeof WindowStagger)[keyof typeof WindowStagger];

const HASHES = 2 ** 32;

/** The shift of a subtask's windows of `size`. `now` is the processing time at its first element. */
export function staggerOffset(
  stagger: WindowStagger,
  size: number,
  { operatorId, subtask }: AssignerSubtask,
  now: number,
): number {
  switch (stagger) {
    case 'ALIGNED':
      return 0;
    case 'RANDOM':
      return Math.floor((keyHash([operatorId, subtask]) / HASHES) * size);
    case 'NATURAL':
      return Math.max(0, now - TimeWindow.getWindowStartWithOffset(now, 0, size));
  }
}
