/** A bounded stream by whole partitions: each subtask's share, or each key's records, as one window that ends with the input. */

import type { AggregateFunction } from '../state/descriptor.ts';
import { aggregate } from '../operator/aggregate.ts';
import type {
  Collector,
  MapPartitionFunction,
  OrClass,
  ReduceFunction,
  RichFunction,
  Sync,
} from '../operator/functions.ts';
import { keyedMapPartition, mapPartition } from '../operator/map-partition.ts';
import { partitionFold } from '../operator/partition-fold.ts';
import { reduce } from '../operator/reduce.ts';
import { sortPartition, type SortOrder } from '../operator/sort-partition.ts';
import { spillingMapPartition } from '../operator/spilling-map-partition.ts';
import { checkFunction, isLambda } from '../operator/user-function.ts';
import type { NodeDefinition } from './graph-builder.ts';
import type { KeySelector } from './keyed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

/**
 * Made by `stream.fullWindowPartition()`. Without keys a partition is what one subtask gets; with keys it is what one
 * key has.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * const sizes = env.fromData('a', 'b').fullWindowPartition().mapPartition((values) => [[...values].length]);
 * ```
 */
export class PartitionWindowedStream<T> {
  readonly #handle: StreamHandle;
  readonly #key: KeySelector<T, unknown> | undefined;

  constructor(handle: StreamHandle, key: KeySelector<T, unknown> | undefined) {
    this.#handle = handle;
    this.#key = key;
  }

  /**
   * A function over all records of the partition. In BATCH mode those that do not fit into the sort memory
   * (`sortMemoryMegabytes`) wait on disk, and are read as the function iterates over them; in STREAMING mode they are
   * state.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * declare function median(values: readonly { value: number }[]): number;
   * const medians = readings.fullWindowPartition().mapPartition((values) => [median([...values])]);
   * ```
   */
  mapPartition<R>(
    f: ((values: Iterable<T>, out: Collector<R>) => void | Iterable<R>) | OrClass<MapPartitionFunction<T, R>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'MapPartition', ['mapPartition'], true);
    const pattern: OrClass<MapPartitionFunction<T, R>> = isLambda(f) ? { mapPartition: f } : f;
    const key = this.#key;
    const streaming = key === undefined ? mapPartition(pattern) : keyedMapPartition(key, pattern);
    return this.#add('MapPartition', ({ runtimeMode, sortMemoryMegabytes }) => ({
      definition: runtimeMode === 'batch' ? spillingMapPartition(pattern, key, sortMemoryMegabytes) : streaming,
    }));
  }

  /**
   * The records of the partition in the order of a figure; equal ones in the order in which they came. In BATCH mode
   * what does not fit into the sort memory (`sortMemoryMegabytes`) waits on disk; in STREAMING mode it is state.
   *
   * @example
   * ```ts
   * declare const offers: DataStream<{ product: string; price: number }>;
   * const byPrice = offers.fullWindowPartition().sortPartition((offer) => offer.price, 'descending');
   * ```
   */
  sortPartition(
    figure: (value: T) => number | bigint | string | boolean | Date,
    order: SortOrder = 'ascending',
  ): SingleOutputStream<T> {
    checkFunction(figure, 'SortPartition', [], true);
    const key = this.#key;
    return this.#add('SortPartition', ({ runtimeMode, sortMemoryMegabytes }) => ({
      definition: sortPartition(
        { figure, order, key, memoryMegabytes: sortMemoryMegabytes },
        runtimeMode === 'batch' ? 'batch' : 'streaming',
      ),
    }));
  }

  /**
   * One value for the partition: all its records combined.
   *
   * @example
   * ```ts
   * declare const amounts: DataStream<number>;
   * const total = amounts.fullWindowPartition().reduce((a, b) => a + b);
   * ```
   */
  reduce(f: ((accumulated: T, value: T) => Sync<T>) | OrClass<ReduceFunction<T>>): SingleOutputStream<T> {
    checkFunction(f, 'PartitionReduce', ['reduce'], true);
    const given = f as ((accumulated: T, value: T) => T) | OrClass<ReduceFunction<T>>;
    if (this.#key !== undefined) return this.#add('PartitionReduce', reduce(this.#key, given, true));
    return this.#add(
      'PartitionReduce',
      partitionFold<ReduceFunction<T>, T, T, T>({
        kind: 'partition-reduce',
        f: isLambda(given) ? { reduce: given } : given,
        next: (own, accumulated, value) => (accumulated === undefined ? value : own.reduce(accumulated, value)),
        result: (_own, accumulated) => accumulated,
      }),
    );
  }

  /** One value for the partition: all its records aggregated with Flink's AggregateFunction. */
  aggregate<Acc, Out>(f: OrClass<AggregateFunction<T, Acc, Out>>): SingleOutputStream<Out> {
    checkFunction(f, 'PartitionAggregate', ['createAccumulator', 'add', 'getResult'], false);
    if (this.#key !== undefined) return this.#add('PartitionAggregate', aggregate(this.#key, f, true));
    return this.#add(
      'PartitionAggregate',
      partitionFold<AggregateFunction<T, Acc, Out> & RichFunction, T, Acc, Out>({
        kind: 'partition-aggregate',
        f: f as OrClass<AggregateFunction<T, Acc, Out> & RichFunction>,
        next: (own, accumulator, value) => own.add(value, accumulator ?? own.createAccumulator()),
        result: (own, accumulator) => own.getResult(accumulator),
      }),
    );
  }

  #add<R>(name: string, definition: NodeDefinition): SingleOutputStream<R> {
    const { scope } = this.#handle;
    return scope.make.single<R>(scope, this.#handle.attach({ name, definition }));
  }
}
