/**
 * Arithmetic with Java's semantics: integers wrap around at their width and division truncates; dividing an integer by
 * zero fails; FLOAT rounds to 32 bits after each operation. Decimals follow `decimal.ts`.
 */

import type { LogicalType } from '../../data/schema.ts';
import type { ArithmeticOperator } from '../expression.ts';
import { type ExpressionForm, type TypeScope, untypable } from '../expression-form.ts';
import { commonNumericType, isNumeric } from '../numeric-types.ts';
import { isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';
import { decimalArithmetic, decimalResult } from './decimal.ts';
import { divisor } from './divisor.ts';
import { promote } from './promote.ts';

export const arithmetic: ExpressionForm<'arithmetic'> = {
  typeOf: (node, scope) => {
    const left = scope.typeOf(node.left);
    const right = scope.typeOf(node.right);
    const type = commonNumericType(left, right);
    if (type === undefined) throw untypable(`"${node.operator}"`, [left, right], 'Cast both to numeric types.');
    return type.kind === 'decimal' ? decimalResult(node.operator, left, right) : type;
  },
  generate: (node, type, code) => {
    const left = code.generate(node.left);
    const right = code.generate(node.right);
    if (type.kind === 'decimal') return decimalArithmetic(node.operator, left, right, type, code);
    const total =
      type.kind === 'float' ||
      type.kind === 'double' ||
      (type.kind !== 'bigint' && node.operator !== '/' && node.operator !== '%');
    return code.strict([left, right], type, () => compute(node.operator, left, right, type, code), total);
  },
  operands: (node) => [node.left, node.right],
};

function compute(
  operator: ArithmeticOperator,
  left: Operand,
  right: Operand,
  type: LogicalType,
  code: ScalarCode,
): string {
  const a = promote(left, type, code);
  const b = promote(right, type, code);
  switch (type.kind) {
    case 'bigint':
      return long(operator, a, b, code);
    case 'double':
      return `(${a} ${operator} ${b})`;
    case 'float':
      return `Math.fround(${a} ${operator} ${b})`;
    default:
      return narrow(integer(operator, a, b, code), type);
  }
}

function integer(operator: ArithmeticOperator, a: string, b: string, code: ScalarCode): string {
  switch (operator) {
    case '+':
    case '-':
      return `(${a} ${operator} ${b} | 0)`;
    case '*':
      return `Math.imul(${a}, ${b})`;
    case '/':
    case '%':
      return `(${a} ${operator} ${divisor(b, '0', code)} | 0)`;
  }
}

function long(operator: ArithmeticOperator, a: string, b: string, code: ScalarCode): string {
  if (operator === '+' || operator === '-' || operator === '*') return code.long(`${a} ${operator} ${b}`);
  const zero = code.form === 'exact' ? '0n' : '0';
  const quotient = `${a} ${operator} ${divisor(b, zero, code)}`;
  // The quotient of two doubles below 2^53 never rounds up to the next integer, so truncating it is exact.
  return code.form === 'exact' ? code.long(quotient) : `(Math.trunc(${quotient}) + 0)`;
}

/** TINYINT and SMALLINT wrap around at 8 and 16 bits. */
export function narrow(text: string, type: LogicalType): string {
  if (type.kind === 'tinyint') return `(${text} << 24 >> 24)`;
  if (type.kind === 'smallint') return `(${text} << 16 >> 16)`;
  return text;
}

function numericInput(what: string) {
  return (node: { readonly input: Parameters<TypeScope['typeOf']>[0] }, scope: TypeScope): LogicalType => {
    const type = scope.typeOf(node.input);
    if (!isNumeric(type)) throw untypable(what, [type], 'Cast it to a numeric type.');
    return type;
  };
}

export const negate: ExpressionForm<'negate'> = {
  typeOf: numericInput('Negation'),
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    return code.strict([input], type, () => negated(input.text, type, code), !isLongForm(type));
  },
  operands: (node) => [node.input],
};

function negated(text: string, type: LogicalType, code: ScalarCode): string {
  if (type.kind === 'float' || type.kind === 'double') return `(-${text})`;
  if (type.kind === 'bigint') return code.long(`-${text}`);
  if (type.kind === 'decimal') return code.unscaled(`-${text}`);
  return narrow(`(-${text} | 0)`, type);
}

export const abs: ExpressionForm<'abs'> = {
  typeOf: numericInput('ABS'),
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    return code.strict([input], type, () => absolute(input.text, type, code));
  },
  operands: (node) => [node.input],
};

function absolute(text: string, type: LogicalType, code: ScalarCode): string {
  if (type.kind === 'float' || type.kind === 'double') return `Math.abs(${text})`;
  if (!isLongForm(type)) return narrow(`(Math.abs(${text}) | 0)`, type);
  const value = code.keep(text);
  if (code.form === 'fast') return `Math.abs(${value})`;
  const positive = `(${value} < 0n ? -${value} : ${value})`;
  return type.kind === 'bigint' ? code.long(positive) : positive;
}
