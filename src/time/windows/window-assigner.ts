/** Window assigners: which windows an element belongs to. */

import type { Trigger } from '../triggers/trigger.ts';
import type { Window, WindowReader } from './window.ts';

/** What an assigner may look at besides the element. */
export interface WindowAssignerContext {
  currentProcessingTime(): number;
}

/** Of which subtask an assigner is to be made. */
export interface AssignerSubtask {
  readonly subtask: number;
  readonly operatorId: string;
}

/**
 * Cuts a stream into windows. An assigner is frozen data; one that needs a state of its own in each subtask gives out
 * a running one in `forSubtask`.
 *
 * @example
 * ```ts
 * const byMonth: WindowAssigner<unknown, TimeWindow> = {
 *   kind: 'month',
 *   isEventTime: true,
 *   windows: TimeWindow,
 *   assignWindows(_element, timestamp) {
 *     const date = new Date(timestamp);
 *     const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
 *     return [new TimeWindow(Date.UTC(year, month), Date.UTC(year, month + 1))];
 *   },
 *   getDefaultTrigger: () => EventTimeTrigger.create(),
 * };
 * ```
 */
export interface WindowAssigner<in T, W extends Window> {
  /** What plans show. */
  readonly kind: string;
  /** Whether windows are told by event time: only then can elements be late. */
  readonly isEventTime: boolean;
  /** How windows come back from their keys: the class of the windows. */
  readonly windows: WindowReader<W>;
  assignWindows(element: T, timestamp: number, context: WindowAssignerContext): readonly W[];
  getDefaultTrigger(): Trigger<T, W>;
  forSubtask?(subtask: AssignerSubtask): WindowAssigner<T, W>;
  /** Facts for the plan. */
  describe?(): Readonly<Record<string, string | number | boolean>>;
}

/**
 * Hears which windows become one. `toBeMerged` may hold the result itself.
 */
export type MergeCallback<W> = (toBeMerged: readonly W[], mergeResult: W) => void;

/** An assigner whose windows grow together as elements come: sessions. */
export interface MergingWindowAssigner<in T, W extends Window> extends WindowAssigner<T, W> {
  /** Calls back for each set of windows that must become one. Windows that stay as they are are not mentioned. */
  mergeWindows(windows: readonly W[], callback: MergeCallback<W>): void;
}

export function isMerging<T, W extends Window>(
  assigner: WindowAssigner<T, W>,
): assigner is MergingWindowAssigner<T, W> {
  return 'mergeWindows' in assigner;
}
