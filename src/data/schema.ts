/**
 * Logical types and schemas: Flink SQL's type system, as plain data.
 *
 * A logical type says what values mean; how a batch holds them is its {@link Storage}. Types are frozen and travel in
 * plans and frames as they are.
 */

import { MillstreamError } from '../base/error.ts';
import { unreachable } from '../base/assert.ts';

interface TypeBase<Kind extends string> {
  readonly kind: Kind;
  readonly nullable: boolean;
}

/** CHAR and BINARY have a fixed length, the others a greatest one. */
type Sized<Kind extends string> = TypeBase<Kind> & { readonly length: number };

/** Digits after the second. */
type WithPrecision<Kind extends string> = TypeBase<Kind> & { readonly precision: number };

export interface RowTypeField {
  readonly name: string;
  readonly type: LogicalType;
}

export type LogicalType =
  | Sized<'char'>
  | Sized<'varchar'>
  | Sized<'binary'>
  | Sized<'varbinary'>
  | TypeBase<'boolean'>
  | (TypeBase<'decimal'> & { readonly precision: number; readonly scale: number })
  | TypeBase<'tinyint'>
  | TypeBase<'smallint'>
  | TypeBase<'int'>
  | TypeBase<'bigint'>
  | TypeBase<'float'>
  | TypeBase<'double'>
  | TypeBase<'date'>
  | WithPrecision<'time'>
  | WithPrecision<'timestamp'>
  | WithPrecision<'timestamp_ltz'>
  | TypeBase<'interval_year_month'>
  | TypeBase<'interval_day_time'>
  | (TypeBase<'array'> & { readonly element: LogicalType })
  | (TypeBase<'multiset'> & { readonly element: LogicalType })
  | (TypeBase<'map'> & { readonly key: LogicalType; readonly value: LogicalType })
  | (TypeBase<'row'> & { readonly fields: readonly RowTypeField[] })
  /** Any value that survives by the structured codec. */
  | TypeBase<'raw'>
  /** A value whose type is known only at run time. */
  | TypeBase<'variant'>
  | TypeBase<'null'>;

export type LogicalTypeKind = LogicalType['kind'];

/** The length of STRING and BYTES. */
const LENGTH_MAX = 2_147_483_647;
const DECIMAL_PRECISION_MAX = 38;
const TIME_PRECISION_MAX = 9;
/** Flink's defaults. */
const DECIMAL_PRECISION_DEFAULT = 10;
const TIMESTAMP_PRECISION_DEFAULT = 6;

/**
 * Makes logical types. All are nullable, as in SQL; `LogicalType.notNull` takes that away.
 *
 * @example
 * ```ts
 * const price = LogicalType.notNull(LogicalType.decimal(10, 2));
 * ```
 */
export const LogicalType = Object.freeze({
  char: (length = 1): LogicalType => sized('char', length),
  varchar: (length: number): LogicalType => sized('varchar', length),
  string: (): LogicalType => sized('varchar', LENGTH_MAX),
  binary: (length = 1): LogicalType => sized('binary', length),
  varbinary: (length: number): LogicalType => sized('varbinary', length),
  bytes: (): LogicalType => sized('varbinary', LENGTH_MAX),
  boolean: (): LogicalType => simple('boolean'),
  decimal: (precision = DECIMAL_PRECISION_DEFAULT, scale = 0): LogicalType => {
    within('DECIMAL precision', precision, 1, DECIMAL_PRECISION_MAX);
    within('DECIMAL scale', scale, 0, precision);
    return Object.freeze({ kind: 'decimal', nullable: true, precision, scale });
  },
  tinyint: (): LogicalType => simple('tinyint'),
  smallint: (): LogicalType => simple('smallint'),
  int: (): LogicalType => simple('int'),
  bigint: (): LogicalType => simple('bigint'),
  float: (): LogicalType => simple('float'),
  double: (): LogicalType => simple('double'),
  date: (): LogicalType => simple('date'),
  time: (precision = 0): LogicalType => precise('time', precision),
  timestamp: (precision = TIMESTAMP_PRECISION_DEFAULT): LogicalType => precise('timestamp', precision),
  timestampLtz: (precision = TIMESTAMP_PRECISION_DEFAULT): LogicalType => precise('timestamp_ltz', precision),
  intervalYearMonth: (): LogicalType => simple('interval_year_month'),
  intervalDayTime: (): LogicalType => simple('interval_day_time'),
  array: (element: LogicalType): LogicalType => Object.freeze({ kind: 'array', nullable: true, element }),
  multiset: (element: LogicalType): LogicalType => Object.freeze({ kind: 'multiset', nullable: true, element }),
  map: (key: LogicalType, value: LogicalType): LogicalType =>
    Object.freeze({ kind: 'map', nullable: true, key, value }),
  row: (fields: readonly RowTypeField[]): LogicalType =>
    Object.freeze({ kind: 'row', nullable: true, fields: checkedFields(fields) }),
  raw: (): LogicalType => simple('raw'),
  variant: (): LogicalType => simple('variant'),
  null: (): LogicalType => simple('null'),
  notNull: (type: LogicalType): LogicalType => Object.freeze({ ...type, nullable: false }),
  nullable: (type: LogicalType): LogicalType => Object.freeze({ ...type, nullable: true }),
});

type SimpleKind =
  | 'boolean'
  | 'tinyint'
  | 'smallint'
  | 'int'
  | 'bigint'
  | 'float'
  | 'double'
  | 'date'
  | 'interval_year_month'
  | 'interval_day_time'
  | 'raw'
  | 'variant'
  | 'null';

function simple(kind: SimpleKind): LogicalType {
  return Object.freeze({ kind, nullable: true });
}

function sized(kind: 'char' | 'varchar' | 'binary' | 'varbinary', length: number): LogicalType {
  within(`${kind.toUpperCase()} length`, length, 1, LENGTH_MAX);
  return Object.freeze({ kind, nullable: true, length });
}

function precise(kind: 'time' | 'timestamp' | 'timestamp_ltz', precision: number): LogicalType {
  within(`${kind.toUpperCase()} precision`, precision, 0, TIME_PRECISION_MAX);
  return Object.freeze({ kind, nullable: true, precision });
}

function within(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new MillstreamError(
    'OPTION_INVALID',
    `The ${what} is ${value}; it must be an integer from ${least} to ${most}.`,
  );
}

/** The type as Flink SQL writes it: `BIGINT NOT NULL`, `ROW<a INT, b STRING>`. */
export function describeType(type: LogicalType): string {
  return `${describeKind(type)}${type.nullable ? '' : ' NOT NULL'}`;
}

function describeKind(type: LogicalType): string {
  switch (type.kind) {
    case 'varchar':
      return type.length === LENGTH_MAX ? 'STRING' : `VARCHAR(${type.length})`;
    case 'varbinary':
      return type.length === LENGTH_MAX ? 'BYTES' : `VARBINARY(${type.length})`;
    case 'char':
    case 'binary':
      return `${type.kind.toUpperCase()}(${type.length})`;
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'time':
    case 'timestamp':
    case 'timestamp_ltz':
      return `${type.kind.toUpperCase()}(${type.precision})`;
    case 'interval_year_month':
      return 'INTERVAL YEAR TO MONTH';
    case 'interval_day_time':
      return 'INTERVAL DAY TO SECOND(3)';
    case 'array':
    case 'multiset':
      return `${type.kind.toUpperCase()}<${describeType(type.element)}>`;
    case 'map':
      return `MAP<${describeType(type.key)}, ${describeType(type.value)}>`;
    case 'row':
      return `ROW<${type.fields.map((field) => `${describeName(field.name)} ${describeType(field.type)}`).join(', ')}>`;
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'date':
    case 'raw':
    case 'variant':
    case 'null':
      return type.kind.toUpperCase();
    default:
      return unreachable(type);
  }
}

function describeName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

/** Whether two types are the same, nullability included. */
export function sameType(a: LogicalType, b: LogicalType): boolean {
  return describeType(a) === describeType(b);
}

/**
 * How a column holds values of a type:
 *
 * - `i32`: 32-bit integers. DATE is days since the epoch, TIME up to a precision of 3 milliseconds of the day,
 *   INTERVAL YEAR TO MONTH months.
 * - `f64`: doubles. FLOAT is rounded to 32 bits when it is written.
 * - `long`: 64-bit integers, as doubles while each is below 2^53 in magnitude, else as 64-bit integers. DECIMAL up to
 *   18 digits is its unscaled value; a TIMESTAMP counts milliseconds since the epoch up to a precision of 3,
 *   microseconds up to 6, nanoseconds beyond; TIME beyond 3 likewise, of the day; INTERVAL DAY TO SECOND milliseconds.
 * - `bool`, `utf8`, `bytes`: bits; text in UTF-8; bytes.
 * - `values`: JavaScript values, for nested types, longer decimals (a bigint, unscaled), RAW and VARIANT.
 */
export type Storage = 'i32' | 'f64' | 'long' | 'bool' | 'utf8' | 'bytes' | 'values';

/** Decimals of more digits do not fit 64 bits. */
const DECIMAL_LONG_PRECISION_MAX = 18;
const MILLISECOND_PRECISION = 3;

export function storageOf(type: LogicalType): Storage {
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return 'utf8';
    case 'binary':
    case 'varbinary':
      return 'bytes';
    case 'boolean':
      return 'bool';
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
    case 'interval_year_month':
      return 'i32';
    case 'time':
      return type.precision <= MILLISECOND_PRECISION ? 'i32' : 'long';
    case 'float':
    case 'double':
      return 'f64';
    case 'bigint':
    case 'timestamp':
    case 'timestamp_ltz':
    case 'interval_day_time':
      return 'long';
    case 'decimal':
      return type.precision <= DECIMAL_LONG_PRECISION_MAX ? 'long' : 'values';
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'raw':
    case 'variant':
    case 'null':
      return 'values';
    default:
      return unreachable(type);
  }
}

/**
 * The columns of a batch or table: names and types, in order.
 *
 * @example
 * ```ts
 * import { Schema } from 'millstream/columns';
 * const bids = Schema.of({});
 * console.log(bids.fields.length);
 * ```
 */
export class Schema {
  readonly fields: readonly RowTypeField[];
  readonly #places = new Map<string, number>();

  /** @throws OPTION_INVALID when a name occurs twice. */
  constructor(fields: readonly RowTypeField[]) {
    this.fields = checkedFields(fields);
    this.fields.forEach((field, place) => this.#places.set(field.name, place));
  }

  static of(types: Readonly<Record<string, LogicalType>>): Schema {
    return new Schema(Object.entries(types).map(([name, type]) => ({ name, type })));
  }

  /** The number of the column with this name; -1 when there is none. */
  indexOf(name: string): number {
    return this.#places.get(name) ?? -1;
  }

  describe(): string {
    return `(${this.fields.map((field) => `${describeName(field.name)} ${describeType(field.type)}`).join(', ')})`;
  }

  equals(other: Schema): boolean {
    return this === other || this.describe() === other.describe();
  }

  /** What a schema is as JSON: its fields. */
  toJSON(): readonly RowTypeField[] {
    return this.fields;
  }
}

function checkedFields(fields: readonly RowTypeField[]): readonly RowTypeField[] {
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (seen.has(name))
      throw new MillstreamError(
        'OPTION_INVALID',
        `The column name "${name}" occurs twice in a schema. Give every column a name of its own.`,
      );
    seen.add(name);
  }
  return Object.freeze(fields.map((field) => Object.freeze({ name: field.name, type: field.type })));
}
