/** Literals as text. */
import type { IntervalQualifier, Literal, StringLiteral } from '../ast/literal.ts';

export function printString({ value, charset }: StringLiteral): string {
  return `${charset === undefined ? '' : `_${charset}`}${quoteString(value)}`;
}

function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function printQualifier({ unit, precision, to, fraction }: IntervalQualifier): string {
  const numbers = to === undefined ? [precision, fraction] : [precision];
  const first = `${unit}${parameters(numbers)}`;
  return to === undefined ? first : `${first} TO ${to}${parameters([fraction])}`;
}

function parameters(numbers: readonly (number | undefined)[]): string {
  const given = numbers.filter((number) => number !== undefined);
  return given.length === 0 ? '' : `(${given.join(', ')})`;
}

export function printLiteral(node: Literal): string {
  switch (node.kind) {
    case 'null':
      return 'NULL';
    case 'truth':
      return node.value;
    case 'number':
      return node.text;
    case 'string':
      return printString(node);
    case 'bytes':
      return `X'${node.hex}'`;
    case 'date-time':
      return `${node.type} ${quoteString(node.text)}`;
    case 'interval':
      return `INTERVAL ${node.negative ? '-' : ''}${quoteString(node.text)} ${printQualifier(node.qualifier)}`;
  }
}
