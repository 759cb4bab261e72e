/** GREATEST and LEAST. What is not comparable with the value so far, as NaN is, does not replace it. */

import { type ExpressionForm } from '../expression-form.ts';
import { isBefore } from './comparison.ts';
import { commonType } from './conditional.ts';
import { promote } from './promote.ts';

export const extreme: ExpressionForm<'extreme'> = {
  typeOf: (node, scope) => commonType(node.which.toUpperCase(), node.operands, scope),
  generate: (node, type, code) => {
    const operands = node.operands.map((operand) => code.generate(operand));
    return code.strict(operands, type, () => {
      const result = code.fresh('v');
      operands.forEach((operand, place) => {
        const value = code.keep(promote(operand, type, code));
        if (place === 0) {
          code.line(`let ${result} = ${value};`);
          return;
        }
        const [first, second] = node.which === 'least' ? [value, result] : [result, value];
        code.line(`if (${isBefore(first, second, type, code)}) ${result} = ${value};`);
      });
      return result;
    });
  },
  operands: (node) => node.operands,
};
