/**
 * Tumbling windows with their own trigger: one table per window instead of a state and a timer per key and window.
 *
 * Keys have rows, shared by all windows; a window holds accumulators by row, and the rows in the order in which they
 * came. The window of the last element is at hand, so that the element path, which is generated text, finds the key's
 * row, folds, and is done. When a window's time is over its rows fire one after the other; the gate is asked between
 * them, and what has not fired yet is state.
 *
 * In a snapshot each key and window is an entry of its own, with the timers that the general operator would have:
 * both operators restore what the other has stored.
 */

import type { Cancellation } from '../../base/world.ts';
import { MIN_WATERMARK } from '../../data/element.ts';
import { keyGroup } from '../../data/key.ts';
import { Column, IntColumn } from '../../state/columns.ts';
import { KeyTable } from '../../state/key-table.ts';
import type { SnapshotWriter } from '../../state/snapshot.ts';
import { timestamped } from '../../time/windows/durations.ts';
import type { TumblingWindows } from '../../time/windows/tumbling-windows.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import type { InlineCode } from '../inline-code.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from '../operator.ts';
import { PlainOperator } from '../plain-operator.ts';
import { contentsKind, refuseOtherForms, restoredEntries, WINDOW_TIMERS } from './restored-windows.ts';
import { CONTENTS } from './window-contents.ts';
import { WindowEmitter } from './window-emitter.ts';
import { makeFold, writeAdd, type Fold } from './window-fold.ts';
import type { WindowSpec } from './window-spec.ts';

/** The operator for a spec whose assigner is one of {@link TumblingWindows}. */
export function tumblingParts(spec: WindowSpec): Pick<OperatorDefinition, 'create' | 'inline'> {
  return { create: () => new TumblingOperator(spec), inline: (code) => writeElementPath(code, spec) };
}

function writeElementPath(code: InlineCode, spec: WindowSpec): void {
  const { self, value } = code;
  const [time, window, row, accumulator, next] = ['time', 'window', 'row', 'accumulator', 'next'].map((hint) =>
    code.fresh(hint),
  ) as [string, string, string, string, string];
  code.line(`const ${time} = ${spec.assigner.isEventTime ? code.timestamp : `${self}.now()`};`);
  code.line(`let ${window} = ${self}.window;`);
  code.line(
    `if (!(${time} >= ${window}.start && ${time} < ${window}.end)) ${window} = ${self}.windowAt(${time}, ${value}, ${code.timestamp});`,
  );
  code.line(`if (${window} !== undefined) {`);
  code.line(`const ${row} = ${self}.rowOf(${code.bind(spec.key)}(${value}));`);
  code.line(`const ${accumulator} = ${window}.accumulators.get(${row});`);
  code.line(`if (${accumulator} === undefined) ${self}.begin(${window}, ${row}, ${value});`);
  code.line('else {');
  writeAdd(code, spec.keeping, accumulator, next);
  if (spec.keeping.kind !== 'list') code.line(`${window}.accumulators.exchange(${row}, ${next});`);
  code.line('}');
  code.line('}');
}

/** One window of all keys. */
class WindowTable {
  readonly window: TimeWindow;
  readonly start: number;
  readonly end: number;
  /** Its last timestamp. */
  readonly last: number;
  readonly accumulators = new Column<unknown>();
  /** The rows in the order in which they came. */
  readonly rows = new IntColumn();
  count = 0;
  /** Rows that have fired, or have been passed over. */
  done = 0;
  fired = false;
  /** Rows that were let go of, when the window is forgotten. */
  released = 0;
  /**
   * Only these rows have to fire; undefined means all. After a restore, the others had fired before and are kept for
   * late elements.
   */
  pending: Set<number> | undefined;

  constructor(window: TimeWindow) {
    this.window = window;
    this.start = window.start;
    this.end = window.end;
    this.last = window.maxTimestamp();
  }
}

/** No element falls into it. */
const NO_WINDOW = new WindowTable(new TimeWindow(Infinity, -Infinity));

class TumblingOperator extends PlainOperator<unknown> {
  readonly interruptible = true;
  readonly #spec: WindowSpec;
  readonly #key: (value: unknown) => unknown;
  readonly #fold: Fold;
  readonly #isEventTime: boolean;
  #assigner: TumblingWindows;
  #keys!: KeyTable;
  #emitter!: WindowEmitter;
  /** The window into which elements go without a further look. */
  window = NO_WINDOW;
  /** The user's object, for generated code. */
  readonly f: object | undefined;
  readonly #tables = new Map<number, WindowTable>();
  /** Restored windows of another size or offset than the present ones. */
  #foreign: WindowTable[] = [];
  /** How far time has come in the domain of the windows: no earlier window is open. */
  #time: Timestamp = MIN_WATERMARK;
  #watermark: Timestamp = MIN_WATERMARK;
  /** The earliest time at which anything is to be done. */
  #due = Infinity;
  /** To be forwarded when the burst has ended. */
  #forward: Timestamp | undefined;
  #bursting = false;
  #alarm: Cancellation | undefined;
  #alarmAt = Infinity;

  constructor(spec: WindowSpec) {
    super();
    this.#spec = spec;
    this.#key = spec.key as (value: unknown) => unknown;
    this.#fold = makeFold(spec.keeping);
    this.#assigner = spec.assigner as unknown as TumblingWindows;
    this.#isEventTime = spec.assigner.isEventTime;
    this.f = this.#fold.f;
  }

  override open(context: OperatorContext<unknown>): void {
    super.open(context);
    const { operatorId, subtask } = context.task;
    this.#assigner = this.#spec.assigner.forSubtask?.({ operatorId, subtask }) as unknown as TumblingWindows;
    this.#keys = new KeyTable(context.types);
    this.#emitter = new WindowEmitter(this.#spec, this.#fold, context, () => this.#watermark);
    this.#restore(context);
    this.#setAlarm();
  }

  // The element path, as far as it is not generated text.

  now(): number {
    return this.context.now();
  }

  /** The row of a key; a new one belongs to whoever retains it at once. */
  rowOf(key: unknown): number {
    const row = this.#keys.find(key);
    return row < 0 ? this.#keys.add(key) : row;
  }

  /** The first element of a key in a window. */
  begin(window: WindowTable, row: number, value: unknown): void {
    this.#enter(window, row, this.#fold.first(value));
  }

  #enter(window: WindowTable, row: number, accumulator: unknown): void {
    window.accumulators.exchange(row, accumulator);
    window.rows.set(window.count++, row);
    this.#keys.retain(row);
  }

  /** The open window at a time; undefined when the element has been dealt with here. */
  windowAt(time: number, value: unknown, timestamp: Timestamp): WindowTable | undefined {
    if (this.#isEventTime) timestamped(time, this.#spec.assigner.kind);
    const shift = this.#assigner.shift(() => this.context.now());
    const start = TimeWindow.getWindowStartWithOffset(time, shift, this.#assigner.size);
    const last = start + this.#assigner.size - 1;
    if (this.#isEventTime && last + this.#spec.allowedLateness <= this.#time) {
      this.#dropLate(value, timestamp);
      return undefined;
    }
    const table = this.#tables.get(start) ?? this.#open(new TimeWindow(start, start + this.#assigner.size));
    if (table.fired || table.pending !== undefined) {
      this.#addLater(table, value);
      return undefined;
    }
    return (this.window = table);
  }

  #open(window: TimeWindow): WindowTable {
    const table = new WindowTable(window);
    // Event time may have passed its end already, while lateness is allowed.
    table.fired = this.#isEventTime && table.last <= this.#time;
    this.#tables.set(table.start, table);
    this.#note(table);
    return table;
  }

  #dropLate(value: unknown, timestamp: Timestamp): void {
    const { lateTag } = this.#spec;
    if (lateTag === undefined) this.context.dropped('late', value, timestamp);
    else this.output.side(lateTag, value, timestamp);
  }

  /** An element for a window that has fired, now or before a restore. */
  #addLater(table: WindowTable, value: unknown): void {
    const key = this.#key(value);
    const row = this.rowOf(key);
    const before = table.accumulators.get(row);
    if (before === undefined) this.begin(table, row, value);
    else table.accumulators.exchange(row, this.#fold.add(before, value));
    table.pending?.add(row);
    if (table.fired) this.#emitter.emit(key, table.accumulators.get(row), table.window);
  }

  // Time.

  #cleanupTime(table: WindowTable): number {
    return this.#isEventTime ? table.last + this.#spec.allowedLateness : table.last;
  }

  /** Remembers when a window wants something next. */
  #note(table: WindowTable): void {
    const time = table.fired ? this.#cleanupTime(table) : table.last;
    if (time >= this.#due) return;
    this.#due = time;
    this.#setAlarm();
  }

  override watermark(timestamp: Timestamp): void {
    this.#watermark = timestamp;
    if (this.#isEventTime) this.#advance(timestamp, timestamp);
    else this.output.watermark(timestamp);
  }

  #advance(time: Timestamp, forward: Timestamp | undefined): void {
    this.#time = time;
    if (this.window.last <= time) this.window = NO_WINDOW;
    this.#forward = forward;
    this.#bursting = true;
    this.#burst();
  }

  override resume(): void {
    this.#burst();
  }

  #burst(): void {
    for (let table = this.#next(); table !== undefined; table = this.#next()) {
      if (!(table.fired ? this.#forget(table) : this.#fire(table))) {
        this.context.gate.pause(this);
        return;
      }
    }
    this.#bursting = false;
    const forward = this.#forward;
    this.#forward = undefined;
    if (forward !== undefined) this.output.watermark(forward);
    this.#setAlarm();
  }

  /** The window that comes first among those whose time has come. Looks at all windows, of which there are few. */
  #next(): WindowTable | undefined {
    if (this.#due > this.#time) return undefined;
    let first: WindowTable | undefined;
    let earliest = Infinity;
    for (const table of this.#all()) {
      const time = table.fired ? this.#cleanupTime(table) : table.last;
      if (time < earliest || (time === earliest && first === undefined)) {
        first = table;
        earliest = time;
      }
    }
    this.#due = earliest;
    return earliest <= this.#time ? first : undefined;
  }

  *#all(): Iterable<WindowTable> {
    yield* this.#tables.values();
    yield* this.#foreign;
  }

  /** Fires the rows that are left; false when the gate stopped it. */
  #fire(table: WindowTable): boolean {
    const keep = this.#cleanupTime(table) > this.#time;
    while (table.done < table.count) {
      const row = table.rows.get(table.done++);
      const accumulator = table.accumulators.get(row);
      const key = this.#keys.keyOf(row);
      const due = table.pending === undefined || table.pending.delete(row);
      if (!keep) this.#release(table, row);
      if (!due) continue;
      this.#emitter.emit(key, accumulator, table.window);
      if (!this.context.gate.proceed()) return false;
    }
    table.fired = true;
    table.pending = undefined;
    if (!keep) this.#remove(table);
    return true;
  }

  #release(table: WindowTable, row: number): void {
    table.accumulators.exchange(row, undefined);
    this.#keys.release(row);
  }

  /** Lets go of the rows of a window whose lateness is over; false when the gate stopped it. */
  #forget(table: WindowTable): boolean {
    while (table.released < table.count) {
      this.#release(table, table.rows.get(table.released++));
      if (!this.context.gate.proceed()) return false;
    }
    this.#remove(table);
    return true;
  }

  #remove(table: WindowTable): void {
    if (this.#tables.get(table.start) === table) this.#tables.delete(table.start);
    else this.#foreign = this.#foreign.filter((other) => other !== table);
  }

  /** Windows of processing time fire when the clock says so. */
  #setAlarm(): void {
    if (this.#isEventTime || this.#bursting || this.#due === this.#alarmAt) return;
    this.#alarm?.cancel();
    this.#alarmAt = this.#due;
    this.#alarm = this.#due === Infinity ? undefined : this.context.at(this.#due, () => this.#strike());
  }

  #strike(): void {
    this.#alarm = undefined;
    this.#alarmAt = Infinity;
    const time = Math.max(this.#due, this.context.now());
    if (this.context.gate.proceed()) {
      this.#advance(time, undefined);
      return;
    }
    // Something else is in the middle of its work: this comes after it.
    this.#time = time;
    if (this.window.last <= time) this.window = NO_WINDOW;
    this.#bursting = true;
    this.context.gate.pause(this);
  }

  // State.

  override snapshot(writer: SnapshotWriter): void {
    const { maxParallelism } = this.context.task;
    const contents = writer.keyed({ name: CONTENTS, kind: contentsKind(this.#spec.keeping), version: 1 });
    const timers = writer.keyed({
      name: WINDOW_TIMERS,
      kind: this.#isEventTime ? 'event-timer' : 'processing-timer',
      version: 1,
    });
    for (const table of this.#all()) {
      const { window, last } = table;
      const cleanup = this.#cleanupTime(table);
      for (let i = this.#firstLeft(table); i < table.count; i++) {
        const row = table.rows.get(i);
        const key = this.#keys.keyOf(row);
        const group = keyGroup(key, maxParallelism, this.context.types);
        contents.entry(group, key, window.key, table.accumulators.get(row));
        if (!table.fired && i >= table.done && table.pending?.has(row) !== false)
          timers.entry(group, key, window.key, last);
        if (cleanup !== last && cleanup !== Infinity) timers.entry(group, key, window.key, cleanup);
      }
    }
  }

  /** Rows before it are gone. */
  #firstLeft(table: WindowTable): number {
    return table.fired || this.#cleanupTime(table) > this.#time ? table.released : table.done;
  }

  #restore(context: OperatorContext<unknown>): void {
    refuseOtherForms(context.restoredState, [CONTENTS], context.task.operatorName);
    const byKey = new Map<string, WindowTable>();
    for (const { key, namespace, value } of restoredEntries(context.restoredState, CONTENTS, [
      contentsKind(this.#spec.keeping),
    ])) {
      const windowKey = namespace as string;
      let table = byKey.get(windowKey);
      if (table === undefined) byKey.set(windowKey, (table = this.#adopt(TimeWindow.fromKey(windowKey))));
      this.#enter(table, this.rowOf(key), value);
    }
    const timers = restoredEntries(context.restoredState, WINDOW_TIMERS, ['event-timer', 'processing-timer']);
    for (const table of byKey.values()) table.pending = new Set();
    for (const { key, namespace, value } of timers) {
      const table = byKey.get(namespace as string);
      if (table !== undefined && value === table.last) table.pending?.add(this.#keys.find(key));
    }
    for (const table of byKey.values()) if (table.pending?.size === table.count) table.pending = undefined;
  }

  #adopt(window: TimeWindow): WindowTable {
    const table = new WindowTable(window);
    const shift = this.#assigner.shift(() => this.context.now());
    const regular =
      window.end - window.start === this.#assigner.size &&
      TimeWindow.getWindowStartWithOffset(window.start, shift, this.#assigner.size) === window.start;
    if (regular) this.#tables.set(window.start, table);
    else this.#foreign.push(table);
    this.#note(table);
    return table;
  }

  override close(): void {
    this.#alarm?.cancel();
    this.#emitter?.close();
  }
}
