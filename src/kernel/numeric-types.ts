/** The numeric types among the logical ones: their order, their common type, and what arithmetic on them is made of. */

import { LogicalType, type LogicalTypeKind } from '../data/schema.ts';

export type NumericKind = 'tinyint' | 'smallint' | 'int' | 'bigint' | 'float' | 'double';

/** From the narrowest to the widest: the common type of two is the later one. */
const NUMERIC_KINDS: readonly NumericKind[] = ['tinyint', 'smallint', 'int', 'bigint', 'float', 'double'];

export function isNumeric(type: LogicalType): type is LogicalType & { readonly kind: NumericKind } {
  return (NUMERIC_KINDS as readonly LogicalTypeKind[]).includes(type.kind);
}

/** The type that both can be promoted to: the wider of two numeric types; undefined where there is none. */
export function commonNumericType(a: LogicalType, b: LogicalType): LogicalType | undefined {
  if (!isNumeric(a) || !isNumeric(b)) return undefined;
  const wider = NUMERIC_KINDS.indexOf(a.kind) >= NUMERIC_KINDS.indexOf(b.kind) ? a : b;
  return withNull(wider, a.nullable || b.nullable);
}

export function withNull(type: LogicalType, nullable: boolean): LogicalType {
  if (type.nullable === nullable) return type;
  return nullable ? LogicalType.nullable(type) : LogicalType.notNull(type);
}

/** An integer kept in the width of a type of at most 32 bits. */
export function narrowInt(value: number, type: LogicalType): number {
  if (type.kind === 'tinyint') return (value << 24) >> 24;
  return type.kind === 'smallint' ? (value << 16) >> 16 : value | 0;
}
