/** The numeric types among the logical ones: their order, their common type, and what arithmetic on them is made of. */

import { LogicalType, type LogicalTypeKind } from '../data/schema.ts';

export type NumericKind = 'tinyint' | 'smallint' | 'int' | 'bigint' | 'decimal' | 'float' | 'double';
export type DecimalType = Extract<LogicalType, { readonly kind: 'decimal' }>;

/** From the narrowest to the widest: the common type of two is the later one, decimals aside. */
const NUMERIC_KINDS: readonly NumericKind[] = ['tinyint', 'smallint', 'int', 'bigint', 'decimal', 'float', 'double'];

export function isNumeric(type: LogicalType): type is LogicalType & { readonly kind: NumericKind } {
  return (NUMERIC_KINDS as readonly LogicalTypeKind[]).includes(type.kind);
}

/** The type that both can be promoted to; undefined where there is none. */
export function commonNumericType(a: LogicalType, b: LogicalType): LogicalType | undefined {
  if (!isNumeric(a) || !isNumeric(b)) return undefined;
  return withNull(commonOf(a, b), a.nullable || b.nullable);
}

function commonOf(a: LogicalType & { readonly kind: NumericKind }, b: typeof a): LogicalType {
  const wider = NUMERIC_KINDS.indexOf(a.kind) >= NUMERIC_KINDS.indexOf(b.kind) ? a : b;
  if (wider.kind === 'float' && (a.kind === 'decimal' || b.kind === 'decimal')) return LogicalType.double();
  if (wider.kind !== 'decimal') return wider;
  const [x, y] = [decimalOf(a) as DecimalType, decimalOf(b) as DecimalType];
  const whole = Math.min(Math.max(x.precision - x.scale, y.precision - y.scale), DECIMAL_PRECISION_MAX);
  const scale = Math.min(Math.max(x.scale, y.scale), DECIMAL_PRECISION_MAX - whole);
  return LogicalType.decimal(whole + scale, scale);
}

export const DECIMAL_PRECISION_MAX = 38;

/** Digits that hold every integer of a type. */
const INTEGER_DIGITS: { readonly [Kind in LogicalTypeKind]?: number } = {
  tinyint: 3,
  smallint: 5,
  int: 10,
  bigint: 19,
};

/** A decimal type that holds every value of an exact numeric type; undefined for the others. */
export function decimalOf(type: LogicalType): DecimalType | undefined {
  if (type.kind === 'decimal') return type;
  const digits = INTEGER_DIGITS[type.kind];
  return digits === undefined ? undefined : (withNull(LogicalType.decimal(digits, 0), type.nullable) as DecimalType);
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
