/** Logic of three values: what is NULL may turn out either way. Operands are computed from the left until one decides. */

import { LogicalType } from '../../data/schema.ts';
import type { Expression } from '../expression.ts';
import { type ExpressionForm, type TypeScope, untypable } from '../expression-form.ts';
import { withNull } from '../numeric-types.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';

export const logic: ExpressionForm<'logic'> = {
  typeOf: (node, scope) => {
    const types = node.operands.map((operand) => truth(operand, node.operator.toUpperCase(), scope));
    return withNull(
      LogicalType.boolean(),
      types.some((type) => type.nullable),
    );
  },
  generate: (node, type, code) => {
    // AND is decided by what is false, OR by what is true.
    const decides = node.operator === 'or';
    const value = code.fresh('v');
    const isNull = code.fresh('n');
    code.line(`let ${value} = ${!decides}, ${isNull} = false;`);
    let nullable = false;
    for (const operand of node.operands) {
      code.line(`if (${decides ? '!' : ''}${value}) {`);
      const generated = code.generate(operand);
      nullable ||= generated.isNull !== undefined;
      const decided = `${value} = ${generated.text};`;
      code.line(
        generated.isNull === undefined ? decided : `if (${generated.isNull}) ${isNull} = true; else ${decided}`,
      );
    }
    for (const _ of node.operands) code.line('}');
    if (nullable) code.line(`if (${value} === ${decides}) ${isNull} = false;`);
    return { text: value, isNull: nullable ? isNull : undefined, type };
  },
  operands: (node) => node.operands,
};

function truth(operand: Expression, what: string, scope: TypeScope): LogicalType {
  const type = scope.typeOf(operand);
  if (type.kind !== 'boolean') throw untypable(what, [type], 'Compare it with something.');
  return type;
}

export const not: ExpressionForm<'not'> = {
  typeOf: (node, scope) => truth(node.input, 'NOT', scope),
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    return code.strict([input], type, () => `!${input.text}`, true);
  },
  operands: (node) => [node.input],
};

export const isNull: ExpressionForm<'is-null'> = {
  typeOf: (node, scope) => {
    scope.typeOf(node.input);
    return LogicalType.notNull(LogicalType.boolean());
  },
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    return { text: input.isNull === undefined ? 'false' : `(${input.isNull})`, isNull: undefined, type };
  },
  operands: (node) => [node.input],
};

export const isTrue: ExpressionForm<'is-true'> = {
  typeOf: (node, scope) => {
    truth(node.input, 'IS TRUE', scope);
    return LogicalType.notNull(LogicalType.boolean());
  },
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    const holds = { ...input, text: node.truth ? input.text : `!${bracketed(input.text)}` };
    return { text: `(${conditionText(holds)})`, isNull: undefined, type };
  },
  operands: (node) => [node.input],
};

/** A boolean expression as a condition: true where it is true, false where it is false or NULL. */
function conditionText(operand: Operand): string {
  return operand.isNull === undefined ? operand.text : `${operand.text} && !${bracketed(operand.isNull)}`;
}

/** Writes an expression and returns it as a condition. */
export function writeCondition(expression: Expression, code: ScalarCode): string {
  return conditionText(code.generate(expression));
}

function bracketed(text: string): string {
  return /^[\w$]+$/.test(text) ? text : `(${text})`;
}
