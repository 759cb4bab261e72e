/**
 * `sortPartition`: the records of a subtask, or of a key, in the order of a figure, when the bounded input has ended.
 *
 * In BATCH mode a subtask's records may be more than fit into memory. In STREAMING mode they stay there, because a
 * checkpoint must contain them.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MAX_WATERMARK } from '../data/element.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { closeAll, ExternalSorter, type SortCodec } from './async-sorter.ts';
import { keyedMapPartition } from './map-partition.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';
import { SortedEmission } from './sorted-emission.ts';

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

export function sortPartition<T>(sort: PartitionSort<T>): OperatorDefinition {
  const { figure, order, key } = sort;
  const sign = order === 'ascending' ? 1 : -1;
  if (key !== undefined) {
    return keyedMapPartition(key, {
      mapPartition: (values: Iterable<T>) =>
        Array.from(values).sort((a, b) => sign * compareFigures(figure(a), figure(b))),
    });
  }
  return {
    kind: 'sort-partition',
    input: 'records',
    output: 'records',
    create: () => new SortPartitionOperator(sort),
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
    const sign = this.#sort.order === 'ascending' ? 1 : -1;
    this.#spills = context.task.mode === 'batch';
    this.#sorter = new ExternalSorter({
      compare: (a, b) => sign * compareFigures(a.figure, b.figure),
      codec: new SortedRecordCodec<T>(context.types),
      memoryBytes: this.#sort.memoryMegabytes * MEGABYTE,
      storage: context.world.storage,
    });
    for (const record of context.operatorState.list<SortedRecord<T>>(RECORDS, 'split').items) this.#add(record);
  }

  element(value: T, timestamp: Timestamp, kind: RowKindCode): void {
    this.#add({ figure: this.#sort.figure(value), value, timestamp, kind });
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

class SortedRecordCodec<T> implements SortCodec<SortedRecord<T>> {
  readonly #types: TypeRegistry;

  constructor(types: TypeRegistry) {
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
    return { figure, value, timestamp: reader.f64(), kind: reader.u8() };
  }
}
