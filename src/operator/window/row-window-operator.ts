/**
 * What the specialised window operators share: keys with rows, a fold, time in the domain of the windows, and bursts
 * of firings that the gate can stop anywhere.
 *
 * A subclass writes its element path as text, says when it has something to do next (`due`), and does what is due
 * (`burst`); what it has not done when the gate stops it must be in its state.
 */

import type { Cancellation } from '../../base/world.ts';
import { MIN_WATERMARK } from '../../data/element.ts';
import { keyGroup } from '../../data/key.ts';
import { KeyTable } from '../../state/key-table.ts';
import type { ViewedState } from '../../state/views.ts';
import type { AccumulatorReports } from '../accumulators.ts';
import { sideOutput } from '../side-output.ts';
import { TIMER_METRIC } from '../metered-timers.ts';
import type { OperatorContext, Timestamp } from '../operator.ts';
import { PlainOperator } from '../plain-operator.ts';
import { WindowEmitter } from './window-emitter.ts';
import { makeFold, type Fold } from './window-fold.ts';
import type { WindowSpec } from './window-spec.ts';
import { WindowViews, type WindowTables } from './window-views.ts';

/** Rows that are passed over ask the gate once in so many: they cost next to nothing. */
const PASSED_ROWS_PER_ASKING = 256;

/** Whether a burst that passes over the row has to ask the gate there. */
export function isTurnOfPassedRows(row: number): boolean {
  return row % PASSED_ROWS_PER_ASKING === PASSED_ROWS_PER_ASKING - 1;
}

export abstract class RowWindowOperator extends PlainOperator<unknown> {
  /** What has not fired is state. */
  readonly interruptible = true;
  protected readonly spec: WindowSpec;
  protected readonly fold: Fold;
  protected readonly isEventTime: boolean;
  /** The user's object, for generated code. */
  readonly f: object | undefined;
  protected keys!: KeyTable;
  protected emitter!: WindowEmitter;
  views!: WindowViews;
  /** How far time has come in the domain of the windows: no earlier window is open. */
  protected time: Timestamp = MIN_WATERMARK;
  #watermark: Timestamp = MIN_WATERMARK;
  /** To be forwarded when the burst has ended. */
  #forward: Timestamp | undefined;
  #bursting = false;
  #alarm: Cancellation | undefined;
  #alarmAt = Infinity;

  /** `isEventTime`: whether the windows fire by the watermark, and not by the clock. */
  constructor(spec: WindowSpec, isEventTime: boolean = spec.assigner.isEventTime) {
    super();
    this.spec = spec;
    this.fold = makeFold(spec.keeping);
    this.f = this.fold.f;
    this.isEventTime = isEventTime;
  }

  override open(context: OperatorContext<unknown>): void {
    super.open(context);
    this.keys = new KeyTable(context.types);
    context.metrics.gauge('stateKeys', () => this.keys.size);
    context.metrics.gauge(TIMER_METRIC, () => this.scheduled);
    this.emitter = new WindowEmitter(this.spec, this.fold, context, () => this.#watermark);
    this.views = new WindowViews(this.tables, context.restoredState);
    this.restore(context);
    this.setAlarm();
  }

  /** Its tables, as far as views go. */
  protected abstract get tables(): WindowTables;

  viewed(): ViewedState {
    return this.views;
  }

  /** Takes in what the snapshot holds. */
  protected abstract restore(context: OperatorContext<unknown>): void;

  /** How much waits for its time: windows, where all keys share one timer; else windows of keys. */
  protected abstract get scheduled(): number;

  /** The earliest time at which something has to be done; Infinity when there is nothing. */
  protected abstract get due(): number;

  /** Does what is due by `time`; false when the gate stopped it. */
  protected abstract burst(): boolean;

  /** Time has come to `time`. */
  protected reached(): void {}

  // For the element path.

  /** The clock, for windows of processing time. */
  now(): number {
    return this.context.now();
  }

  /** The row of a key; a new one belongs to whoever retains it at once. */
  rowOf(key: unknown): number {
    const row = this.keys.find(key);
    return row < 0 ? this.keys.add(key) : row;
  }

  protected dropLate(value: unknown, timestamp: Timestamp): void {
    const { lateTag } = this.spec;
    if (lateTag === undefined) this.context.dropped('late', value, timestamp);
    else sideOutput(this.context, 'late', lateTag, value, timestamp);
  }

  /** The present generation of a table that is there from the beginning. */
  protected get firstGeneration(): number {
    return this.context.restoredState.keyed.length > 0 ? 1 : 0;
  }

  keyGroupOf(key: unknown): number {
    return keyGroup(key, this.context.task.maxParallelism, this.context.types);
  }

  // Time.

  override watermark(timestamp: Timestamp): void {
    this.#watermark = timestamp;
    if (!this.isEventTime) {
      this.output.watermark(timestamp);
      return;
    }
    this.#forward = timestamp;
    this.#reach(timestamp);
    this.resume();
  }

  #reach(time: Timestamp): void {
    this.time = time;
    this.#bursting = true;
    this.reached();
  }

  override resume(): void {
    if (!this.burst()) {
      this.context.gate.pause(this);
      return;
    }
    this.#bursting = false;
    const forward = this.#forward;
    this.#forward = undefined;
    if (forward !== undefined) this.output.watermark(forward);
    this.setAlarm();
  }

  /** Windows of processing time fire when the clock says so. To be called when `due` may have become earlier. */
  protected setAlarm(): void {
    if (this.isEventTime || this.#bursting) return;
    const { due } = this;
    if (due === this.#alarmAt) return;
    this.#alarm?.cancel();
    this.#alarmAt = due;
    this.#alarm = due === Infinity ? undefined : this.context.at(due, () => this.#strike(due));
  }

  #strike(due: number): void {
    this.#alarm = undefined;
    this.#alarmAt = Infinity;
    this.#reach(Math.max(due, this.context.now()));
    if (this.context.gate.proceed()) this.resume();
    // Something else is in the middle of its work: this comes after it.
    else this.context.gate.pause(this);
  }

  /** What the accumulators of the window function stand at; asked at any time, also before `open`. */
  accumulators(): AccumulatorReports {
    return this.emitter?.accumulators() ?? {};
  }

  override close(): void {
    this.#alarm?.cancel();
    this.emitter?.close();
  }
}
