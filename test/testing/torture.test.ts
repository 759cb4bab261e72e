/** The torturer catches operators that are wrong in one way of running only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { PlainOperator } from '../../src/operator/plain-operator.ts';
import { valueState, type ValueState } from '../../src/state/descriptor.ts';
import type { SnapshotWriter } from '../../src/state/snapshot.ts';
import type { TimerDriver } from '../../src/state/timers.ts';
import { element, element2, side, torture, watermark } from '../../src/testing/torture.ts';

/** Counts in a field and, when it is right, keeps the count in its snapshot. */
class Counting extends PlainOperator<number> {
  readonly #keeps: boolean;
  #count = 0;

  constructor(keeps: boolean) {
    super();
    this.#keeps = keeps;
  }

  override open(context: Parameters<PlainOperator<number>['open']>[0]): void {
    super.open(context);
    this.#count = context.operatorState.list<number>('count', 'split').items[0] ?? 0;
  }

  element(_value: unknown, timestamp: number): void {
    this.output.emit(++this.#count, timestamp, 0);
  }

  override snapshot(_writer: SnapshotWriter): void {
    this.context.operatorState.list<number>('count', 'split').update(this.#keeps ? [this.#count] : []);
  }
}

test('an operator that keeps its state in snapshots passes, one that forgets it does not', () => {
  const items = [element('a', 1), element('b', 2), watermark(3)];
  const expected = [element(1, 1), element(2, 2), watermark(3)];
  torture(() => new Counting(true))
    .given(...items)
    .expect(...expected);
  assert.throws(
    () =>
      torture(() => new Counting(false))
        .given(...items)
        .expect(...expected),
    /when run with a snapshot after every item/,
  );
});

test('state that is left behind is named', () => {
  assert.throws(
    () =>
      torture(() => new Counting(true))
        .given(element('a', 1))
        .leavesNoState(),
    /State was left behind when run element by element: count \(operator list\): 1/,
  );
});

test('what comes out wrong in every way is reported for the first', () => {
  assert.throws(
    () =>
      torture(() => new Counting(true))
        .given(element('a', 1))
        .expect(element(2, 1)),
    /when run element by element/,
  );
});

/** Fires one timer per key; what it does not emit `atOnce` is in no snapshot. */
class Firing extends PlainOperator<unknown> {
  readonly #atOnce: boolean;
  #timers!: TimerDriver;
  #value!: ValueState<unknown>;
  #pending: unknown[] = [];

  constructor(atOnce: boolean) {
    super();
    this.#atOnce = atOnce;
  }

  override open(context: Parameters<PlainOperator<unknown>['open']>[0]): void {
    super.open(context);
    const backend = context.keyedBackend();
    this.#value = backend.value(valueState<unknown>('value'));
    this.#timers = backend.timers('timers', () => {
      const value = this.#value.value();
      this.#value.clear();
      if (this.#atOnce) this.output.emit(value, 0, 0);
      else this.#pending.push(value);
    });
  }

  element(value: unknown): void {
    this.context.keyedBackend().setCurrentKey(value);
    this.#value.update(value);
    this.#timers.service.registerEventTimeTimer(5);
  }

  override watermark(timestamp: number): void {
    this.#timers.advance(timestamp, () => {
      for (const value of this.#pending) this.output.emit(value, 0, 0);
      this.#pending = [];
      this.output.watermark(timestamp);
    });
  }
}

test('a burst of timers that holds its results outside its state is caught', () => {
  const items = [element('a', 1), element('b', 1), element('c', 1), watermark(5)];
  const expected = [element('a', 0), element('b', 0), element('c', 0), watermark(5)];
  torture(() => new Firing(true))
    .given(...items)
    .expect(...expected)
    .leavesNoState();
  assert.throws(
    () =>
      torture(() => new Firing(false))
        .given(...items)
        .expect(...expected),
    /when run with a snapshot within every burst of timers/,
  );
});

test('two inputs and side outputs can be given and expected', () => {
  const split: OperatorDefinition = {
    kind: 'split',
    input: 'records',
    output: 'records',
    create: () =>
      new (class extends PlainOperator<unknown> {
        element(value: unknown, timestamp: number): void {
          this.output.emit(value, timestamp, 0);
        }

        element2(value: unknown, timestamp: number): void {
          this.output.side('second', value, timestamp);
        }
      })(),
  };
  torture(() => split, { inputs: 2 })
    .given(element('a', 1), element2('b', 2))
    .expect(element('a', 1), side('second', 'b', 2))
    .leavesNoState();
});
