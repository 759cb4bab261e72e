/**
 * Triggers: when a window gives its result, and when it forgets its elements.
 *
 * A trigger is frozen data; what it has to remember it keeps in state, per key and window.
 */

import type { Window } from '../windows/window.ts';

/**
 * What becomes of the window: nothing, a result (`FIRE`), or its elements are forgotten (`PURGE`). A purged window
 * goes on existing: what its process window function and its trigger keep stays until the window's time is over.
 *
 * @example
 * ```ts
 * const result = Math.random() < 0.5 ? TriggerResult.FIRE : TriggerResult.CONTINUE;
 * ```
 */
export const TriggerResult = {
  CONTINUE: 'CONTINUE',
  FIRE: 'FIRE',
  PURGE: 'PURGE',
  FIRE_AND_PURGE: 'FIRE_AND_PURGE',
} as const;

export type TriggerResult = (typeof TriggerResult)[keyof typeof TriggerResult];

export function fires(result: TriggerResult): boolean {
  return result === 'FIRE' || result === 'FIRE_AND_PURGE';
}

export function purges(result: TriggerResult): boolean {
  return result === 'PURGE' || result === 'FIRE_AND_PURGE';
}

/** The parts of `valueState(…)` by which a trigger's value is told. */
export interface TriggerValueDescriptor<T> {
  readonly kind: 'value';
  readonly name: string;
  readonly initial: (() => T) | undefined;
}

/** The parts of `reducingState(…)` by which a trigger's folded value is told. */
export interface TriggerReducingDescriptor<T> {
  readonly kind: 'reducing';
  readonly name: string;
  readonly reduce: (accumulated: T, value: T) => T;
}

export interface TriggerValueState<T> {
  value(): T | undefined;
  update(value: T): void;
  clear(): void;
}

export interface TriggerReducingState<T> {
  get(): T | undefined;
  add(value: T): void;
  clear(): void;
}

/** What a trigger may ask and do. Everything concerns the key and the window at hand. */
export interface TriggerContext {
  currentWatermark(): number;
  currentProcessingTime(): number;
  registerEventTimeTimer(time: number): void;
  registerProcessingTimeTimer(time: number): void;
  deleteEventTimeTimer(time: number): void;
  deleteProcessingTimeTimer(time: number): void;
  /** State of this window: made by `valueState` or `reducingState`. */
  getPartitionedState<T>(descriptor: TriggerValueDescriptor<T>): TriggerValueState<T>;
  getPartitionedState<T>(descriptor: TriggerReducingDescriptor<T>): TriggerReducingState<T>;
}

/** What a trigger may do besides when windows have become one. */
export interface OnMergeContext extends TriggerContext {
  /** Folds the state of the windows that were merged into that of the result. */
  mergePartitionedState<T>(descriptor: TriggerReducingDescriptor<T>): void;
}

/**
 * Decides when a window fires. The window operator calls `onElement` for each element after adding it to the window,
 * `onEventTime` and `onProcessingTime` for the timers that the trigger (or the operator, for the window's end of
 * life) has registered, and `clear` when the window's time is over: there the trigger deletes its timers and state.
 *
 * @example
 * ```ts
 * const onEveryElement: Trigger<unknown, Window> = {
 *   kind: 'every element',
 *   canMerge: false,
 *   onElement: () => TriggerResult.FIRE,
 *   onEventTime: () => TriggerResult.CONTINUE,
 *   onProcessingTime: () => TriggerResult.CONTINUE,
 *   clear: () => {},
 * };
 * ```
 */
export interface Trigger<in T, in W extends Window> {
  /** What plans show. */
  readonly kind: string;
  onElement(element: T, timestamp: number, window: W, ctx: TriggerContext): TriggerResult;
  onEventTime(time: number, window: W, ctx: TriggerContext): TriggerResult;
  onProcessingTime(time: number, window: W, ctx: TriggerContext): TriggerResult;
  clear(window: W, ctx: TriggerContext): void;
  /** Whether windows that merge (sessions) may have this trigger. Then it needs `onMerge`. */
  readonly canMerge: boolean;
  /** Several windows have become `window`; their own timers and state are cleared right after. */
  onMerge?(window: W, ctx: OnMergeContext): void;
}

/** A descriptor as `reducingState` makes it; that lies on a higher layer. */
export function triggerReducing<T>(
  name: string,
  reduce: (accumulated: T, value: T) => T,
): TriggerReducingDescriptor<T> {
  return Object.freeze({ kind: 'reducing', name, version: 1, migrate: {}, ttl: undefined, reduce });
}

/** A descriptor as `valueState` makes it. */
export function triggerValue<T>(name: string): TriggerValueDescriptor<T> {
  return Object.freeze({ kind: 'value', name, version: 1, migrate: {}, ttl: undefined, initial: undefined });
}
