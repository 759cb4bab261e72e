/** Rows of inferred columns as an Arrow file: first every row is looked at, then every row is written, in the same order. */

import type { TypeRegistry } from '../../data/type-registry.ts';
import type { ArrowPlace, FileSegment } from '../../state/snapshot.ts';
import type { ObjectWriter } from '../storage/object-store.ts';
import type { Arrow } from './arrow.ts';
import { ArrowFileWriter } from './arrow-file.ts';
import { NumberBuilder, type ColumnBuilder, type Weight } from './column-builders.ts';
import { valueColumn } from './value-columns.ts';
import { ValueShape } from './value-shape.ts';

/** A batch is written when it has so many rows, or weighs so much. */
const BATCH_ROWS = 16_384;
const BATCH_BYTES = 4 << 20;

/** The shapes of the columns of a file. */
export class TableShape<Column extends string> {
  readonly shapes: ReadonlyMap<Column, ValueShape>;
  readonly #types: TypeRegistry;
  rows = 0;
  /** Rows with a part that only bytes can hold. */
  opaque = 0;

  constructor(columns: readonly Column[], types: TypeRegistry) {
    this.shapes = new Map(columns.map((column) => [column, new ValueShape()]));
    this.#types = types;
  }

  add(cells: Readonly<Partial<Record<Column, unknown>>>): void {
    const before = this.#opaqueParts();
    for (const [column, shape] of this.shapes) shape.add(cells[column], this.#types);
    if (this.#opaqueParts() > before) this.opaque++;
    this.rows++;
  }

  #opaqueParts(): number {
    let parts = 0;
    for (const shape of this.shapes.values()) parts += shape.opaque;
    return parts;
  }
}

/** A file in the making. */
export class TableFile<Column extends string> {
  readonly #file: ArrowFileWriter;
  readonly #weight: Weight = { bytes: 0 };
  readonly #integers: readonly ColumnBuilder[];
  readonly #columns: readonly { readonly name: Column; readonly builder: ColumnBuilder }[];
  #rows = 0;
  readonly url: string;

  /** `integers`: columns of 32 bits that come first. */
  constructor(
    arrow: Arrow,
    integers: readonly string[],
    shape: TableShape<Column>,
    types: TypeRegistry,
    metadata: Readonly<Record<string, string>>,
    url: string,
    out: ObjectWriter,
  ) {
    this.url = url;
    const inferred = Array.from(shape.shapes, ([name, values]) => ({
      name,
      ...valueColumn(name, values, arrow, types, this.#weight),
    }));
    this.#integers = integers.map(() => int32Builder(arrow, this.#weight));
    this.#columns = inferred.map(({ name, builder }) => ({ name, builder }));
    const fields = [
      ...integers.map((name) => new arrow.Field(name, new arrow.Int32(), false)),
      ...inferred.map(({ field }) => field),
    ];
    const schema = new arrow.Schema(fields, new Map(Object.entries(metadata)));
    this.#file = new ArrowFileWriter(arrow, schema, url, out);
  }

  /** Appends a row; when it returns true, `flush` is due. */
  append(integers: readonly number[], cells: Readonly<Partial<Record<Column, unknown>>>): boolean {
    for (let i = 0; i < integers.length; i++) (this.#integers[i] as ColumnBuilder).append(integers[i]);
    for (const { name, builder } of this.#columns) builder.append(cells[name]);
    this.#rows++;
    return this.#rows >= BATCH_ROWS || this.#weight.bytes >= BATCH_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#rows === 0) return;
    this.#rows = 0;
    this.#weight.bytes = 0;
    const builders = [...this.#integers, ...this.#columns.map(({ builder }) => builder)];
    await this.#file.batch(builders.map((builder) => builder.take()));
  }

  /** Ends a stretch of rows that is read by itself. */
  async endStretch(): Promise<FileSegment> {
    await this.flush();
    return this.#file.endStretch();
  }

  /** Makes the file durable; returns what readers of its stretches need. */
  async finish(): Promise<ArrowPlace> {
    await this.flush();
    const { length, crc } = await this.#file.finish();
    return { schemaLength: length, schemaCrc: crc };
  }

  async abort(): Promise<void> {
    await this.#file.abort();
  }
}

function int32Builder(arrow: Arrow, weight: Weight): ColumnBuilder {
  return new NumberBuilder(
    arrow,
    weight,
    new arrow.Int32(),
    4,
    (view, at, value) => view.setInt32(at, value as number, true),
    (bytes) => new Int32Array(bytes.buffer),
  );
}
