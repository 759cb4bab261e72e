/** The steps of a hybrid source, and what its enumerator and its readers say to each other about them. */

import { MillstreamError } from '../base/error.ts';
import type { Source } from './source.ts';

/** What is known when one source has ended and the next begins. Plain data. */
export interface HybridSwitch {
  /** Wall-clock milliseconds. */
  readonly now: number;
  /** The state of the enumerator that has ended. */
  readonly previous: unknown;
}

/** A source, or a function that makes one; it is called in every subtask and must make the same source in each. */
export type HybridStep<T> = Source<T> | ((from: HybridSwitch) => Source<T>);

/** Where a hybrid source stands. Plain data. */
export interface HybridPosition {
  /** The index of the source that is read. */
  readonly step: number;
  /** How it was come to; `undefined` for the first. */
  readonly from: HybridSwitch | undefined;
}

/** A split of one of the sources. Plain data. */
export interface HybridSplit {
  readonly step: number;
  /** As the step's own source calls it. */
  readonly id: string;
  readonly split: unknown;
}

/** A reader has read all there is of a step. */
export interface StepFinished {
  readonly finished: number;
}

/** The source at a position. */
export function sourceAt<T>(steps: readonly HybridStep<T>[], { step, from }: HybridPosition): Source<T> {
  const given = steps[step];
  if (given === undefined) throw new MillstreamError('INTERNAL_INVARIANT', `a hybrid source has no step ${step}`);
  if (typeof given !== 'function') return given;
  return given(from ?? { now: 0, previous: undefined });
}

/** Splits of different sources may bear the same name. */
export function hybridSplitId(step: number, id: string): string {
  return `${step}:${id}`;
}
