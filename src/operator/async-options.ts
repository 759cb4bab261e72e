/** How `asyncMap` and `asyncFlatMap` call their function: order, limits, retries. */

import { MillstreamError } from '../base/error.ts';

/** When a call is made again. Without a predicate, after every error; with one, only when a predicate given says so. */
interface RetryPredicates<R> {
  readonly ifResult?: (result: R) => boolean;
  readonly ifError?: (error: unknown) => boolean;
}

interface FixedDelayRetry<R> extends RetryPredicates<R> {
  readonly kind: 'fixed-delay';
  /** How often a call is made again at most. */
  readonly attempts: number;
  readonly delayMs: number;
}

interface ExponentialDelayRetry<R> extends RetryPredicates<R> {
  readonly kind: 'exponential-delay';
  /** How often a call is made again at most. */
  readonly attempts: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** By how much each delay is longer than the one before. Default 2. */
  readonly multiplier?: number;
}

/** How calls that failed, or whose result will not do, are made again. */
export type AsyncRetry<R> = FixedDelayRetry<R> | ExponentialDelayRetry<R>;

/** How `asyncMap` and `asyncFlatMap` make their calls. */
export interface AsyncOptions<T, R> {
  /** `ordered` (the default): results in the order of the records. `unordered`: as they come, but never across a watermark. */
  readonly mode?: 'ordered' | 'unordered';
  /** Milliseconds that a call may take, its retries included. Default: no limit. */
  readonly timeoutMs?: number;
  /** Calls of one subtask that may be under way, or done and waiting for earlier ones. Default 100. */
  readonly capacity?: number;
  readonly retry?: AsyncRetry<R>;
  /** Gives the result of a call that has timed out, in place of failing the job. */
  readonly onTimeout?: (value: T) => R | PromiseLike<R>;
  /**
   * What a call that has failed or timed out, after its retries, does. `fail` (the default): it fails the job. `drop`: its
   * record is left out, counted, and sent to `getDropped('failed')`.
   */
  readonly onFailure?: 'fail' | 'drop';
}

/** The options, checked and complete. */
export interface AsyncSettings<T, R> {
  readonly mode: 'ordered' | 'unordered';
  readonly timeoutMs: number | undefined;
  readonly capacity: number;
  readonly retry: AsyncRetry<R> | undefined;
  readonly onTimeout: ((value: T) => R | PromiseLike<R>) | undefined;
  readonly dropsFailed: boolean;
}

/** Flink's default of `AsyncDataStream`. */
const CAPACITY_DEFAULT = 100;

/** Calls under way are objects in memory and in every checkpoint. */
const CAPACITY_MAX = 1_000_000;

/** @throws OPTION_INVALID that names the option. */
export function asyncSettings<T, R>(options: AsyncOptions<T, R>): AsyncSettings<T, R> {
  const { mode = 'ordered', timeoutMs, capacity = CAPACITY_DEFAULT, retry, onTimeout, onFailure = 'fail' } = options;
  if (mode !== 'ordered' && mode !== 'unordered') throw invalid('mode', `"ordered" or "unordered"`, mode);
  positive('capacity', capacity, CAPACITY_MAX);
  if (timeoutMs !== undefined) positive('timeoutMs', timeoutMs, Number.MAX_SAFE_INTEGER);
  if (retry !== undefined) checkRetry(retry);
  if (onFailure !== 'fail' && onFailure !== 'drop') throw invalid('onFailure', `"fail" or "drop"`, onFailure);
  return Object.freeze({ mode, timeoutMs, capacity, retry, onTimeout, dropsFailed: onFailure === 'drop' });
}

function checkRetry(retry: AsyncRetry<never>): void {
  positive('retry.attempts', retry.attempts, Number.MAX_SAFE_INTEGER);
  if (retry.kind === 'fixed-delay') {
    delay('retry.delayMs', retry.delayMs);
    return;
  }
  delay('retry.initialDelayMs', retry.initialDelayMs);
  delay('retry.maxDelayMs', retry.maxDelayMs);
  const { multiplier = 2 } = retry;
  if (!(multiplier >= 1)) throw invalid('retry.multiplier', 'a number from 1 on', multiplier);
}

function positive(option: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw invalid(option, `a whole number from 1 to ${max}`, value);
}

function delay(option: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) throw invalid(option, 'a number of milliseconds from 0 on', value);
}

function invalid(option: string, must: string, value: unknown): MillstreamError {
  return new MillstreamError(
    'OPTION_INVALID',
    `The option ${option} of asyncMap must be ${must}, but is ${String(value)}.`,
    { details: { option } },
  );
}

/** Milliseconds before the `attempt`-th repetition, counted from 1. */
export function retryDelayMs(retry: AsyncRetry<never>, attempt: number): number {
  if (retry.kind === 'fixed-delay') return retry.delayMs;
  return Math.min(retry.maxDelayMs, retry.initialDelayMs * (retry.multiplier ?? 2) ** (attempt - 1));
}

/** Whether an error is worth another call. */
export function retriesError<R>(retry: AsyncRetry<R>, error: unknown): boolean {
  if (retry.ifError !== undefined) return retry.ifError(error);
  return retry.ifResult === undefined;
}
