/** CASE and COALESCE: the first branch that holds, and nothing behind it is computed. */

import { type LogicalType, storageOf } from '../../data/schema.ts';
import type { Expression } from '../expression.ts';
import { type ExpressionForm, type TypeScope, untypable } from '../expression-form.ts';
import { withNull } from '../numeric-types.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';
import { comparableType } from './comparison.ts';
import { writeCondition } from './logic.ts';
import { promote } from './promote.ts';

export const caseOf: ExpressionForm<'case'> = {
  typeOf: (node, scope) => {
    for (const { when } of node.branches) {
      const type = scope.typeOf(when);
      if (type.kind !== 'boolean') throw untypable('WHEN', [type], 'Compare it with something.');
    }
    const results = [...node.branches.map((branch) => branch.then), node.otherwise];
    return commonType('CASE', results, scope);
  },
  generate: (node, type, code) => {
    const result = new Variable(type, code);
    for (const { when, then } of node.branches) {
      const condition = writeCondition(when, code);
      code.line(`if (${condition}) {`);
      result.set(code.generate(then));
      code.line('} else {');
    }
    result.set(code.generate(node.otherwise));
    for (const _ of node.branches) code.line('}');
    return result.operand;
  },
  operands: (node) => [...node.branches.flatMap(({ when, then }) => [when, then]), node.otherwise],
};

export const coalesce: ExpressionForm<'coalesce'> = {
  typeOf: (node, scope) => {
    const type = commonType('COALESCE', node.operands, scope);
    return withNull(
      type,
      node.operands.every((operand) => scope.typeOf(operand).nullable),
    );
  },
  generate: (node, type, code) => {
    const result = new Variable(type, code);
    let blocks = 0;
    let last: Operand | undefined;
    for (const operand of node.operands) {
      if (last !== undefined) {
        code.line(`if (${last.isNull}) {`);
        blocks++;
      }
      last = code.generate(operand);
      result.set(last);
      if (last.isNull === undefined) break;
    }
    for (let i = 0; i < blocks; i++) code.line('}');
    return last?.isNull === undefined ? { ...result.operand, isNull: undefined } : result.operand;
  },
  operands: (node) => node.operands,
};

/** A value that several branches set. */
class Variable {
  readonly #type: LogicalType;
  readonly #code: ScalarCode;
  readonly #value: string;
  readonly #isNull: string;
  #nullable = false;

  constructor(type: LogicalType, code: ScalarCode) {
    this.#type = type;
    this.#code = code;
    this.#value = code.fresh('v');
    this.#isNull = code.fresh('n');
    code.line(`let ${this.#value} = ${code.zero(type)}, ${this.#isNull} = false;`);
  }

  set(operand: Operand): void {
    this.#code.line(`${this.#isNull} = ${operand.isNull ?? 'false'};`);
    const text = promote(operand, this.#type, this.#code);
    this.#code.line(
      operand.isNull === undefined ? `${this.#value} = ${text};` : `if (!${this.#isNull}) ${this.#value} = ${text};`,
    );
    this.#nullable ||= operand.isNull !== undefined;
  }

  get operand(): Operand {
    return { text: this.#value, isNull: this.#nullable ? this.#isNull : undefined, type: this.#type };
  }
}

/** The type of a value that is one of several expressions. */
export function commonType(what: string, expressions: readonly Expression[], scope: TypeScope): LogicalType {
  const types = expressions.map((expression) => scope.typeOf(expression));
  const nullable = types.some((type) => type.nullable);
  const typed = types.filter((type) => type.kind !== 'null');
  const common = typed.reduce<LogicalType | undefined>((a, b) => (a === undefined ? undefined : wider(a, b)), typed[0]);
  if (common === undefined) throw untypable(what, types, 'Cast its branches to one type.');
  return withNull(common, nullable);
}

function wider(a: LogicalType, b: LogicalType): LogicalType | undefined {
  const common = comparableType(a, b);
  if (common === undefined || storageOf(common) !== 'utf8') return common;
  // The longer of two texts: VARCHAR unless both are CHAR of one length.
  return lengthOf(a) >= lengthOf(b) && a.kind === 'varchar'
    ? a
    : b.kind === 'varchar' && lengthOf(b) >= lengthOf(a)
      ? b
      : a;
}

function lengthOf(type: LogicalType): number {
  return 'length' in type ? type.length : 0;
}
