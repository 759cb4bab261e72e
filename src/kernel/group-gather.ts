/**
 * The generated loop that brings groups of a table together: the parts of their keys as columns, their accumulators as
 * traces. One pass over the records, each of which is in the cache once for all its words.
 */

import type { Column } from '../data/column-batch.ts';
import { AccumulatorTrace } from './accumulator-trace.ts';
import type { AccumulatorColumn } from './accumulator-column.ts';
import type { AggregatePlan } from './aggregates.ts';
import type { BatchMemory } from './batch-memory.ts';
import { generateFunction } from './compile.ts';
import type { GroupTable } from './group-table.ts';
import type { KeyPart } from './key-parts.ts';

type GatherFunction = (
  groups: Int32Array,
  count: number,
  records: Float64Array,
  keys: readonly unknown[],
  traces: readonly AccumulatorTrace[],
  accumulators: readonly AccumulatorColumn[],
) => void;

/** What some groups are, side by side. */
export interface Gathered {
  readonly keys: readonly Column[];
  readonly traces: readonly AccumulatorTrace[];
}

export class GroupGather {
  readonly #plan: AggregatePlan;
  readonly #tag: string;
  readonly #functions = new Map<string, GatherFunction>();

  constructor(plan: AggregatePlan, tag: string) {
    this.#plan = plan;
    this.#tag = tag;
  }

  gather(
    table: GroupTable,
    accumulators: readonly AccumulatorColumn[],
    wide: boolean,
    groups: Int32Array,
    memory: BatchMemory,
  ): Gathered {
    const count = groups.length;
    const { parts } = table;
    const arrays = parts.map((part) => arrayFor(part, count, memory));
    const traces = this.#plan.accumulators.map((accumulator) => new AccumulatorTrace(accumulator, count, wide, memory));
    this.#functionFor(parts, wide)(groups, count, table.records, arrays, traces, accumulators);
    const keys = parts.map((part, number): Column => keyColumn(part, arrays[number], table, groups, number));
    return { keys, traces };
  }

  #functionFor(parts: readonly KeyPart[], wide: boolean): GatherFunction {
    const name = `${parts.map((part) => part.kind).join()} ${wide}`;
    let known = this.#functions.get(name);
    if (known === undefined) {
      known = this.#generate(parts, wide);
      this.#functions.set(name, known);
    }
    return known;
  }

  #generate(parts: readonly KeyPart[], wide: boolean): GatherFunction {
    const { accumulators } = this.#plan;
    const prelude: string[] = [];
    const lines: string[] = [];
    parts.forEach(({ kind }, part) => {
      if (kind !== 'i32' && kind !== 'long' && kind !== 'double') return;
      prelude.push(`const c${part} = keys[${part}];`);
      lines.push(`c${part}[i] = records[b + ${part}];`);
    });
    accumulators.forEach(({ storage }, number) => {
      const word = `records[b + ${parts.length + number}]`;
      if (storage === 'long' && wide) {
        prelude.push(`const r${number} = traces[${number}].longs, a${number} = accumulators[${number}].longs;`);
        lines.push(`r${number}[i] = a${number}[g];`);
      } else if (storage === 'text') {
        prelude.push(`const r${number} = traces[${number}].texts, a${number} = accumulators[${number}].texts;`);
        lines.push(`r${number}[i] = a${number}[g];`);
      } else {
        prelude.push(`const r${number} = traces[${number}].${storage === 'i32' ? 'ints' : 'doubles'};`);
        lines.push(`r${number}[i] = ${word};`);
      }
    });
    const text = [
      ...prelude,
      'for (let i = 0; i < count; i++) {',
      `const g = groups[i], b = g * ${parts.length + accumulators.length};`,
      ...lines,
      '}',
    ];
    return generateFunction(
      ['groups', 'count', 'records', 'keys', 'traces', 'accumulators'],
      text,
      [],
      `${this.#tag}/gather-${this.#functions.size}`,
    ) as GatherFunction;
  }
}

/** The array that the loop fills with a part of the key; undefined where the part gathers itself. */
function arrayFor({ kind }: KeyPart, count: number, memory: BatchMemory): Int32Array | Float64Array | undefined {
  if (kind === 'i32') return memory.int32(count);
  return kind === 'long' || kind === 'double' ? memory.float64(count) : undefined;
}

function keyColumn(
  part: KeyPart,
  array: Int32Array | Float64Array | undefined,
  table: GroupTable,
  groups: Int32Array,
  number: number,
): Column {
  const validity = table.validity(groups, groups.length, number);
  if (array === undefined) return part.column(table, groups, groups.length, validity);
  return array instanceof Int32Array
    ? { kind: 'i32', validity, values: array }
    : { kind: 'f64', validity, values: array };
}
