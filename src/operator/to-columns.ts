/**
 * `toColumns`: records as column batches.
 *
 * A batch leaves when it is full, when its oldest row has waited for its latency budget, and before anything that must
 * not overtake its rows: watermarks, idleness, barriers, the end. A budget of zero makes every record a batch, a
 * negative one lets only full batches leave.
 */

import type { Cancellation } from '../base/world.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import { RowWriter } from '../kernel/row-writer.ts';
import { inferSchema } from '../kernel/schema-inference.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import type { InputOperator, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

export interface ToColumnsOptions {
  /** Without one it is inferred from the records of the first batch. */
  readonly schema?: Schema;
  /** Rows of a full batch. */
  readonly batchRows: number;
  /** Milliseconds that a row may wait for others. */
  readonly latencyMs: number;
}

/** Rows of a batch when nothing else is asked for. */
export const COLUMN_BATCH_ROWS = 1024;

export function toColumns(options: ToColumnsOptions): OperatorDefinition {
  return {
    kind: 'to-columns',
    input: 'records',
    output: 'columns',
    create: () =>
      options.schema === undefined ? new InferringToColumns(options) : new DeclaredToColumns(options, options.schema),
    describe: {
      columns: options.schema === undefined ? 'inferred' : options.schema.fields.map((field) => field.name).join(', '),
      batchRows: options.batchRows,
      latencyMs: options.latencyMs,
    },
  };
}

/** When batches leave, whatever they are made of. */
abstract class ToColumns extends PlainOperator<ColumnBatch> implements InputOperator<unknown> {
  protected readonly options: ToColumnsOptions;
  #timer: Cancellation | undefined;

  constructor(options: ToColumnsOptions) {
    super();
    this.options = options;
  }

  protected abstract append(value: unknown, timestamp: Timestamp, kind: RowKindCode): void;
  /** Rows that wait. */
  protected abstract readonly rows: number;
  protected abstract take(): ColumnBatch;
  /** Leaves the memory of the batch that was taken last to those who still use it. */
  protected abstract leave(): void;

  element(value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    this.append(value, timestamp, kind);
    const { batchRows, latencyMs } = this.options;
    if (this.rows === batchRows || latencyMs === 0) this.#flush();
    else if (this.#timer === undefined && latencyMs > 0)
      this.#timer = this.context.at(this.context.now() + latencyMs, () => this.#due());
  }

  #due(): void {
    this.#timer = undefined;
    // Something behind this operator is half done: the batch waits with it.
    if (this.context.gate.hasPaused)
      this.#timer = this.context.at(this.context.now() + this.options.latencyMs, () => this.#due());
    else this.#flush();
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.rows === 0) return;
    this.output.emit(this.take(), NO_TIMESTAMP, 0);
    // What comes next can come before those who paused in the batch go on: a record makes any number of others.
    if (!this.context.gate.settled) this.leave();
  }

  override watermark(timestamp: Timestamp): void {
    this.#flush();
    super.watermark(timestamp);
  }

  override status(idle: boolean): void {
    this.#flush();
    super.status(idle);
  }

  beforeBarrier(): void {
    this.#flush();
  }

  override finish(): void {
    this.#flush();
    super.finish();
  }

  override close(): void {
    this.#timer?.cancel();
  }
}

class DeclaredToColumns extends ToColumns {
  readonly #writer: RowWriter;

  constructor(options: ToColumnsOptions, schema: Schema) {
    super(options);
    this.#writer = new RowWriter(schema, options.batchRows, 'to-columns');
  }

  protected override append(value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    this.#writer.append(value, timestamp, kind);
  }

  protected override get rows(): number {
    return this.#writer.rows;
  }

  protected override take(): ColumnBatch {
    return this.#writer.take();
  }

  protected override leave(): void {
    this.#writer.leave();
  }
}

/** Keeps the first records until their batch leaves: they say what the schema is. */
class InferringToColumns extends ToColumns {
  #writer: RowWriter | undefined;
  #first: (readonly [value: unknown, timestamp: Timestamp, kind: RowKindCode])[] = [];

  protected override append(value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    if (this.#writer === undefined) this.#first.push([value, timestamp, kind]);
    else this.#writer.append(value, timestamp, kind);
  }

  protected override get rows(): number {
    return this.#writer?.rows ?? this.#first.length;
  }

  protected override take(): ColumnBatch {
    return (this.#writer ?? this.#infer()).take();
  }

  protected override leave(): void {
    this.#writer?.leave();
  }

  #infer(): RowWriter {
    const writer = new RowWriter(
      inferSchema(this.#first.map(([value]) => value)),
      this.options.batchRows,
      'to-columns',
    );
    for (const [value, timestamp, kind] of this.#first) writer.append(value, timestamp, kind);
    this.#first = [];
    this.#writer = writer;
    return writer;
  }
}
