/**
 * The interval join: pairs of records of two keyed streams whose timestamps lie within bounds of each other.
 *
 * Each side keeps its records by time until the watermark says that none of the other side can still match them. A
 * record that comes is matched with those of the other side at once, one pair after the other; the gate is asked
 * between them.
 */

import { MillstreamError } from '../base/error.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { valueState, type ValueState } from '../state/descriptor.ts';
import type { TimerDriver } from '../state/timers.ts';
import { sideOutput } from './side-output.ts';
import type { Collector, OrClass, RichFunction, SideOutputTag } from './functions.ts';
import { meteredTimers } from './metered-timers.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** What a {@link ProcessJoinFunction} can ask. Results carry the later of the two timestamps. */
export interface ProcessJoinContext {
  getLeftTimestamp(): number;
  getRightTimestamp(): number;
  getTimestamp(): number;
  output<X>(tag: SideOutputTag<X>, value: X): void;
  readonly runtime: RuntimeContext;
}

/** A function of each pair that the interval join finds. */
export interface ProcessJoinFunction<A, B, R> extends RichFunction {
  processElement(left: A, right: B, ctx: ProcessJoinContext, out: Collector<R>): void | Iterable<R>;
}

/** What is joined how. Frozen data. */
export interface IntervalJoinSpec {
  readonly key1: (value: never) => unknown;
  readonly key2: (value: never) => unknown;
  /** A right record matches when its timestamp lies between `left + lowerBound` and `left + upperBound`, both included. */
  readonly lowerBound: number;
  readonly upperBound: number;
  /** Ids of the side outputs for late records; undefined drops them, counted. */
  readonly leftLateTag: string | undefined;
  readonly rightLateTag: string | undefined;
  readonly f: OrClass<ProcessJoinFunction<unknown, unknown, unknown>>;
}

export function intervalJoin(spec: IntervalJoinSpec): OperatorDefinition {
  return {
    kind: 'interval-join',
    input: 'records',
    output: 'records',
    create: () => new IntervalJoinOperator(spec),
    keySelectors: [spec.key1, spec.key2],
    changelog: false,
    describe: { lowerBoundMs: spec.lowerBound, upperBoundMs: spec.upperBound },
  };
}

/** The records of one side and key, in the order of their timestamps. */
interface Buffer {
  readonly timestamps: number[];
  readonly values: unknown[];
}

/** The first index at which a timestamp is at or above `time`. */
function firstFrom(timestamps: readonly number[], time: number): number {
  let low = 0;
  let high = timestamps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timestamps[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Side {
  readonly name: 'left' | 'right';
  readonly key: (value: unknown) => unknown;
  readonly state: ValueState<Buffer>;
  /** How long a record is kept: the other side may be this much later. */
  readonly keptFor: number;
  readonly lateTag: string | undefined;

  constructor(
    name: 'left' | 'right',
    key: (value: never) => unknown,
    state: ValueState<Buffer>,
    keptFor: number,
    lateTag: string | undefined,
  ) {
    this.name = name;
    this.key = key as (value: unknown) => unknown;
    this.state = state;
    this.keptFor = keptFor;
    this.lateTag = lateTag;
  }

  add(value: unknown, timestamp: Timestamp): void {
    const buffer = this.state.value() ?? { timestamps: [], values: [] };
    // Behind those of the same time.
    const at = lastOf(buffer.timestamps, firstFrom(buffer.timestamps, timestamp), timestamp);
    if (at === buffer.timestamps.length) {
      buffer.timestamps.push(timestamp);
      buffer.values.push(value);
    } else {
      buffer.timestamps.splice(at, 0, timestamp);
      buffer.values.splice(at, 0, value);
    }
    this.state.update(buffer);
  }

  /** Forgets what came at `timestamp` or before. */
  forget(timestamp: Timestamp): void {
    const buffer = this.state.value();
    if (buffer === undefined) return;
    const left = lastOf(buffer.timestamps, firstFrom(buffer.timestamps, timestamp), timestamp);
    if (left === buffer.timestamps.length) {
      this.state.clear();
      return;
    }
    buffer.timestamps.splice(0, left);
    buffer.values.splice(0, left);
    this.state.update(buffer);
  }
}

/** The index behind the last entry with this timestamp, from `position` on. */
function lastOf(timestamps: readonly number[], position: number, timestamp: number): number {
  let at = position;
  while (timestamps[at] === timestamp) at++;
  return at;
}

class JoinContext extends ElementContext implements ProcessJoinContext {
  left: Timestamp = NO_TIMESTAMP;
  right: Timestamp = NO_TIMESTAMP;

  getLeftTimestamp(): number {
    return this.left;
  }

  getRightTimestamp(): number {
    return this.right;
  }

  getTimestamp(): number {
    return this.at;
  }
}

/** The pair in hand, for results that are drained later. */
interface Pair {
  readonly key: unknown;
  readonly left: Timestamp;
  readonly right: Timestamp;
}

/** A record that is being matched with a stretch of the other side's buffer. */
interface Matching {
  readonly key: unknown;
  readonly own: Side;
  readonly value: unknown;
  readonly timestamp: Timestamp;
  readonly other: Buffer;
  next: number;
  readonly end: number;
}

class IntervalJoinOperator
  extends ProcessOperator<ProcessJoinFunction<unknown, unknown, unknown>, unknown, JoinContext>
  implements InputOperator<unknown>
{
  readonly #spec: IntervalJoinSpec;
  #left!: Side;
  #right!: Side;
  #timers!: TimerDriver;
  #matching: Matching | undefined;

  constructor(spec: IntervalJoinSpec) {
    super(spec.f, true);
    this.#spec = spec;
  }

  protected override createContext(context: OperatorContext<never>): JoinContext {
    const { key1, key2, lowerBound, upperBound, leftLateTag, rightLateTag } = this.#spec;
    this.#left = new Side(
      'left',
      key1,
      this.backend.value(valueState<Buffer>('left')),
      Math.max(0, upperBound),
      leftLateTag,
    );
    this.#right = new Side(
      'right',
      key2,
      this.backend.value(valueState<Buffer>('right')),
      Math.max(0, -lowerBound),
      rightLateTag,
    );
    this.#timers = meteredTimers(context, this.backend, 'interval-join-timers', (time, _domain, namespace) => {
      const side = namespace === 'left' ? this.#left : this.#right;
      side.forget(time - side.keptFor);
    });
    return new JoinContext(context, this.runtime);
  }

  element(value: unknown, timestamp: Timestamp): void {
    this.#take(value, timestamp, this.#left, this.#right, this.#spec.lowerBound, this.#spec.upperBound);
  }

  element2(value: unknown, timestamp: Timestamp): void {
    this.#take(value, timestamp, this.#right, this.#left, -this.#spec.upperBound, -this.#spec.lowerBound);
  }

  #take(value: unknown, timestamp: Timestamp, own: Side, other: Side, from: number, to: number): void {
    if (timestamp === NO_TIMESTAMP) {
      throw new MillstreamError(
        'TIMESTAMP_MISSING',
        `A ${own.name} record without a timestamp reached an interval join. Call assignTimestampsAndWatermarks() on both streams before it.`,
      );
    }
    const watermark = this.#timers.service.currentWatermark;
    if (watermark !== MIN_WATERMARK && timestamp < watermark) {
      if (own.lateTag === undefined) this.context.dropped('late', value, timestamp);
      else sideOutput(this.context, 'late', own.lateTag, value, timestamp);
      return;
    }
    const key = own.key(value);
    this.backend.setCurrentKey(key);
    own.add(value, timestamp);
    this.backend.setCurrentNamespace(own.name);
    this.#timers.service.registerEventTimeTimer(timestamp + own.keptFor);
    this.backend.setCurrentNamespace(undefined);
    const buffer = other.state.value();
    if (buffer === undefined) return;
    const next = firstFrom(buffer.timestamps, timestamp + from);
    const last = firstFrom(buffer.timestamps, timestamp + to);
    const end = lastOf(buffer.timestamps, last, timestamp + to);
    if (next >= end) return;
    this.#matching = { key, own, value, timestamp, other: buffer, next, end };
    this.resume();
  }

  /** Goes through the pairs that are left. No record comes before they are done, so the buffer stays as it is. */
  override resume(): void {
    const matching = this.#matching;
    if (matching === undefined) return;
    while (matching.next < matching.end) {
      this.#match(matching, matching.next++);
      if (matching.next < matching.end && !this.context.gate.proceed()) {
        this.context.gate.pause(this);
        return;
      }
    }
    this.#matching = undefined;
  }

  #match({ key, own, value, timestamp, other }: Matching, index: number): void {
    const theirs = other.values[index];
    const theirTime = other.timestamps[index] as number;
    const isLeft = own === this.#left;
    const pair: Pair = isLeft ? { key, left: timestamp, right: theirTime } : { key, left: theirTime, right: timestamp };
    const at = Math.max(timestamp, theirTime);
    this.enter(pair, at);
    const result = isLeft
      ? this.f.processElement(value, theirs, this.ctx, this.out)
      : this.f.processElement(theirs, value, this.ctx, this.out);
    this.emitted(result, pair, at, 'process');
  }

  /** Makes a pair current. */
  override enter(pair: unknown, timestamp: Timestamp): void {
    if (pair === undefined) return;
    const { key, left, right } = pair as Pair;
    this.backend.setCurrentKey(key);
    this.ctx.left = left;
    this.ctx.right = right;
    super.enter(key, timestamp);
  }

  override watermark(timestamp: Timestamp): void {
    this.ctx.watermark = timestamp;
    this.#timers.advance(timestamp, () => this.drain.afterwards(() => this.output.watermark(timestamp)));
  }
}
