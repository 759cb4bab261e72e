/**
 * Functions of numbers. What is exact stays exact: rounding a decimal gives a decimal, rounding an integer an integer of
 * its type. Everything else is computed in doubles.
 */

import { LogicalType } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import { decimalToDouble, powerOfTen, roundedQuotientExact } from '../decimal-values.ts';
import { DECIMAL_PRECISION_MAX, decimalOf, isNumeric, narrowInt } from '../numeric-types.ts';
import { failed } from '../scalar-code.ts';
import { type CallSite, INT, INTEGER, scalarFunction, type ScalarFunction, STRING, TEXT } from '../scalar-function.ts';
import { doubleText, floatText } from '../text-values.ts';

type Exact = number | bigint;

const DOUBLE = LogicalType.double();

function doubleReader(type: LogicalType): (value: Exact) => number {
  if (type.kind !== 'decimal') return Number;
  const { scale } = type;
  return (value) => decimalToDouble(value, scale);
}

/** A function of doubles, for numbers of every type. */
function ofDoubles(count: number, compute: (...values: number[]) => number, optional = 0): ScalarFunction {
  const parameters = new Array<typeof isNumeric>(count).fill(isNumeric);
  return scalarFunction(
    parameters,
    DOUBLE,
    ({ types }) => {
      const readers = types.map(doubleReader);
      if (types.every((type) => type.kind === 'double' || type.kind === 'float')) return compute;
      return (...values: Exact[]) =>
        compute(...values.map((value, place) => (readers[place] as (value: Exact) => number)(value)));
    },
    { optional: parameters.slice(0, optional) },
  );
}

/** Rounds a fraction of integers; `by` is positive. */
type Rounding = (value: bigint, by: bigint) => bigint;

const truncating: Rounding = (value, by) => value / by;
const flooring: Rounding = (value, by) => (value - (((value % by) + by) % by)) / by;
const ceiling: Rounding = (value, by) => -flooring(-value, by);

/** The type of a decimal that keeps `digits` decimal places. */
function roundedType(type: LogicalType, digits: number | undefined): LogicalType {
  if (type.kind !== 'decimal' || digits === undefined || digits >= type.scale) return type;
  const whole = type.precision - type.scale;
  if (digits < 0) return LogicalType.decimal(Math.min(DECIMAL_PRECISION_MAX, whole + 1), 0);
  return LogicalType.decimal(whole + 1 + digits, digits);
}

/** The decimal places that are kept: a literal, or 0 where none are given; undefined where they come with the rows. */
function literalDigits({ types, literals }: CallSite): number | undefined {
  if (types.length < 2) return 0;
  const digits = literals[1];
  return typeof digits === 'number' ? digits : undefined;
}

/** ROUND and TRUNCATE, to a number of decimal places that may be negative. */
function toDigits(rounding: Rounding): ScalarFunction {
  return scalarFunction(
    [isNumeric],
    (site) => roundedType(site.types[0] as LogicalType, literalDigits(site)),
    (site) => digitsRounder(site, rounding),
    { optional: [INT] },
  );
}

function digitsRounder(site: CallSite, rounding: Rounding): (value: Exact, digits?: number) => Exact {
  const type = site.types[0] as LogicalType;
  if (type.kind === 'double' || type.kind === 'float') {
    const textOf = type.kind === 'float' ? floatText : doubleText;
    const narrow = type.kind === 'float' ? Math.fround : Number;
    return (value, digits = 0) => narrow(roundDouble(textOf(Number(value)), digits, rounding));
  }
  const scale = decimalOf(type)?.scale ?? 0;
  const known = roundedType(type, literalDigits(site));
  const toScale = decimalOf(known)?.scale ?? 0;
  const limit = powerOfTen(decimalOf(known)?.precision ?? 0);
  return (value, digits = 0) => {
    if (digits >= scale) return value;
    const by = powerOfTen(scale - digits);
    // In units of the last place that is kept; then of the scale of the type.
    const result = rounding(BigInt(value), by) * powerOfTen(toScale - digits);
    if (type.kind !== 'decimal')
      return type.kind === 'bigint' ? BigInt.asIntN(64, result) : narrowInt(Number(BigInt.asIntN(32, result)), type);
    if (result >= limit || result <= -limit) failed('A rounded decimal has more than 38 digits.');
    return result;
  };
}

const NUMBER_TEXT = /^(-?)(\d+)\.(\d+)(?:E(-?\d+))?$/;

/** Rounds the decimal digits of a double, which are what its text says. */
function roundDouble(text: string, digits: number, rounding: Rounding): number {
  const [found, minus, whole = '', fraction = '', exponent = '0'] = NUMBER_TEXT.exec(text) ?? [];
  if (found === undefined) return failed(`${text} cannot be rounded to decimal places.`);
  const unscaled = BigInt(`${minus}${whole}${fraction}`);
  const scale = fraction.length - Number(exponent);
  if (digits >= scale) return Number(text);
  return Number(`${rounding(unscaled, powerOfTen(scale - digits))}e${-digits}`) + 0;
}

/** CEIL and FLOOR. */
function toInteger(rounding: Rounding, ofDouble: (value: number) => number): ScalarFunction {
  return scalarFunction(
    [isNumeric],
    ({ types: [type] }) => (type?.kind === 'decimal' ? LogicalType.decimal(type.precision, 0) : type),
    ({ types: [type] }) => {
      if (type?.kind === 'double' || type?.kind === 'float') return ofDouble;
      const by = powerOfTen(type?.kind === 'decimal' ? type.scale : 0);
      return by === 1n ? (value: Exact) => value : (value: Exact) => rounding(BigInt(value), by);
    },
  );
}

function sign({ types: [type] }: CallSite): (value: never) => Exact {
  const one = type?.kind === 'decimal' ? powerOfTen(type.scale) : 1;
  if (type?.kind === 'double' || type?.kind === 'float') return (value: number) => Math.sign(value);
  return (value: Exact) => (value > 0 ? one : value < 0 ? -one : 0);
}

function logarithm(first: number, second?: number): number {
  return second === undefined ? Math.log(first) : Math.log(second) / Math.log(first);
}

/** The bits of a 64-bit integer in a base. */
function bits(value: Exact, base: number): string {
  return BigInt.asUintN(64, BigInt(value)).toString(base);
}

function hex(value: Exact | string): string {
  const text = typeof value === 'string' ? Buffer.from(utf8Bytes(value)).toString('hex') : bits(value, 16);
  return text.toUpperCase();
}

/** A first digit that is alone does not count. */
function unhex(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text.length % 2 === 0 ? text : `00${text.slice(1)}`, 'hex'));
}

const DEGREES = 180 / Math.PI;
const RADIANS = Math.PI / 180;

export const NUMBER_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  CEIL: toInteger(ceiling, Math.ceil),
  FLOOR: toInteger(flooring, Math.floor),
  ROUND: toDigits(roundedQuotientExact),
  TRUNCATE: toDigits(truncating),
  SIGN: scalarFunction([isNumeric], ({ types }) => types[0], sign),
  POWER: ofDoubles(2, Math.pow),
  SQRT: ofDoubles(1, Math.sqrt),
  EXP: ofDoubles(1, Math.exp),
  LN: ofDoubles(1, Math.log),
  LOG10: ofDoubles(1, Math.log10),
  LOG2: ofDoubles(1, (value) => Math.log(value) / Math.log(2)),
  LOG: ofDoubles(1, logarithm, 1),
  SIN: ofDoubles(1, Math.sin),
  SINH: ofDoubles(1, Math.sinh),
  COS: ofDoubles(1, Math.cos),
  COSH: ofDoubles(1, Math.cosh),
  TAN: ofDoubles(1, Math.tan),
  TANH: ofDoubles(1, Math.tanh),
  COT: ofDoubles(1, (value) => 1 / Math.tan(value)),
  ASIN: ofDoubles(1, Math.asin),
  ACOS: ofDoubles(1, Math.acos),
  ATAN: ofDoubles(1, Math.atan),
  ATAN2: ofDoubles(2, Math.atan2),
  DEGREES: ofDoubles(1, (value) => value * DEGREES),
  RADIANS: ofDoubles(1, (value) => value * RADIANS),
  PI: scalarFunction([], DOUBLE, () => () => Math.PI),
  E: scalarFunction([], DOUBLE, () => () => Math.E),
  BIN: scalarFunction([INTEGER], STRING, () => (value: Exact) => bits(value, 2)),
  HEX: scalarFunction([(type) => INTEGER(type) || TEXT(type)], STRING, () => hex),
  UNHEX: scalarFunction([TEXT], LogicalType.bytes(), () => unhex, { partial: true }),
};
