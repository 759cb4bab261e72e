/** Strategies: what each generator claims, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatenessHistogram } from '../../src/time/lateness-histogram.ts';
import type { WatermarkGenerator, WatermarkOutput } from '../../src/time/watermark-generator.ts';
import { resolveStrategy, WatermarkStrategy, type GivenStrategy } from '../../src/time/watermark-strategy.ts';

/** Feeds timestamps, each as its own event, with a periodic tick after each; returns all claims. */
function claims<T>(strategy: WatermarkStrategy<T>, events: readonly T[], now = (): number => 0): number[] {
  const seen: number[] = [];
  const output: WatermarkOutput = {
    emitWatermark: (timestamp) => void seen.push(timestamp),
    markIdle: () => {},
    markActive: () => {},
  };
  const { generator, assign } = strategy.create({ now });
  for (const event of events) {
    const timestamp = assign === undefined ? -Infinity : assign(event, -Infinity);
    generator.onEvent(event, timestamp, output);
    generator.onPeriodicEmit(output);
  }
  return seen;
}

const itself = (value: number): number => value;

/** A small generator of uniform numbers. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('a monotonous stream is complete up to just before its last timestamp', () => {
  assert.deepEqual(claims(WatermarkStrategy.forMonotonousTimestamps(itself), [5, 5, 9]), [4, 4, 8]);
});

test('bounded out-of-orderness keeps its distance from the highest timestamp', () => {
  assert.deepEqual(claims(WatermarkStrategy.forBoundedOutOfOrderness(10, itself), [100, 95, 120]), [89, 89, 109]);
});

test('before the first event nothing is claimed', () => {
  const { generator } = WatermarkStrategy.forBoundedOutOfOrderness<number>(10).create({ now: () => 0 });
  generator.onPeriodicEmit({
    emitWatermark: (timestamp) => assert.equal(timestamp, -Infinity),
    markIdle: () => {},
    markActive: () => {},
  });
});

test('punctuated watermarks come from the events that carry them', () => {
  const strategy = WatermarkStrategy.forPunctuated(
    (event: { at: number; last: boolean }, timestamp) => (event.last ? timestamp : undefined),
    (event) => event.at,
  );
  assert.deepEqual(
    claims(strategy, [
      { at: 3, last: false },
      { at: 7, last: true },
    ]),
    [7],
  );
});

test('ingestion time follows the clock but never runs backwards', () => {
  const clock = [100, 101, 90, 90, 200, 200];
  assert.deepEqual(
    claims(WatermarkStrategy.forIngestionTime<number>(), [1, 2, 3], () => clock.shift()!),
    [100, 100, 199],
  );
});

test("a user's own generator is made once per split", () => {
  let made = 0;
  const strategy = WatermarkStrategy.forGenerator<number>(() => {
    made++;
    return {
      onEvent: (event, _timestamp, output) => output.emitWatermark(event),
      onPeriodicEmit: () => {},
    } satisfies WatermarkGenerator<number>;
  });
  assert.deepEqual(claims(strategy, [4]), [4]);
  assert.deepEqual(claims(strategy, [6]), [6]);
  assert.equal(made, 2);
  assert.equal(strategy.punctuated, true);
});

test('the percentile strategy makes about the promised share of events late, and no more', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0.9, 0.95, 0.99),
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer(),
      (cover, disorder, seed) => {
        const { generator } = WatermarkStrategy.forPercentile<number>({ cover, minEvents: 500 }).create({
          now: () => 0,
        });
        let watermark = -Infinity;
        const output: WatermarkOutput = {
          emitWatermark: (timestamp) => (watermark = Math.max(watermark, timestamp)),
          markIdle: () => {},
          markActive: () => {},
        };
        const random = mulberry32(seed);
        let late = 0;
        const events = 12_000;
        for (let i = 0; i < events; i++) {
          // Exponential delays: most events come nearly in order, a few very late.
          const delay = Math.floor(-Math.log(1 - random()) * disorder);
          const timestamp = i * 10 - delay;
          if (i >= 2_000 && timestamp <= watermark) late++;
          generator.onEvent(timestamp, timestamp, output);
          if (i % 50 === 0) generator.onPeriodicEmit(output);
        }
        assert.ok(
          late / (events - 2_000) <= (1 - cover) * 1.5,
          `${late} of ${events} late with cover ${cover} and disorder ${disorder}`,
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('the percentile strategy gives less distance to a stream that has become orderly', () => {
  const { generator } = WatermarkStrategy.forPercentile<number>({ cover: 0.9, halfLifeEvents: 100 }).create({
    now: () => 0,
  });
  let watermark = -Infinity;
  const output: WatermarkOutput = {
    emitWatermark: (timestamp) => (watermark = timestamp),
    markIdle: () => {},
    markActive: () => {},
  };
  for (let i = 0; i < 1_000; i++) generator.onEvent(0, i % 2 === 0 ? i : i - 500, output);
  generator.onPeriodicEmit(output);
  assert.ok(watermark < 998 - 400);
  for (let i = 1_000; i < 3_000; i++) generator.onEvent(0, i, output);
  generator.onPeriodicEmit(output);
  assert.equal(watermark, 2_998);
});

test('limits and the initial delay bound the distance', () => {
  assert.deepEqual(claims(WatermarkStrategy.forPercentile({ cover: 0.9, minDelayMs: 7 }, itself), [100]), [92]);
  assert.deepEqual(claims(WatermarkStrategy.forPercentile({ cover: 0.9, initialDelayMs: 30 }, itself), [100]), [69]);
  assert.deepEqual(claims(WatermarkStrategy.forPercentile({ cover: 0.9, maxDelayMs: 5 }, itself), [100, 10]), [99, 94]);
});

test('a quantile of the histogram is never below the true one, and at most an eighth above it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 10_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.01, 0.5, 0.9, 0.99),
      (delays, cover) => {
        const histogram = new LatenessHistogram(1_000_000);
        for (const delay of delays) histogram.record(delay);
        const sorted = delays.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(cover * sorted.length) - 1]!;
        const found = histogram.quantile(cover);
        assert.ok(found >= exact && found <= exact * 1.125, `${found} for ${exact}`);
      },
    ),
  );
});

test('delays beyond every bucket are held by the last one', () => {
  const histogram = new LatenessHistogram(10);
  histogram.record(2 ** 45);
  histogram.record(2 ** 33);
  assert.equal(histogram.quantile(1), 2 ** 40);
  assert.ok(histogram.quantile(0.5) >= 2 ** 33 && histogram.quantile(0.5) <= 2 ** 33 * 1.125);
});

test('options that make no sense are refused by name', () => {
  const refused = (make: () => unknown, option: string): void => {
    assert.throws(
      make,
      (error: { code?: string; details?: { option?: string } }) =>
        error.code === 'OPTION_INVALID' && error.details?.option === option,
    );
  };
  refused(() => WatermarkStrategy.forBoundedOutOfOrderness(-1), 'maxOutOfOrdernessMs');
  refused(() => WatermarkStrategy.forBoundedOutOfOrderness(Number.NaN), 'maxOutOfOrdernessMs');
  refused(() => WatermarkStrategy.forPercentile({ cover: 1 }), 'cover');
  refused(() => WatermarkStrategy.forPercentile({ cover: 0.5, maxDelayMs: -1 }), 'maxDelayMs');
  refused(() => WatermarkStrategy.noWatermarks().withIdleness(0), 'idleMs');
  refused(() => WatermarkStrategy.noWatermarks().withWatermarkAlignment('', 10), 'group');
  refused(() => WatermarkStrategy.noWatermarks().withWatermarkAlignment('a', -10), 'maxDriftMs');
});

test('refining a strategy leaves the original as it was', () => {
  const plain = WatermarkStrategy.forMonotonousTimestamps<{ at: number }>();
  const refined = plain
    .withTimestampAssigner((event) => event.at)
    .withIdleness(100)
    .withWatermarkAlignment('group', 1_000);
  assert.equal(plain.timestampAssigner, undefined);
  assert.equal(plain.idlenessMs, undefined);
  assert.deepEqual(refined.describe(), {
    watermarks: 'monotonous',
    idlenessMs: 100,
    alignmentGroup: 'group',
    maxDriftMs: 1_000,
  });
  assert.equal(refined.alignment?.updateIntervalMs, 1_000);
});

/** The element type reaches the assigner from where the strategy is used. Checked by the compiler. */
test('an assigner needs no annotation where the element type is known', () => {
  const use = (given: GivenStrategy<{ at: number }>): WatermarkStrategy<{ at: number }> => resolveStrategy(given);
  use(WatermarkStrategy.forBoundedOutOfOrderness(10, (event) => event.at));
  use(WatermarkStrategy.noWatermarks());
  assert.equal(
    use((strategy) => strategy.forPercentile({ cover: 0.9 }, (event) => event.at).withIdleness(5)).idlenessMs,
    5,
  );
  use((strategy) => strategy.forMonotonousTimestamps().withTimestampAssigner((event) => event.at));
  // @ts-expect-error -- a strategy for other events does not fit
  use(WatermarkStrategy.forMonotonousTimestamps((event: { time: number }) => event.time));
});
