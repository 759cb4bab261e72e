/** A schema from records: the types that all of them fit. For those who declare none. */

import { MillstreamError } from '../base/error.ts';
import { describeRecord } from '../data/describe-record.ts';
import { describeType, LogicalType, sameType, Schema } from '../data/schema.ts';

/** What a column has met so far; undefined while that is nothing but NULL. */
interface Seen {
  type: LogicalType | undefined;
  nullable: boolean;
  count: number;
}

/**
 * Infers a schema: safe integers and bigints are BIGINT, other numbers DOUBLE, text STRING, Dates TIMESTAMP_LTZ(3),
 * bytes BYTES, everything else RAW. A column is nullable when a record lacks its value.
 *
 * @throws VALUE_UNSUPPORTED when a record is no object, or the values of a field have no type in common.
 */
export function inferSchema(records: readonly unknown[]): Schema {
  const columns = new Map<string, Seen>();
  for (const record of records) {
    if (typeof record !== 'object' || record === null)
      throw new MillstreamError(
        'VALUE_UNSUPPORTED',
        `A column stream is made of objects, but a record is ${describeRecord(record)}. Map the records to objects first.`,
      );
    for (const [name, value] of Object.entries(record)) note(columns, name, value);
  }
  return new Schema(
    [...columns].map(([name, seen]) => {
      const type = seen.type ?? LogicalType.string();
      return { name, type: seen.nullable || seen.count < records.length ? type : LogicalType.notNull(type) };
    }),
  );
}

function note(columns: Map<string, Seen>, name: string, value: unknown): void {
  const seen = columns.get(name) ?? { type: undefined, nullable: false, count: 0 };
  columns.set(name, seen);
  seen.count++;
  if (value === null || value === undefined) {
    seen.nullable = true;
    return;
  }
  const type = typeOf(value);
  const common = seen.type === undefined ? type : commonType(seen.type, type);
  if (common === undefined) {
    throw new MillstreamError(
      'VALUE_UNSUPPORTED',
      `The field "${name}" is ${describeType(seen.type as LogicalType)} in one record and ${describeType(type)} in another. Declare a schema, or convert the values.`,
    );
  }
  seen.type = common;
}

function typeOf(value: unknown): LogicalType {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? LogicalType.bigint() : LogicalType.double();
    case 'bigint':
      return LogicalType.bigint();
    case 'string':
      return LogicalType.string();
    case 'boolean':
      return LogicalType.boolean();
    default:
      if (value instanceof Date) return LogicalType.timestampLtz(3);
      return value instanceof Uint8Array ? LogicalType.bytes() : LogicalType.raw();
  }
}

function commonType(a: LogicalType, b: LogicalType): LogicalType | undefined {
  if (sameType(a, b)) return a;
  const kinds = new Set([a.kind, b.kind]);
  return kinds.has('bigint') && kinds.has('double') ? LogicalType.double() : undefined;
}
