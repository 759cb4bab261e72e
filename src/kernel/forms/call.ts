/** Calls of the functions that tables hold by name. */

import type { LogicalType } from '../../data/schema.ts';
import type { ExpressionOf } from '../expression.ts';
import { type ExpressionForm, untypable } from '../expression-form.ts';
import { functionOf } from '../functions.ts';
import { withNull } from '../numeric-types.ts';
import { isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';
import type { CallSite, ScalarFunction } from '../scalar-function.ts';

export const call: ExpressionForm<'call'> = {
  typeOf: (node, scope) => {
    const called = functionOf(node.function);
    const types = node.operands.map((operand) => scope.typeOf(operand));
    const type = called.typeOf(siteOf(node, types));
    if (type === undefined) throw untypable(node.function, types, 'Cast its operands to the types of its parameters.');
    if (called.takesNull) return withNull(type, called.partial);
    return withNull(type, called.partial || types.some((operand) => operand.nullable));
  },
  generate: (node, type, code) => {
    const called = functionOf(node.function);
    const operands = node.operands.map((operand) => code.generate(operand));
    const site = siteOf(
      node,
      operands.map((operand) => operand.type),
    );
    return called.partial
      ? partial(called, operands, site, type, code)
      : code.strict(strictOperands(called, operands), type, () =>
          inForm(value(called, operands, site, code), type, code),
        );
  },
  operands: (node) => node.operands,
};

function siteOf(node: ExpressionOf<'call'>, types: readonly LogicalType[]): CallSite {
  return {
    types,
    literals: node.operands.map((operand) => (operand.kind === 'literal' ? operand.value : undefined)),
  };
}

function strictOperands(called: ScalarFunction, operands: readonly Operand[]): readonly Operand[] {
  return called.takesNull ? [] : operands;
}

function partial(
  called: ScalarFunction,
  operands: readonly Operand[],
  site: CallSite,
  type: LogicalType,
  code: ScalarCode,
): Operand {
  return code.partial(strictOperands(called, operands), type, {
    compute: () => value(called, operands, site, code),
    absent: (computed) => `${computed} === undefined`,
    finish: (computed) => inForm(computed, type, code),
  });
}

function value(called: ScalarFunction, operands: readonly Operand[], site: CallSite, code: ScalarCode): string {
  const written = called.write?.(operands, site, code);
  if (written !== undefined) return written;
  const given = operands.map(({ text, isNull }) =>
    called.takesNull && isNull !== undefined ? `${isNull} ? null : ${text}` : text,
  );
  return `${code.bind(called.implement(site))}(${given.join(', ')})`;
}

function inForm(text: string, type: LogicalType, code: ScalarCode): string {
  return isLongForm(type) ? code.integer(text) : text;
}
