/**
 * The calc kernel: an optional condition and optional outputs over column batches, as one generated function.
 *
 * The function is generated when a batch of a new layout comes (see `column-access.ts`), and computes row by row all
 * that the batch needs. A condition narrows the selection and moves nothing; outputs that are plain columns are handed
 * on by reference. When a 64-bit integer leaves the range in which doubles are exact, the batch is computed again by
 * exact code; which of the two ran never shows in the result.
 */

import { MillstreamError } from '../base/error.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import { type Column } from '../data/column-batch.ts';
import { describeType, Schema } from '../data/schema.ts';
import { isWide, LayoutReader } from './column-access.ts';
import { BatchMemory } from './batch-memory.ts';
import { OutputCode } from './column-output.ts';
import { generateFunction } from './compile.ts';
import { generatePerEntry } from './dictionary-entries.ts';
import type { Expression } from './expression.ts';
import { columnsOf, ExpressionTypes } from './forms.ts';
import { writeCondition } from './forms/logic.ts';
import { EXACT_ONLY, type LongForm, ScalarCode } from './scalar-code.ts';
import { SharedExpressions } from './shared-expressions.ts';
import { Variants } from './variants.ts';

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

export interface CalcOptions {
  readonly schema: Schema;
  /** Rows for which it is not true no longer count. */
  readonly condition?: Expression | undefined;
  /** The columns of the output; without, those of the input. */
  readonly outputs?: readonly NamedExpression[] | undefined;
  /** Makes the text of the functions unique, and names them in profiles. */
  readonly tag: string;
}

/** What a generated function hands back beside its result. */
interface CalcResult {
  selection: Int32Array | undefined;
  selected: number;
  columns: readonly Column[];
}

/** Returns false when the batch must be computed by exact code. */
type CalcFunction = (
  columns: readonly Column[],
  rows: number,
  selection: Int32Array | undefined,
  selected: number,
  result: CalcResult,
  memory: BatchMemory,
) => boolean;

/** After fast code had to give up a batch, this many batches go to exact code at once. */
const EXACT_BATCHES = 15;

/** The modes of functions. */
const FAST = 0;
const EXACT = 1;

export class Calc {
  readonly schema: Schema;
  readonly #options: CalcOptions;
  readonly #types: ExpressionTypes;
  /** Those that are computed. */
  readonly #expressions: readonly Expression[];
  readonly #functions: Variants<CalcFunction>;
  readonly #memory = new BatchMemory();
  #exactBatches = 0;

  /** @throws GRAPH_INVALID when an expression has no type, or the condition is no truth value. */
  constructor(options: CalcOptions) {
    this.#options = options;
    this.#types = new ExpressionTypes(options.schema);
    const { condition, outputs } = options;
    if (condition !== undefined) this.#checkCondition(condition);
    this.schema =
      outputs === undefined
        ? options.schema
        : new Schema(outputs.map(({ name, expression }) => ({ name, type: this.#types.typeOf(expression) })));
    this.#expressions = [
      ...(condition === undefined ? [] : [condition]),
      ...computed(outputs).map((output) => output.expression),
    ];
    this.#functions = new Variants(columnsOf(this.#expressions), (layout, selection, number, mode) => {
      const form = mode === EXACT || [...layout.values()].some(isWide) ? 'exact' : 'fast';
      return this.#generate(layout, selection, form, `${options.tag}/${number}`);
    });
  }

  #checkCondition(condition: Expression): void {
    const type = this.#types.typeOf(condition);
    if (type.kind === 'boolean') return;
    throw new MillstreamError(
      'GRAPH_INVALID',
      `A condition must be a BOOLEAN, but is a ${describeType(type)}. Compare it with something.`,
    );
  }

  /**
   * The batch as it is after the condition, with the columns of the output; undefined when no row is left. It may be
   * the batch itself, or views of it. Its memory is that of the result before, unless that may still be in use.
   */
  run(batch: ColumnBatch, settled = true): ColumnBatch | undefined {
    const { selected } = batch;
    if (selected === 0) return undefined;
    this.#memory.begin(settled);
    const result: CalcResult = { selection: batch.selection, selected, columns: batch.columns };
    this.#call(batch, result);
    if (result.selected === 0) return undefined;
    const narrowed =
      result.selected === selected ? batch : batch.select(result.selection as Int32Array, result.selected);
    return this.#options.outputs === undefined ? narrowed : narrowed.withColumns(this.schema, result.columns);
  }

  #call(batch: ColumnBatch, result: CalcResult): void {
    const { columns, count, selection, selected } = batch;
    if (this.#exactBatches === 0) {
      if (this.#functions.of(batch, FAST)(columns, count, selection, selected, result, this.#memory)) return;
      this.#exactBatches = EXACT_BATCHES;
    } else this.#exactBatches--;
    this.#functions.of(batch, EXACT)(columns, count, selection, selected, result, this.#memory);
  }

  #generate(layout: ReadonlyMap<number, number>, selection: boolean, form: LongForm, tag: string): CalcFunction {
    try {
      return this.#write(layout, selection, form, tag);
    } catch (thrown) {
      if (thrown !== EXACT_ONLY) throw thrown;
      return this.#write(layout, selection, 'exact', tag);
    }
  }

  #write(layout: ReadonlyMap<number, number>, selection: boolean, form: LongForm, tag: string): CalcFunction {
    const { schema, condition, outputs } = this.#options;
    const shared = new SharedExpressions(this.#expressions, this.#types);
    const code = new ScalarCode({
      form,
      columns: new LayoutReader(schema, layout),
      generate: (expression, to) =>
        generatePerEntry(expression, layout, this.#types, to) ??
        shared.generate(expression, to) ??
        this.#types.generate(expression, to),
      leave: 'return false;',
    });
    if (condition !== undefined) writeFilter(condition, outputs !== undefined, code);
    const writers = (outputs ?? []).map(({ expression }, place) => {
      if (expression.kind === 'column') return `columns[${expression.index}]`;
      const output = new OutputCode(place, this.#types.typeOf(expression), code);
      output.write(code.generate(expression), 'i');
      return output;
    });
    const declarations = writers.filter((writer) => typeof writer !== 'string').map((writer) => writer.declarations);
    const columns = writers.map((writer) => (typeof writer === 'string' ? writer : writer.column));
    const loops = condition !== undefined || declarations.length > 0;
    const text = [
      ...code.prelude,
      ...declarations,
      ...(condition === undefined ? [] : ['const kept = memory.int32(selected); let count = 0;']),
      ...(loops
        ? [
            'for (let at = 0; at < selected; at++) {',
            `const i = ${selection ? 'selection[at]' : 'at'};`,
            ...code.declarations,
            ...code.lines,
            '}',
          ]
        : []),
      ...(condition === undefined ? [] : ['result.selection = kept; result.selected = count;']),
      ...(outputs === undefined ? [] : [`result.columns = [${columns.join(', ')}];`]),
      'return true;',
    ];
    return generateFunction(
      ['columns', 'rows', 'selection', 'selected', 'result', 'memory'],
      text,
      code.bound,
      tag,
    ) as CalcFunction;
  }
}

/** With outputs to compute, rows that do not count are left at once; else counting without a branch is faster. */
function writeFilter(condition: Expression, skip: boolean, code: ScalarCode): void {
  const holds = writeCondition(condition, code);
  if (skip) {
    code.line(`if (!(${holds})) continue;`);
    code.line('kept[count++] = i;');
    return;
  }
  code.line('kept[count] = i;');
  code.line(`count += (${holds}) ? 1 : 0;`);
}

/** Outputs that are more than a column handed on. */
function computed(outputs: readonly NamedExpression[] | undefined): readonly NamedExpression[] {
  return (outputs ?? []).filter((output) => output.expression.kind !== 'column');
}
