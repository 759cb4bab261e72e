/**
 * What generated code does with decimals that is more than an operator. A decimal is its unscaled value: 12.50 as a
 * DECIMAL(4, 2) is 1250. Rounding is half up, away from zero.
 *
 * Values are safe integers in fast code and bigints in exact code. A function that may pass from one to the other
 * returns either.
 */

import { doubleText } from './text-values.ts';

/** Digits of a quotient before it is rounded to the scale of its type, as in Flink. */
const QUOTIENT_DIGITS = 38;

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

export function powerOfTen(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/** `a / b`, rounded; `b` is positive. Both are safe integers. */
export function roundedQuotient(a: number, b: number): number {
  const quotient = Math.trunc(a / b);
  const rest = Math.abs(a - quotient * b);
  if (rest * 2 < b) return quotient + 0;
  return a < 0 ? quotient - 1 : quotient + 1;
}

/** The same of bigints. */
export function roundedQuotientExact(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  if (magnitude(a % b) * 2n < b) return quotient;
  return a < 0n ? quotient - 1n : quotient + 1n;
}

/** `value` with the decimal point moved: times a power of ten, or rounded where that is a fraction. */
function rescale(value: bigint, by: number): bigint {
  return by >= 0 ? value * powerOfTen(by) : roundedQuotientExact(value, powerOfTen(-by));
}

/**
 * `a / b` with `scale` decimal places, where `a / b` as integers would have `difference` of them. The quotient is
 * rounded to 38 digits first, and then to its scale. `b` is not zero.
 */
export function decimalQuotient(a: bigint, b: bigint, difference: number, scale: number): bigint {
  if (a === 0n) return 0n;
  const [x, y] = [magnitude(a), magnitude(b)];
  // One digit more than needed tells how many the quotient has.
  const shift = QUOTIENT_DIGITS + digits(y) - digits(x);
  let places = shift + difference;
  let numerator = x;
  let denominator = y;
  if (shift >= 0) numerator *= powerOfTen(shift);
  else denominator *= powerOfTen(-shift);
  let quotient = roundedQuotientExact(numerator, denominator);
  if (quotient >= powerOfTen(QUOTIENT_DIGITS)) {
    places--;
    quotient = roundedQuotientExact(numerator, denominator * 10n);
  }
  const rounded = rescale(quotient, scale - places);
  return a < 0n === b < 0n ? rounded : -rounded;
}

function digits(value: bigint): number {
  return value.toString().length;
}

/** As Java writes it, without an exponent. */
export function decimalText(unscaled: number | bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const negative = unscaled < 0;
  const all = String(unscaled)
    .slice(negative ? 1 : 0)
    .padStart(scale + 1, '0');
  return `${negative ? '-' : ''}${all.slice(0, -scale)}.${all.slice(-scale)}`;
}

const DECIMAL_TEXT = /^[ \n\t]*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?[ \n\t]*$/;
/** Exponents beyond this are out of the range of every type, or zero. */
const EXPONENT_MOST = 1000;

/** The unscaled value of text; undefined where it is no number or has too many digits. */
export function parseDecimal(text: string, precision: number, scale: number): bigint | undefined {
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL_TEXT.exec(text) ?? [];
  if (whole.length + fraction.length === 0) return undefined;
  const unscaled = BigInt(sign === '-' ? `-${whole}${fraction}` : whole + fraction);
  const shift = Math.max(-EXPONENT_MOST, Math.min(EXPONENT_MOST, Number(exponent))) - fraction.length + scale;
  const value = rescale(unscaled, shift);
  return magnitude(value) < powerOfTen(precision) ? value : undefined;
}

/** The unscaled value of a double by the digits that it is written with; undefined where it has too many. */
export function decimalOfDouble(value: number, precision: number, scale: number): bigint | undefined {
  return parseDecimal(doubleText(value), precision, scale);
}

/** The double that is nearest to a decimal. */
export function decimalToDouble(unscaled: number | bigint, scale: number): number {
  return Number(`${unscaled}e-${scale}`);
}

/** Whether a decimal is outside its precision. */
export function isBeyond(unscaled: bigint, limit: bigint): boolean {
  return unscaled >= limit || unscaled <= -limit;
}
