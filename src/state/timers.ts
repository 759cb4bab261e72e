/**
 * Timers of keyed operators, in both time domains: one per key, namespace, timestamp and domain, part of the state.
 *
 * Event-time timers fire in the order of their timestamps before the watermark that released them is forwarded;
 * processing-time timers fire when their time has come, and at once after a restore when it has passed.
 */

import type { Gate } from '../base/gate.ts';
import type { Resumable } from '../base/resumable.ts';

/** Event time, which watermarks move, or processing time, which the clock moves. */
export type TimeDomain = 'event' | 'processing';

/** Kinds of state in a snapshot, by domain. */
export const TIMER_KINDS = { event: 'event-timer', processing: 'processing-timer' } as const;

/** The name under which timers of users' functions are kept. */
export const USER_TIMERS = 'user-timers';

/** Whether a kind of state in a snapshot holds timers. */
export function holdsTimers(kind: string): boolean {
  return kind === TIMER_KINDS.event || kind === TIMER_KINDS.processing;
}

/** Timers of the current key, in both time domains. */
export interface TimerService {
  readonly currentWatermark: number;
  currentProcessingTime(): number;
  /** For the current key and namespace of the backend. Registering twice is registering once. */
  registerEventTimeTimer(timestamp: number): void;
  registerProcessingTimeTimer(timestamp: number): void;
  deleteEventTimeTimer(timestamp: number): void;
  deleteProcessingTimeTimer(timestamp: number): void;
}

/** Called with the timer's key (and namespace) current in the backend. */
export type TimerHandler = (timestamp: number, domain: TimeDomain, namespace: unknown) => void;

/** What a burst of timers asks of the task's gate. */
export type TimerGate = Pick<Gate, 'proceed' | 'pause'>;

/**
 * The timers of one operator as its operator drives them. `advance` fires what the watermark releases, asking the
 * gate between timers, and calls `done` once all have fired: at once, or from a later `resume`.
 */
export interface TimerDriver extends Resumable {
  readonly service: TimerService;
  advance(watermark: number, done: () => void): void;
  /** Timers that are registered, in both domains. */
  readonly size: number;
}
