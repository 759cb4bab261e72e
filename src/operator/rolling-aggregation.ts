/**
 * `sum`, `min`, `max`, `minBy` and `maxBy` on a keyed stream.
 *
 * By field, `sum`, `min` and `max` emit the key's first record with the field replaced; by a function they emit the
 * figure alone. `minBy` and `maxBy` emit the whole record with the least or greatest figure so far; of equal ones the
 * first, unless the last is asked for.
 */

import type { InlineCode } from './inline-code.ts';
import { keyedFold } from './keyed-fold.ts';
import type { OperatorDefinition } from './operator.ts';

/** A field of the record, or a function of it. */
export type Figure<T> = string | ((value: T) => unknown);

export function sum<T>(key: (value: T) => unknown, figure: Figure<T>, batch: boolean): OperatorDefinition {
  return figureFold('sum', key, figure, batch, (a, b) => `${a} + ${b}`);
}

export function min<T>(key: (value: T) => unknown, figure: Figure<T>, batch: boolean): OperatorDefinition {
  return figureFold('min', key, figure, batch, (a, b, code) => `${code.bind(isLess)}(${b}, ${a}) ? ${b} : ${a}`);
}

export function max<T>(key: (value: T) => unknown, figure: Figure<T>, batch: boolean): OperatorDefinition {
  return figureFold('max', key, figure, batch, (a, b, code) => `${code.bind(isLess)}(${a}, ${b}) ? ${b} : ${a}`);
}

/** `first`: whether the first of equal records stays. */
export function minBy<T>(
  key: (value: T) => unknown,
  figure: Figure<T>,
  first: boolean,
  batch: boolean,
): OperatorDefinition {
  return extremeFold('minBy', key, figure, batch, (kept, value, less) =>
    first ? `${less}(${value}, ${kept})` : `!${less}(${kept}, ${value})`,
  );
}

export function maxBy<T>(
  key: (value: T) => unknown,
  figure: Figure<T>,
  first: boolean,
  batch: boolean,
): OperatorDefinition {
  return extremeFold('maxBy', key, figure, batch, (kept, value, less) =>
    first ? `${less}(${kept}, ${value})` : `!${less}(${value}, ${kept})`,
  );
}

/** The order of figures: numbers by size with NaN above all, as in Flink; dates, bigints and text by JavaScript's own. */
function isLess(a: never, b: never): boolean {
  return a < b || (b !== b && a === a);
}

/** Text that combines two figures. */
type Combine = (accumulated: string, figure: string, code: InlineCode) => string;

function figureFold<T>(
  kind: string,
  key: (value: T) => unknown,
  figure: Figure<T>,
  batch: boolean,
  combine: Combine,
): OperatorDefinition {
  return keyedFold({
    kind,
    key: key,
    batch,
    write: (code, previous, next) => {
      if (typeof figure === 'string') writeFieldFold(code, figure, previous, next, combine);
      else writeFigureFold(code, figure, previous, next, combine);
    },
    describe: { by: typeof figure === 'string' ? figure : 'a function' },
  });
}

function writeFigureFold(
  code: InlineCode,
  figure: (value: never) => unknown,
  previous: string,
  next: string,
  combine: Combine,
): void {
  const now = code.fresh('figure');
  code.line(`const ${now} = ${code.bind(figure)}(${code.value});`);
  code.line(`const ${next} = ${previous} === undefined ? ${now} : ${combine(previous, now, code)};`);
}

function writeFieldFold(code: InlineCode, field: string, previous: string, next: string, combine: Combine): void {
  const name = JSON.stringify(field);
  const combined = code.fresh('combined');
  code.line(`let ${next};`);
  code.line(`if (${previous} === undefined) ${next} = ${code.value};`);
  code.line('else {');
  code.line(`const ${combined} = ${combine(`${previous}[${name}]`, `${code.value}[${name}]`, code)};`);
  code.line(
    `if (Object.getPrototypeOf(${previous}) === Object.prototype) ${next} = { ...${previous}, ${name}: ${combined} };`,
  );
  code.line(`else { ${next} = ${code.bind(copyInstance)}(${previous}); ${next}[${name}] = ${combined}; }`);
  code.line('}');
}

/** A shallow copy that keeps the class; arrays stay arrays. */
function copyInstance(value: object): object {
  if (Array.isArray(value)) return value.slice();
  return Object.create(
    Object.getPrototypeOf(value) as object | null,
    Object.getOwnPropertyDescriptors(value),
  ) as object;
}

function extremeFold<T>(
  kind: string,
  key: (value: T) => unknown,
  figure: Figure<T>,
  batch: boolean,
  better: (kept: string, value: string, less: string) => string,
): OperatorDefinition {
  return keyedFold({
    kind,
    key: key,
    batch,
    write: (code, previous, next) => {
      const of = (record: string): string =>
        typeof figure === 'string' ? `${record}[${JSON.stringify(figure)}]` : `${code.bind(figure)}(${record})`;
      const condition = better(of(previous), of(code.value), code.bind(isLess));
      code.line(`const ${next} = ${previous} === undefined || ${condition} ? ${code.value} : ${previous};`);
    },
    describe: { by: typeof figure === 'string' ? figure : 'a function' },
  });
}
