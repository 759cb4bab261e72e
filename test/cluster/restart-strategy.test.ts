import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Random } from '../../src/base/world.ts';
import { restartStrategy, type RestartDecision } from '../../src/cluster/restart-strategy.ts';
import { EXPONENTIAL_DELAY, type RestartStrategy } from '../../src/graph/settings.ts';

type Exponential = RestartStrategy & { kind: 'exponential-delay' };

/** Flink's defaults, without the jitter. */
const EXPONENTIAL: Exponential = { ...(EXPONENTIAL_DELAY as Exponential), jitterFactor: 0 };

function always(value: number): Random {
  return { next: () => value, id: () => '' };
}

/** What a strategy decides about failures at the given times. */
function decide(settings: RestartStrategy, times: readonly number[], random = always(0.5)): (number | 'no')[] {
  const restarts = restartStrategy(settings);
  return times.map((now) => delayOf(restarts.onFailure(now, random)));
}

function delayOf(decision: RestartDecision): number | 'no' {
  return decision.restart ? decision.delayMs : 'no';
}

test('without a strategy no failure is restarted from', () => {
  assert.deepEqual(decide({ kind: 'none' }, [0]), ['no']);
});

test('a fixed delay restarts as often as it has attempts', () => {
  assert.deepEqual(decide({ kind: 'fixed-delay', attempts: 2, delayMs: 70 }, [0, 10, 1e9]), [70, 70, 'no']);
  assert.deepEqual(decide({ kind: 'fixed-delay', attempts: 0, delayMs: 70 }, [0]), ['no']);
});

test('a failure rate gives up at the failure that is one too many in an interval', () => {
  const settings = { kind: 'failure-rate', maxFailuresPerInterval: 2, intervalMs: 100, delayMs: 5 } as const;
  assert.deepEqual(decide(settings, [0, 10, 100]), [5, 5, 'no']);
  assert.deepEqual(decide(settings, [0, 10, 101]), [5, 5, 5]);
  // The window slides: it is 10, 101 and 111 that count at the end, which lie more than 100 apart.
  assert.deepEqual(decide(settings, [0, 10, 101, 111, 112]), [5, 5, 5, 5, 'no']);
});

test('an exponential delay grows by its multiplier up to its limit', () => {
  const settings: Exponential = { ...EXPONENTIAL, initialBackoffMs: 100, backoffMultiplier: 2, maxBackoffMs: 500 };
  // Each failure comes a while after the restart before it.
  assert.deepEqual(decide(settings, [0, 200, 500, 1_000, 2_000]), [100, 200, 400, 500, 500]);
});

test('failures before a planned restart are one failure with it', () => {
  const settings: Exponential = { ...EXPONENTIAL, initialBackoffMs: 100, backoffMultiplier: 2 };
  assert.deepEqual(decide(settings, [0, 40, 100, 101]), [100, 60, 0, 200]);
});

test('an exponential delay starts afresh when the job ran for long enough after its restart', () => {
  const settings: Exponential = {
    ...EXPONENTIAL,
    initialBackoffMs: 100,
    backoffMultiplier: 2,
    resetBackoffThresholdMs: 1_000,
  };
  // Restarts at 100, 301 and 1500: 1099 ms after the second is too long ago, 999 after the third is not.
  assert.deepEqual(decide(settings, [0, 101, 1_400, 2_499]), [100, 200, 100, 200]);
});

test('an exponential delay gives up after its attempts, unless it was reset between them', () => {
  const settings: Exponential = {
    ...EXPONENTIAL,
    initialBackoffMs: 10,
    backoffMultiplier: 2,
    resetBackoffThresholdMs: 1_000,
    attemptsBeforeReset: 2,
  };
  assert.deepEqual(decide(settings, [0, 20, 60]), [10, 20, 'no']);
  assert.deepEqual(decide(settings, [0, 20, 2_000, 2_020, 2_060]), [10, 20, 10, 20, 'no']);
});

test('the jitter spreads a delay around itself, and never beyond the limits', () => {
  const settings: Exponential = {
    ...EXPONENTIAL,
    initialBackoffMs: 1_000,
    backoffMultiplier: 2,
    jitterFactor: 0.25,
    maxBackoffMs: 2_200,
  };
  assert.deepEqual(decide(settings, [0, 10_000], always(0)), [1_000, 1_500]);
  assert.deepEqual(decide(settings, [0, 10_000], always(0.5)), [1_000, 2_000]);
  assert.deepEqual(decide(settings, [0, 10_000], always(0.999_999)), [1_250, 2_200]);
});

test('an exponential delay lies between its initial and its greatest backoff, however long the job keeps failing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.double({ min: 1.01, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 1, maxLength: 400 }),
      (initialBackoffMs, more, backoffMultiplier, jitterFactor, draws) => {
        const settings: Exponential = {
          ...EXPONENTIAL,
          initialBackoffMs,
          maxBackoffMs: initialBackoffMs + more,
          backoffMultiplier,
          jitterFactor,
        };
        const restarts = restartStrategy(settings);
        let now = 0;
        for (const draw of draws) {
          const decision = restarts.onFailure(now, always(draw));
          assert.ok(decision.restart);
          assert.ok(Number.isInteger(decision.delayMs));
          assert.ok(decision.delayMs >= initialBackoffMs && decision.delayMs <= settings.maxBackoffMs);
          now += decision.delayMs + 1;
        }
      },
    ),
  );
});
