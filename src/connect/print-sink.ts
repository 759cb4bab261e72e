/** Prints records, one line each: Flink's `print` and `printToErr`. */

import { inspect } from 'node:util';
import { ROW_KIND_NAMES, RowKind } from '../data/row-kind.ts';
import type { Sink, SinkWriter, WriteContext, WriterContext } from './sink.ts';

/** Where records are printed, and what stands in front of them. */
export interface PrintOptions {
  /** Stands in front of every line, with `> ` behind it. Default none. */
  readonly label?: string;
  /** Default `'out'`. */
  readonly stream?: 'out' | 'error';
}

/**
 * Prints each record: strings as they are, everything else as Node.js shows it, on one line. With more than one
 * subtask, the number of the subtask, counted from 1, stands in front. Retractions and deletions show their kind.
 *
 * @example
 * ```ts
 * const sink = printSink<number>({ label: 'totals' });
 * // totals:2> 42
 * ```
 */
export function printSink<T>(options: PrintOptions = {}): Sink<T, never, never> {
  const { label = '', stream = 'out' } = options;
  return {
    name: stream === 'out' ? 'print' : 'print-error',
    guarantee: 'at-least-once',
    changelog: true,
    createWriter: (context) => new PrintWriter(prefix(label, context), stream, context),
  };
}

/** `label:subtask> `, as Flink has it. */
function prefix(label: string, context: WriterContext): string {
  const subtask = context.parallelism > 1 ? String(context.subtask + 1) : '';
  const parts = [label, subtask].filter((part) => part !== '');
  return parts.length === 0 ? '' : `${parts.join(':')}> `;
}

class PrintWriter<T> implements SinkWriter<T> {
  readonly #prefix: string;
  readonly #stream: 'out' | 'error';
  readonly #context: WriterContext;

  constructor(prefixText: string, stream: 'out' | 'error', context: WriterContext) {
    this.#prefix = prefixText;
    this.#stream = stream;
    this.#context = context;
  }

  write(value: T, context: WriteContext): void {
    const kind = context.rowKind === RowKind.INSERT ? '' : `${ROW_KIND_NAMES[context.rowKind] ?? ''} `;
    this.#context.world.print(this.#prefix + kind + show(value), this.#stream);
  }

  flush(): void {}

  close(): void {}
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: null });
}
