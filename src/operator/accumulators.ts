/**
 * Accumulators: figures that functions add to while a job runs, merged over all subtasks when it ends.
 *
 * A function makes one, registers it in `open` under a name with `ctx.addAccumulator`, and adds to it. Each subtask
 * reports its part as plain data; the job merges the parts by name into `JobExecutionResult.accumulators`. They count
 * what was processed, not what is true of the data: after a restart records count again, as in Flink.
 */

/** What a subtask says about one accumulator: how parts are merged, and its part. */
export interface AccumulatorReport {
  readonly kind: 'sum' | 'average' | 'histogram' | 'list';
  readonly value: unknown;
}

/** The accumulators of one operator instance, by name. */
export type AccumulatorReports = Readonly<Record<string, AccumulatorReport>>;

/** `V` is added, `R` is the result. */
export interface Accumulator<V = never, R = unknown> {
  add(value: V): void;
  /** What this subtask has added so far. */
  getLocalValue(): R;
  resetLocal(): void;
  report(): AccumulatorReport;
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

  report(): AccumulatorReport {
    return { kind: 'sum', value: this.#sum };
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

  report(): AccumulatorReport {
    return { kind: 'sum', value: this.#sum };
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

  report(): AccumulatorReport {
    return { kind: 'sum', value: this.#sum };
  }
}

/**
 * The mean of what was added; NaN before anything was.
 *
 * @example
 * ```ts
 * const latency = new AverageAccumulator();
 * latency.add(12.5);
 * ```
 */
export class AverageAccumulator implements Accumulator<number, number> {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  getLocalValue(): number {
    return this.#count === 0 ? Number.NaN : this.#sum / this.#count;
  }

  resetLocal(): void {
    this.#sum = 0;
    this.#count = 0;
  }

  report(): AccumulatorReport {
    return { kind: 'average', value: { sum: this.#sum, count: this.#count } };
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

  report(): AccumulatorReport {
    return { kind: 'histogram', value: this.#counts };
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

  report(): AccumulatorReport {
    return { kind: 'list', value: this.#items };
  }
}
