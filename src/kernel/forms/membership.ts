/**
 * IN with a list of literals. A NULL in the list stands for a value that nobody knows: what is not found may be it.
 * Long lists are looked up in a set.
 */

import { LogicalType } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import type { LiteralValue } from '../expression.ts';
import { type ExpressionForm, untypable } from '../expression-form.ts';
import { withNull } from '../numeric-types.ts';
import { isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';
import { equalsBytes } from '../text-values.ts';
import { fits, literalIn } from './leaf.ts';

/** Up to here values are compared one after the other. */
const CHAIN_MAX = 8;

type Present = Exclude<LiteralValue, null>;

export const membership: ExpressionForm<'in'> = {
  typeOf: (node, scope) => {
    const type = scope.typeOf(node.input);
    if (!node.values.every((value) => fits(value, type)))
      throw untypable('IN', [type], 'Give values of the type that is looked for.');
    return withNull(LogicalType.boolean(), type.nullable || node.values.includes(null));
  },
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    const values = node.values.filter((value) => value !== null);
    const found = (): string => (values.length > CHAIN_MAX ? inSet(input, values, code) : inChain(input, values, code));
    if (!node.values.includes(null)) return code.strict([input], type, found);
    return code.partial([input], type, { compute: found, absent: (value) => `!${value}` });
  },
  operands: (node) => [node.input],
};

function inChain(input: Operand, values: readonly Present[], code: ScalarCode): string {
  if (values.length === 0) return 'false';
  const { utf8 } = input;
  if (utf8 !== undefined && values.every((value) => String(value).isWellFormed())) {
    const [bytes, start, end] = [utf8.bytes, code.keep(utf8.start), code.keep(utf8.end)];
    const tests = values.map(
      (value) => `${code.bind(equalsBytes)}(${bytes}, ${start}, ${end}, ${code.bind(utf8Bytes(String(value)))})`,
    );
    return `(${tests.join(' || ')})`;
  }
  const value = code.keep(input.text);
  return `(${values.map((other) => `${value} === ${literalIn(other, input.type, code)}`).join(' || ')})`;
}

function inSet(input: Operand, values: readonly Present[], code: ScalarCode): string {
  // NaN is not equal to itself, but a set would find it.
  const set = new Set<unknown>(values.filter((value) => value === value).map((value) => keyOf(value, input, code)));
  return `${code.bind(set)}.has(${input.text})`;
}

/** A value as the set meets it. What fast code does not hold cannot be found by it. */
function keyOf(value: Present, { type }: Operand, code: ScalarCode): unknown {
  if (!isLongForm(type)) return value;
  return code.form === 'exact' ? BigInt(value) : Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);
}
