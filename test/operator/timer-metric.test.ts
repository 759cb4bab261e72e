/** The metric `numTimers`: what waits for its time, in every operator that waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { columnWindow } from '../../src/operator/column-window.ts';
import { keyedProcess } from '../../src/operator/keyed-process.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { windowDefinition } from '../../src/operator/window/window-definition.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { EventTimeSessionWindows } from '../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows } from '../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { batchOf, PLAIN } from '../kernel/any-columns.ts';
import { erased, keepingOf, spec } from './window/window-cases.ts';

interface Sample {
  readonly key: string;
  readonly id: number;
  readonly gap: number;
}

const sample = (key: string): Sample => ({ key, id: 1, gap: 5 });

/** Two keys at one time, then the end of time. */
function counts(definition: OperatorDefinition): { readonly waiting: number; readonly left: number } {
  const harness = new OperatorHarness(definition);
  harness.element(sample('a'), 5);
  harness.element(sample('b'), 5);
  const waiting = harness.metric('numTimers');
  harness.watermark(Infinity);
  assert.equal(harness.stateKeys, 0);
  return { waiting, left: harness.metric('numTimers') };
}

test('timers of a process function are counted until they have fired', () => {
  const definition = keyedProcess((value: Sample) => value.key, {
    processElement(_value: Sample, ctx) {
      ctx.timerService().registerEventTimeTimer(10);
      ctx.timerService().registerEventTimeTimer(10);
      ctx.timerService().registerEventTimeTimer(20);
    },
    onTimer() {},
  });
  assert.deepEqual(counts(definition), { waiting: 4, left: 0 });
});

test('timers of windows are counted: one per key and window, or one per window for all keys', () => {
  const of = (assigner: unknown, general: boolean): OperatorDefinition =>
    windowDefinition(spec({ assigner: erased(assigner), keeping: keepingOf('reduce') }), { general });
  const tumbling = TumblingEventTimeWindows.of(10);
  const sliding = SlidingEventTimeWindows.of(10, 5);
  const session = EventTimeSessionWindows.withGap(10);
  assert.deepEqual(counts(of(tumbling, false)), { waiting: 1, left: 0 });
  assert.deepEqual(counts(of(tumbling, true)), { waiting: 2, left: 0 });
  assert.deepEqual(counts(of(sliding, false)), { waiting: 2, left: 0 });
  assert.deepEqual(counts(of(sliding, true)), { waiting: 4, left: 0 });
  assert.deepEqual(counts(of(session, false)), { waiting: 2, left: 0 });
  assert.deepEqual(counts(of(session, true)), { waiting: 2, left: 0 });
});

test('windows over columns are counted once for all their keys', () => {
  const schema = Schema.of({ key: LogicalType.string() });
  const waiting = (sizeMs: number, slideMs: number): readonly number[] => {
    const harness = new OperatorHarness(
      columnWindow({ schema, keys: [0], aggregates: [], sizeMs, slideMs, offsetMs: 0 }),
    );
    harness.element(batchOf(schema, [['a'], ['b'], ['a']], PLAIN, { timestamps: [3, 5, 12] }));
    const seen = [harness.metric('numTimers')];
    for (const watermark of [9, Infinity]) {
      harness.watermark(watermark);
      seen.push(harness.metric('numTimers'));
    }
    return seen;
  };
  assert.deepEqual(waiting(10, 10), [2, 1, 0]);
  // [-5, 5), [0, 10), [5, 15), [10, 20)
  assert.deepEqual(waiting(10, 5), [4, 2, 0]);
});
