/** Columns of Arrow in the making: buffers that values of one shape are appended to, batch by batch. */

import type { DataType, Data, Field } from 'apache-arrow';
import { utf8Bytes } from '../../data/text.ts';
import type { Arrow } from './arrow.ts';

/** Room to begin with, in elements. */
const ROOM_LEAST = 64;

/** What all columns of a batch weigh so far: a batch is written when that is enough. */
export interface Weight {
  bytes: number;
}

/** Appends values of one shape. After `take` it is empty again. */
export interface ColumnBuilder {
  readonly type: DataType;
  readonly length: number;
  append(value: unknown): void;
  /** A place that nobody reads, or null where the builder has been made for that. */
  appendNothing(): void;
  take(): Data;
}

/** Bytes that grow. */
class Buffer8 {
  bytes = new Uint8Array(ROOM_LEAST);
  length = 0;

  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + more, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Exactly what was written, in memory that is aligned for every kind of number. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }
}

/** Where a list or a text ends. */
class Offsets {
  #ends: number[] = [0];

  push(end: number): void {
    this.#ends.push(end);
  }

  take(): Int32Array {
    const taken = Int32Array.from(this.#ends);
    this.#ends = [0];
    return taken;
  }
}

/** Which places hold a value: a bit each. */
class Validity {
  #bits = new Uint8Array(ROOM_LEAST);
  length = 0;
  nulls = 0;

  push(valid: boolean): void {
    const byte = this.length >> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(this.#bits.length * 2);
      grown.set(this.#bits);
      this.#bits = grown;
    }
    if (valid) this.#bits[byte] = (this.#bits[byte] as number) | (1 << (this.length & 7));
    else this.nulls++;
    this.length++;
  }

  take(): { readonly length: number; readonly nullCount: number; readonly nullBitmap: Uint8Array } {
    const { length, nulls } = this;
    const nullBitmap = this.#bits.slice(0, (length + 7) >> 3);
    this.#bits.fill(0);
    this.length = 0;
    this.nulls = 0;
    return { length, nullCount: nulls, nullBitmap };
  }
}

/** What builders with validity share. */
abstract class Nullable implements ColumnBuilder {
  protected readonly arrow: Arrow;
  protected readonly weight: Weight;
  protected readonly validity = new Validity();
  abstract readonly type: DataType;

  constructor(arrow: Arrow, weight: Weight) {
    this.arrow = arrow;
    this.weight = weight;
  }

  get length(): number {
    return this.validity.length;
  }

  append(value: unknown): void {
    this.validity.push(true);
    this.put(value);
  }

  appendNothing(): void {
    this.validity.push(false);
    this.putNothing();
  }

  protected abstract put(value: unknown): void;
  protected abstract putNothing(): void;
  abstract take(): Data;
}

/** How numbers of a kind are put into bytes: a `DataView` and the offset. */
type PutNumber = (view: DataView, offset: number, value: unknown) => void;

export class NumberBuilder extends Nullable {
  readonly type: DataType;
  readonly #bytes = new Buffer8();
  readonly #size: number;
  readonly #put: PutNumber;
  readonly #make: (bytes: Uint8Array) => unknown;

  constructor(
    arrow: Arrow,
    weight: Weight,
    type: DataType,
    size: number,
    put: PutNumber,
    make: (bytes: Uint8Array) => unknown,
  ) {
    super(arrow, weight);
    this.type = type;
    this.#size = size;
    this.#put = put;
    this.#make = make;
  }

  protected put(value: unknown): void {
    const bytes = this.#bytes;
    bytes.reserve(this.#size);
    const view = new DataView(bytes.bytes.buffer, bytes.length, this.#size);
    this.#put(view, 0, value);
    bytes.length += this.#size;
    this.weight.bytes += this.#size;
  }

  protected putNothing(): void {
    const bytes = this.#bytes;
    bytes.reserve(this.#size);
    bytes.bytes.fill(0, bytes.length, bytes.length + this.#size);
    bytes.length += this.#size;
  }

  take(): Data {
    const data = this.#make(this.#bytes.take());
    return this.arrow.makeData({ type: this.type, ...this.validity.take(), data } as never);
  }
}

export class BoolBuilder extends Nullable {
  readonly type: DataType;
  #values = new Validity();

  constructor(arrow: Arrow, weight: Weight) {
    super(arrow, weight);
    this.type = new arrow.Bool();
  }

  protected put(value: unknown): void {
    this.#values.push(value as boolean);
    this.weight.bytes++;
  }

  protected putNothing(): void {
    this.#values.push(false);
  }

  take(): Data {
    const { nullBitmap: data } = this.#values.take();
    return this.arrow.makeData({ type: this.type, ...this.validity.take(), data } as never);
  }
}

/** Text in UTF-8, or bytes. */
export class BytesBuilder extends Nullable {
  readonly type: DataType;
  readonly #bytes = new Buffer8();
  readonly #offsets = new Offsets();
  readonly #encode: (value: never) => Uint8Array;

  constructor(arrow: Arrow, weight: Weight, type: DataType, encode: (value: never) => Uint8Array) {
    super(arrow, weight);
    this.type = type;
    this.#encode = encode;
  }

  static text(arrow: Arrow, weight: Weight, textOf: (value: never) => string): BytesBuilder {
    return new BytesBuilder(arrow, weight, new arrow.Utf8(), (value) => utf8Bytes(textOf(value)));
  }

  protected put(value: unknown): void {
    const bytes = this.#encode(value as never);
    this.#bytes.put(bytes);
    this.#offsets.push(this.#bytes.length);
    this.weight.bytes += bytes.length + 4;
  }

  protected putNothing(): void {
    this.#offsets.push(this.#bytes.length);
  }

  take(): Data {
    const props = { type: this.type, ...this.validity.take(), valueOffsets: this.#offsets.take() };
    return this.arrow.makeData({ ...props, data: this.#bytes.take() } as never);
  }
}

/** Lists of items; also maps, whose items are entries. */
export class ListBuilder extends Nullable {
  readonly type: DataType;
  readonly #item: ColumnBuilder;
  readonly #offsets = new Offsets();
  readonly #each: (value: never, append: (item: unknown) => void) => void;
  readonly #append = (item: unknown): void => this.#item.append(item);

  constructor(
    arrow: Arrow,
    weight: Weight,
    type: DataType,
    item: ColumnBuilder,
    each: (value: never, append: (item: unknown) => void) => void,
  ) {
    super(arrow, weight);
    this.type = type;
    this.#item = item;
    this.#each = each;
  }

  protected put(value: unknown): void {
    this.#each(value as never, this.#append);
    this.#offsets.push(this.#item.length);
    this.weight.bytes += 4;
  }

  protected putNothing(): void {
    this.#offsets.push(this.#item.length);
  }

  take(): Data {
    const props = { type: this.type, ...this.validity.take(), valueOffsets: this.#offsets.take() };
    return this.arrow.makeData({ ...props, child: this.#item.take() } as never);
  }
}

/** Named parts side by side. */
export class StructBuilder extends Nullable {
  readonly type: DataType;
  readonly #children: readonly ColumnBuilder[];
  readonly #part: (value: never, child: number) => unknown;

  constructor(
    arrow: Arrow,
    weight: Weight,
    fields: readonly Field[],
    children: readonly ColumnBuilder[],
    part: (value: never, child: number) => unknown,
  ) {
    super(arrow, weight);
    this.type = new arrow.Struct([...fields]);
    this.#children = children;
    this.#part = part;
  }

  protected put(value: unknown): void {
    for (let i = 0; i < this.#children.length; i++)
      (this.#children[i] as ColumnBuilder).append(this.#part(value as never, i));
  }

  protected putNothing(): void {
    for (const child of this.#children) child.appendNothing();
  }

  take(): Data {
    const children = this.#children.map((child) => child.take());
    return this.arrow.makeData({ type: this.type, ...this.validity.take(), children } as never);
  }
}

/** Nothing but nulls. */
export class NullBuilder implements ColumnBuilder {
  readonly type: DataType;
  readonly #arrow: Arrow;
  length = 0;

  constructor(arrow: Arrow) {
    this.#arrow = arrow;
    this.type = new arrow.Null();
  }

  append(): void {
    this.length++;
  }

  appendNothing(): void {
    this.length++;
  }

  take(): Data {
    const { length } = this;
    this.length = 0;
    return this.#arrow.makeData({ type: this.type, length } as never);
  }
}

/** A value of one of several kinds: its number, and its place among those of its kind. */
export class UnionBuilder implements ColumnBuilder {
  readonly type: DataType;
  readonly #arrow: Arrow;
  readonly #weight: Weight;
  readonly #children: readonly ColumnBuilder[];
  readonly #choose: (value: unknown) => number;
  #ids: number[] = [];
  #offsets: number[] = [];

  constructor(
    arrow: Arrow,
    weight: Weight,
    fields: readonly Field[],
    children: readonly ColumnBuilder[],
    choose: (value: unknown) => number,
  ) {
    this.#arrow = arrow;
    this.#weight = weight;
    this.#children = children;
    this.#choose = choose;
    this.type = new arrow.DenseUnion(
      fields.map((_, i) => i),
      [...fields],
    );
  }

  get length(): number {
    return this.#ids.length;
  }

  append(value: unknown): void {
    const child = this.#children[this.#enter(this.#choose(value))] as ColumnBuilder;
    child.append(value);
  }

  appendNothing(): void {
    (this.#children[this.#enter(0)] as ColumnBuilder).appendNothing();
  }

  #enter(child: number): number {
    this.#ids.push(child);
    this.#offsets.push((this.#children[child] as ColumnBuilder).length);
    this.#weight.bytes += 5;
    return child;
  }

  take(): Data {
    const typeIds = Int8Array.from(this.#ids);
    const valueOffsets = Int32Array.from(this.#offsets);
    this.#ids = [];
    this.#offsets = [];
    const children = this.#children.map((child) => child.take());
    return this.#arrow.makeData({
      type: this.type,
      length: typeIds.length,
      nullCount: 0,
      typeIds,
      valueOffsets,
      children,
    } as never);
  }
}
