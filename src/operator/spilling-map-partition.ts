/**
 * `mapPartition` in BATCH mode: the records of the partition wait on disk as far as they do not fit into memory, and the
 * function reads them from there one by one.
 *
 * A partition ends with event time: that of a subtask with its input, that of a key when the operator around this one
 * (`batch-keyed-input.ts`) says so, after which the next one begins.
 */

import { MAX_WATERMARK } from '../data/element.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { closeAll } from './async-sorter.ts';
import type { MapPartitionFunction, OrClass } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';
import { SpilledList } from './spilled-list.ts';

const MEGABYTE = 1024 * 1024;

/** `memoryMegabytes`: of records in memory before the rest goes to disk. */
export function spillingMapPartition<T, R>(
  given: OrClass<MapPartitionFunction<T, R>>,
  key: ((value: T) => unknown) | undefined,
  memoryMegabytes: number,
): OperatorDefinition {
  return {
    kind: key === undefined ? 'map-partition' : 'keyed-map-partition',
    input: 'records',
    output: 'records',
    create: () => new SpillingMapPartitionOperator(given, key, memoryMegabytes * MEGABYTE),
    ...(key === undefined ? {} : { keySelectors: [key] }),
    changelog: false,
  };
}

class SpillingMapPartitionOperator<T, R>
  extends ProcessOperator<MapPartitionFunction<T, R>, R>
  implements InputOperator<T>
{
  readonly #key: ((value: T) => unknown) | undefined;
  readonly #memoryBytes: number;
  #records!: SpilledList<T>;

  constructor(
    given: OrClass<MapPartitionFunction<T, R>>,
    key: ((value: T) => unknown) | undefined,
    memoryBytes: number,
  ) {
    super(given, key !== undefined);
    this.#key = key;
    this.#memoryBytes = memoryBytes;
  }

  protected override createContext(context: OperatorContext<never>): ElementContext {
    return new ElementContext(context, this.runtime);
  }

  override open(context: OperatorContext<R>): void {
    this.#records = this.#list(context);
    super.open(context);
  }

  #list({ types, world }: OperatorContext<never>): SpilledList<T> {
    return new SpilledList<T>({
      codec: {
        write: (value, writer) => writeValue(value, writer, types),
        read: (reader) => readValue(reader, types) as T,
      },
      memoryBytes: this.#memoryBytes,
      files: world.working,
    });
  }

  element(value: T): void {
    if (this.#key !== undefined) this.backend.setCurrentKey(this.#key(value));
    this.#records.add(value);
  }

  override enter(key: unknown, timestamp: Timestamp): void {
    if (this.#key !== undefined) this.backend.setCurrentKey(key);
    super.enter(key, timestamp);
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp === MAX_WATERMARK) this.#handOver();
    super.watermark(timestamp);
  }

  /** What the function returns may be read later than now, and the records with it. */
  #handOver(): void {
    const key = this.#key === undefined ? undefined : this.backend.currentKey;
    const records = this.#records;
    this.enter(key, NO_TIMESTAMP);
    this.emitted(this.f.mapPartition(records.values(), this.out), key, NO_TIMESTAMP, 'mapPartition');
    this.drain.afterwards(() => {
      records.close();
      this.#records = this.#list(this.context);
    });
  }

  override close(): Promise<void> {
    return closeAll(
      () => super.close(),
      () => this.#records?.close(),
    );
  }
}
