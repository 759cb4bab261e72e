/** Functions of text. Characters are code points. */

import { LogicalType, storageOf } from '../../data/schema.ts';
import type { TextFunction } from '../expression.ts';
import { type ExpressionForm, untypable } from '../expression-form.ts';
import { withNull } from '../numeric-types.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';
import { codePoints, codePointsUtf8 } from '../text-values.ts';

export const text: ExpressionForm<'text'> = {
  typeOf: (node, scope) => {
    const type = scope.typeOf(node.input);
    if (storageOf(type) !== 'utf8') throw untypable(node.function.toUpperCase(), [type], 'Cast it to STRING.');
    return node.function === 'char-length' ? withNull(LogicalType.int(), type.nullable) : type;
  },
  generate: (node, type, code) => {
    const input = code.generate(node.input);
    return code.strict([input], type, () => apply(node.function, input, code));
  },
  operands: (node) => [node.input],
};

function apply(name: TextFunction, { text: input, utf8 }: Operand, code: ScalarCode): string {
  switch (name) {
    case 'char-length':
      return utf8 === undefined
        ? `${code.bind(codePoints)}(${input})`
        : `${code.bind(codePointsUtf8)}(${utf8.bytes}, ${utf8.start}, ${utf8.end})`;
    case 'lower':
      return `${input}.toLowerCase()`;
    case 'upper':
      return `${input}.toUpperCase()`;
  }
}

export const concat: ExpressionForm<'concat'> = {
  typeOf: (node, scope) => {
    const types = node.operands.map((operand) => scope.typeOf(operand));
    if (types.length === 0 || types.some((type) => storageOf(type) !== 'utf8'))
      throw untypable('CONCAT', types, 'Cast every operand to STRING.');
    return withNull(
      LogicalType.string(),
      types.some((type) => type.nullable),
    );
  },
  generate: (node, type, code) => {
    const operands = node.operands.map((operand) => code.generate(operand));
    return code.strict(operands, type, () => `(${operands.map((operand) => operand.text).join(' + ')})`);
  },
  operands: (node) => node.operands,
};
