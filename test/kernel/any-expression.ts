/** Arbitrary expressions of a wanted type over `WIDE_SCHEMA`, by way of every kind of expression. */
import fc from 'fast-check';
import { LogicalType } from '../../src/data/schema.ts';
import type { ArithmeticOperator, ComparisonOperator, Expression } from '../../src/kernel/expression.ts';
import { anyValue, WIDE_SCHEMA } from './any-columns.ts';

export type Target = 'int' | 'bigint' | 'double' | 'boolean' | 'varchar';

const TYPES: Readonly<Record<Target, LogicalType>> = {
  int: LogicalType.int(),
  bigint: LogicalType.bigint(),
  double: LogicalType.double(),
  boolean: LogicalType.boolean(),
  varchar: LogicalType.string(),
};

const ARITHMETIC: readonly ArithmeticOperator[] = ['+', '-', '*', '/', '%'];
const COMPARISON: readonly ComparisonOperator[] = ['=', '<>', '<', '<=', '>', '>='];

const known = new Map<string, fc.Arbitrary<Expression>>();

export function anyExpression(target: Target, depth = 3): fc.Arbitrary<Expression> {
  const name = `${target} ${depth}`;
  const made = known.get(name) ?? makeExpression(target, depth);
  known.set(name, made);
  return made;
}

function makeExpression(target: Target, depth: number): fc.Arbitrary<Expression> {
  const leaves = [columnOf(target), literalOf(target)];
  if (depth === 0) return fc.oneof(...leaves);
  const sub = (wanted: Target): fc.Arbitrary<Expression> => anyExpression(wanted, depth - 1);
  return fc.oneof(...leaves, ...general(target, sub), ...special(target, sub));
}

function columnOf(target: Target): fc.Arbitrary<Expression> {
  const indexes = WIDE_SCHEMA.fields.flatMap((field, index) => (field.type.kind === target ? [index] : []));
  return fc.constantFrom(...indexes).map((index) => ({ kind: 'column', index }));
}

function literalOf(target: Target): fc.Arbitrary<Expression> {
  const type = TYPES[target];
  return anyValue(type).map((value) => ({ kind: 'literal', value, type }));
}

type Sub = (wanted: Target) => fc.Arbitrary<Expression>;

/** What every type has. */
function general(target: Target, sub: Sub): fc.Arbitrary<Expression>[] {
  return [
    fc.record({
      kind: fc.constant('case' as const),
      branches: fc.array(fc.record({ when: sub('boolean'), then: sub(target) }), { minLength: 1, maxLength: 2 }),
      otherwise: sub(target),
    }),
    fc.record({
      kind: fc.constant('coalesce' as const),
      operands: fc.array(sub(target), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('extreme' as const),
      which: fc.constantFrom('greatest' as const, 'least' as const),
      operands: fc.array(sub(target), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('cast' as const),
      input: castSource(target, sub),
      type: fc.constant(TYPES[target]),
      onFailure: fc.constantFrom('fail' as const, 'null' as const),
    }),
  ];
}

/** Doubles as text have a test of their own. */
function castSource(target: Target, sub: Sub): fc.Arbitrary<Expression> {
  const sources: readonly Target[] =
    target === 'varchar' ? ['int', 'bigint', 'boolean', 'varchar'] : ['int', 'bigint', 'double', 'boolean', 'varchar'];
  return fc.oneof(...sources.map(sub));
}

function special(target: Target, sub: Sub): fc.Arbitrary<Expression>[] {
  switch (target) {
    case 'boolean':
      return [
        ...(['int', 'bigint', 'double', 'varchar', 'boolean'] as const).flatMap((left) => [
          compared(left, left, sub),
          sameAs(left, sub),
        ]),
        compared('int', 'bigint', sub),
        compared('bigint', 'double', sub),
        fc.record({
          kind: fc.constant('logic' as const),
          operator: fc.constantFrom('and' as const, 'or' as const),
          operands: fc.array(sub('boolean'), { minLength: 1, maxLength: 3 }),
        }),
        ...(['int', 'bigint', 'varchar'] as const).map((wanted) =>
          fc.record({
            kind: fc.constant('in' as const),
            input: sub(wanted),
            values: fc.array(anyValue(TYPES[wanted]), { maxLength: 10 }),
          }),
        ),
        fc.record({ kind: fc.constant('not' as const), input: sub('boolean') }),
        fc.record({ kind: fc.constant('is-true' as const), input: sub('boolean'), truth: fc.boolean() }),
        fc.record({
          kind: fc.constant('is-null' as const),
          input: fc.oneof(sub('int'), sub('varchar'), sub('boolean')),
        }),
      ];
    case 'varchar':
      return [
        fc.record({
          kind: fc.constant('concat' as const),
          operands: fc.array(sub('varchar'), { minLength: 1, maxLength: 3 }),
        }),
        sub('varchar').map((input) => ({ kind: 'call' as const, function: 'REVERSE', operands: [input] })),
        fc.record({
          kind: fc.constant('text' as const),
          function: fc.constantFrom('lower' as const, 'upper' as const),
          input: sub('varchar'),
        }),
      ];
    case 'int':
      return [
        fc.record({
          kind: fc.constant('text' as const),
          function: fc.constant('char-length' as const),
          input: sub('varchar'),
        }),
        ...arithmeticOf(['int'], 'int', sub),
        fc.record({
          kind: fc.constant('cast' as const),
          input: fc.constantFrom<Expression>({ kind: 'column', index: 9 }, { kind: 'column', index: 10 }),
          type: fc.constant(TYPES.int),
          onFailure: fc.constant('fail' as const),
        }),
      ];
    case 'bigint':
      return arithmeticOf(['int', 'bigint'], 'bigint', sub);
    case 'double':
      return [...arithmeticOf(['int', 'bigint', 'double'], 'double', sub)];
  }
}

function compared(left: Target, right: Target, sub: Sub): fc.Arbitrary<Expression> {
  return fc.record({
    kind: fc.constant('comparison' as const),
    operator: fc.constantFrom(...COMPARISON),
    left: sub(left),
    right: sub(right),
  });
}

function sameAs(side: Target, sub: Sub): fc.Arbitrary<Expression> {
  return fc.record({ kind: fc.constant('same-as' as const), left: sub(side), right: sub(side) });
}

/** One side has the wanted type, so that the result has it too. */
function arithmeticOf(others: readonly Target[], target: Target, sub: Sub): fc.Arbitrary<Expression>[] {
  return [
    ...others.map((other) =>
      fc.record({
        kind: fc.constant('arithmetic' as const),
        operator: fc.constantFrom(...ARITHMETIC),
        left: sub(target),
        right: sub(other),
      }),
    ),
    fc.record({ kind: fc.constantFrom('negate' as const, 'abs' as const), input: sub(target) }),
  ];
}
