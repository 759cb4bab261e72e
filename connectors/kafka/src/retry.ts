/** Trying again what fails in passing: with growing pauses, for a limited time, until told to stop. */

import type { ConnectorWorld } from 'millstream';
import { KafkaFailure, type KafkaClient } from './client.ts';

/** The first pause after a failure; each is twice the one before. Kafka's `retry.backoff.ms`. */
const PAUSE_MS_MIN = 50;

/** Kafka's `reconnect.backoff.max.ms`. */
const PAUSE_MS_MAX = 1_000;

/** How long to pause before try number `failures + 1`. Random by a fifth, so that many do not come back at once. */
export function pauseMs(world: Pick<ConnectorWorld, 'random'>, failures: number): number {
  const ms = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures - 1, 30));
  return ms * (0.8 + 0.4 * world.random.next());
}

/** Resolves when `ms` have passed, or `signal` is aborted. */
export function pause(world: Pick<ConnectorWorld, 'clock'>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = world.clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}

/** What is tried again, and for how long. */
export interface RetryOptions {
  readonly world: ConnectorWorld;
  readonly client: KafkaClient;
  /** After so many milliseconds the last failure is final. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Whether a topic that is not known may yet come. Default false. */
  readonly awaitTopic?: boolean;
}

/** Runs `work` until it succeeds. Rejects with the first failure that does not pass, or the last that did not in time. */
export async function retry<T>(options: RetryOptions, work: () => Promise<T>): Promise<T> {
  const { world, client, signal } = options;
  const giveUpAt = world.clock.monotonic() + options.timeoutMs;
  for (let failures = 1; ; failures++) {
    if (signal.aborted) throw new KafkaFailure('closed', 'the connector was closed');
    try {
      return await work();
    } catch (error) {
      const passes =
        error instanceof KafkaFailure &&
        (error.passes || (options.awaitTopic === true && error.kind === 'unknown-topic'));
      if (!passes || signal.aborted || world.clock.monotonic() >= giveUpAt) throw error;
      if (error.kind !== 'busy') client.forget();
      await pause(world, pauseMs(world, failures), signal);
    }
  }
}
