/** Assigners: which windows an element belongs to, and which windows become one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  mergeTimeWindows,
  EventTimeSessionWindows,
  ProcessingTimeSessionWindows,
} from '../../src/time/windows/session-windows.ts';
import { GlobalWindows } from '../../src/time/windows/global-windows.ts';
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from '../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { WindowStagger } from '../../src/time/windows/window-stagger.ts';
import { GlobalWindow, TimeWindow } from '../../src/time/windows/window.ts';

const at = (now: number) => ({ currentProcessingTime: () => now });
const keys = (windows: readonly { readonly key: string }[]): string[] => windows.map((window) => window.key);

test('a tumbling window begins at a multiple of its size plus the offset, also before the epoch', () => {
  const windows = TumblingEventTimeWindows.of(10, 3);
  assert.deepEqual(keys(windows.assignWindows(undefined, 12, at(0))), ['3/13']);
  assert.deepEqual(keys(windows.assignWindows(undefined, 13, at(0))), ['13/23']);
  assert.deepEqual(keys(windows.assignWindows(undefined, -1, at(0))), ['-7/3']);
  assert.deepEqual(keys(TumblingEventTimeWindows.of(10, -3).assignWindows(undefined, 0, at(0))), ['-3/7']);
  assert.deepEqual(keys(TumblingProcessingTimeWindows.of(10).assignWindows(undefined, -Infinity, at(25))), ['20/30']);
});

test('the end of a window is not in it', () => {
  const window = new TimeWindow(10, 20);
  assert.equal(window.maxTimestamp(), 19);
  assert.deepEqual(TimeWindow.fromKey(window.key), new TimeWindow(10, 20));
  assert.deepEqual(TimeWindow.fromKey(new TimeWindow(-20, -10.5).key), new TimeWindow(-20, -10.5));
  assert.equal(GlobalWindow.get().maxTimestamp(), Infinity);
});

test('an element belongs to every sliding window that covers it, and to no other', () => {
  const sizes = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(
      sizes,
      sizes,
      fc.integer({ min: -39, max: 39 }),
      fc.array(fc.integer({ min: -200, max: 200 }), { minLength: 1, maxLength: 20 }),
      (size, slide, anyOffset, times) => {
        const offset = anyOffset % slide;
        const assigner = SlidingEventTimeWindows.of(size, slide, offset);
        for (const time of times) {
          const found = new Set(keys(assigner.assignWindows(undefined, time)));
          for (let start = -400 * slide + offset; start <= 300; start += slide) {
            const covers = start <= time && time < start + size;
            assert.equal(
              found.delete(new TimeWindow(start, start + size).key),
              covers,
              `${time} in ${start}/${start + size}`,
            );
          }
          assert.equal(found.size, 0);
        }
      },
    ),
  );
});

test('sliding windows of processing time follow the clock', () => {
  assert.deepEqual(keys(SlidingProcessingTimeWindows.of(10, 5).assignWindows(undefined, 0, at(12))), ['10/20', '5/15']);
});

test('sessions last for their gap from each element on', () => {
  assert.deepEqual(keys(EventTimeSessionWindows.withGap(5).assignWindows(undefined, 12)), ['12/17']);
  assert.deepEqual(keys(EventTimeSessionWindows.withDynamicGap((gap: number) => gap).assignWindows(7, 12)), ['12/19']);
  assert.deepEqual(keys(ProcessingTimeSessionWindows.withGap(5).assignWindows(undefined, 0, at(20))), ['20/25']);
  assert.throws(
    () => EventTimeSessionWindows.withDynamicGap(() => 0).assignWindows(1, 12),
    /WINDOW_INVALID.*above 0.*returned 0/,
  );
  assert.throws(() => EventTimeSessionWindows.withGap(-1), /WINDOW_INVALID/);
});

test('windows that overlap or touch merge, others stay apart', () => {
  const merged: string[] = [];
  mergeTimeWindows(
    [
      new TimeWindow(20, 25),
      new TimeWindow(0, 5),
      new TimeWindow(5, 9),
      new TimeWindow(22, 30),
      new TimeWindow(10, 11),
    ],
    (members, result) => merged.push(`${members.map((window) => window.key).join(' ')} -> ${result.key}`),
  );
  assert.deepEqual(merged, ['0/5 5/9 -> 0/9', '20/25 22/30 -> 20/30']);
});

test('windows of event time need timestamps', () => {
  for (const assigner of [
    TumblingEventTimeWindows.of(10),
    SlidingEventTimeWindows.of(10, 5),
    EventTimeSessionWindows.withGap(5),
  ]) {
    assert.throws(() => assigner.assignWindows(undefined, -Infinity, at(0)), /TIMESTAMP_MISSING/);
  }
});

test('a stagger shifts the windows of each subtask', () => {
  const start = (stagger: WindowStagger, subtask: number, now = 47): number => {
    const assigner = TumblingEventTimeWindows.of(1_000, 0, stagger).forSubtask({ operatorId: 'window', subtask });
    return (assigner.assignWindows(undefined, 5_000, at(now))[0] as TimeWindow).start;
  };
  assert.equal(start(WindowStagger.ALIGNED, 0), 5_000);
  assert.equal(start(WindowStagger.NATURAL, 0), 4_047, 'a window begins at the first element');
  const random = [0, 1, 2, 3].map((subtask) => start(WindowStagger.RANDOM, subtask));
  assert.equal(new Set(random).size, 4);
  assert.deepEqual(
    random,
    [0, 1, 2, 3].map((subtask) => start(WindowStagger.RANDOM, subtask)),
    'the same after a restart',
  );
});

test('parts that make no sense are refused', () => {
  assert.throws(() => TumblingEventTimeWindows.of(Number.NaN), /WINDOW_INVALID.*size of tumbling event-time/);
  assert.throws(() => TumblingProcessingTimeWindows.of(10, 10), /WINDOW_INVALID.*offset/);
  assert.throws(() => SlidingEventTimeWindows.of(10, 0), /WINDOW_INVALID.*slide/);
});

test('global windows hold everything', () => {
  assert.deepEqual(keys(GlobalWindows.create().assignWindows()), ['global']);
});
