/** The leaves of expressions: columns and literals. */

import { MillstreamError } from '../../base/error.ts';
import { type LogicalType, storageOf } from '../../data/schema.ts';
import type { LiteralValue } from '../expression.ts';
import type { ExpressionForm } from '../expression-form.ts';
import { withNull } from '../numeric-types.ts';
import { isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';

export const column: ExpressionForm<'column'> = {
  typeOf: (node, { schema }) => {
    const field = schema.fields[node.index];
    if (field === undefined) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `An expression reads column ${node.index} of ${schema.describe()}, which has ${schema.fields.length} columns.`,
      );
    }
    return field.type;
  },
  generate: (node, type, code) => {
    const read = code.column(node.index);
    return type.kind === 'decimal' && storageOf(type) === 'values' ? longDecimal(read, code) : read;
  },
  operands: () => [],
};

/** Decimals that columns hold as bigints or, where rows brought them so, as numbers; null where they are NULL. */
function longDecimal({ text, isNull, type }: Operand, code: ScalarCode): Operand {
  const present = isNull === undefined ? text : `(${text} ?? 0n)`;
  return { text: code.integer(present), isNull, type };
}

export const literal: ExpressionForm<'literal'> = {
  typeOf: (node) => {
    if (!fits(node.value, node.type)) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `The literal ${typeof node.value === 'string' ? JSON.stringify(node.value) : String(node.value)} is no value of the type ${node.type.kind.toUpperCase()}.`,
      );
    }
    return withNull(node.type, node.value === null);
  },
  generate: (node, type, code) => ({
    text: node.value === null ? code.zero(type) : literalIn(node.value, type, code),
    isNull: node.value === null ? 'true' : undefined,
    type,
    ...(typeof node.value === 'string' ? { literal: node.value } : {}),
  }),
  operands: () => [],
};

/** Whether a literal is a value of a type, NULL included. */
export function fits(value: LiteralValue, type: LogicalType): boolean {
  if (value === null) return true;
  if (type.kind === 'decimal') return isInteger(value) && magnitude(BigInt(value)) < 10n ** BigInt(type.precision);
  switch (storageOf(type)) {
    case 'i32':
      return typeof value === 'number' && (value | 0) === value;
    case 'f64':
      return typeof value === 'number';
    case 'long':
      return isInteger(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
    case 'bool':
      return typeof value === 'boolean';
    case 'utf8':
      return typeof value === 'string';
    case 'bytes':
    case 'values':
      return false;
  }
}

function isInteger(value: Exclude<LiteralValue, null>): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** The text of a literal in the form of the code. */
export function literalIn(value: Exclude<LiteralValue, null>, type: LogicalType, code: ScalarCode): string {
  if (isLongForm(type)) {
    if (code.form === 'exact') return long(BigInt(value));
    if (!Number.isSafeInteger(Number(value))) code.exactOnly();
    return number(Number(value) + 0);
  }
  return typeof value === 'number' ? number(value) : JSON.stringify(value);
}

function long(value: bigint): string {
  return value < 0n ? `(${value}n)` : `${value}n`;
}

/** Negative numbers in brackets, so that `-` before them stays an operator. */
function number(value: number): string {
  return Object.is(value, -0) || value < 0 ? `(${Object.is(value, -0) ? '-0' : value})` : String(value);
}
