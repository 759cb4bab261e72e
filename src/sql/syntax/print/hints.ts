/** Hints as text. */
import type { Hint, HintOption } from '../ast/query.ts';
import { printLiteral } from './literals.ts';
import { printName } from './names.ts';
import { commaList } from './printer.ts';

export function printHints(hints: readonly Hint[]): string {
  if (hints.length === 0) return '';
  const printed = commaList(hints, ({ name, options }) =>
    options.length === 0 ? printName(name) : `${printName(name)}(${commaList(options, printHintOption)})`,
  );
  return `/*+ ${printed} */`;
}

function printHintOption({ key, value }: HintOption): string {
  return key === undefined ? printHintValue(value) : `${printHintValue(key)} = ${printHintValue(value)}`;
}

function printHintValue(value: HintOption['value']): string {
  return value.kind === 'identifier' ? printName(value) : printLiteral(value);
}
