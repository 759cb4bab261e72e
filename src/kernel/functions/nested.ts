/**
 * Functions of arrays, maps and rows. In columns they are JavaScript's arrays, Maps and objects with a field per name;
 * their elements are what a row of a column of the type would be, NULL being null.
 */

import { mapKey } from '../../data/key.ts';
import { LogicalType, sameType, storageOf } from '../../data/schema.ts';
import { javaRegex } from '../java-regex.ts';
import { elementWriter } from '../nested-values.ts';
import { failed, isLongForm } from '../scalar-code.ts';
import {
  type CallSite,
  INTEGER,
  literalText,
  type Parameter,
  scalarFunction,
  type ScalarFunction,
  STRING,
  TEXT,
} from '../scalar-function.ts';

const INT = LogicalType.int();
const BOOLEAN = LogicalType.boolean();
const ANY: Parameter = () => true;
const ARRAY: Parameter = (type) => type.kind === 'array';
const MAP: Parameter = (type) => type.kind === 'map';

/** A constructor has no more operands than this. */
const OPERANDS_MAX = 1024;
const OPERANDS = new Array<Parameter>(OPERANDS_MAX).fill(ANY);
const CONSTRUCTOR = { optional: OPERANDS, takesNull: true };

/** The one type of several operands, nullable where one of them is; undefined where they differ. */
function oneType(types: readonly LogicalType[]): LogicalType | undefined {
  const typed = types.filter((type) => type.kind !== 'null').map((type) => LogicalType.nullable(type));
  const [first] = typed;
  if (first === undefined || !typed.every((type) => sameType(type, first))) return undefined;
  return types.some((type) => type.nullable) ? first : LogicalType.notNull(first);
}

/** What an element is found by. */
function keyWriter(type: LogicalType): (value: unknown) => unknown {
  const write = elementWriter(type);
  return (value) => (value === null ? null : mapKey(write(value)));
}

function arrayOf({ types }: CallSite): (...values: unknown[]) => unknown[] {
  const writers = types.map(elementWriter);
  return (...values) => values.map((value, place) => (writers[place] as (value: unknown) => unknown)(value));
}

function mapType({ types }: CallSite): LogicalType | undefined {
  const [key, value] = [0, 1].map((rest) => oneType(types.filter((_, place) => place % 2 === rest)));
  return key === undefined || value === undefined || types.length % 2 === 1 ? undefined : LogicalType.map(key, value);
}

/** Keys and values in turn. The last value of a key counts. */
function mapOf(site: CallSite): (...values: unknown[]) => Map<unknown, unknown> {
  const write = arrayOf(site);
  return (...values) => {
    const all = write(...values);
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < all.length; i += 2) map.set(all[i], all[i + 1]);
    return map;
  };
}

/** Names and values in turn. */
function rowType(site: CallSite): LogicalType | undefined {
  const fields = [];
  for (let i = 0; i < site.types.length; i += 2) {
    const name = literalText(site, i);
    const type = site.types[i + 1];
    if (name === undefined || type === undefined) return undefined;
    fields.push({ name, type });
  }
  return LogicalType.row(fields);
}

function rowOf(site: CallSite): (...values: unknown[]) => Readonly<Record<string, unknown>> {
  const write = arrayOf(site);
  const names = site.literals.filter((_, place) => place % 2 === 0) as readonly string[];
  return (...values) => {
    const all = write(...values);
    return Object.fromEntries(names.map((name, i) => [name, all[i * 2 + 1]]));
  };
}

/** An element by its place from 1 on, or by its key. */
function itemType({ types: [type, key] }: CallSite): LogicalType | undefined {
  if (type?.kind === 'array') return INTEGER(key as LogicalType) ? type.element : undefined;
  return type?.kind === 'map' && oneType([type.key, key as LogicalType]) !== undefined ? type.value : undefined;
}

function item({ types: [type, key] }: CallSite): (values: never, key: number | bigint) => unknown {
  if (type?.kind === 'array') return (values: readonly unknown[], place) => values[Number(place) - 1] ?? undefined;
  const keyOf = keyWriter(key as LogicalType);
  const plain = isPlainKey(key as LogicalType);
  const write = elementWriter(key as LogicalType);
  return (values: ReadonlyMap<unknown, unknown>, wanted) => {
    if (plain) return values.get(write(wanted)) ?? undefined;
    const wantedKey = keyOf(wanted);
    for (const [known, value] of values) if (mapKey(known) === wantedKey) return value ?? undefined;
    return undefined;
  };
}

/** Whether a Map finds values of the type by itself. */
function isPlainKey(type: LogicalType): boolean {
  return isLongForm(type) || (storageOf(type) !== 'bytes' && storageOf(type) !== 'values');
}

function fieldType(site: CallSite): LogicalType | undefined {
  const [type] = site.types;
  const name = literalText(site, 1);
  return type?.kind === 'row' ? type.fields.find((field) => field.name === name)?.type : undefined;
}

function fieldOf(row: Readonly<Record<string, unknown>>, name: string): unknown {
  return row[name] ?? undefined;
}

function size(values: readonly unknown[] | ReadonlyMap<unknown, unknown>): number {
  return values instanceof Map ? values.size : (values as readonly unknown[]).length;
}

/** How many elements a MULTISET has, which is a map to counts. */
function multisetSize(values: ReadonlyMap<unknown, number | bigint>): number {
  let all = 0;
  for (const count of values.values()) all += Number(count);
  return all;
}

function onlyElement(values: readonly unknown[]): unknown {
  if (values.length > 1) failed(`ELEMENT was given an array of ${values.length} elements. It takes one at most.`);
  return values[0] ?? undefined;
}

function contains({ types }: CallSite): (values: readonly unknown[] | null, wanted: unknown) => boolean | undefined {
  const keyOf = keyWriter(types[1] as LogicalType);
  return (values, wanted) => {
    if (values === null) return undefined;
    const key = keyOf(wanted);
    return values.some((value) => (value === null ? null : mapKey(value)) === key);
  };
}

/** Delimiters are regular expressions, as in Flink. Parts that are empty at the end do not count. */
function strToMap(text: string, pairs: string = ',', value: string = '='): Map<string, string | null> {
  const map = new Map<string, string | null>();
  if (text === '') return map;
  const parts = splitBy(text, pairs);
  while (parts.length > 1 && parts.at(-1) === '') parts.pop();
  for (const part of parts) {
    const separator = delimiter(value).exec(part);
    if (separator === null) map.set(part, null);
    else map.set(part.slice(0, separator.index), part.slice(separator.index + separator[0].length));
  }
  return map;
}

function splitBy(text: string, pattern: string): string[] {
  // Groups of the pattern would be parts, too.
  const parts: string[] = [];
  let start = 0;
  for (const match of text.matchAll(delimiter(pattern, 'g'))) {
    parts.push(text.slice(start, match.index));
    start = match.index + match[0].length;
  }
  return [...parts, text.slice(start)];
}

function delimiter(pattern: string, flags = ''): RegExp {
  return javaRegex(pattern, flags) ?? failed(`The delimiter ${JSON.stringify(pattern)} is no regular expression.`);
}

export const NESTED_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  ARRAY: scalarFunction(
    [ANY],
    ({ types }) => {
      const type = oneType(types);
      return type === undefined ? undefined : LogicalType.array(type);
    },
    arrayOf,
    CONSTRUCTOR,
  ),
  MAP: scalarFunction([ANY, ANY], mapType, mapOf, CONSTRUCTOR),
  ROW: scalarFunction([TEXT, ANY], rowType, rowOf, CONSTRUCTOR),
  ITEM: scalarFunction([(type) => ARRAY(type) || MAP(type), ANY], itemType, item, { partial: true }),
  FIELD: scalarFunction([(type) => type.kind === 'row', TEXT], fieldType, () => fieldOf, { partial: true }),
  CARDINALITY: scalarFunction([(type) => ARRAY(type) || MAP(type) || type.kind === 'multiset'], INT, ({ types }) =>
    types[0]?.kind === 'multiset' ? multisetSize : size,
  ),
  ELEMENT: scalarFunction(
    [ARRAY],
    ({ types: [type] }) => (type?.kind === 'array' ? type.element : undefined),
    () => onlyElement,
    {
      partial: true,
    },
  ),
  ARRAY_CONTAINS: scalarFunction(
    [ARRAY, ANY],
    ({ types: [type, wanted] }) =>
      type?.kind === 'array' && oneType([type.element, wanted as LogicalType]) !== undefined ? BOOLEAN : undefined,
    contains,
    { partial: true, takesNull: true },
  ),
  STR_TO_MAP: scalarFunction([TEXT], LogicalType.map(LogicalType.notNull(STRING), STRING), () => strToMap, {
    optional: [TEXT, TEXT],
  }),
};
