/** Data types as text. */
import type { DataType, FieldDefinition } from '../ast/data-type.ts';
import { printQualifier, printString } from './literals.ts';
import { printName, printQualifiedName } from './names.ts';
import { commaList, words } from './printer.ts';

export function printDataType(type: DataType): string {
  return words(printTypeName(type), type.notNull && 'NOT NULL');
}

function printTypeName(type: DataType): string {
  switch (type.kind) {
    case 'basic-type':
      return printBasic(type.name, type.parameters);
    case 'interval-type':
      return `INTERVAL ${printQualifier(type.qualifier)}`;
    case 'collection-type':
      return `${type.collection}<${printDataType(type.element)}>`;
    case 'map-type':
      return `MAP<${printDataType(type.key)}, ${printDataType(type.value)}>`;
    case 'row-type':
      return `ROW<${commaList(type.fields, printField)}>`;
    case 'structured-type':
      return `STRUCTURED<${[printString(type.className), ...type.fields.map(printField)].join(', ')}>`;
    case 'raw-type':
      return `RAW(${printString(type.className)}, ${printString(type.serializer)})`;
    case 'named-type':
      return printQualifiedName(type.name);
  }
}

/** The numbers of `TIMESTAMP(3) WITH TIME ZONE` stand behind its first word. */
function printBasic(name: string, parameters: readonly number[]): string {
  const [first = '', ...rest] = name.split(' ');
  return words(`${first}${parameters.length === 0 ? '' : `(${parameters.join(', ')})`}`, ...rest);
}

function printField({ name, type, comment }: FieldDefinition): string {
  return words(printName(name), printDataType(type), comment && printString(comment));
}
