/**
 * Comparison. Numbers of different types are promoted to the wider one; text compares by code points, as its UTF-8
 * bytes do; false comes before true. NaN equals nothing, not even itself.
 */

import { type LogicalType, LogicalType as Types, storageOf } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import type { ComparisonOperator } from '../expression.ts';
import { type ExpressionForm, untypable } from '../expression-form.ts';
import { commonNumericType, decimalOf, withNull } from '../numeric-types.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';
import { compareBytes, compareText, equalsBytes, equalsRange } from '../text-values.ts';
import { rescaled, unscaled } from './decimal.ts';
import { promote } from './promote.ts';

const JAVASCRIPT: Readonly<Record<ComparisonOperator, string>> = {
  '=': '===',
  '<>': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

export const comparison: ExpressionForm<'comparison'> = {
  typeOf: (node, scope) => {
    const left = scope.typeOf(node.left);
    const right = scope.typeOf(node.right);
    if (comparableType(left, right) === undefined)
      throw untypable(`"${node.operator}"`, [left, right], 'Cast both to one type.');
    return withNull(Types.boolean(), left.nullable || right.nullable);
  },
  generate: (node, type, code) => {
    const left = code.generate(node.left);
    const right = code.generate(node.right);
    const total = isTotal(left, code) && isTotal(right, code);
    return code.strict([left, right], type, () => compare(JAVASCRIPT[node.operator], left, right, code), total);
  },
  operands: (node) => [node.left, node.right],
};

export const sameAs: ExpressionForm<'same-as'> = {
  typeOf: (node, scope) => {
    const left = scope.typeOf(node.left);
    const right = scope.typeOf(node.right);
    if (comparableType(left, right) === undefined)
      throw untypable('IS NOT DISTINCT FROM', [left, right], 'Cast both to one type.');
    return Types.notNull(Types.boolean());
  },
  generate: (node, type, code) => {
    const left = code.generate(node.left);
    const right = code.generate(node.right);
    if (left.isNull === undefined && right.isNull === undefined)
      return { text: compare('===', left, right, code), isNull: undefined, type };
    const same = code.fresh('v');
    code.line(`let ${same} = (${left.isNull ?? 'false'}) === (${right.isNull ?? 'false'});`);
    code.line(`if (${same} && !(${left.isNull ?? right.isNull})) {`);
    code.line(`${same} = ${compare('===', left, right, code)};`);
    code.line('}');
    return { text: same, isNull: undefined, type };
  },
  operands: (node) => [node.left, node.right],
};

/** The type as which both are compared; undefined where they cannot be. */
export function comparableType(a: LogicalType, b: LogicalType): LogicalType | undefined {
  const numeric = commonNumericType(a, b);
  if (numeric !== undefined) return numeric;
  const storage = storageOf(a);
  if (storage === 'utf8' || storage === 'bytes') return storageOf(b) === storage ? a : undefined;
  if (storage === 'values' || a.kind !== b.kind) return undefined;
  return scaleOf(a) === scaleOf(b) ? a : undefined;
}

/** What the integer that stands for a value of the type counts. */
function scaleOf(type: LogicalType): number {
  if (type.kind === 'time' || type.kind === 'timestamp' || type.kind === 'timestamp_ltz')
    return Math.ceil(Math.max(type.precision, 1) / 3);
  return 0;
}

/** Whether comparing what stands where the value is NULL does no harm. */
function isTotal(operand: Operand, code: ScalarCode): boolean {
  const storage = storageOf(operand.type);
  if (operand.type.kind === 'decimal') return false;
  if (storage === 'long') return code.form === 'fast';
  return storage !== 'bytes' && storage !== 'utf8';
}

function compare(operator: string, left: Operand, right: Operand, code: ScalarCode): string {
  const storage = storageOf(left.type);
  if (storage === 'bytes') return `(${code.bind(compareBytes)}(${left.text}, ${right.text}) ${operator} 0)`;
  if (storage === 'utf8') {
    if (operator !== '===' && operator !== '!==')
      return `(${code.bind(compareText)}(${left.text}, ${right.text}) ${operator} 0)`;
    const equal = equalBytes(left, right, code) ?? equalBytes(right, left, code);
    if (equal !== undefined) return operator === '===' ? equal : `!${equal}`;
  }
  const type = commonNumericType(left.type, right.type);
  if (type === undefined) return `(${left.text} ${operator} ${right.text})`;
  if (type.kind === 'decimal') return compareDecimals(operator, left, right, code);
  return `(${promote(left, type, code)} ${operator} ${promote(right, type, code)})`;
}

/** Decimals compare with all decimal places of both. */
function compareDecimals(operator: string, left: Operand, right: Operand, code: ScalarCode): string {
  const [a, b] = [decimalOf(left.type)?.scale ?? 0, decimalOf(right.type)?.scale ?? 0];
  const scale = Math.max(a, b);
  const x = rescaled(unscaled(left, code), a, scale, code);
  return `(${x} ${operator} ${rescaled(unscaled(right, code), b, scale, code)})`;
}

/** The condition under which `a` comes before `b`; both are of one type. */
export function isBefore(a: string, b: string, type: LogicalType, code: ScalarCode): string {
  const storage = storageOf(type);
  if (storage === 'utf8') return `${code.bind(compareText)}(${a}, ${b}) < 0`;
  return storage === 'bytes' ? `${code.bind(compareBytes)}(${a}, ${b}) < 0` : `${a} < ${b}`;
}

/** Equality of texts on their bytes, where those are at hand. */
function equalBytes(left: Operand, right: Operand, code: ScalarCode): string | undefined {
  const { utf8 } = left;
  if (right.literal !== undefined && right.literal.isWellFormed()) {
    const bytes = code.bind(utf8Bytes(right.literal));
    if (utf8 !== undefined) return `${code.bind(equalsBytes)}(${utf8.bytes}, ${utf8.start}, ${utf8.end}, ${bytes})`;
  }
  if (utf8 === undefined || right.utf8 === undefined) return undefined;
  return `${code.bind(equalsRange)}(${utf8.bytes}, ${utf8.start}, ${utf8.end}, ${right.utf8.bytes}, ${right.utf8.start}, ${right.utf8.end})`;
}
