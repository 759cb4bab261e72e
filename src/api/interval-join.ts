/** The interval join of two keyed streams: `left.intervalJoin(right).between(…).process(…)`. */

import { MillstreamError } from '../base/error.ts';
import type { OrClass } from '../operator/functions.ts';
import { intervalJoin, type IntervalJoinSpec, type ProcessJoinFunction } from '../operator/interval-join.ts';
import { checkFunction, isLambda } from '../operator/user-function.ts';
import type { KeySelector } from './keyed-stream.ts';
import type { OutputTag } from './output-tag.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

/**
 * A join without its bounds; see `KeyedStream.intervalJoin`.
 *
 * @example
 * ```ts
 * declare const join: IntervalJoin<string, { text: string }, { answer: string }>;
 * const withinAMinute = join.between(0, 60_000).upperBoundExclusive();
 * ```
 */
export class IntervalJoin<K, A, B> {
  readonly #first: StreamHandle;
  readonly #second: StreamHandle;
  readonly #key1: KeySelector<A, K>;
  readonly #key2: KeySelector<B, K>;

  constructor(first: StreamHandle, second: StreamHandle, key1: KeySelector<A, K>, key2: KeySelector<B, K>) {
    this.#first = first;
    this.#second = second;
    this.#key1 = key1;
    this.#key2 = key2;
  }

  /**
   * A right record matches a left one when its timestamp lies from `lowerMs` to `upperMs` milliseconds after that of
   * the left one; both bounds belong to it, and may be negative.
   *
   * @throws GRAPH_INVALID when the lower bound is above the upper one.
   */
  between(lowerMs: number, upperMs: number): IntervalJoined<A, B> {
    if (!(lowerMs <= upperMs)) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `The interval join of ${this.#first.label} and ${this.#second.label} has a lower bound of ${lowerMs} ms above its upper bound of ${upperMs} ms.`,
      );
    }
    return new IntervalJoined(this.#first, this.#second, {
      key1: this.#key1,
      key2: this.#key2,
      lowerBound: lowerMs,
      upperBound: upperMs,
      leftLateTag: undefined,
      rightLateTag: undefined,
    });
  }
}

/**
 * A join with its bounds; see `KeyedStream.intervalJoin`.
 *
 * @example
 * ```ts
 * declare const joined: IntervalJoined<{ text: string }, { answer: string }>;
 * const answered = joined.process(function* (question, answer) {
 *   yield { ...question, ...answer };
 * });
 * ```
 */
export class IntervalJoined<A, B> {
  readonly #first: StreamHandle;
  readonly #second: StreamHandle;
  readonly #spec: Omit<IntervalJoinSpec, 'f'>;

  constructor(first: StreamHandle, second: StreamHandle, spec: Omit<IntervalJoinSpec, 'f'>) {
    this.#first = first;
    this.#second = second;
    this.#spec = Object.freeze(spec);
  }

  #with(change: Partial<IntervalJoinSpec>): IntervalJoined<A, B> {
    const spec = { ...this.#spec, ...change };
    if (spec.lowerBound > spec.upperBound) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `Without its bounds nothing is left of the interval join of ${this.#first.label} and ${this.#second.label}.`,
      );
    }
    return new IntervalJoined(this.#first, this.#second, spec);
  }

  /** The lower bound itself does not match: timestamps are whole milliseconds. */
  lowerBoundExclusive(): IntervalJoined<A, B> {
    return this.#with({ lowerBound: this.#spec.lowerBound + 1 });
  }

  /** The upper bound itself does not match. */
  upperBoundExclusive(): IntervalJoined<A, B> {
    return this.#with({ upperBound: this.#spec.upperBound - 1 });
  }

  /** Sends left records that come behind the watermark to a side output instead of dropping (and counting) them. */
  sideOutputLeftLateData(tag: OutputTag<A>): IntervalJoined<A, B> {
    return this.#with({ leftLateTag: tag.id });
  }

  /** The same for right records. */
  sideOutputRightLateData(tag: OutputTag<B>): IntervalJoined<A, B> {
    return this.#with({ rightLateTag: tag.id });
  }

  /** A function of each pair. Its results carry the later of the two timestamps. */
  process<R>(
    f: ProcessJoinFunction<A, B, R>['processElement'] | OrClass<ProcessJoinFunction<A, B, R>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'Interval Join', ['processElement'], true);
    const given = isLambda(f) ? { processElement: f } : f;
    const { scope } = this.#first;
    const spec: IntervalJoinSpec = Object.freeze({ ...this.#spec, f: given });
    return scope.make.single<R>(
      scope,
      this.#first.attach({ name: 'Interval Join', definition: intervalJoin(spec) }, this.#second),
    );
  }
}
