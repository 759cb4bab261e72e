/**
 * `mapPartition`: a function over all records of a subtask, or of a key, when the bounded input has ended.
 *
 * This is STREAMING mode, where the records are state until then, and part of checkpoints. In BATCH mode they may be more
 * than fit into memory: `spilling-map-partition.ts`.
 */

import { MAX_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { listState, type ListState } from '../state/descriptor.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import type { TimerDriver } from '../state/timers.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';
import type { MapPartitionFunction, OrClass } from './functions.ts';
import { END_OF_KEY } from './keyed-fold.ts';
import { meteredTimers } from './metered-timers.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';

export function mapPartition<T, R>(given: OrClass<MapPartitionFunction<T, R>>): OperatorDefinition {
  return {
    kind: 'map-partition',
    input: 'records',
    output: 'records',
    create: () => new MapPartitionOperator(given),
    changelog: false,
  };
}

export function keyedMapPartition<T, R>(
  key: (value: T) => unknown,
  given: OrClass<MapPartitionFunction<T, R>>,
): OperatorDefinition {
  return {
    kind: 'keyed-map-partition',
    input: 'records',
    output: 'records',
    create: () => new KeyedMapPartitionOperator(key, given),
    keySelectors: [key],
    changelog: false,
  };
}

const RECORDS = 'records';

/** A list that has an item once the partition has been handed over. */
const ENDED = 'ended';

class MapPartitionOperator<T, R> extends ProcessOperator<MapPartitionFunction<T, R>, R> implements InputOperator<T> {
  #records: T[] = [];
  #ended = false;

  constructor(given: OrClass<MapPartitionFunction<T, R>>) {
    super(given, false);
  }

  protected override createContext(context: OperatorContext<never>): ElementContext {
    return new ElementContext(context, this.runtime);
  }

  override open(context: OperatorContext<R>): void {
    super.open(context);
    this.#records = [...context.operatorState.list<T>(RECORDS, 'split').items];
    this.#ended = context.operatorState.list<true>(ENDED, 'split').items.length > 0;
  }

  element(value: T): void {
    this.#records.push(value);
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp === MAX_WATERMARK && !this.#ended) {
      const records = this.#records;
      this.#records = [];
      this.#ended = true;
      this.enter(undefined, NO_TIMESTAMP);
      this.emitted(this.f.mapPartition(records, this.out), undefined, NO_TIMESTAMP, 'mapPartition');
    }
    super.watermark(timestamp);
  }

  override snapshot(writer: SnapshotWriter): void {
    this.context.operatorState.list<T>(RECORDS, 'split').update(this.#records);
    this.context.operatorState.list<true>(ENDED, 'split').update(this.#ended ? [true] : []);
    super.snapshot(writer);
  }
}

class KeyedMapPartitionOperator<T, R>
  extends ProcessOperator<MapPartitionFunction<T, R>, R>
  implements InputOperator<T>
{
  readonly #key: (value: T) => unknown;
  #records!: ListState<T>;
  #ends!: TimerDriver;

  constructor(key: (value: T) => unknown, given: OrClass<MapPartitionFunction<T, R>>) {
    super(given, true);
    this.#key = key;
  }

  protected override createContext(context: OperatorContext<never>): ElementContext {
    this.#records = this.backend.list(listState<T>(RECORDS));
    this.#ends = meteredTimers(context, this.backend, 'end-of-key', () => this.#end());
    return new ElementContext(context, this.runtime);
  }

  element(value: T): void {
    this.backend.setCurrentKey(this.#key(value));
    this.#records.add(value);
    this.#ends.service.registerEventTimeTimer(END_OF_KEY);
  }

  #end(): void {
    const records = this.#records.get();
    this.#records.clear();
    super.enter(undefined, NO_TIMESTAMP);
    this.emitted(this.f.mapPartition(records, this.out), this.backend.currentKey, NO_TIMESTAMP, 'mapPartition');
  }

  override enter(key: unknown, timestamp: Timestamp): void {
    this.backend.setCurrentKey(key);
    super.enter(key, timestamp);
  }

  override watermark(timestamp: Timestamp): void {
    this.#ends.advance(timestamp, () => super.watermark(timestamp));
  }
}
