/**
 * Sessions with their own trigger: the sessions of each key hang together, and most elements extend the only one.
 *
 * That case is generated text: the element falls within the session or touches its end, so it is folded in and the end
 * moves. A session stands in a queue by an end that it once had; when that time comes and it has been extended since,
 * it is queued anew, so that extending it costs nothing. Everything else, opening, bridging and late elements, is done
 * here.
 *
 * In a snapshot there are the sets of windows, contents and timers of the general operator: both restore what the
 * other has stored.
 */

import { Column } from '../../state/columns.ts';
import type { ChangeWriter, Changing } from '../../state/change-lists.ts';
import { Changes } from '../../state/changes.ts';
import { RowNumbers } from '../../state/row-numbers.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import type { ViewPlan } from '../../state/views.ts';
import { timestamped } from '../../time/windows/durations.ts';
import type { SessionWindows } from '../../time/windows/session-windows.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import type { InlineCode } from '../inline-code.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from '../operator.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import type { StoredWindow } from './merging-window-set.ts';
import {
  contentsKind,
  MERGING_WINDOWS,
  otherForm,
  refuseOtherForms,
  restoredEntries,
  WINDOW_TIMERS,
} from './restored-windows.ts';
import { RowWindowOperator } from './row-window-operator.ts';
import { CONTENTS } from './window-contents.ts';
import { writeAdd } from './window-fold.ts';
import type { WindowSpec } from './window-spec.ts';
import type { WindowTables, WrittenState } from './window-views.ts';

/** The operator for a spec whose assigner is one of {@link SessionWindows}, without allowed lateness. */
export function sessionParts(spec: WindowSpec): Pick<OperatorDefinition, 'create' | 'inline'> {
  return { create: () => new SessionOperator(spec), inline: (code) => writeElementPath(code, spec) };
}

function writeElementPath(code: InlineCode, spec: WindowSpec): void {
  const { self, value } = code;
  const fresh = (hint: string): string => code.fresh(hint);
  const [time, gap, row, session, next, end] = [
    fresh('time'),
    fresh('gap'),
    fresh('row'),
    fresh('session'),
    fresh('next'),
    fresh('end'),
  ];
  const { gap: given } = spec.assigner as unknown as SessionWindows<unknown>;
  code.line(`const ${time} = ${spec.assigner.isEventTime ? code.timestamp : `${self}.now()`};`);
  code.line(`const ${gap} = ${typeof given === 'number' ? given : `${self}.gapOf(${value})`};`);
  code.line(`const ${row} = ${self}.rowOf(${code.bind(spec.key)}(${value}));`);
  code.line(`const ${session} = ${self}.sessions.get(${row});`);
  code.line(
    `if (${session} === undefined || ${session}.next !== undefined || !(${time} >= ${session}.start && ${time} <= ${session}.end)) ${self}.add(${row}, ${value}, ${time}, ${gap}, ${code.timestamp});`,
  );
  code.line('else {');
  code.line(`if (${self}.changes.noting) ${self}.touch(${session});`);
  writeAdd(code, spec.keeping, `${session}.accumulator`, next);
  if (spec.keeping.kind !== 'list') code.line(`${session}.accumulator = ${next};`);
  code.line(`const ${end} = ${time} + ${gap};`);
  code.line(`if (${end} > ${session}.end) ${session}.end = ${end};`);
  code.line('}');
}

class Session {
  readonly row: number;
  start: number;
  end: number;
  accumulator: unknown;
  /** Another session of the key. */
  next: Session | undefined = undefined;
  /** Still there: neither fired nor merged into another. */
  open = true;
  /** Under which it is noted. */
  place = -1;
  /** The window under which its contents are stored, however it grows. */
  home: string;

  constructor(row: number, start: number, end: number, accumulator: unknown, home = windowKey(start, end)) {
    this.row = row;
    this.home = home;
    this.start = start;
    this.end = end;
    this.accumulator = accumulator;
  }
}

function windowKey(start: number, end: number): string {
  return new TimeWindow(start, end).key;
}

const SETS: WrittenState = { name: MERGING_WINDOWS, kind: 'value' };

class SessionOperator extends RowWindowOperator implements Changing<never> {
  readonly #assigner: SessionWindows<unknown>;
  /** The first session of each key, by row. */
  readonly sessions = new Column<Session>();
  readonly #queue = new ExpiryQueue<Session>();
  /** All sessions by their places. */
  readonly #byPlace = new Column<Session>();
  readonly #places = new RowNumbers();
  /** Of the sessions, and of the sets of them that keys have, by row. */
  changes!: Changes<never>;
  #sets!: Changes<never>;

  constructor(spec: WindowSpec) {
    super(spec);
    this.#assigner = spec.assigner as unknown as SessionWindows<unknown>;
  }

  // The element path, as far as it is not generated text.

  gapOf(value: unknown): number {
    return this.#assigner.gapOf(value);
  }

  /** Any element that does not simply extend the only session of its key. */
  add(row: number, value: unknown, time: number, gap: number, timestamp: Timestamp): void {
    if (this.isEventTime) timestamped(time, this.spec.assigner.kind);
    const end = time + gap;
    const target = this.#merge(row, time, end);
    if (target !== undefined) {
      // It was touched when it was merged.
      target.accumulator = this.fold.add(target.accumulator, value);
    } else if (this.isEventTime && end - 1 <= this.time) {
      this.#refuse(row, value, timestamp);
    } else {
      this.#enter(new Session(row, time, end, this.fold.first(value)));
    }
  }

  #enter(session: Session): void {
    const { row } = session;
    this.#sets.touch(row);
    session.next = this.sessions.exchange(row, session);
    this.keys.retain(row);
    session.place = this.#places.take();
    this.#byPlace.exchange(session.place, session);
    this.changes.created(session.place);
    if (session.next === undefined) this.#sets.created(row);
    this.#queue.push(session.end - 1, session);
    this.setAlarm();
  }

  /** To be called before a session changes. */
  touch(session: Session): void {
    const { place } = session;
    // The timer at its end may move.
    if (this.changes.isFirst(place)) this.#goneTimer(session);
    this.changes.touch(place);
    this.#sets.touch(session.row);
  }

  /** Makes one session of all that a window from `start` to `end` overlaps or touches; undefined when there is none. */
  #merge(row: number, start: number, end: number): Session | undefined {
    const touched: Session[] = [];
    let span = { start, end };
    for (let session = this.sessions.get(row); session !== undefined; session = session.next) {
      if (session.start <= end && session.end >= start) touched.push(session);
    }
    if (touched.length === 0) return undefined;
    touched.sort((a, b) => a.start - b.start);
    const [target, ...others] = touched as [Session, ...Session[]];
    this.touch(target);
    for (const session of touched)
      span = { start: Math.min(span.start, session.start), end: Math.max(span.end, session.end) };
    for (const other of others) {
      this.#remove(other);
      // Windows that merge were refused where there is no merge().
      target.accumulator = this.fold.merge?.(target.accumulator, other.accumulator);
    }
    target.start = span.start;
    target.end = span.end;
    return target;
  }

  /** Takes a session from its key. */
  #remove(session: Session): void {
    const { row, place } = session;
    if (this.changes.dropping(place)) this.#gone(session);
    session.open = false;
    const head = this.sessions.get(row);
    if (head === session && session.next === undefined) {
      if (this.#sets.dropping(row)) this.#goneSet(row);
    } else this.#sets.touch(row);
    this.#byPlace.exchange(place, undefined);
    this.#places.free(place);
    if (head === session) {
      this.sessions.exchange(row, session.next);
    } else {
      let before = head;
      while (before !== undefined && before.next !== session) before = before.next;
      if (before !== undefined) before.next = session.next;
    }
    this.keys.release(row);
  }

  #refuse(row: number, value: unknown, timestamp: Timestamp): void {
    // The row may have been made for this element alone.
    this.keys.retain(row);
    this.keys.release(row);
    this.dropLate(value, timestamp);
  }

  // Time.

  protected override get scheduled(): number {
    return this.#queue.size;
  }

  protected override get due(): number {
    return this.#queue.earliest;
  }

  protected override burst(): boolean {
    for (;;) {
      const time = this.#queue.earliest;
      if (time > this.time || this.#queue.size === 0) break;
      const session = this.#queue.pop() as Session;
      if (!session.open) continue;
      if (session.end - 1 > time) {
        this.#queue.push(session.end - 1, session);
        continue;
      }
      const key = this.keys.keyOf(session.row);
      this.#remove(session);
      this.emitter.emit(key, session.accumulator, new TimeWindow(session.start, session.end));
      if (!this.context.gate.proceed()) return false;
    }
    return true;
  }

  // State.

  protected override get tables(): WindowTables {
    this.changes = new Changes(this, this.firstGeneration);
    this.#sets = new Changes(this.#setsOfKeys(), this.firstGeneration);
    const places = this.#places;
    return {
      changes: [this.changes, this.#sets],
      states: [SETS, this.#contents, this.#timers],
      get entries() {
        return places.size;
      },
    };
  }

  get #contents(): WrittenState {
    return { name: CONTENTS, kind: contentsKind(this.spec.keeping) };
  }

  get #timers(): WrittenState {
    return { name: WINDOW_TIMERS, kind: this.isEventTime ? 'event-timer' : 'processing-timer' };
  }

  #goneTimer({ row, start, end }: Session): void {
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    const { name, kind } = this.#timers;
    this.views.gone((to) => to.state(name, kind, 1).removeEntry(group, key, windowKey(start, end), end - 1));
  }

  #gone(session: Session): void {
    this.#goneTimer(session);
    const { row, home } = session;
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    const { name, kind } = this.#contents;
    this.views.gone((to) => to.state(name, kind, 1).remove(group, key, home));
  }

  #goneSet(row: number): void {
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    this.views.gone((to) => to.state(SETS.name, SETS.kind, 1).remove(group, key, undefined));
  }

  get limit(): number {
    return this.#places.limit;
  }

  exists(place: number): boolean {
    return this.#byPlace.get(place) !== undefined;
  }

  groupOf(place: number): number {
    return this.keyGroupOf(this.keys.keyOf((this.#byPlace.get(place) as Session).row));
  }

  writer({ to }: ViewPlan): ChangeWriter<never> {
    const contents = to.state(this.#contents.name, this.#contents.kind, 1);
    const timers = to.state(this.#timers.name, this.#timers.kind, 1);
    return {
      write: (place) => {
        const { row, start, end, home, accumulator } = this.#byPlace.get(place) as Session;
        const key = this.keys.keyOf(row);
        const group = this.keyGroupOf(key);
        contents.put(group, key, home, accumulator);
        timers.putEntry(group, key, windowKey(start, end), end - 1, undefined);
      },
      remove: () => {},
    };
  }

  #setsOfKeys(): Changing<never> {
    const limit = (): number => this.keys.limit;
    return {
      get limit() {
        return limit();
      },
      exists: (row) => this.sessions.get(row) !== undefined,
      groupOf: (row) => this.keyGroupOf(this.keys.keyOf(row)),
      writer: ({ to }) => {
        const sets = to.state(SETS.name, SETS.kind, 1);
        return {
          write: (row) => {
            const key = this.keys.keyOf(row);
            const set: StoredWindow[] = [];
            for (let session = this.sessions.get(row); session !== undefined; session = session.next)
              set.push([windowKey(session.start, session.end), session.home]);
            sets.put(this.keyGroupOf(key), key, undefined, set);
          },
          remove: () => {},
        };
      },
    };
  }

  protected override restore({ restoredState, task }: OperatorContext<unknown>): void {
    this.changes.restoring(() => this.#sets.restoring(() => this.#restore(restoredState, task)));
  }

  #restore(restoredState: RestoredState, task: OperatorContext['task']): void {
    refuseOtherForms(restoredState, [CONTENTS, MERGING_WINDOWS], task.operatorName);
    // Of every key what lies where, first the window and then its session, in the order of the stored set.
    const homes = new Column<Map<string, TimeWindow | Session>>();
    for (const { key, value } of restoredEntries(restoredState, MERGING_WINDOWS, ['value'])) {
      const windows = (value as readonly StoredWindow[]).map(
        ([window, home]) => [home, TimeWindow.fromKey(window)] as const,
      );
      homes.exchange(this.rowOf(key), new Map(windows));
    }
    // A session without the timer that ends it has fired before.
    const due = new Set<string>();
    for (const { key, namespace, value } of restoredEntries(restoredState, WINDOW_TIMERS, [
      'event-timer',
      'processing-timer',
    ])) {
      if (TimeWindow.fromKey(namespace as string).maxTimestamp() === value)
        due.add(`${this.keys.find(key)} ${String(namespace)}`);
    }
    for (const { key, namespace, value } of restoredEntries(restoredState, CONTENTS, [
      contentsKind(this.spec.keeping),
    ])) {
      const row = this.keys.find(key);
      const home = namespace as string;
      const window = row < 0 ? undefined : homes.get(row)?.get(home);
      if (!(window instanceof TimeWindow)) throw otherForm(CONTENTS, task.operatorName);
      if (due.has(`${row} ${window.key}`))
        homes.get(row)?.set(home, new Session(row, window.start, window.end, value, home));
      else this.views.writeAnew();
    }
    for (let row = 0; row < this.keys.limit; row++) {
      const set = homes.get(row);
      if (set === undefined) continue;
      for (const session of [...set.values()].toReversed()) if (session instanceof Session) this.#enter(session);
      if (this.sessions.get(row) !== undefined) continue;
      this.views.writeAnew();
      this.keys.retain(row);
      this.keys.release(row);
    }
  }
}
