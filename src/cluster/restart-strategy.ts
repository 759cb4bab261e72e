/**
 * Restart strategies: whether and when a job that failed is tried again. Computed as Flink computes them.
 *
 * A strategy lives as long as its job and hears of every failure that may be restarted from; failures whose error says
 * `restart: false` never come here.
 */

import { unreachable } from '../base/assert.ts';
import type { Milliseconds, Random } from '../base/world.ts';
import type { RestartStrategy } from '../graph/settings.ts';

export type RestartDecision =
  | { readonly restart: true; readonly delayMs: Milliseconds }
  | { readonly restart: false; readonly reason: string };

export interface Restarts {
  /** The job has failed at `now`. `random` spreads the restarts of jobs that failed for the same cause. */
  onFailure(now: Milliseconds, random: Random): RestartDecision;
}

/** A fresh strategy, which has seen no failure. */
export function restartStrategy(settings: RestartStrategy): Restarts {
  switch (settings.kind) {
    case 'none':
      return new NoRestarts();
    case 'fixed-delay':
      return new FixedDelay(settings);
    case 'failure-rate':
      return new FailureRate(settings);
    case 'exponential-delay':
      return new ExponentialDelay(settings);
    default:
      return unreachable(settings);
  }
}

class NoRestarts implements Restarts {
  onFailure(): RestartDecision {
    return { restart: false, reason: 'The job has no restart strategy' };
  }
}

class FixedDelay implements Restarts {
  readonly #settings: RestartStrategy & { kind: 'fixed-delay' };
  #failures = 0;

  constructor(settings: RestartStrategy & { kind: 'fixed-delay' }) {
    this.#settings = settings;
  }

  onFailure(): RestartDecision {
    const { attempts, delayMs } = this.#settings;
    this.#failures++;
    if (this.#failures <= attempts) return { restart: true, delayMs };
    return { restart: false, reason: `The job has used up the ${attempts} restarts of its fixed-delay strategy` };
  }
}

/** Allows a number of failures within any interval; the next one within it is one too many. */
class FailureRate implements Restarts {
  readonly #settings: RestartStrategy & { kind: 'failure-rate' };
  /** Times of the last failures, one more than are allowed per interval. */
  readonly #failures: Milliseconds[] = [];

  constructor(settings: RestartStrategy & { kind: 'failure-rate' }) {
    this.#settings = settings;
  }

  onFailure(now: Milliseconds): RestartDecision {
    const { maxFailuresPerInterval, intervalMs, delayMs } = this.#settings;
    if (this.#failures.length > maxFailuresPerInterval) this.#failures.shift();
    this.#failures.push(now);
    const earliest = this.#failures[0] as Milliseconds;
    const full = this.#failures.length > maxFailuresPerInterval;
    if (!full || now - earliest > intervalMs) return { restart: true, delayMs };
    return {
      restart: false,
      reason: `The job failed ${this.#failures.length} times within ${now - earliest} ms, and its failure-rate strategy allows ${maxFailuresPerInterval} failures in ${intervalMs} ms`,
    };
  }
}

/** Waits longer with each failure, and forgets them when the job ran well for long enough. */
class ExponentialDelay implements Restarts {
  readonly #settings: RestartStrategy & { kind: 'exponential-delay' };
  #attempt = 0;
  #restartsAt: Milliseconds = -Infinity;

  constructor(settings: RestartStrategy & { kind: 'exponential-delay' }) {
    this.#settings = settings;
  }

  onFailure(now: Milliseconds, random: Random): RestartDecision {
    const { resetBackoffThresholdMs, attemptsBeforeReset } = this.#settings;
    // A failure before the restart that is already planned is part of the same trouble.
    if (now > this.#restartsAt) {
      if (now - this.#restartsAt >= resetBackoffThresholdMs) this.#attempt = 0;
      this.#restartsAt = now + this.#backoff(random);
      this.#attempt++;
    }
    if (this.#attempt <= attemptsBeforeReset) return { restart: true, delayMs: Math.max(0, this.#restartsAt - now) };
    return {
      restart: false,
      reason: `The job has used up the ${attemptsBeforeReset} restarts that its exponential-delay strategy allows before ${resetBackoffThresholdMs} ms without a failure`,
    };
  }

  #backoff(random: Random): Milliseconds {
    const { initialBackoffMs, maxBackoffMs, backoffMultiplier, jitterFactor } = this.#settings;
    // Bounded first: the power grows beyond all numbers.
    const backoff = Math.floor(
      Math.min(initialBackoffMs * backoffMultiplier ** this.#attempt, Number.MAX_SAFE_INTEGER),
    );
    const offset = Math.floor(backoff * jitterFactor);
    const jitter = jitterFactor === 0 ? 0 : Math.floor(random.next() * (2 * offset + 1)) - offset;
    return Math.max(initialBackoffMs, Math.min(backoff + jitter, maxBackoffMs));
  }
}
