/**
 * Makes objects of the rows of batches: a generated loop per layout, whose objects all have one hidden class.
 *
 * Values are what `valueAt` of `data/column-rows.ts` says: 64-bit integers are numbers where those are exact and
 * bigints where not, NULL is null.
 */

import type { Column, ColumnBatch } from '../data/column-batch.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import type { Schema } from '../data/schema.ts';
import { isWide, LayoutReader } from './column-access.ts';
import { generateFunction } from './compile.ts';
import { ScalarCode } from './scalar-code.ts';
import { Variants } from './variants.ts';

/** Takes rows one at a time. */
export interface RowTarget {
  emit(row: unknown, timestamp: number, kind: number): void;
}

/** Says between two rows whether to go on. */
export interface RowGate {
  proceed(): boolean;
}

type ReadFunction = (
  columns: readonly Column[],
  selection: Int32Array | undefined,
  timestamps: Float64Array | undefined,
  kinds: Uint8Array | undefined,
  from: number,
  to: number,
  target: RowTarget,
  gate: RowGate,
) => number;

export class RowReader {
  readonly #schema: Schema;
  readonly #variants: Variants<ReadFunction>;

  constructor(schema: Schema, tag: string) {
    this.#schema = schema;
    this.#variants = new Variants(
      schema.fields.map((_, index) => index),
      (layout, selection, number) => this.#generate(layout, selection, `${tag}/rows-${number}`),
    );
  }

  /**
   * Emits rows from place `from` among those that count, until the gate says stop behind one. Returns the place of the
   * next row.
   */
  read(batch: ColumnBatch, from: number, target: RowTarget, gate: RowGate): number {
    const { columns, selection, timestamps, kinds, selected } = batch;
    return this.#variants.of(batch)(columns, selection, timestamps, kinds, from, selected, target, gate);
  }

  #generate(layout: ReadonlyMap<number, number>, selection: boolean, tag: string): ReadFunction {
    const code = new ScalarCode({
      form: 'fast',
      columns: new LayoutReader(this.#schema, layout),
      generate: () => code.column(0),
      leave: '',
    });
    const fields = this.#schema.fields.map(({ name }, index) => {
      const { text, isNull } = code.column(index);
      const value = isWide(layout.get(index) as number) ? `${code.bind(shortest)}(${text})` : text;
      return `${propertyName(name)}: ${isNull === undefined ? value : `${isNull} ? null : ${value}`}`;
    });
    const text = [
      ...code.prelude,
      'for (let at = from; at < to;) {',
      `const i = ${selection ? 'selection[at]' : 'at'};`,
      'at++;',
      `target.emit({ ${fields.join(', ')} }, timestamps === undefined ? ${NO_TIMESTAMP} : timestamps[i], kinds === undefined ? 0 : kinds[i]);`,
      'if (!gate.proceed()) return at;',
      '}',
      'return to;',
    ];
    return generateFunction(
      ['columns', 'selection', 'timestamps', 'kinds', 'from', 'to', 'target', 'gate'],
      text,
      code.bound,
      tag,
    ) as ReadFunction;
  }
}

/** As it stands in an object literal, where a plain `__proto__` would set the prototype. */
function propertyName(name: string): string {
  const quoted = JSON.stringify(name);
  return name === '__proto__' ? `[${quoted}]` : quoted;
}

function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
