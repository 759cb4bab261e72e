/**
 * Arithmetic of decimals: the types of results, and the code of operators on unscaled values.
 *
 * Results have the precision and scale that Flink gives them, which is SQL Server's rule: as many digits as hold every
 * result exactly, quotients aside; beyond 38 digits decimal places are given up, down to six of them. Only then can a
 * result have too many digits, which makes it NULL.
 */

import { LogicalType } from '../../data/schema.ts';
import { decimalQuotient, isBeyond, powerOfTen, roundedQuotient, roundedQuotientExact } from '../decimal-values.ts';
import type { ArithmeticOperator } from '../expression.ts';
import { DECIMAL_PRECISION_MAX, type DecimalType, decimalOf, withNull } from '../numeric-types.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';
import { divisor } from './divisor.ts';

/** Decimal places that are kept where a result has too many digits. */
const SCALE_KEPT = 6;

/** The exact type of a result before it is cut to 38 digits. */
interface Digits {
  readonly precision: number;
  readonly scale: number;
}

function digitsOf(operator: ArithmeticOperator, a: Digits, b: Digits): Digits {
  const scale = Math.max(a.scale, b.scale);
  switch (operator) {
    case '+':
    case '-':
      return { precision: Math.max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale };
    case '*':
      return { precision: a.precision + b.precision + 1, scale: a.scale + b.scale };
    case '/': {
      const places = Math.max(SCALE_KEPT, a.scale + b.precision + 1);
      return { precision: a.precision - a.scale + b.scale + places, scale: places };
    }
    case '%':
      return { precision: Math.min(a.precision - a.scale, b.precision - b.scale) + scale, scale };
  }
}

/** The type of a result, nullable where it may have too many digits. */
export function decimalResult(operator: ArithmeticOperator, left: LogicalType, right: LogicalType): LogicalType {
  const { precision, scale } = digitsOf(operator, decimalOf(left) as DecimalType, decimalOf(right) as DecimalType);
  const nullable = left.nullable || right.nullable;
  if (precision <= DECIMAL_PRECISION_MAX) return withNull(LogicalType.decimal(Math.max(precision, 1), scale), nullable);
  const kept = Math.max(DECIMAL_PRECISION_MAX - (precision - scale), Math.min(scale, SCALE_KEPT));
  return LogicalType.decimal(DECIMAL_PRECISION_MAX, kept);
}

/** Writes an operator whose result is a decimal. Operands are exact numbers of any type. */
export function decimalArithmetic(
  operator: ArithmeticOperator,
  left: Operand,
  right: Operand,
  type: DecimalType,
  code: ScalarCode,
): Operand {
  const a = decimalOf(left.type) as DecimalType;
  const b = decimalOf(right.type) as DecimalType;
  const exact = digitsOf(operator, a, b);
  const compute = (): string => {
    const [x, y] = [unscaled(left, code), unscaled(right, code)];
    if (operator === '/') return quotient(x, y, a.scale - b.scale, type.scale, code);
    return rescaled(written(operator, [x, a.scale], [y, b.scale], code), exact.scale, type.scale, code);
  };
  return checked([left, right], type, exact.precision > type.precision, compute, code);
}

/** A strict function whose value may have more digits than the type, which makes it NULL. */
export function checked(
  operands: readonly Operand[],
  type: DecimalType,
  mayExceed: boolean,
  compute: () => string,
  code: ScalarCode,
): Operand {
  const limit = powerOfTen(type.precision);
  // No value of fast code has more digits than a safe integer.
  if (!mayExceed || (code.form === 'fast' && limit > Number.MAX_SAFE_INTEGER))
    return code.strict(operands, type, compute);
  const absent =
    code.form === 'exact'
      ? (value: string) => `${code.bind(isBeyond)}(${value}, ${limit}n)`
      : (value: string) => `${value} >= ${limit} || ${value} <= -${limit}`;
  return code.partial(operands, type, { compute, absent });
}

/** An exact number as the unscaled value of the decimal type that holds its type. */
export function unscaled(operand: Operand, code: ScalarCode): string {
  const small = operand.type.kind === 'tinyint' || operand.type.kind === 'smallint' || operand.type.kind === 'int';
  return small && code.form === 'exact' ? `BigInt(${operand.text})` : operand.text;
}

type Scaled = readonly [text: string, scale: number];

function written(operator: ArithmeticOperator, [x, xScale]: Scaled, [y, yScale]: Scaled, code: ScalarCode): string {
  if (operator === '*') return code.unscaled(`${x} * ${y}`);
  const scale = Math.max(xScale, yScale);
  const a = rescaled(x, xScale, scale, code);
  const b = rescaled(y, yScale, scale, code);
  return code.unscaled(
    `${a} ${operator} ${operator === '%' ? divisor(b, code.form === 'exact' ? '0n' : '0', code) : b}`,
  );
}

function quotient(a: string, b: string, difference: number, scale: number, code: ScalarCode): string {
  const by = scale - difference;
  if (code.form === 'exact')
    return `${code.bind(decimalQuotient)}(${a}, ${divisor(b, '0n', code)}, ${difference}, ${scale})`;
  const y = divisor(b, '0', code);
  if (by < 0) code.exactOnly();
  const numerator = rescaled(a, 0, by, code);
  return `(${y} < 0 ? -${code.bind(roundedQuotient)}(${numerator}, -${y}) + 0 : ${code.bind(roundedQuotient)}(${numerator}, ${y}))`;
}

/** An unscaled value with another number of decimal places, rounded where it gets fewer. */
export function rescaled(text: string, from: number, to: number, code: ScalarCode): string {
  if (from === to) return text;
  const factor = powerOfTen(Math.abs(to - from));
  if (code.form === 'exact')
    return to > from ? `(${text} * ${factor}n)` : `${code.bind(roundedQuotientExact)}(${text}, ${factor}n)`;
  // Such a factor leaves the safe integers whatever it meets, or leaves nothing of them.
  if (factor > Number.MAX_SAFE_INTEGER) code.exactOnly();
  return to > from ? code.unscaled(`${text} * ${factor}`) : `${code.bind(roundedQuotient)}(${text}, ${factor})`;
}
