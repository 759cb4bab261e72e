/** When windows fire, and what they forget: each trigger and evictor by an example, run in every way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WindowSpec } from '../../../src/operator/window/window-spec.ts';
import { windowDefinition } from '../../../src/operator/window/window-definition.ts';
import { element, processingTime, torture, watermark, type Torture } from '../../../src/testing/torture.ts';
import type { Evictor } from '../../../src/time/evictors/evictor.ts';
import { CountEvictor, DeltaEvictor, TimeEvictor } from '../../../src/time/evictors/evictors.ts';
import {
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
} from '../../../src/time/triggers/continuous-triggers.ts';
import { CountTrigger } from '../../../src/time/triggers/count-trigger.ts';
import { DeltaTrigger } from '../../../src/time/triggers/delta-trigger.ts';
import { EarlyLateTrigger } from '../../../src/time/triggers/early-late-trigger.ts';
import { EventTimeTrigger } from '../../../src/time/triggers/event-time-trigger.ts';
import { ProcessingTimeoutTrigger } from '../../../src/time/triggers/processing-timeout-trigger.ts';
import { PurgingTrigger } from '../../../src/time/triggers/purging-trigger.ts';
import { reducingState } from '../../../src/state/descriptor.ts';
import { TriggerResult, type Trigger } from '../../../src/time/triggers/trigger.ts';
import { GlobalWindows } from '../../../src/time/windows/global-windows.ts';
import { EventTimeSessionWindows } from '../../../src/time/windows/session-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from '../../../src/time/windows/tumbling-windows.ts';
import type { MergingWindowAssigner, WindowAssigner } from '../../../src/time/windows/window-assigner.ts';
import { TimeWindow, type Window } from '../../../src/time/windows/window.ts';
import { erased, spec } from './window-cases.ts';

/** Sums numbers of one key. */
const summing = (parts: {
  assigner?: unknown;
  trigger?: unknown;
  evictor?: unknown;
  allowedLateness?: number;
}): Torture =>
  torture(() =>
    windowDefinition(
      spec({
        key: () => 'key',
        keeping: { kind: 'reduce', reduce: (a: number, b: number) => a + b, associative: true },
        ...(parts as Partial<WindowSpec>),
        assigner: erased(parts.assigner ?? TumblingEventTimeWindows.of(100)),
      }),
    ),
  );

test('a continuous trigger of event time fires at every interval and at the end of the window', () => {
  summing({ trigger: ContinuousEventTimeTrigger.of(30) })
    .given(
      element(1, 5),
      watermark(20),
      watermark(30),
      element(2, 50),
      watermark(65),
      watermark(90),
      element(4, 95),
      watermark(99),
      watermark(200),
    )
    .expect(
      watermark(20),
      element(1, 99),
      watermark(30),
      element(3, 99),
      watermark(65),
      element(3, 99),
      watermark(90),
      element(7, 99),
      watermark(99),
      watermark(200),
    )
    .leavesNoState();
});

test('a continuous trigger goes on through a merge of sessions', () => {
  summing({ assigner: EventTimeSessionWindows.withGap(30), trigger: ContinuousEventTimeTrigger.of(20) })
    .given(element(1, 5), element(2, 60), element(4, 32), watermark(20), watermark(89), watermark(200))
    .expect(
      element(7, 89),
      watermark(20),
      element(7, 89),
      element(7, 89),
      element(7, 89),
      element(7, 89),
      watermark(89),
      watermark(200),
    )
    .leavesNoState();
});

test('a continuous trigger of processing time fires while its window is open', () => {
  summing({ assigner: TumblingProcessingTimeWindows.of(100), trigger: ContinuousProcessingTimeTrigger.of(30) })
    .given(element(1), processingTime(40), element(2), processingTime(65), processingTime(100), processingTime(300))
    .expect(element(1, 99), element(3, 99), element(3, 99), element(3, 99))
    .leavesNoState();
});

test('a continuous trigger of processing time keeps its pace over windows of event time that are long past', () => {
  summing({ trigger: ContinuousProcessingTimeTrigger.of(1_000) })
    .given(
      processingTime(5_500),
      element(1, 5),
      processingTime(6_200),
      element(2, 6),
      processingTime(7_100),
      watermark(99),
    )
    .expect(element(1, 99), element(3, 99), watermark(99))
    .leavesNoState();
});

test('a count trigger keeps the elements, a purging one forgets them', () => {
  summing({ trigger: CountTrigger.of(2) })
    .given(element(1, 1), element(2, 2), element(4, 3), element(8, 4), watermark(99))
    .expect(element(3, 99), element(15, 99), watermark(99))
    .leavesNoState();
  summing({ trigger: PurgingTrigger.of(CountTrigger.of(2)) })
    .given(element(1, 1), element(2, 2), element(4, 3), element(8, 4), element(16, 5), watermark(99))
    .expect(element(3, 99), element(12, 99), watermark(99))
    .leavesNoState();
});

test('a delta trigger fires when the figure has moved far enough', () => {
  summing({
    assigner: GlobalWindows.create(),
    trigger: PurgingTrigger.of(DeltaTrigger.of<number>(10, (last, next) => next - last)),
  })
    .given(element(1), element(5), element(12), element(20), element(23))
    .expect(element(18, Infinity), element(43, Infinity));
});

test('a timeout fires what has come, and starts with the first element or with each', () => {
  const timed = (reset: boolean): Torture =>
    summing({
      assigner: GlobalWindows.create(),
      trigger: PurgingTrigger.of(
        ProcessingTimeoutTrigger.of(CountTrigger.of(3), 100, { resetTimerOnNewRecord: reset }),
      ),
    });
  timed(false)
    .given(
      element(1),
      processingTime(60),
      element(2),
      processingTime(110),
      element(4),
      element(8),
      element(16),
      processingTime(500),
    )
    .expect(element(3, Infinity), element(28, Infinity))
    .leavesNoState();
  timed(true)
    .given(element(1), processingTime(60), element(2), processingTime(110), element(4), processingTime(500))
    .expect(element(7, Infinity))
    .leavesNoState();
});

test('early and late firings come besides the one at the end of the window', () => {
  summing({ trigger: EarlyLateTrigger.of({ early: { everyCount: 2 } }), allowedLateness: 50 })
    .given(
      element(1, 1),
      element(2, 2),
      element(4, 3),
      watermark(99),
      element(8, 5),
      element(16, 6),
      watermark(149),
      element(32, 7),
      watermark(300),
    )
    .expect(
      element(3, 99),
      element(7, 99),
      watermark(99),
      element(15, 99),
      element(31, 99),
      watermark(149),
      watermark(300),
    )
    .leavesNoState();
  summing({ trigger: EarlyLateTrigger.of({ early: { everyMs: 10 }, late: { everyMs: 20 } }), allowedLateness: 50 })
    .given(
      element(1, 1),
      processingTime(5),
      element(2, 2),
      processingTime(10),
      element(4, 3),
      watermark(99),
      processingTime(40),
      element(8, 4),
      element(16, 5),
      processingTime(60),
      watermark(149),
    )
    .expect(element(3, 99), element(7, 99), watermark(99), element(31, 99), watermark(149))
    .leavesNoState();
});

test('a purging early trigger gives each element once', () => {
  summing({ trigger: PurgingTrigger.of(EarlyLateTrigger.of({ early: { everyCount: 2 } })) })
    .given(element(1, 1), element(2, 2), element(4, 3), watermark(99))
    .expect(element(3, 99), element(4, 99), watermark(99))
    .leavesNoState();
});

test('a global window can fire at the end of the stream', () => {
  summing({ assigner: GlobalWindows.createWithEndOfStreamTrigger() })
    .given(element(1, 1), watermark(50), element(2, 2), watermark(Infinity))
    .expect(watermark(50), element(3, Infinity), watermark(Infinity))
    .leavesNoState();
});

test("a user's trigger may fire, purge and keep state as it likes", () => {
  const beforeTheEnd: Trigger<number, TimeWindow> = {
    kind: 'before the end',
    canMerge: false,
    onElement(value, _timestamp, window, ctx) {
      ctx.registerEventTimeTimer(window.end - 50);
      return value < 0 ? TriggerResult.PURGE : TriggerResult.CONTINUE;
    },
    onEventTime: (time, window) => (time === window.end - 50 ? TriggerResult.FIRE_AND_PURGE : TriggerResult.CONTINUE),
    onProcessingTime: () => TriggerResult.CONTINUE,
    clear: (window, ctx) => ctx.deleteEventTimeTimer(window.end - 50),
  };
  summing({ trigger: beforeTheEnd })
    .given(element(1, 1), element(-1, 2), element(4, 3), watermark(60), element(8, 4), watermark(61), watermark(99))
    .expect(element(4, 99), watermark(60), element(8, 99), watermark(61), watermark(99))
    .leavesNoState();
});

test("a user's assigner may cut time as it likes", () => {
  const primes: WindowAssigner<number, TimeWindow> = {
    kind: 'uneven',
    isEventTime: true,
    windows: TimeWindow,
    assignWindows: (_value, timestamp) => [timestamp < 7 ? new TimeWindow(0, 7) : new TimeWindow(7, 100)],
    getDefaultTrigger: () => EventTimeTrigger.create(),
  };
  summing({ assigner: primes })
    .given(element(1, 3), element(2, 8), element(4, 50), watermark(6), watermark(99))
    .expect(element(1, 6), watermark(6), element(6, 99), watermark(99))
    .leavesNoState();
});

test('evictors leave elements out before the function runs, or after it', () => {
  const evicting = (evictor: Evictor<number, Window>): Torture =>
    summing({ evictor, trigger: CountTrigger.of(1), assigner: TumblingEventTimeWindows.of(1_000) });
  evicting(CountEvictor.of(2))
    .given(element(1, 1), element(2, 2), element(4, 3), watermark(999))
    .expect(element(1, 999), element(3, 999), element(6, 999), watermark(999))
    .leavesNoState();
  evicting(CountEvictor.of(2, true))
    .given(element(1, 1), element(2, 2), element(4, 3), element(8, 4), watermark(999))
    .expect(element(1, 999), element(3, 999), element(7, 999), element(14, 999), watermark(999))
    .leavesNoState();
  evicting(TimeEvictor.of(10))
    .given(element(1, 1), element(2, 10), element(4, 12), watermark(999))
    .expect(element(1, 999), element(3, 999), element(6, 999), watermark(999))
    .leavesNoState();
  evicting(DeltaEvictor.of(5, (value, last) => last - value))
    .given(element(1, 1), element(2, 2), element(6, 3), watermark(999))
    .expect(element(1, 999), element(3, 999), element(8, 999), watermark(999))
    .leavesNoState();
});

test('an evictor that leaves nothing leaves a reducing function nothing to give', () => {
  summing({ evictor: CountEvictor.of(0) })
    .given(element(1, 1), watermark(99))
    .expect(watermark(99))
    .leavesNoState();
});

test('an evictor over sessions moves with their elements', () => {
  summing({ evictor: CountEvictor.of(2), assigner: EventTimeSessionWindows.withGap(10) })
    .given(element(1, 1), element(2, 15), element(4, 8), watermark(50))
    .expect(element(6, 24), watermark(50))
    .leavesNoState();
});

test('wrong parts are refused by name', () => {
  assert.throws(() => CountEvictor.of(-1), /WINDOW_INVALID/);
  assert.throws(() => TimeEvictor.of(0), /WINDOW_INVALID/);
  assert.throws(() => ContinuousEventTimeTrigger.of(0), /WINDOW_INVALID/);
  assert.throws(() => EarlyLateTrigger.of({ early: { everyCount: 0.5 } }), /WINDOW_INVALID.*everyCount of the early/);
  assert.throws(() => EarlyLateTrigger.of({ late: { everyMs: -5 } }), /WINDOW_INVALID.*everyMs of the late/);
});

test('merging windows of one’s own take along what a trigger of one’s own keeps', () => {
  const count = reducingState<number>('seen', (a, b) => a + b);
  const everyThird: Trigger<unknown, Window> = {
    kind: 'every-third',
    canMerge: true,
    onElement(_element, _timestamp, _window, ctx) {
      const seen = ctx.getPartitionedState(count);
      seen.add(1);
      return seen.get() === 3 ? TriggerResult.FIRE : TriggerResult.CONTINUE;
    },
    onEventTime: () => TriggerResult.CONTINUE,
    onProcessingTime: () => TriggerResult.CONTINUE,
    clear: (_window, ctx) => ctx.getPartitionedState(count).clear(),
    onMerge: (_window, ctx) => ctx.mergePartitionedState(count),
  };
  // Windows of ten that become one where they touch.
  const touching: MergingWindowAssigner<unknown, TimeWindow> = {
    kind: 'touching',
    isEventTime: true,
    windows: TimeWindow,
    assignWindows: (_element, timestamp) => {
      const start = TimeWindow.getWindowStartWithOffset(timestamp, 0, 10);
      return [new TimeWindow(start, start + 10)];
    },
    getDefaultTrigger: () => EventTimeTrigger.create(),
    mergeWindows(windows, callback) {
      const [first, ...rest] = windows.toSorted((a, b) => a.start - b.start);
      let [merged, parts] = [first as TimeWindow, [first as TimeWindow]];
      for (const window of rest) {
        if (merged.intersects(window)) {
          merged = merged.cover(window);
          parts.push(window);
          continue;
        }
        if (parts.length > 1) callback(parts, merged);
        [merged, parts] = [window, [window]];
      }
      if (parts.length > 1) callback(parts, merged);
    },
  };
  summing({ assigner: touching, trigger: everyThird })
    // 1 and 2 lie apart; 4 joins their windows, and is the third of what is now one.
    .given(element(1, 5), element(2, 25), element(4, 15), element(8, 45), watermark(100))
    .expect(element(7, 29), watermark(100))
    .leavesNoState();
});
