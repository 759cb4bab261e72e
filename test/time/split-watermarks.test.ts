/** Per-split watermarks, idleness, and the alignment of sources. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SplitWatermarks } from '../../src/time/split-watermarks.ts';
import { alignSplits, AlignmentGroup, WatermarkSamples } from '../../src/time/watermark-alignment.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';

const itself = (value: number): number => value;
const noClock = (): number => 0;

test('the slowest split decides, and a released one no longer counts', () => {
  const watermarks = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself), noClock);
  const [a, b] = [watermarks.addSplit('a'), watermarks.addSplit('b')];
  assert.equal(a.onEvent(10, -Infinity), 10);
  assert.deepEqual(watermarks.onPeriodic(0), {}, 'b has said nothing yet');
  b.onEvent(5, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(200), { watermark: 4 });
  watermarks.releaseSplit('b');
  assert.deepEqual(watermarks.onPeriodic(400), { watermark: 9 });
  watermarks.addSplit('c').onEvent(3, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(600), {}, 'a split that joins behind does not turn time back');
});

test('an idle split is not waited for, and all idle raises the watermark to the highest', () => {
  const watermarks = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(100), noClock);
  watermarks.onEvent('a', 10, -Infinity);
  watermarks.onEvent('b', 50, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(0), { watermark: 9 });
  watermarks.onEvent('b', 60, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(100), { watermark: 59 }, 'a was silent for 100 ms');
  assert.deepEqual(watermarks.onPeriodic(150), {});
  assert.deepEqual(watermarks.onPeriodic(200), { idle: true });
  watermarks.onEvent('a', 20, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(250), { idle: false });
  assert.equal(watermarks.watermark, 59);
});

test('idle time is not counted while back pressure keeps the reader from reading', () => {
  const watermarks = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(100), noClock);
  watermarks.onEvent('a', 10, -Infinity);
  watermarks.onPeriodic(0);
  assert.deepEqual(watermarks.onPeriodic(1_000, true), {});
  assert.deepEqual(watermarks.onPeriodic(2_000, true), {});
  assert.deepEqual(watermarks.onPeriodic(3_000, false), {}, 'blocked when this interval began');
  assert.deepEqual(watermarks.onPeriodic(3_100, false), { idle: true });
});

test('a tick that comes late counts at most two intervals of silence', () => {
  const watermarks = new SplitWatermarks(
    WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(500),
    noClock,
    200,
  );
  watermarks.onEvent('a', 10, -Infinity);
  watermarks.onPeriodic(0);
  assert.deepEqual(watermarks.onPeriodic(10_000), {});
  assert.deepEqual(watermarks.onPeriodic(10_200), { idle: true });
});

test('a split that alignment has paused is not idle', () => {
  const watermarks = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(100), noClock);
  const split = watermarks.addSplit('a');
  split.onEvent(10, -Infinity);
  watermarks.onPeriodic(0);
  split.paused = true;
  assert.deepEqual(watermarks.onPeriodic(1_000), {});
  split.paused = false;
  assert.deepEqual(watermarks.onPeriodic(1_100), { idle: true });
});

test('a reader without splits falls idle, and its first split wakes it', () => {
  const watermarks = new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(100), noClock);
  watermarks.onPeriodic(0);
  assert.deepEqual(watermarks.onPeriodic(100), { idle: true });
  watermarks.addSplit('a').onEvent(1, -Infinity);
  assert.deepEqual(watermarks.onPeriodic(200), { watermark: 0, idle: false });
});

test('a punctuated watermark is at hand right behind its event', () => {
  const watermarks = new SplitWatermarks(
    WatermarkStrategy.forPunctuated((value: number) => (value % 10 === 0 ? value : undefined), itself),
    noClock,
  );
  watermarks.onEvent('a', 7, -Infinity);
  assert.equal(watermarks.takePunctuated(), undefined);
  watermarks.onEvent('a', 10, -Infinity);
  assert.equal(watermarks.takePunctuated(), 10);
  assert.equal(watermarks.takePunctuated(), undefined);
});

test('a generator may declare its stream idle itself', () => {
  const strategy = WatermarkStrategy.forGenerator<number>(() => ({
    onEvent: (value, timestamp, output) => (value < 0 ? output.markIdle() : output.emitWatermark(timestamp)),
    onPeriodicEmit: () => {},
  })).withTimestampAssigner(itself);
  const watermarks = new SplitWatermarks(strategy, noClock);
  watermarks.onEvent('a', 5, -Infinity);
  assert.deepEqual(watermarks.take(), { watermark: 5 });
  watermarks.onEvent('a', -1, -Infinity);
  assert.deepEqual(watermarks.take(), { idle: true });
  assert.deepEqual(watermarks.onPeriodic(0), {}, 'that an event came does not overrule the generator');
  watermarks.onEvent('a', 6, -Infinity);
  assert.deepEqual(watermarks.take(), { watermark: 6, idle: false });
});

test('an assigner that returns no number is told apart by what it returned', () => {
  const bad = (result: unknown): (() => void) => {
    const strategy = WatermarkStrategy.forMonotonousTimestamps<{ at: Date }>(() => result as number);
    const watermarks = new SplitWatermarks(strategy, noClock);
    return () => watermarks.onEvent('a', { at: new Date(0) }, -Infinity);
  };
  assert.throws(bad(new Date(0)), /\[TIMESTAMP_INVALID\] .* returned a Date for a record with the fields at/);
  assert.throws(bad(undefined), /TIMESTAMP_INVALID.* returned undefined/);
  assert.throws(bad(Number.NaN), /TIMESTAMP_INVALID.* returned NaN/);
});

test('an alignment group stops who is ahead of the slowest by more than the drift', () => {
  const group = new AlignmentGroup(100);
  assert.equal(group.limit, Infinity);
  group.report('source-0', 1_000, false);
  group.report('source-1', 1_500, false);
  assert.equal(group.limit, 1_100);
  const splits = [
    { splitId: 'a', watermark: 1_500, samples: new WatermarkSamples(0), paused: false },
    { splitId: 'b', watermark: 1_050, samples: new WatermarkSamples(0), paused: false },
  ];
  assert.deepEqual(alignSplits(splits, group.limit), { pause: ['a'], resume: [] });
  assert.deepEqual(alignSplits(splits, group.limit), { pause: [], resume: [] });
  group.report('source-0', 1_400, false);
  assert.deepEqual(alignSplits(splits, group.limit), { pause: [], resume: ['a'] });
  group.report('source-0', 1_400, true);
  assert.equal(group.limit, 1_600, 'idle members are not waited for');
  group.remove('source-1');
  assert.equal(group.limit, Infinity);
});

test('with samples, a split is stopped for where it was that many update intervals ago', () => {
  const split = { splitId: 'a', watermark: 0, samples: new WatermarkSamples(3), paused: false };
  const heard: string[] = [];
  for (const watermark of [100, 2_000, 2_000, 2_000, 2_000]) {
    split.watermark = watermark;
    split.samples.add(watermark);
    const { pause, resume } = alignSplits([split], 1_000);
    heard.push(...pause.map((id) => `${id} stops`), ...resume.map((id) => `${id} goes on`), `at ${watermark}`);
  }
  assert.deepEqual(heard, ['at 100', 'at 2000', 'at 2000', 'a stops', 'at 2000', 'at 2000']);
});
