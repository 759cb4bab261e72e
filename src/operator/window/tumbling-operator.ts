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

import { timestamped } from '../../time/windows/durations.ts';
import type { TumblingWindows } from '../../time/windows/tumbling-windows.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import type { InlineCode } from '../inline-code.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from '../operator.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { contentsKind, refuseOtherForms, restoredEntries, WINDOW_TIMERS } from './restored-windows.ts';
import { isTurnOfPassedRows, RowWindowOperator } from './row-window-operator.ts';
import { CONTENTS } from './window-contents.ts';
import { writeAdd } from './window-fold.ts';
import type { WindowSpec } from './window-spec.ts';
import { WindowTableViews, type TableOwner } from './window-table-views.ts';
import { NO_WINDOW, WindowTable } from './window-table.ts';
import type { WindowTables, WrittenState } from './window-views.ts';

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
  code.line(`if (${window}.views !== undefined) ${window}.views.contents.touch(${row});`);
  writeAdd(code, spec.keeping, accumulator, next);
  if (spec.keeping.kind !== 'list') code.line(`${window}.accumulators.exchange(${row}, ${next});`);
  code.line('}');
  code.line('}');
}

class TumblingOperator extends RowWindowOperator implements TableOwner {
  readonly #key: (value: unknown) => unknown;
  #assigner: TumblingWindows;
  /** The window into which elements go without a further look. */
  window = NO_WINDOW;
  readonly #tables = new Map<number, WindowTable>();
  /** Restored windows of another size or offset than the present ones. */
  #foreign: WindowTable[] = [];
  /** Every window, by the time at which it fires or, after that, is forgotten. */
  readonly #queue = new ExpiryQueue<WindowTable>();
  /** The window in whose rows the gate has stopped. */
  #stopped: WindowTable | undefined;

  constructor(spec: WindowSpec) {
    super(spec);
    this.#key = spec.key as (value: unknown) => unknown;
    this.#assigner = spec.assigner as unknown as TumblingWindows;
  }

  // The element path, as far as it is not generated text.

  /** The first element of a key in a window. */
  begin(window: WindowTable, row: number, value: unknown): void {
    this.#enter(window, row, this.fold.first(value));
  }

  #enter(window: WindowTable, row: number, accumulator: unknown): void {
    window.enter(row, accumulator, this.keys.limit);
    this.keys.retain(row);
    window.views?.created(row);
  }

  /** The open window at a time; undefined when the element has been dealt with here. */
  windowAt(time: number, value: unknown, timestamp: Timestamp): WindowTable | undefined {
    if (this.isEventTime) timestamped(time, this.spec.assigner.kind);
    const shift = this.#assigner.shift(() => this.context.now());
    const start = TimeWindow.getWindowStartWithOffset(time, shift, this.#assigner.size);
    const last = start + this.#assigner.size - 1;
    if (this.isEventTime && last + this.spec.allowedLateness <= this.time) {
      this.dropLate(value, timestamp);
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
    table.fired = this.isEventTime && table.last <= this.time;
    this.#tables.set(table.start, table);
    this.#queueUp(table);
    return table;
  }

  /** An element for a window that has fired, now or before a restore. */
  #addLater(table: WindowTable, value: unknown): void {
    const key = this.#key(value);
    const row = this.rowOf(key);
    const before = table.accumulators.get(row);
    if (before === undefined) this.begin(table, row, value);
    else {
      table.views?.contents.touch(row);
      table.accumulators.exchange(row, this.fold.add(before, value));
    }
    if (table.pending?.has(row) === false) {
      table.views?.rescheduled(row);
      table.pending.add(row);
    }
    if (table.fired) this.emitter.emit(key, table.accumulators.get(row), table.window);
  }

  // Time.

  #cleanupTime(table: WindowTable): number {
    return this.isEventTime ? table.last + this.spec.allowedLateness : table.last;
  }

  /** Puts a window where it is found when its time has come. */
  #queueUp(table: WindowTable): void {
    this.#queue.push(table.fired ? this.#cleanupTime(table) : table.last, table);
    this.setAlarm();
  }

  protected override get scheduled(): number {
    return this.#queue.size;
  }

  protected override get due(): number {
    return this.#queue.earliest;
  }

  protected override reached(): void {
    if (this.window.last <= this.time) this.window = NO_WINDOW;
  }

  protected override burst(): boolean {
    for (let table = this.#stopped ?? this.#next(); table !== undefined; table = this.#next()) {
      this.#stopped = table;
      if (!(table.fired ? this.#forget(table) : this.#fire(table))) return false;
      this.#stopped = undefined;
    }
    return true;
  }

  /** The window that comes first among those whose time has come. */
  #next(): WindowTable | undefined {
    return this.#queue.earliest <= this.time ? this.#queue.pop() : undefined;
  }

  /** Fires the rows that are left; false when the gate stopped it. */
  #fire(table: WindowTable): boolean {
    const keep = this.#cleanupTime(table) > this.time;
    while (table.done < table.rows.length) {
      const row = table.rows[table.done] as number;
      const accumulator = table.accumulators.get(row);
      const key = this.keys.keyOf(row);
      if (keep) table.views?.firing(table.done);
      else this.#release(table, table.done);
      table.done++;
      const due = table.pending === undefined || table.pending.delete(row);
      if (due) this.emitter.emit(key, accumulator, table.window);
      if ((due || isTurnOfPassedRows(table.done)) && !this.context.gate.proceed()) return false;
    }
    table.fired = true;
    table.pending = undefined;
    if (keep) this.#queueUp(table);
    else this.#remove(table);
    return true;
  }

  #release(table: WindowTable, number: number): void {
    table.views?.dropping(number);
    const row = table.rows[number] as number;
    table.accumulators.exchange(row, undefined);
    this.keys.release(row);
  }

  /** Lets go of the rows of a window whose lateness is over; false when the gate stopped it. */
  #forget(table: WindowTable): boolean {
    while (table.released < table.rows.length) {
      this.#release(table, table.released++);
      if (!this.context.gate.proceed()) return false;
    }
    this.#remove(table);
    return true;
  }

  #remove(table: WindowTable): void {
    if (this.#tables.get(table.start) === table) this.#tables.delete(table.start);
    else this.#foreign = this.#foreign.filter((other) => other !== table);
  }

  // State.

  protected override get tables(): WindowTables {
    const all = (): WindowTable[] => [...this.#tables.values(), ...this.#foreign];
    const { keys } = this;
    return {
      get changes() {
        return all().flatMap(({ views }) => (views === undefined ? [] : [views.contents, views.timers]));
      },
      states: [this.contents, this.timers],
      viewed: () => {
        for (const table of all()) table.views ??= new WindowTableViews(this, table, 0);
      },
      get entries() {
        return keys.size;
      },
    };
  }

  get contents(): WrittenState {
    return { name: CONTENTS, kind: contentsKind(this.spec.keeping) };
  }

  get timers(): WrittenState {
    return { name: WINDOW_TIMERS, kind: this.isEventTime ? 'event-timer' : 'processing-timer' };
  }

  keyOf(row: number): unknown {
    return this.keys.keyOf(row);
  }

  cleanupTime(table: WindowTable): number {
    return this.#cleanupTime(table);
  }

  protected override restore(context: OperatorContext<unknown>): void {
    const { operatorId, subtask } = context.task;
    this.#assigner = this.spec.assigner.forSubtask?.({ operatorId, subtask }) as unknown as TumblingWindows;
    refuseOtherForms(context.restoredState, [CONTENTS], context.task.operatorName);
    const byKey = new Map<string, WindowTable>();
    for (const { key, namespace, value } of restoredEntries(context.restoredState, CONTENTS, [
      contentsKind(this.spec.keeping),
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
      if (table !== undefined && value === table.last) table.pending?.add(this.keys.find(key));
    }
    for (const table of byKey.values()) {
      if (table.pending?.size === table.rows.length) table.pending = undefined;
      table.views = new WindowTableViews(this, table, this.firstGeneration);
    }
  }

  #adopt(window: TimeWindow): WindowTable {
    const table = new WindowTable(window);
    const shift = this.#assigner.shift(() => this.context.now());
    const regular =
      window.end - window.start === this.#assigner.size &&
      TimeWindow.getWindowStartWithOffset(window.start, shift, this.#assigner.size) === window.start;
    if (regular) this.#tables.set(window.start, table);
    else this.#foreign.push(table);
    this.#queueUp(table);
    return table;
  }
}
