/**
 * Casts of arrays, maps, multisets and rows: to one of their kind part by part, and to text. Parts go through a function
 * of exact code that is generated for their types.
 */

import { MillstreamError } from '../../base/error.ts';
import { LogicalType, storageOf } from '../../data/schema.ts';
import { generateFunction } from '../compile.ts';
import type { ExpressionOf } from '../expression.ts';
import { elementWriter } from '../nested-values.ts';
import { isLongForm, type Operand, ScalarCode } from '../scalar-code.ts';
import { fitText } from '../text-values.ts';

export type CastOptions = Pick<ExpressionOf<'cast'>, 'onFailure' | 'zone'>;

/** Writes a cast of an operand of any type. */
type CastOperand = (input: Operand, type: LogicalType, options: CastOptions, code: ScalarCode) => Operand;

/** The casts of the parts; undefined where the types are not both nested and of one shape. Text is a type of any part. */
export function nestedParts(
  from: LogicalType,
  to: LogicalType,
): readonly (readonly [from: LogicalType, to: LogicalType])[] | undefined {
  const parts = partsOf(from);
  if (parts === undefined) return undefined;
  if (storageOf(to) === 'utf8') return parts.map((part) => [part, LogicalType.string()]);
  const wanted = partsOf(to);
  if (from.kind !== to.kind || wanted?.length !== parts.length) return undefined;
  return parts.map((part, i) => [part, wanted[i] as LogicalType]);
}

function partsOf(type: LogicalType): readonly LogicalType[] | undefined {
  switch (type.kind) {
    case 'array':
      return [type.element];
    case 'multiset':
      return [type.element, LogicalType.int()];
    case 'map':
      return [type.key, type.value];
    case 'row':
      return type.fields.map((field) => field.type);
    default:
      return undefined;
  }
}

export function isNestedCast(from: LogicalType, to: LogicalType): boolean {
  return nestedParts(from, to) !== undefined;
}

type Convert = (value: unknown) => unknown;

export function castNested(
  input: Operand,
  type: LogicalType,
  options: CastOptions,
  code: ScalarCode,
  castOperand: CastOperand,
): Operand {
  const parts = nestedParts(input.type, type) ?? [];
  const inside: CastOptions = { ...options, onFailure: 'fail' };
  const converts = parts.map(([from, to]) => partCast(from, to, inside, castOperand));
  const whole = storageOf(type) === 'utf8' ? asText(input.type, type, converts) : asNested(input.type, type, converts);
  if (options.onFailure === 'fail') return code.strict([input], type, () => `${code.bind(whole)}(${input.text})`);
  return code.partial([input], type, {
    compute: () => `${code.bind(orUndefined(whole))}(${input.text})`,
    absent: (value) => `${value} === undefined`,
  });
}

/** The cast of a part as a function; NULL stays null. */
function partCast(from: LogicalType, to: LogicalType, options: CastOptions, castOperand: CastOperand): Convert {
  const input: Operand = { text: isLongForm(from) ? 'BigInt(value)' : 'value', isNull: 'value === null', type: from };
  const code = new ScalarCode({ form: 'exact', columns: { read: () => input }, generate: () => input, leave: '' });
  const { text, isNull } = castOperand(input, to, options, code);
  const lines = [...code.prelude, ...code.lines, `return ${isNull ?? 'false'} ? null : write(${text});`];
  const prelude = `const write = ${code.bind(elementWriter(to))};`;
  return generateFunction(['value'], [prelude, ...lines], code.bound, 'cast-part') as (value: unknown) => unknown;
}

function orUndefined(convert: Convert): Convert {
  return (value) => {
    try {
      return convert(value);
    } catch (error) {
      if (error instanceof MillstreamError && error.code === 'EXPRESSION_FAILED') return undefined;
      throw error;
    }
  };
}

function asNested(from: LogicalType, to: LogicalType, converts: readonly Convert[]): Convert {
  const [first, second] = converts as readonly [Convert, Convert];
  if (from.kind === 'array') return (values) => (values as unknown[]).map(first);
  if (from.kind === 'row' && to.kind === 'row') {
    const names = from.fields.map((field) => field.name);
    const wanted = to.fields.map((field) => field.name);
    return (row) =>
      Object.fromEntries(wanted.map((name, i) => [name, (converts[i] as Convert)(fieldOf(row, names[i] as string))]));
  }
  return (values) =>
    new Map(Array.from(values as Map<unknown, unknown>, ([key, value]) => [first(key), second(value)]));
}

function fieldOf(row: unknown, name: string): unknown {
  return (row as Readonly<Record<string, unknown>>)[name] ?? null;
}

/** As Flink writes them: `[1, 2]`, `{a=1}`, `(1, a)`; NULL inside is written out. */
function asText(from: LogicalType, to: LogicalType, converts: readonly Convert[]): Convert {
  const shown = (place: number, value: unknown): string => ((converts[place] as Convert)(value) ?? 'NULL') as string;
  const write = (value: unknown): string => {
    if (from.kind === 'array') return `[${(value as unknown[]).map((element) => shown(0, element)).join(', ')}]`;
    if (from.kind === 'row') return `(${from.fields.map(({ name }, i) => shown(i, fieldOf(value, name))).join(', ')})`;
    const entries = Array.from(value as Map<unknown, unknown>, ([key, one]) => `${shown(0, key)}=${shown(1, one)}`);
    return `{${entries.join(', ')}}`;
  };
  const length = 'length' in to ? to.length : 0;
  return (value) => fitText(write(value), length, to.kind === 'char');
}
