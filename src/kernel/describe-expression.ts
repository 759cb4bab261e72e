/** Expressions as text, for plans: SQL as it would be written. */

import { unreachable } from '../base/assert.ts';
import { describeType, type Schema } from '../data/schema.ts';
import type { Expression, LiteralValue } from './expression.ts';

export function describeExpression(node: Expression, schema: Schema): string {
  const text = (child: Expression): string => describeExpression(child, schema);
  switch (node.kind) {
    case 'column':
      return schema.fields[node.index]?.name ?? `$${node.index}`;
    case 'literal':
      return literalText(node.value);
    case 'arithmetic':
    case 'comparison':
      return `(${text(node.left)} ${node.operator} ${text(node.right)})`;
    case 'same-as':
      return `(${text(node.left)} IS NOT DISTINCT FROM ${text(node.right)})`;
    case 'negate':
      return `(-${text(node.input)})`;
    case 'abs':
      return `ABS(${text(node.input)})`;
    case 'logic':
      return `(${node.operands.map(text).join(` ${node.operator.toUpperCase()} `)})`;
    case 'not':
      return `(NOT ${text(node.input)})`;
    case 'is-null':
      return `(${text(node.input)} IS NULL)`;
    case 'is-true':
      return `(${text(node.input)} IS ${node.truth ? 'TRUE' : 'FALSE'})`;
    case 'in':
      return `(${text(node.input)} IN (${node.values.map(literalText).join(', ')}))`;
    case 'extreme':
      return `${node.which.toUpperCase()}(${node.operands.map(text).join(', ')})`;
    case 'cast':
      return `${node.onFailure === 'null' ? 'TRY_CAST' : 'CAST'}(${text(node.input)} AS ${describeType({ ...node.type, nullable: true })})`;
    case 'case':
      return `CASE ${node.branches.map(({ when, then }) => `WHEN ${text(when)} THEN ${text(then)}`).join(' ')} ELSE ${text(node.otherwise)} END`;
    case 'coalesce':
      return `COALESCE(${node.operands.map(text).join(', ')})`;
    case 'text':
      return `${node.function.replace('-', '_').toUpperCase()}(${text(node.input)})`;
    case 'concat':
      return `CONCAT(${node.operands.map(text).join(', ')})`;
    case 'call':
      return `${node.function}(${node.operands.map(text).join(', ')})`;
    default:
      return unreachable(node);
  }
}

function literalText(value: LiteralValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return typeof value === 'boolean' ? String(value).toUpperCase() : String(value);
}
