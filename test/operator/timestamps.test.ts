/** `assignTimestampsAndWatermarks` as an operator: what it stamps, emits, swallows and counts as idle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampsAndWatermarks } from '../../src/operator/timestamps.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import {
  active,
  element,
  finish,
  idle,
  processingTime,
  watermark,
  type TortureInput,
} from '../../src/testing/torture.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';

const itself = (value: number): number => value;

/** Generators are not part of checkpoints, as in Flink, so there is nothing to torture here. */
function run(definition: OperatorDefinition, items: readonly TortureInput[]): unknown[] {
  const harness = new OperatorHarness(definition);
  for (const item of items) {
    if (item.kind === 'element') harness.element(item.value, item.timestamp);
    else if (item.kind === 'watermark') harness.watermark(item.timestamp);
    else if (item.kind === 'status') harness.status(item.idle);
    else if (item.kind === 'processing-time') harness.processingTime(item.time);
    else harness.finish();
  }
  return harness.output.map((seen) => (seen.kind === 'element' ? element(seen.value, seen.timestamp) : seen));
}

test('records get their timestamps, and watermarks follow at every interval', () => {
  assert.deepEqual(
    run(timestampsAndWatermarks(WatermarkStrategy.forBoundedOutOfOrderness(10, itself), 200), [
      element(100),
      element(95),
      processingTime(200),
      element(130),
      processingTime(400),
      processingTime(600),
    ]),
    [element(100, 100), element(95, 95), watermark(89), element(130, 130), watermark(119)],
  );
});

test('watermarks and idleness from before are swallowed, the end of time is not', () => {
  assert.deepEqual(
    run(timestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself), 200), [
      element(5),
      watermark(50),
      idle(),
      active(),
      processingTime(200),
      watermark(Infinity),
      finish(),
    ]),
    [element(5, 5), watermark(4), watermark(Infinity), finish()],
  );
});

test('a punctuated watermark follows its record at once', () => {
  assert.deepEqual(
    run(
      timestampsAndWatermarks(
        WatermarkStrategy.forPunctuated((value: number) => (value % 10 === 0 ? value : undefined), itself),
      ),
      [element(7), element(10), element(8), element(20)],
    ),
    [element(7, 7), element(10, 10), watermark(10), element(8, 8), element(20, 20), watermark(20)],
  );
});

test('a silent stream falls idle, and its next record wakes it', () => {
  const harness = new OperatorHarness(
    timestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself).withIdleness(500), 200),
  );
  harness.element(5);
  for (const time of [200, 400, 600, 800]) harness.processingTime(time);
  assert.deepEqual(harness.output.slice(1), [
    { kind: 'watermark', timestamp: 4 },
    { kind: 'status', idle: true },
  ]);
  harness.element(3);
  harness.processingTime(1_000);
  assert.deepEqual(harness.output.at(-1), { kind: 'status', idle: false });
  harness.processingTime(2_000);
  harness.watermark(Infinity);
  assert.deepEqual(harness.output.slice(-2), [
    { kind: 'status', idle: false },
    { kind: 'watermark', timestamp: Infinity },
  ]);
});

test('records keep their own timestamps where no assigner is given', () => {
  assert.deepEqual(
    run(timestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps(), 200), [
      element('a', 5),
      element('b'),
      processingTime(200),
    ]),
    [element('a', 5), element('b'), watermark(4)],
  );
});

test('percentile and ingestion time run in generated code too', () => {
  assert.deepEqual(
    run(timestampsAndWatermarks(WatermarkStrategy.forPercentile({ cover: 0.9 }, itself), 100), [
      element(100),
      element(90),
      processingTime(100),
    ]),
    [element(100, 100), element(90, 90), watermark(89)],
  );
  const harness = new OperatorHarness(timestampsAndWatermarks(WatermarkStrategy.forIngestionTime(), 100), {
    now: 1_000,
  });
  harness.element('a');
  harness.processingTime(1_100);
  assert.deepEqual(harness.output, [
    { kind: 'element', value: 'a', timestamp: 1_000, rowKind: 0 },
    { kind: 'watermark', timestamp: 1_099 },
  ]);
});

test('an assigner that returns no number fails with the name of the operator', () => {
  for (const strategy of [
    WatermarkStrategy.forMonotonousTimestamps(() => new Date() as never),
    WatermarkStrategy.forPunctuated(
      () => 1,
      () => undefined as never,
    ),
  ]) {
    const harness = new OperatorHarness(timestampsAndWatermarks(strategy));
    assert.throws(() => harness.element({ at: 1 }), /TIMESTAMP_INVALID/);
  }
});

test('without an interval nothing is emitted periodically', () => {
  const harness = new OperatorHarness(timestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps(itself), 0));
  harness.element(5);
  harness.processingTime(10_000);
  assert.equal(harness.output.length, 1);
});
