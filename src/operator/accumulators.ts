/**
 * Accumulators: figures that functions add to while a job runs, merged over all subtasks when it ends.
 *
 * A function makes one, registers it in `open` under a name with `ctx.addAccumulator`, and adds to it. Each subtask
 * reports the state of its own as plain data; {@link mergeAccumulators} makes one result of them for
 * `JobExecutionResult.accumulators`. They count what was processed, not what is true of the data: after a restart
 * records count again, as in Flink.
 */

import { MillstreamError } from '../base/error.ts';

/** `V` is added, `R` is the result; `state` is plain data from which another accumulator of the kind can go on. */
export interface Accumulator<V = never, R = unknown> {
  /** Which class it is, so that reports of one name can be refused when their kinds differ. */
  readonly kind: string;
  add(value: V): void;
  getLocalValue(): R;
  resetLocal(): void;
  state(): unknown;
  merge(state: unknown): void;
}

/** One accumulator of one subtask, as data. */
export interface AccumulatorReport {
  readonly name: string;
  readonly kind: string;
  readonly state: unknown;
}

/**
 * A sum of whole numbers that stays within doubles' exact range.
 *
 * @example
 * ```ts
 * const records = new IntCounter();
 * records.add(1);
 * ```
 */
export class IntCounter implements Accumulator<number, number> {
  readonly kind = 'int-counter';
  #sum = 0;

  add(value = 1): void {
    this.#sum += value;
  }

  getLocalValue(): number {
    return this.#sum;
  }

  resetLocal(): void {
    this.#sum = 0;
  }

  state(): number {
    return this.#sum;
  }

  merge(state: unknown): void {
    this.#sum += state as number;
  }
}

/**
 * A sum of bigints, without limit.
 *
 * @example
 * ```ts
 * const bytes = new LongCounter();
 * bytes.add(9_007_199_254_740_993n);
 * ```
 */
export class LongCounter implements Accumulator<bigint | number, bigint> {
  readonly kind = 'long-counter';
  #sum = 0n;

  add(value: bigint | number = 1n): void {
    this.#sum += BigInt(value);
  }

  getLocalValue(): bigint {
    return this.#sum;
  }

  resetLocal(): void {
    this.#sum = 0n;
  }

  state(): bigint {
    return this.#sum;
  }

  merge(state: unknown): void {
    this.#sum += state as bigint;
  }
}

/**
 * A sum of doubles.
 *
 * @example
 * ```ts
 * const amount = new DoubleCounter();
 * amount.add(0.5);
 * ```
 */
export class DoubleCounter implements Accumulator<number, number> {
  readonly kind = 'double-counter';
  #sum = 0;

  add(value: number): void {
    this.#sum += value;
  }

  getLocalValue(): number {
    return this.#sum;
  }

  resetLocal(): void {
    this.#sum = 0;
  }

  state(): number {
    return this.#sum;
  }

  merge(state: unknown): void {
    this.#sum += state as number;
  }
}

/**
 * The mean of what was added; 0 before anything was.
 *
 * @example
 * ```ts
 * const latency = new AverageAccumulator();
 * latency.add(12.5);
 * ```
 */
export class AverageAccumulator implements Accumulator<number, number> {
  readonly kind = 'average';
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  getLocalValue(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  resetLocal(): void {
    this.#sum = 0;
    this.#count = 0;
  }

  state(): { readonly sum: number; readonly count: number } {
    return { sum: this.#sum, count: this.#count };
  }

  merge(state: unknown): void {
    const other = state as { readonly sum: number; readonly count: number };
    this.#sum += other.sum;
    this.#count += other.count;
  }
}

/**
 * How often each value was added; the result is a Map in the order of the values. For few different values.
 *
 * @example
 * ```ts
 * const lengths = new HistogramAccumulator();
 * lengths.add(3);
 * ```
 */
export class HistogramAccumulator implements Accumulator<number, ReadonlyMap<number, number>> {
  readonly kind = 'histogram';
  readonly #counts = new Map<number, number>();

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  getLocalValue(): ReadonlyMap<number, number> {
    return new Map([...this.#counts].sort(([a], [b]) => a - b));
  }

  resetLocal(): void {
    this.#counts.clear();
  }

  state(): readonly (readonly [number, number])[] {
    return [...this.#counts];
  }

  merge(state: unknown): void {
    for (const [value, count] of state as readonly (readonly [number, number])[]) {
      this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
    }
  }
}

/**
 * Collects values, subtask by subtask. For few values: all of them stay in memory and travel to the caller.
 *
 * @example
 * ```ts
 * const rejected = new ListAccumulator<string>();
 * rejected.add('order-17');
 * ```
 */
export class ListAccumulator<T> implements Accumulator<T, readonly T[]> {
  readonly kind = 'list';
  #items: T[] = [];

  add(value: T): void {
    this.#items.push(value);
  }

  getLocalValue(): readonly T[] {
    return [...this.#items];
  }

  resetLocal(): void {
    this.#items = [];
  }

  state(): readonly T[] {
    return this.#items;
  }

  merge(state: unknown): void {
    for (const item of state as readonly T[]) this.#items.push(item);
  }
}

const KINDS: Readonly<Record<string, () => Accumulator<never>>> = {
  'int-counter': () => new IntCounter(),
  'long-counter': () => new LongCounter(),
  'double-counter': () => new DoubleCounter(),
  average: () => new AverageAccumulator(),
  histogram: () => new HistogramAccumulator(),
  list: () => new ListAccumulator<never>(),
};

/** One result per name. Fails with USER_CODE when a name was used for two kinds, or the kind is not one of this file. */
export function mergeAccumulators(reports: readonly AccumulatorReport[]): Readonly<Record<string, unknown>> {
  const merged = new Map<string, Accumulator<never>>();
  for (const { name, kind, state } of reports) {
    const known = merged.get(name);
    const accumulator = known ?? KINDS[kind]?.();
    if (accumulator === undefined || accumulator.kind !== kind) {
      throw new MillstreamError('USER_CODE', `The accumulator "${name}" is a ${kind} in one function and a ${known?.kind ?? 'class that is not built in'} in another. Give each its own name.`);
    }
    accumulator.merge(state);
    merged.set(name, accumulator);
  }
  return Object.fromEntries([...merged].map(([name, accumulator]) => [name, accumulator.getLocalValue()]));
}
