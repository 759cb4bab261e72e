/**
 * Expressions over one dictionary column and literals are computed once per entry of the dictionary, when a row first
 * needs it, and kept for as long as the dictionary lives. NULL counts as an entry behind the others. What no row needs
 * is never computed, so that an error stays where it belongs.
 */

import type { Utf8Dictionary } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import { hasNulls, kindOfLayout } from './column-access.ts';
import { generateFunction } from './compile.ts';
import type { Expression } from './expression.ts';
import { columnsOf, type ExpressionTypes } from './forms.ts';
import { type Operand, ScalarCode } from './scalar-code.ts';

/** The values of an expression by the entry, as far as they are known; null where it is NULL. */
class EntryValues {
  readonly #known = new WeakMap<Utf8Dictionary, unknown[]>();

  of(dictionary: Utf8Dictionary): unknown[] {
    let values = this.#known.get(dictionary);
    if (values === undefined) {
      values = new Array<unknown>(dictionary.count + 1).fill(undefined);
      this.#known.set(dictionary, values);
    }
    return values;
  }
}

/** What costs no more than looking up its value. */
const CHEAP: readonly Expression['kind'][] = ['column', 'literal', 'is-null'];

/** Writes an expression this way; undefined where it is not one of that kind. */
export function generatePerEntry(
  expression: Expression,
  layout: ReadonlyMap<number, number>,
  types: ExpressionTypes,
  code: ScalarCode,
): Operand | undefined {
  if (CHEAP.includes(expression.kind)) return undefined;
  const [index, ...others] = columnsOf([expression]);
  if (index === undefined || others.length > 0) return undefined;
  const columnLayout = layout.get(index) as number;
  if (kindOfLayout(columnLayout) !== 'dictionary') return undefined;
  const { text, isNull, code: entry } = code.column(index);
  const entries = compile(expression, (types.schema.fields[index] as Schema['fields'][number]).type, types, {
    form: code.form,
    nullable: hasNulls(columnLayout),
  });
  const { number, dictionary } = entry as NonNullable<Operand['code']>;
  const values = code.once(`${code.bind(new EntryValues())}.of(${dictionary})`, 'e');
  const at = code.keep(isNull === undefined ? number : `${isNull} ? ${dictionary}.count : ${number}`, 'at');
  const value = code.fresh('v');
  code.line(`let ${value} = ${values}[${at}];`);
  code.line(`if (${value} === undefined) {`);
  code.line(
    `${value} = ${code.bind(entries.compute)}(${isNull === undefined ? text : `${isNull} ? '' : ${text}, ${isNull}`});`,
  );
  code.leaveIf(`${value} === undefined`);
  code.line(`${values}[${at}] = ${value};`);
  code.line('}');
  const type = types.typeOf(expression);
  return { text: value, isNull: entries.nullable ? `(${value} === null)` : undefined, type };
}

/** The expression as a function of an entry's text: null where it is NULL, undefined where fast code has to leave. */
function compile(
  expression: Expression,
  type: Operand['type'],
  types: ExpressionTypes,
  { form, nullable }: { readonly form: ScalarCode['form']; readonly nullable: boolean },
): { readonly compute: (...values: never[]) => unknown; readonly nullable: boolean } {
  const code = new ScalarCode({
    form,
    columns: { read: () => ({ text: 'text', isNull: nullable ? 'absent' : undefined, type }) },
    generate: (node, to) => types.generate(node, to),
    leave: 'return undefined;',
  });
  const { text, isNull } = code.generate(expression);
  const result = isNull === undefined ? text : `${isNull} ? null : ${text}`;
  const lines = [...code.prelude, ...code.lines, `return ${result};`];
  return {
    compute: generateFunction(['text', 'absent'], lines, code.bound, 'dictionary-entry'),
    nullable: isNull !== undefined,
  };
}
