/** The reference: aggregates over rows, one key after the other, the obvious way. */
import { mapKey } from '../../src/data/key.ts';
import type { LogicalType, Schema } from '../../src/data/schema.ts';
import type { NamedAggregate } from '../../src/kernel/aggregates.ts';
import { type Row, shown } from './any-columns.ts';
import type { Value } from './naive-expression.ts';

/** Results by `mapKey` of the array of key values. */
export function aggregateNaively(
  schema: Schema,
  keys: readonly number[],
  aggregates: readonly NamedAggregate[],
  rows: readonly Row[],
): Map<unknown, unknown[]> {
  const members = new Map<unknown, Row[]>();
  for (const row of rows) {
    const key = mapKey(keys.map((index) => shown(row[index] as Value)));
    const list = members.get(key);
    if (list === undefined) members.set(key, [row]);
    else list.push(row);
  }
  return new Map(
    [...members].map(([key, list]) => [key, aggregates.map(({ call }) => shown(result(call, schema, list)))]),
  );
}

function result({ function: name, input }: NamedAggregate['call'], schema: Schema, rows: readonly Row[]): Value {
  if (input === undefined) return rows.length;
  const { type } = schema.fields[input] as Schema['fields'][number];
  const values = rows.map((row) => row[input] as Value).filter((value) => value !== null);
  if (name === 'count') return values.length;
  if (values.length === 0) return null;
  switch (name) {
    case 'sum':
      return sum(values, type);
    case 'avg':
      return average(values, type);
    case 'min':
      return values.reduce((a, b) => (before(b, a) ? b : a));
    case 'max':
      return values.reduce((a, b) => (before(a, b) ? b : a));
  }
}

function sum(values: readonly Value[], type: LogicalType): Value {
  if (type.kind === 'double') return (values as number[]).reduce((a, b) => a + b, 0);
  if (type.kind === 'float') return (values as number[]).reduce((a, b) => Math.fround(a + b), 0);
  const total = values.reduce((a: bigint, b) => a + BigInt(b as number), 0n);
  const bits = { tinyint: 8, smallint: 16, int: 32 }[type.kind as string] ?? 64;
  const wrapped = BigInt.asIntN(bits, total);
  return bits === 64 ? wrapped : Number(wrapped);
}

function average(values: readonly Value[], type: LogicalType): Value {
  if (type.kind === 'double' || type.kind === 'float') {
    const quotient = (values as number[]).reduce((a, b) => a + b, 0) / values.length;
    return type.kind === 'float' ? Math.fround(quotient) : quotient;
  }
  const total = BigInt.asIntN(
    64,
    values.reduce((a: bigint, b) => a + BigInt(b as number), 0n),
  );
  const quotient = total / BigInt(values.length);
  return type.kind === 'bigint'
    ? quotient
    : Number(BigInt.asIntN({ tinyint: 8, smallint: 16 }[type.kind as string] ?? 32, quotient));
}

/** NaN is the greatest number; text goes by its bytes. */
function before(a: Value, b: Value): boolean {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string)) < 0;
  if (a !== a) return false;
  return b !== b || (a as number) < (b as number);
}
