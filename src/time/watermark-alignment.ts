/**
 * The bookkeeping of one alignment group: how far its members have come, and how far they may go.
 *
 * Members (a subtask of a source each) report their watermark; the slowest active one plus the allowed drift is the
 * limit for all. Members and splits whose watermark is above the limit stop reading until the limit has passed them.
 */

import { MAX_WATERMARK, MIN_WATERMARK } from '../data/element.ts';

export class AlignmentGroup {
  readonly #maxDriftMs: number;
  readonly #watermarks = new Map<string, number>();

  constructor(maxDriftMs: number) {
    this.#maxDriftMs = maxDriftMs;
  }

  /** `idle` members, and those that have ended, are not waited for. */
  report(member: string, watermark: number, idle: boolean): void {
    this.#watermarks.set(member, idle ? MAX_WATERMARK : watermark);
  }

  remove(member: string): void {
    this.#watermarks.delete(member);
  }

  /** No member may read on while its watermark is above this. */
  get limit(): number {
    let slowest = MAX_WATERMARK;
    for (const watermark of this.#watermarks.values()) slowest = Math.min(slowest, watermark);
    // Before every member has a watermark there is nothing to be ahead of.
    return slowest === MIN_WATERMARK ? MAX_WATERMARK : slowest + this.#maxDriftMs;
  }
}

/**
 * The watermark as it was some update intervals ago, by which a member is judged: what it has read since the last limit
 * was announced, and the limit answers for, would else stop it although it is not ahead. Flink's alignment buffer.
 */
export class WatermarkSamples {
  readonly #samples: number[];
  #next = 0;

  constructor(size: number) {
    this.#samples = Array.from({ length: size }, () => MIN_WATERMARK);
  }

  /** Once in every update interval. */
  add(watermark: number): void {
    if (this.#samples.length === 0) return;
    this.#samples[this.#next] = watermark;
    this.#next = (this.#next + 1) % this.#samples.length;
  }

  /** `current` where no samples are kept. */
  oldest(current: number): number {
    return this.#samples[this.#next] ?? current;
  }
}

/** Which splits have to stop and which may go on, by `limit`. Changes the `paused` marks of the splits. */
export function alignSplits(
  splits: Iterable<{
    readonly splitId: string;
    readonly watermark: number;
    readonly samples: WatermarkSamples;
    paused: boolean;
  }>,
  limit: number,
): { readonly pause: readonly string[]; readonly resume: readonly string[] } {
  const pause: string[] = [];
  const resume: string[] = [];
  for (const split of splits) {
    const ahead = split.samples.oldest(split.watermark) > limit;
    if (ahead === split.paused) continue;
    split.paused = ahead;
    (ahead ? pause : resume).push(split.splitId);
  }
  return { pause, resume };
}
