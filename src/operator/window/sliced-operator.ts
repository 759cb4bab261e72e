/**
 * Sliding windows that share their slices: an element is folded into one slice, and a window that fires combines its
 * slices per key (`key-slices.ts`).
 *
 * It needs the assigner's own trigger, no allowed lateness, and a function whose results can be merged: an aggregate
 * function with `merge`, or a reducing function that was declared associative.
 *
 * A snapshot holds the slices of each key, and the end of the last window that has fired for it, so that no window
 * fires twice when event time comes by again after a restore. Whole windows, which the general operator stores, do not
 * come apart into slices: they are carried on beside them until they fire (`carried-windows.ts`).
 */

import { Column } from '../../state/columns.ts';
import type { ChangeWriter, Changing } from '../../state/change-lists.ts';
import { Changes } from '../../state/changes.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import type { ViewPlan } from '../../state/views.ts';
import { timestamped } from '../../time/windows/durations.ts';
import type { SlidingWindows } from '../../time/windows/sliding-windows.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import type { InlineCode } from '../inline-code.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from '../operator.ts';
import { CarriedWindows } from './carried-windows.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { KeySlices, NO_SLICE, SliceMerger } from './key-slices.ts';
import {
  otherForm,
  OTHER_SLICES,
  refuseOtherForms,
  restoredEntries,
  SLICES,
  SLICES_FIRED,
} from './restored-windows.ts';
import { isTurnOfPassedRows, RowWindowOperator } from './row-window-operator.ts';
import { SliceGeometry } from './slice-geometry.ts';
import { CONTENTS } from './window-contents.ts';
import { makeFold, writeAdd } from './window-fold.ts';
import type { WindowSpec } from './window-spec.ts';
import type { WindowTables, WrittenState } from './window-views.ts';

/** Why sliding windows cannot share their slices; undefined when they can. */
export function slicingObstacle({ assigner, allowedLateness, keeping }: WindowSpec): string | undefined {
  const { size, slide } = assigner as unknown as SlidingWindows;
  if (slide > size) return 'windows that do not overlap share nothing';
  if (allowedLateness > 0) return 'windows with allowed lateness are kept each for itself after they have fired';
  if (keeping.kind === 'list') return 'the window function takes all elements';
  if (keeping.kind === 'reduce')
    return keeping.associative ? undefined : 'the reduce function is not declared associative';
  return makeFold(keeping).merge === undefined ? 'the aggregate function has no merge()' : undefined;
}

export function slicedParts(spec: WindowSpec): Pick<OperatorDefinition, 'create' | 'inline'> {
  return { create: () => new SlicedOperator(spec), inline: (code) => writeElementPath(code, spec) };
}

function writeElementPath(code: InlineCode, spec: WindowSpec): void {
  const { self, value } = code;
  const time = code.fresh('time');
  const row = code.fresh('row');
  const slices = code.fresh('slices');
  const next = code.fresh('next');
  code.line(`const ${time} = ${spec.assigner.isEventTime ? code.timestamp : `${self}.now()`};`);
  code.line(
    `if ((${time} >= ${self}.sliceStart && ${time} < ${self}.sliceEnd) || ${self}.seek(${time}, ${value}, ${code.timestamp})) {`,
  );
  code.line(`const ${row} = ${self}.rowOf(${code.bind(spec.key)}(${value}));`);
  code.line(`const ${slices} = ${self}.slices.get(${row});`);
  code.line(`if (${slices} === undefined || ${slices}.last !== ${self}.sliceStart) ${self}.add(${row}, ${value});`);
  code.line('else {');
  code.line(`if (${self}.changes.noting) ${self}.changes.touchTail(${row}, ${self}.sliceStart);`);
  writeAdd(code, spec.keeping, `${slices}.accumulator`, next);
  code.line(`${slices}.accumulator = ${next};`);
  code.line('}');
  code.line('}');
}

const SLICE_STATE: WrittenState = { name: SLICES, kind: 'value' };
const FIRED_STATE: WrittenState = { name: SLICES_FIRED, kind: 'value' };

class SlicedOperator extends RowWindowOperator implements Changing<never> {
  readonly #key: (value: unknown) => unknown;
  readonly #geometry: SliceGeometry;
  /** The slice into which elements go without a further look. */
  sliceStart = Infinity;
  sliceEnd = -Infinity;
  /** The slices of each key, by row. */
  readonly slices = new Column<KeySlices>();
  /** Of the slices, by row; as of a list, with the start of the first slice that has changed. */
  changes!: Changes<never>;
  /** The newest slice that a view can have held. */
  #heldStart = -Infinity;
  #merger!: SliceMerger;
  /** Slices whose windows are in the queue. */
  readonly #known = new Set<number>();
  /** The windows that have elements and have not fired, by their ends. */
  readonly #windows = new ExpiryQueue<TimeWindow>();
  readonly #queued = new Set<string>();
  /** What keys have of windows that another operator has stored. */
  #carried!: CarriedWindows;
  /** The window that is firing, and the row that is next. */
  #firing: TimeWindow | undefined;
  #nextRow = 0;

  constructor(spec: WindowSpec) {
    super(spec);
    this.#key = spec.key as (value: unknown) => unknown;
    this.#geometry = new SliceGeometry(spec.assigner as unknown as SlidingWindows);
  }

  // The element path, as far as it is not generated text.

  /** Makes the slice at `time` the present one. False when the element has been dealt with here. */
  seek(time: number, value: unknown, timestamp: Timestamp): boolean {
    if (this.isEventTime) timestamped(time, this.spec.assigner.kind);
    const start = this.#geometry.sliceAt(time);
    const end = this.#geometry.endOf(start);
    if (this.isEventTime && end - 1 <= this.time) {
      this.#addBehind(start, value, timestamp);
      return false;
    }
    this.#register(start);
    this.sliceStart = start;
    this.sliceEnd = end;
    return true;
  }

  /** Queues the windows of a slice that is seen for the first time. */
  #register(slice: number): void {
    if (this.#known.has(slice)) return;
    this.#known.add(slice);
    const last = this.#geometry.lastWindowEnd(slice);
    for (let end = this.#geometry.firstWindowEnd(slice); end <= last; end += this.#geometry.slide) {
      if (end - 1 > this.time) this.#queueUp(new TimeWindow(end - this.#geometry.size, end));
    }
    this.setAlarm();
  }

  #queueUp(window: TimeWindow): void {
    if (this.#queued.has(window.key)) return;
    this.#queued.add(window.key);
    this.#windows.push(window.maxTimestamp(), window);
  }

  /** The first element of a key in the present slice, or one behind newer slices of the key. */
  add(row: number, value: unknown): void {
    const slices = this.#slicesOf(row);
    if (this.sliceStart > slices.newest) {
      this.changes.touchTail(row, this.sliceStart);
      slices.begin(this.sliceStart, this.fold.first(value));
    } else {
      this.changes.touch(row);
      slices.add(this.sliceStart, value, this.fold);
    }
  }

  #slicesOf(row: number): KeySlices {
    const known = this.slices.get(row);
    if (known !== undefined) return known;
    const slices = new KeySlices();
    this.slices.exchange(row, slices);
    this.keys.retain(row);
    this.changes.created(row);
    return slices;
  }

  /** An element for a slice that lies behind the watermark: windows that are still open may hold it. */
  #addBehind(slice: number, value: unknown, timestamp: Timestamp): void {
    if (this.#geometry.lastWindowEnd(slice) - 1 > this.time) {
      this.#register(slice);
      const row = this.rowOf(this.#key(value));
      const slices = this.#slicesOf(row);
      this.changes.touch(row);
      slices.add(slice, value, this.fold);
      // The windows that have passed got nothing of this element, also when it comes back from a snapshot.
      slices.firedEnd = Math.max(slices.firedEnd, this.#geometry.passedEnd(this.time));
      return;
    }
    this.dropLate(value, timestamp);
  }

  // Time.

  protected override get scheduled(): number {
    return this.#windows.size;
  }

  protected override get due(): number {
    return this.#windows.earliest;
  }

  protected override reached(): void {
    if (this.sliceEnd - 1 > this.time) return;
    this.sliceStart = Infinity;
    this.sliceEnd = -Infinity;
  }

  protected override burst(): boolean {
    for (let window = this.#firing ?? this.#next(); window !== undefined; window = this.#next()) {
      this.#firing = window;
      if (!this.#fire(window)) return false;
      this.#firing = undefined;
    }
    for (const slice of this.#known)
      if (this.#geometry.lastWindowEnd(slice) - 1 <= this.time) this.#known.delete(slice);
    return true;
  }

  /** The next window whose time has come. */
  #next(): TimeWindow | undefined {
    if (this.#windows.earliest > this.time || this.#windows.size === 0) return undefined;
    const window = this.#windows.pop() as TimeWindow;
    this.#queued.delete(window.key);
    this.#nextRow = 0;
    return window;
  }

  /** Fires a window for the rows that are left; false when the gate stopped it. */
  #fire(window: TimeWindow): boolean {
    const { limit } = this.keys;
    const sliced = this.#geometry.hasWindow(window);
    while (this.#nextRow < limit) {
      const row = this.#nextRow++;
      const slices = sliced ? this.slices.get(row) : undefined;
      const carried = this.#carried.has(window.key, row);
      if (slices === undefined && !carried) continue;
      const due = carried || (slices as KeySlices).firedEnd < window.end;
      if (due) this.#fireRow(row, slices, window);
      if ((due || isTurnOfPassedRows(row)) && !this.context.gate.proceed()) return false;
    }
    return true;
  }

  #fireRow(row: number, slices: KeySlices | undefined, window: TimeWindow): void {
    const key = this.keys.keyOf(row);
    const combined = slices === undefined ? undefined : this.#combine(row, slices, window);
    const carried = this.#carried.take(window.key, row, this.views);
    const whole = carried === undefined || combined === undefined ? carried : this.#merger.join(carried, combined);
    if (whole !== undefined || combined !== undefined) this.emitter.emit(key, whole ?? combined, window);
  }

  /** What the slices of a key make of a window; those that no later window needs are dropped. */
  #combine(row: number, slices: KeySlices, window: TimeWindow): unknown {
    if (slices.firedEnd >= window.end) return undefined;
    this.changes.touchTail(row, this.#tailBehind(slices, window));
    const dropped = this.changes.noting ? (start: number): void => this.#goneSlice(row, start) : undefined;
    slices.firedEnd = window.end;
    slices.dropBefore(window.start, dropped);
    const combined = slices.combined(window.end, this.#merger);
    slices.dropBefore(window.start + this.#geometry.slide, dropped);
    if (slices.isEmpty) {
      if (this.changes.dropping(row)) this.#gone(row);
      this.slices.exchange(row, undefined);
      this.keys.release(row);
    }
    return combined;
  }

  /** The first slice that may still change or come when the window has fired, unless all of the key is noted. */
  #tailBehind(slices: KeySlices, window: TimeWindow): number {
    if (slices.last >= window.end || slices.isEmpty) return slices.last;
    return this.#geometry.endOf(slices.newest);
  }

  // State.

  protected override get tables(): WindowTables {
    this.changes = new Changes(this, this.firstGeneration, true);
    const { keys, changes } = this;
    const timers = this.isEventTime ? 'event-timer' : 'processing-timer';
    this.#carried = new CarriedWindows(keys, (key) => this.keyGroupOf(key), timers, this.firstGeneration);
    return {
      changes: [changes, this.#carried.changes],
      states: [SLICE_STATE, FIRED_STATE, ...this.#carried.states],
      viewed: () => {
        for (const slice of this.#known) this.#heldStart = Math.max(this.#heldStart, slice);
      },
      get entries() {
        return keys.size;
      },
    };
  }

  #sliceKey(start: number): string {
    return new TimeWindow(start, this.#geometry.endOf(start)).key;
  }

  /** A slice of a key goes. */
  #goneSlice(row: number, start: number): void {
    if (start > this.#heldStart) return;
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    const namespace = this.#sliceKey(start);
    this.views.gone((to) => to.state(SLICES, 'value', 1).remove(group, key, namespace));
  }

  #gone(row: number): void {
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    this.views.gone((to) => to.state(SLICES_FIRED, 'value', 1).remove(group, key, undefined));
  }

  get limit(): number {
    return this.keys.limit;
  }

  exists(row: number): boolean {
    return this.slices.get(row) !== undefined;
  }

  groupOf(row: number): number {
    return this.keyGroupOf(this.keys.keyOf(row));
  }

  writer({ to }: ViewPlan): ChangeWriter<never> {
    const entries = to.state(SLICES, 'value', 1);
    const fired = to.state(SLICES_FIRED, 'value', 1);
    return {
      write: (row, tail) => {
        const slices = this.slices.get(row) as KeySlices;
        const key = this.keys.keyOf(row);
        const group = this.keyGroupOf(key);
        slices.forEach((start, accumulator) => {
          if (tail === 0 || start >= tail) entries.put(group, key, this.#sliceKey(start), accumulator);
        });
        if (slices.firedEnd !== NO_SLICE) fired.put(group, key, undefined, slices.firedEnd);
      },
      remove: () => {},
    };
  }

  protected override restore({ restoredState, task, types }: OperatorContext<unknown>): void {
    this.#merger = new SliceMerger(this.fold, types);
    this.changes.restoring(() => this.#restore(restoredState, task));
  }

  #restore(restoredState: RestoredState, task: OperatorContext['task']): void {
    refuseOtherForms(restoredState, [SLICES, CONTENTS], task.operatorName);
    for (const { key, value } of restoredEntries(restoredState, SLICES_FIRED, ['value'])) {
      this.#slicesOf(this.rowOf(key)).firedEnd = value as number;
    }
    for (const { key, namespace, value } of restoredEntries(restoredState, SLICES, ['value'])) {
      const { start, end } = TimeWindow.fromKey(namespace as string);
      if (!this.#geometry.hasSlice(start, end)) throw otherForm(SLICES, task.operatorName, OTHER_SLICES);
      this.#register(start);
      this.#slicesOf(this.rowOf(key)).put(start, value);
    }
    const carried = this.#carried.restore(restoredState, (key) => this.rowOf(key), this.views);
    for (const window of carried) this.#queueUp(window);
    for (const slice of this.#known) this.#heldStart = Math.max(this.#heldStart, slice);
  }
}
