/** The types of columns, with the names that Flink gives them; each carries the type of its values in TypeScript. */

import { LogicalType } from '../data/schema.ts';

/**
 * The type of a column: what its values mean, and what they are in TypeScript. Values may be NULL unless
 * `notNull()` says otherwise.
 *
 * @example
 * ```ts
 * import { DataTypes } from 'millstream/columns';
 * const id = DataTypes.BIGINT().notNull();
 * ```
 */
export class DataType<T> {
  readonly logicalType: LogicalType;
  /** Carries the type of the values; never set. */
  declare readonly valueType?: T;

  constructor(logicalType: LogicalType) {
    this.logicalType = logicalType;
    Object.freeze(this);
  }

  /** The same type without NULL. */
  notNull(): DataType<NonNullable<T>> {
    return new DataType(LogicalType.notNull(this.logicalType));
  }

  /** The same type with NULL. */
  nullable(): DataType<T | null> {
    return new DataType(LogicalType.nullable(this.logicalType));
  }
}

/**
 * Makes the types of columns. All are nullable, as in SQL.
 *
 * Values of BIGINT are numbers where those are exact and bigints where not. A DATE is its days since the epoch, a
 * TIMESTAMP its milliseconds up to a precision of 3, microseconds up to 6, else nanoseconds; a DECIMAL is its unscaled
 * value.
 *
 * @example
 * ```ts
 * import { DataTypes } from 'millstream/columns';
 * const price = DataTypes.DOUBLE();
 * ```
 */
export const DataTypes = Object.freeze({
  BOOLEAN: (): DataType<boolean | null> => new DataType(LogicalType.boolean()),
  TINYINT: (): DataType<number | null> => new DataType(LogicalType.tinyint()),
  SMALLINT: (): DataType<number | null> => new DataType(LogicalType.smallint()),
  INT: (): DataType<number | null> => new DataType(LogicalType.int()),
  BIGINT: (): DataType<number | bigint | null> => new DataType(LogicalType.bigint()),
  FLOAT: (): DataType<number | null> => new DataType(LogicalType.float()),
  DOUBLE: (): DataType<number | null> => new DataType(LogicalType.double()),
  DECIMAL: (precision?: number, scale?: number): DataType<number | bigint | null> =>
    new DataType(LogicalType.decimal(precision, scale)),
  CHAR: (length: number): DataType<string | null> => new DataType(LogicalType.char(length)),
  VARCHAR: (length: number): DataType<string | null> => new DataType(LogicalType.varchar(length)),
  STRING: (): DataType<string | null> => new DataType(LogicalType.string()),
  BYTES: (): DataType<Uint8Array | null> => new DataType(LogicalType.bytes()),
  DATE: (): DataType<number | null> => new DataType(LogicalType.date()),
  TIMESTAMP: (precision?: number): DataType<number | bigint | null> => new DataType(LogicalType.timestamp(precision)),
  TIMESTAMP_LTZ: (precision?: number): DataType<number | bigint | null> =>
    new DataType(LogicalType.timestampLtz(precision)),
  /** Any value that survives an edge. */
  RAW: <T>(): DataType<T | null> => new DataType<T | null>(LogicalType.raw()),
});
