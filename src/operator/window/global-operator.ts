/**
 * Global windows that fire by count, at the end of the stream, or never: an accumulator and a count per key, and
 * nothing else.
 *
 * The element path is generated text; a key's window fires in it, when its count is full. In a snapshot there are the
 * contents, and the count or the timer that the general operator would have.
 */

import { MAX_WATERMARK } from '../../data/element.ts';
import { Column, IntColumn } from '../../state/columns.ts';
import type { SnapshotWriter } from '../../state/snapshot.ts';
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
  writeAdd(code, spec.keeping, accumulator, next);
  if (spec.keeping.kind !== 'list') code.line(`${self}.contents.exchange(${row}, ${next});`);
  if (count !== Infinity) code.line(`if (${self}.counts.add(${row}, 1) >= ${count}) ${self}.fire(${row});`);
  code.line('}');
}

class GlobalOperator extends RowWindowOperator {
  readonly #counting: Counting;
  /** Of the keys, by row. */
  readonly contents = new Column<unknown>();
  /** Elements since the window of the key fired last. */
  readonly counts = new IntColumn();
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
  }

  fire(row: number): void {
    const accumulator = this.contents.get(row);
    const key = this.keys.keyOf(row);
    this.counts.set(row, 0);
    if (this.#counting.purging) {
      this.contents.exchange(row, undefined);
      this.keys.release(row);
    }
    this.emitter.emit(key, accumulator, GlobalWindow.get());
  }

  override snapshot(writer: SnapshotWriter): void {
    const namespace = GlobalWindow.get().key;
    const contents = writer.keyed({ name: CONTENTS, kind: contentsKind(this.spec.keeping), version: 1 });
    const { count: full, atEnd } = this.#counting;
    const counts = full === Infinity ? undefined : writer.keyed({ name: TRIGGER_COUNT, kind: 'reducing', version: 1 });
    const timers = atEnd ? writer.keyed({ name: WINDOW_TIMERS, kind: 'event-timer', version: 1 }) : undefined;
    for (let row = 0; row < this.keys.limit; row++) {
      const accumulator = this.contents.get(row);
      if (accumulator === undefined) continue;
      const key = this.keys.keyOf(row);
      const group = this.keyGroupOf(key);
      contents.entry(group, key, namespace, accumulator);
      timers?.entry(group, key, namespace, MAX_WATERMARK);
      const count = this.counts.get(row);
      if (count > 0) counts?.entry(group, key, namespace, count);
    }
  }

  protected override restore({ restoredState, task }: OperatorContext<unknown>): void {
    refuseOtherForms(restoredState, [CONTENTS], task.operatorName);
    for (const { key, value } of restoredEntries(restoredState, CONTENTS, [contentsKind(this.spec.keeping)])) {
      this.#enter(this.rowOf(key), value, 0);
    }
    for (const { key, value } of restoredEntries(restoredState, TRIGGER_COUNT, ['reducing'])) {
      const row = this.keys.find(key);
      if (row >= 0) this.counts.set(row, value as number);
    }
  }
}
