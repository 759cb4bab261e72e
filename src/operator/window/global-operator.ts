/**
 * Global windows that fire by count, at the end of the stream, or never: an accumulator and a count per key, and
 * nothing else.
 *
 * The element path is generated text; a key's window fires in it, when its count is full. In a snapshot there are the
 * contents, and the count or the timer that the general operator would have.
 */

import { MAX_WATERMARK } from '../../data/element.ts';
import { Column, IntColumn } from '../../state/columns.ts';
import type { ChangeWriter, Changing } from '../../state/change-lists.ts';
import { Changes } from '../../state/changes.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import type { ViewPlan } from '../../state/views.ts';
import { CountTrigger } from '../../time/triggers/count-trigger.ts';
import { EndOfStreamTrigger } from '../../time/triggers/end-of-stream-trigger.ts';
import { NeverTrigger } from '../../time/triggers/never-trigger.ts';
import { PurgingTrigger } from '../../time/triggers/purging-trigger.ts';
import { GlobalWindows } from '../../time/windows/global-windows.ts';
import { GlobalWindow } from '../../time/windows/window.ts';
import type { InlineCode } from '../inline-code.ts';
import type { OperatorContext, OperatorDefinition } from '../operator.ts';
import { contentsKind, refuseOtherForms, restoredEntries, TRIGGER_COUNT, WINDOW_TIMERS } from './restored-windows.ts';
import { RowWindowOperator } from './row-window-operator.ts';
import { CONTENTS } from './window-contents.ts';
import { writeAdd } from './window-fold.ts';
import { triggerOf, type WindowSpec } from './window-spec.ts';
import type { WindowTables, WrittenState } from './window-views.ts';

/** When the windows fire; `count` Infinity for never. */
interface Counting {
  readonly count: number;
  readonly purging: boolean;
  readonly atEnd: boolean;
}

/** What the spec's trigger amounts to, if this operator can do it. */
export function countingOf(spec: WindowSpec): Counting | undefined {
  if (!(spec.assigner instanceof GlobalWindows)) return undefined;
  const trigger = triggerOf(spec);
  if (trigger instanceof NeverTrigger) return { count: Infinity, purging: false, atEnd: false };
  if (trigger instanceof EndOfStreamTrigger) return { count: Infinity, purging: true, atEnd: true };
  if (trigger instanceof CountTrigger) return { count: trigger.maxCount, purging: false, atEnd: false };
  if (!(trigger instanceof PurgingTrigger) || !(trigger.nested instanceof CountTrigger)) return undefined;
  return { count: trigger.nested.maxCount, purging: true, atEnd: false };
}

export function globalParts(spec: WindowSpec, counting: Counting): Pick<OperatorDefinition, 'create' | 'inline'> {
  return { create: () => new GlobalOperator(spec, counting), inline: (code) => writeElementPath(code, spec, counting) };
}

function writeElementPath(code: InlineCode, spec: WindowSpec, { count }: Counting): void {
  const { self, value } = code;
  const row = code.fresh('row');
  const accumulator = code.fresh('accumulator');
  const next = code.fresh('next');
  code.line(`const ${row} = ${self}.rowOf(${code.bind(spec.key)}(${value}));`);
  code.line(`const ${accumulator} = ${self}.contents.get(${row});`);
  code.line(`if (${accumulator} === undefined) ${self}.begin(${row}, ${value});`);
  code.line('else {');
  code.line(`if (${self}.changes.noting) ${self}.changes.touch(${row});`);
  writeAdd(code, spec.keeping, accumulator, next);
  if (spec.keeping.kind !== 'list') code.line(`${self}.contents.exchange(${row}, ${next});`);
  if (count !== Infinity) code.line(`if (${self}.counts.add(${row}, 1) >= ${count}) ${self}.fire(${row});`);
  code.line('}');
}

const NAMESPACE = GlobalWindow.get().key;
const COUNTS: WrittenState = { name: TRIGGER_COUNT, kind: 'reducing' };
const TIMERS: WrittenState = { name: WINDOW_TIMERS, kind: 'event-timer' };

class GlobalOperator extends RowWindowOperator implements Changing<never> {
  readonly #counting: Counting;
  /** Of the keys, by row. */
  readonly contents = new Column<unknown>();
  /** Elements since the window of the key fired last. */
  readonly counts = new IntColumn();
  /** Of contents and counts, by row. */
  changes!: Changes<never>;
  /** The row that fires next at the end of the stream. */
  #nextRow = 0;

  constructor(spec: WindowSpec, counting: Counting) {
    super(spec, counting.atEnd);
    this.#counting = counting;
  }

  protected override get scheduled(): number {
    return this.#counting.atEnd ? this.keys.size : 0;
  }

  protected override get due(): number {
    return this.#counting.atEnd ? MAX_WATERMARK : Infinity;
  }

  /** At the end of the stream every key fires; before that, windows fire with the elements that fill them. */
  protected override burst(): boolean {
    if (this.time !== MAX_WATERMARK) return true;
    while (this.#nextRow < this.keys.limit) {
      const row = this.#nextRow++;
      if (this.contents.get(row) === undefined) continue;
      this.fire(row);
      if (!this.context.gate.proceed()) return false;
    }
    return true;
  }

  /** The first element of a key, or the first since its window was purged. */
  begin(row: number, value: unknown): void {
    this.#enter(row, this.fold.first(value), 1);
    if (this.#counting.count === 1) this.fire(row);
  }

  #enter(row: number, accumulator: unknown, count: number): void {
    this.contents.exchange(row, accumulator);
    this.counts.set(row, count);
    this.keys.retain(row);
    this.changes.created(row);
  }

  fire(row: number): void {
    const accumulator = this.contents.get(row);
    const key = this.keys.keyOf(row);
    this.changes.touch(row);
    this.counts.set(row, 0);
    if (this.#counting.purging) {
      if (this.changes.dropping(row)) this.#gone(row);
      this.contents.exchange(row, undefined);
      this.keys.release(row);
    }
    this.emitter.emit(key, accumulator, GlobalWindow.get());
  }

  // State.

  protected override get tables(): WindowTables {
    this.changes = new Changes(this, this.firstGeneration);
    const { changes } = this;
    const entries = (): number => this.keys.size;
    return {
      changes: [changes],
      states: this.#states,
      get entries() {
        return entries();
      },
    };
  }

  /** Contents, then what goes with them. */
  get #states(): readonly WrittenState[] {
    const { count: full, atEnd } = this.#counting;
    return [
      { name: CONTENTS, kind: contentsKind(this.spec.keeping) },
      ...(full === Infinity ? [] : [COUNTS]),
      ...(atEnd ? [TIMERS] : []),
    ];
  }

  #gone(row: number): void {
    const key = this.keys.keyOf(row);
    const group = this.keyGroupOf(key);
    const states = this.#states;
    this.views.gone((to) => {
      for (const { name, kind } of states) {
        if (name === WINDOW_TIMERS) to.state(name, kind, 1).removeEntry(group, key, NAMESPACE, MAX_WATERMARK);
        else to.state(name, kind, 1).remove(group, key, NAMESPACE);
      }
    });
  }

  get limit(): number {
    return this.keys.limit;
  }

  exists(row: number): boolean {
    return this.contents.get(row) !== undefined;
  }

  groupOf(row: number): number {
    return this.keyGroupOf(this.keys.keyOf(row));
  }

  writer({ to }: ViewPlan): ChangeWriter<never> {
    const { count: full, atEnd } = this.#counting;
    const contents = to.state(CONTENTS, contentsKind(this.spec.keeping), 1);
    const counts = full === Infinity ? undefined : to.state(COUNTS.name, COUNTS.kind, 1);
    const timers = atEnd ? to.state(TIMERS.name, TIMERS.kind, 1) : undefined;
    return {
      write: (row) => {
        const key = this.keys.keyOf(row);
        const group = this.keyGroupOf(key);
        contents.put(group, key, NAMESPACE, this.contents.get(row));
        timers?.putEntry(group, key, NAMESPACE, MAX_WATERMARK, undefined);
        const count = this.counts.get(row);
        if (count > 0) counts?.put(group, key, NAMESPACE, count);
        else counts?.remove(group, key, NAMESPACE);
      },
      remove: () => {},
    };
  }

  protected override restore({ restoredState, task }: OperatorContext<unknown>): void {
    refuseOtherForms(restoredState, [CONTENTS], task.operatorName);
    this.changes.restoring(() => this.#restore(restoredState));
  }

  #restore(restoredState: RestoredState): void {
    for (const { key, value } of restoredEntries(restoredState, CONTENTS, [contentsKind(this.spec.keeping)])) {
      this.#enter(this.rowOf(key), value, 0);
    }
    for (const { key, value } of restoredEntries(restoredState, TRIGGER_COUNT, ['reducing'])) {
      const row = this.keys.find(key);
      if (row >= 0) this.counts.set(row, value as number);
    }
  }
}
