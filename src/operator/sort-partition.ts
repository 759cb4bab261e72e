/**
 * `sortPartition`: the records of a subtask, or of a key, in the order of a figure, when the bounded input has ended.
 *
 * In BATCH mode the records of a subtask may be more than fit into memory; with keys they are sorted by key first. In
 * STREAMING mode they are state, and part of checkpoints.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MAX_WATERMARK } from '../data/element.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { closeAll, ExternalSorter } from './async-sorter.ts';
import { compareKeys, hashedKey, type HashedKey } from './key-order.ts';
import { keyedMapPartition } from './map-partition.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';
import { SortedEmission } from './sorted-emission.ts';
import type { SpillCodec } from './spill-file.ts';

/** Least or greatest first. */
export type SortOrder = 'ascending' | 'descending';

/** What records can be sorted by. */
export type SortFigure = number | bigint | string | boolean | Date;

export interface PartitionSort<T> {
  readonly figure: (value: T) => SortFigure;
  readonly order: SortOrder;
  readonly key: ((value: T) => unknown) | undefined;
  /** Megabytes of records in memory before the rest goes to disk. */
  readonly memoryMegabytes: number;
}

/** `mode`: that in which the job will run. */
export function sortPartition<T>(sort: PartitionSort<T>, mode: 'streaming' | 'batch'): OperatorDefinition {
  const { figure, order, key } = sort;
  if (key !== undefined && mode === 'streaming') {
    const sign = order === 'ascending' ? 1 : -1;
    return keyedMapPartition(key, {
      mapPartition: (values: Iterable<T>) =>
        Array.from(values).sort((a, b) => sign * compareFigures(figure(a), figure(b))),
    });
  }
  return {
    kind: key === undefined ? 'sort-partition' : 'keyed-sort-partition',
    input: 'records',
    output: 'records',
    create: () => new SortPartitionOperator(sort),
    ...(key === undefined ? {} : { keySelectors: [key], sortsByKey: true }),
    changelog: false,
    describe: { order },
  };
}

/** Numbers by size with NaN last, dates by time, false before true, text by code units. */
function compareFigures(a: SortFigure, b: SortFigure): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a !== a || b !== b) return (a !== a ? 1 : 0) - (b !== b ? 1 : 0);
  return 0;
}

const MEGABYTE = 1024 * 1024;
const RECORDS = 'records';

interface SortedRecord<T> {
  readonly key: HashedKey | undefined;
  readonly figure: SortFigure;
  readonly value: T;
  readonly timestamp: Timestamp;
  readonly kind: RowKindCode;
}

class SortPartitionOperator<T> extends PlainOperator<T> implements InputOperator<T> {
  readonly #sort: PartitionSort<T>;
  #spills = false;
  #sorter!: ExternalSorter<SortedRecord<T>>;
  /** What a checkpoint would contain; only in STREAMING mode, where nothing is spilled. */
  #records: SortedRecord<T>[] = [];
  #emission: SortedEmission<SortedRecord<T>> | undefined;
  #finishing = false;

  constructor(sort: PartitionSort<T>) {
    super();
    this.#sort = sort;
  }

  override open(context: OperatorContext<T>): void {
    super.open(context);
    const { types } = context;
    const sign = this.#sort.order === 'ascending' ? 1 : -1;
    this.#spills = context.task.mode === 'batch';
    this.#sorter = new ExternalSorter({
      compare: (a, b) =>
        (a.key === undefined || b.key === undefined ? 0 : compareKeys(a.key, b.key, types)) ||
        sign * compareFigures(a.figure, b.figure),
      codec: new SortedRecordCodec<T>(this.#sort.key, types),
      memoryBytes: this.#sort.memoryMegabytes * MEGABYTE,
      storage: context.world.storage,
    });
    for (const record of context.operatorState.list<SortedRecord<T>>(RECORDS, 'split').items) this.#add(record);
  }

  element(value: T, timestamp: Timestamp, kind: RowKindCode): void {
    this.#add({
      key: keyOf(value, this.#sort.key, this.context.types),
      figure: this.#sort.figure(value),
      value,
      timestamp,
      kind,
    });
  }

  #add(record: SortedRecord<T>): void {
    this.#sorter.add(record);
    if (!this.#spills) this.#records.push(record);
    else if (this.#sorter.full) this.context.hold(this.#sorter.spill());
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp !== MAX_WATERMARK) {
      this.output.watermark(timestamp);
      return;
    }
    this.#records = [];
    this.#emission = new SortedEmission(
      this.context,
      this.#sorter,
      (record) => this.output.emit(record.value, record.timestamp, record.kind),
      () => this.#emitted(timestamp),
    );
    this.#emission.start();
  }

  #emitted(watermark: Timestamp): void {
    this.output.watermark(watermark);
    if (this.#finishing) this.output.finish();
  }

  override finish(): void {
    if (this.#emission === undefined || this.#emission.state === 'done') this.output.finish();
    else this.#finishing = true;
  }

  override snapshot(_writer: SnapshotWriter): void {
    this.context.operatorState.list<SortedRecord<T>>(RECORDS, 'split').update(this.#records);
  }

  override close(): Promise<void> {
    return closeAll(
      () => this.#emission?.close(),
      () => this.#sorter?.close(),
    );
  }
}

function keyOf<T>(value: T, key: PartitionSort<T>['key'], types: TypeRegistry): HashedKey | undefined {
  return key === undefined ? undefined : hashedKey(key(value), types);
}

class SortedRecordCodec<T> implements SpillCodec<SortedRecord<T>> {
  readonly #key: PartitionSort<T>['key'];
  readonly #types: TypeRegistry;

  constructor(key: PartitionSort<T>['key'], types: TypeRegistry) {
    this.#key = key;
    this.#types = types;
  }

  write({ figure, value, timestamp, kind }: SortedRecord<T>, writer: ByteWriter): void {
    writeValue(figure, writer, this.#types);
    writeValue(value, writer, this.#types);
    writer.f64(timestamp);
    writer.u8(kind);
  }

  read(reader: ByteReader): SortedRecord<T> {
    const figure = readValue(reader, this.#types) as SortFigure;
    const value = readValue(reader, this.#types) as T;
    const key = keyOf(value, this.#key, this.#types);
    return { key, figure, value, timestamp: reader.f64(), kind: reader.u8() };
  }
}
