/**
 * `toRows`: column batches as records, one object per row, at a pace that the gate sets.
 *
 * A batch may be half read when a barrier comes; the rows that are left are then part of the snapshot, so a slow
 * function behind this operator holds no checkpoint back.
 */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import { RowReader, type RowGate } from '../kernel/row-reader.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

export function toRows(schema: Schema): OperatorDefinition {
  return {
    kind: 'to-rows',
    input: 'columns',
    output: 'records',
    create: () => new ToRows(schema),
    describe: { columns: schema.fields.map((field) => field.name).join(', ') },
  };
}

/** A row that had not left at a barrier. */
interface Remaining {
  readonly row: unknown;
  readonly timestamp: number;
  readonly kind: number;
}

const REMAINING = 'remaining-rows';

const NEVER: RowGate = { proceed: () => true };

class ToRows extends PlainOperator<unknown> implements InputOperator<ColumnBatch> {
  readonly interruptible = true;
  readonly #reader: RowReader;
  /** Batches whose rows are to be emitted, and what comes behind them. Their memory is left alone while this is paused. */
  readonly #waiting = new RingBuffer<ColumnBatch | (() => void)>();
  #place = 0;
  #paused = false;
  #restored: Remaining[] = [];

  constructor(schema: Schema) {
    super();
    this.#reader = new RowReader(schema, 'to-rows');
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    this.#restored = [...context.operatorState.list<Remaining>(REMAINING, 'split').items];
    if (this.#restored.length > 0) this.#pause();
  }

  #pause(): void {
    this.#paused = true;
    this.context.gate.pause(this);
  }

  element(batch: ColumnBatch): void {
    if (this.#paused) {
      this.#waiting.push(batch);
      return;
    }
    this.#place = this.#reader.read(batch, 0, this.output, this.context.gate);
    if (this.#place === batch.selected) return;
    this.#waiting.push(batch);
    this.#pause();
  }

  override resume(): void {
    this.#paused = false;
    if (this.#emitRestored() && this.#emitWaiting()) return;
    this.#pause();
  }

  #emitRestored(): boolean {
    for (let i = 0; i < this.#restored.length; i++) {
      const { row, timestamp, kind } = this.#restored[i] as Remaining;
      this.output.emit(row, timestamp, kind);
      if (!this.context.gate.proceed()) {
        this.#restored.splice(0, i + 1);
        return this.#restored.length === 0 && this.#waiting.size === 0;
      }
    }
    this.#restored = [];
    return true;
  }

  /** Returns false when the gate stopped it before everything had left. */
  #emitWaiting(): boolean {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (typeof next === 'function') next();
      else {
        this.#place = this.#reader.read(next, this.#place, this.output, this.context.gate);
        if (this.#place < next.selected) return false;
        this.#place = 0;
      }
      this.#waiting.shift();
    }
    return true;
  }

  /** Now, or behind the rows that wait. */
  #behind(action: () => void): void {
    if (this.#paused) this.#waiting.push(action);
    else action();
  }

  override watermark(timestamp: Timestamp): void {
    this.#behind(() => this.output.watermark(timestamp));
  }

  override status(idle: boolean): void {
    this.#behind(() => this.output.status(idle));
  }

  override finish(): void {
    this.#behind(() => this.output.finish());
  }

  override snapshot(_writer: SnapshotWriter): void {
    const remaining: Remaining[] = [...this.#restored];
    let place = this.#place;
    for (const next of this.#waiting) {
      if (typeof next === 'function') continue;
      this.#reader.read(
        next,
        place,
        { emit: (row, timestamp, kind) => void remaining.push({ row, timestamp, kind }) },
        NEVER,
      );
      place = 0;
    }
    this.context.operatorState.list<Remaining>(REMAINING, 'split').update(remaining);
  }
}
