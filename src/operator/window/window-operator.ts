/**
 * The window operator for any assigner, trigger and evictor: Flink's WindowOperator, its rules in its order.
 *
 * What a window holds lies in keyed state under the window as namespace; a timer says when it fires, and another
 * when it is forgotten: at its last timestamp plus the allowed lateness. Windows that merge keep a set of their own
 * per key (`merging-window-set.ts`).
 *
 * The specialised operators in this folder do the same faster where they can; which one runs, and why, is decided in
 * `window-definition.ts`.
 */

import { MillstreamError } from '../../base/error.ts';
import { MAX_WATERMARK } from '../../data/element.ts';
import { valueState, type ValueState } from '../../state/descriptor.ts';
import { sideOutput } from '../side-output.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import { stateHandle } from '../../state/state-handle.ts';
import type { TimeDomain, TimerDriver } from '../../state/timers.ts';
import { EventTimeTrigger } from '../../time/triggers/event-time-trigger.ts';
import { fires, purges, type Trigger } from '../../time/triggers/trigger.ts';
import { SlidingWindows } from '../../time/windows/sliding-windows.ts';
import { isMerging, type MergingWindowAssigner, type WindowAssigner } from '../../time/windows/window-assigner.ts';
import type { Window } from '../../time/windows/window.ts';
import type { StateDeclarations, StateHandles } from '../functions.ts';
import { meteredTimers } from '../metered-timers.ts';
import type { InputOperator, OperatorContext, Timestamp } from '../operator.ts';
import { ProcessOperator } from '../process-operator.ts';
import { FiringContext } from './firing-context.ts';
import { MergingWindowSet, type StoredWindow } from './merging-window-set.ts';
import { forEachSlicedWindow } from './restored-slices.ts';
import {
  holdsState,
  MERGING_WINDOWS,
  otherForm,
  refuseOtherForms,
  restoredEntries,
  SLICES,
  SLICES_FIRED,
  WINDOW_TIMERS,
} from './restored-windows.ts';
import { SliceGeometry } from './slice-geometry.ts';
import { TriggerScope } from './trigger-scope.ts';
import {
  CONTENTS,
  EvictedContents,
  FoldedContents,
  ListedContents,
  TIMESTAMPED_CONTENTS,
  type WindowContents,
} from './window-contents.ts';
import { makeFold } from './window-fold.ts';
import type { WindowCall } from './window-functions.ts';
import { triggerOf, type WindowSpec } from './window-spec.ts';

/** A firing whose function is still at work when the gate stops it. */
interface FiringScope {
  readonly key: unknown;
  readonly window: Window;
}

export class WindowOperator
  extends ProcessOperator<WindowCall, unknown, FiringContext<Window>>
  implements InputOperator<unknown>
{
  readonly #spec: WindowSpec;
  readonly #key: (value: unknown) => unknown;
  readonly #trigger: Trigger<unknown, Window>;
  #assigner: WindowAssigner<unknown, Window>;
  #timers!: TimerDriver;
  #scope!: TriggerScope;
  #contents!: WindowContents<Window>;
  #mergingWindows: ValueState<readonly StoredWindow[]> | undefined;
  /**
   * Whether a window that holds elements and has not ended has its timers, so that they need not be registered again.
   * After a restore it may have fired before, and windows that merge come and go.
   */
  #timersStand = false;
  /** The window that was made last from its key, because timers come in runs. */
  #lastWindow: Window | undefined;

  constructor(spec: WindowSpec) {
    super(spec.call ?? ({} as WindowCall), true);
    this.#spec = spec;
    this.#key = spec.key as (value: unknown) => unknown;
    this.#assigner = spec.assigner;
    this.#trigger = triggerOf(spec);
  }

  protected override createContext(context: OperatorContext<never>): FiringContext<Window> {
    const { task } = context;
    const contents = this.#spec.evictor === undefined ? CONTENTS : TIMESTAMPED_CONTENTS;
    refuseOtherForms(
      context.restoredState,
      isMerging(this.#assigner) ? [contents, SLICES, MERGING_WINDOWS] : [contents, SLICES],
      task.operatorName,
    );
    this.#assigner =
      this.#assigner.forSubtask?.({ operatorId: task.operatorId, subtask: task.subtask }) ?? this.#assigner;
    this.#timers = meteredTimers(context, this.backend, WINDOW_TIMERS, (time, domain, namespace) =>
      this.#onTimer(time, domain, namespace as string),
    );
    this.#scope = new TriggerScope(this.backend, this.#timers.service);
    this.#contents = this.#makeContents();
    this.#timersStand = this.#trigger instanceof EventTimeTrigger && !isMerging(this.#assigner) && !context.restored;
    if (isMerging(this.#assigner))
      this.#mergingWindows = this.backend.value(valueState<readonly StoredWindow[]>(MERGING_WINDOWS));
    if (holdsState(context.restoredState, SLICES)) this.#takeSlices(context);
    return new FiringContext(
      context,
      this.runtime,
      this.#handles(this.f.windowState, true),
      this.#handles(this.f.globalState, false),
    );
  }

  #makeContents(): WindowContents<Window> {
    const { keeping, evictor } = this.#spec;
    if (evictor !== undefined) {
      return new EvictedContents(
        this.backend,
        evictor,
        this.#scope,
        keeping.kind === 'list' ? undefined : makeFold(keeping),
      );
    }
    return keeping.kind === 'list'
      ? new ListedContents(this.backend)
      : new FoldedContents(this.backend, makeFold(keeping));
  }

  /** Makes windows of the slices that the operator was stored with. */
  #takeSlices({ restoredState, task, types }: OperatorContext<never>): void {
    const { keeping } = this.#spec;
    const because = this.#sliceObstacle();
    if (because !== undefined) throw otherForm(SLICES, task.operatorName, because);
    const contents = this.#contents as FoldedContents;
    const geometry = new SliceGeometry(this.#assigner as unknown as SlidingWindows);
    const joining = { geometry, fold: makeFold(keeping), types, operator: task.operatorName };
    forEachSlicedWindow(restoredState, joining, (key, window, accumulator) => {
      this.backend.setCurrentKey(key);
      this.backend.setCurrentNamespace(window.key);
      contents.put(accumulator);
      this.#registerTimer(window, window.maxTimestamp());
      this.#registerCleanupTimer(window);
    });
    // From now on they are kept as windows only.
    this.#forgetState(restoredState, SLICES, true);
    this.#forgetState(restoredState, SLICES_FIRED, false);
  }

  #sliceObstacle(): string | undefined {
    const { evictor, keeping } = this.#spec;
    if (!(this.#assigner instanceof SlidingWindows)) return 'they do not slide';
    if (evictor !== undefined) return 'an evictor needs all elements';
    if (keeping.kind === 'list') return 'the window function takes all elements';
    return makeFold(keeping).merge === undefined ? 'the aggregate function has no merge()' : undefined;
  }

  #forgetState(restored: RestoredState, name: string, namespaced: boolean): void {
    const state = this.backend.value(valueState<unknown>(name), namespaced);
    for (const { key, namespace } of restoredEntries(restored, name, ['value'])) {
      this.backend.setCurrentKey(key);
      this.backend.setCurrentNamespace(namespace);
      state.clear();
    }
  }

  #handles(declared: StateDeclarations | undefined, namespaced: boolean): StateHandles<StateDeclarations> {
    const handles = Object.entries(declared ?? {}).map(([name, descriptor]) => [
      name,
      stateHandle(this.backend, descriptor, namespaced),
    ]);
    return Object.freeze(Object.fromEntries(handles)) as StateHandles<StateDeclarations>;
  }

  get #watermark(): Timestamp {
    return this.#timers.service.currentWatermark;
  }

  // Elements.

  element(value: unknown, timestamp: Timestamp): void {
    this.backend.setCurrentKey(this.#key(value));
    const windows = this.#assigner.assignWindows(value, timestamp, this.#scope);
    const { length } = windows;
    let kept = false;
    for (let i = 0; i < length; i++) {
      const window = windows[i] as Window;
      if (
        this.#mergingWindows === undefined
          ? this.#add(value, timestamp, window)
          : this.#addMerging(value, timestamp, window, this.#mergingWindows)
      )
        kept = true;
    }
    if (!kept) this.#skipped(value, timestamp);
  }

  #add(value: unknown, timestamp: Timestamp, window: Window): boolean {
    if (this.#isLate(window)) return false;
    this.#put(value, timestamp, window, window.key);
    return true;
  }

  #addMerging(
    value: unknown,
    timestamp: Timestamp,
    added: Window,
    state: ValueState<readonly StoredWindow[]>,
  ): boolean {
    const key = this.backend.currentKey;
    const windows = new MergingWindowSet(this.#assigner as MergingWindowAssigner<unknown, Window>, state.value() ?? []);
    const window = windows.add(added, (result, merged, stateWindow, mergedStateWindows) =>
      this.#merge(result, merged, stateWindow, mergedStateWindows),
    );
    const late = this.#isLate(window);
    if (late) windows.retire(window);
    const stateWindow = windows.stateWindow(window);
    this.#persist(windows, state);
    if (stateWindow === undefined) return false;
    this.#put(value, timestamp, window, stateWindow);
    this.backend.setCurrentKey(key);
    return true;
  }

  #persist(windows: MergingWindowSet<Window>, state: ValueState<readonly StoredWindow[]>): void {
    const { stored } = windows;
    if (stored.length === 0) state.clear();
    else state.update(stored);
  }

  #merge(result: Window, merged: readonly Window[], stateWindow: string, mergedStateWindows: readonly string[]): void {
    if (this.#isLate(result)) {
      throw new MillstreamError(
        'WINDOW_INVALID',
        `Merging made the window ${result.key}, which had ended before the watermark ${this.#watermark}. The assigner's merged windows must not end earlier than their parts.`,
      );
    }
    this.#trigger.onMerge?.(result, this.#scope.at(result, merged));
    for (const window of merged) {
      if (window.key === result.key) continue;
      this.#trigger.clear(window, this.#scope.at(window));
      this.#deleteCleanupTimer(window);
    }
    this.#contents.merge(stateWindow, mergedStateWindows);
  }

  /** `stateWindow` is the namespace of the window's elements. */
  #put(value: unknown, timestamp: Timestamp, window: Window, stateWindow: string): void {
    this.backend.setCurrentNamespace(stateWindow);
    const held = this.#contents.add(value, timestamp);
    if (held && this.#timersStand && window.maxTimestamp() > this.#watermark) return;
    const result = this.#trigger.onElement(value, timestamp, window, this.#scope.at(window));
    if (fires(result)) this.#fire(window, stateWindow);
    if (purges(result)) this.#purge(stateWindow);
    this.#registerCleanupTimer(window);
  }

  #skipped(value: unknown, timestamp: Timestamp): void {
    const { allowedLateness, lateTag } = this.#spec;
    if (!this.#assigner.isEventTime || timestamp + allowedLateness > this.#watermark)
      this.context.dropped('filtered', value, timestamp);
    else if (lateTag === undefined) this.context.dropped('late', value, timestamp);
    else sideOutput(this.context, 'late', lateTag, value, timestamp);
  }

  // Timers.

  #onTimer(time: Timestamp, domain: TimeDomain, windowKey: string): void {
    const window = this.#windowOf(windowKey);
    const stateWindow = this.#stateWindowOf(window);
    // A trigger that left a timer behind when its window was merged into another.
    if (stateWindow === undefined) return;
    const result =
      domain === 'event'
        ? this.#trigger.onEventTime(time, window, this.#scope.at(window))
        : this.#trigger.onProcessingTime(time, window, this.#scope.at(window));
    if (fires(result)) this.#fire(window, stateWindow);
    if (purges(result)) this.#purge(stateWindow);
    if (this.#assigner.isEventTime === (domain === 'event') && time === this.#cleanupTime(window))
      this.#forget(window, stateWindow);
  }

  #windowOf(key: string): Window {
    if (this.#lastWindow?.key !== key) this.#lastWindow = this.#assigner.windows.fromKey(key);
    return this.#lastWindow;
  }

  #stateWindowOf(window: Window): string | undefined {
    if (this.#mergingWindows === undefined) return window.key;
    return this.#mergingWindows.value()?.find(([stored]) => stored === window.key)?.[1];
  }

  /** When the window is forgotten. */
  #cleanupTime(window: Window): Timestamp {
    return this.#assigner.isEventTime ? window.maxTimestamp() + this.#spec.allowedLateness : window.maxTimestamp();
  }

  #isLate(window: Window): boolean {
    return this.#assigner.isEventTime && this.#cleanupTime(window) <= this.#watermark;
  }

  #registerCleanupTimer(window: Window): void {
    const time = this.#cleanupTime(window);
    if (time !== MAX_WATERMARK) this.#registerTimer(window, time);
  }

  #registerTimer(window: Window, time: Timestamp): void {
    if (this.#assigner.isEventTime) this.#scope.at(window).registerEventTimeTimer(time);
    else this.#scope.at(window).registerProcessingTimeTimer(time);
  }

  #deleteCleanupTimer(window: Window): void {
    const time = this.#cleanupTime(window);
    if (time === MAX_WATERMARK) return;
    if (this.#assigner.isEventTime) this.#scope.at(window).deleteEventTimeTimer(time);
    else this.#scope.at(window).deleteProcessingTimeTimer(time);
  }

  // Firing. What follows the window function waits until the iterable that it returned is drained.

  #fire(window: Window, stateWindow: string): void {
    this.backend.setCurrentNamespace(stateWindow);
    const elements = this.#contents.elements(window);
    if (elements === undefined) return;
    if (this.#spec.call === undefined) this.#sendOn(elements, window.maxTimestamp());
    else this.#call(elements, window);
    if (this.#spec.evictor !== undefined) this.#afterwards(stateWindow, () => this.#contents.fired(window));
  }

  #sendOn(elements: readonly unknown[], timestamp: Timestamp): void {
    this.out.at = timestamp;
    for (const element of elements) this.out.collect(element);
  }

  #call(elements: readonly unknown[], window: Window): void {
    const { currentKey } = this.backend;
    const scope: FiringScope = { key: currentKey, window };
    this.enter(scope, window.maxTimestamp());
    const result = this.f.process(currentKey, this.ctx, elements, this.out);
    this.emitted(result, scope, window.maxTimestamp(), 'process');
    this.backend.setCurrentKey(currentKey);
  }

  /** Makes a firing current, also when its function goes on after an interruption. */
  override enter(scope: unknown, timestamp: Timestamp): void {
    // What waits besides iterables (a value, an action) brings its own surroundings.
    if (scope === undefined) return;
    const { key, window } = scope as FiringScope;
    this.backend.setCurrentKey(key);
    this.backend.setCurrentNamespace(window.key);
    this.ctx.enter(window);
    this.ctx.watermark = this.#watermark;
    this.out.at = timestamp;
  }

  #purge(stateWindow: string): void {
    this.#afterwards(stateWindow, () => this.#contents.clear());
  }

  #forget(window: Window, stateWindow: string): void {
    this.#afterwards(stateWindow, () => {
      const { currentKey } = this.backend;
      this.#contents.clear();
      this.#trigger.clear(window, this.#scope.at(window));
      if (this.f.clear !== undefined) {
        this.enter({ key: currentKey, window } satisfies FiringScope, window.maxTimestamp());
        this.f.clear(this.ctx);
      }
      if (this.#mergingWindows === undefined) return;
      this.#persist(this.#without(window, this.#mergingWindows), this.#mergingWindows);
    });
  }

  #without(window: Window, state: ValueState<readonly StoredWindow[]>): MergingWindowSet<Window> {
    const windows = new MergingWindowSet(this.#assigner as MergingWindowAssigner<unknown, Window>, state.value() ?? []);
    windows.retire(window);
    return windows;
  }

  /** Runs `action` with the key of now and the namespace current, behind everything that waits to be emitted. */
  #afterwards(namespace: string, action: () => void): void {
    const { currentKey } = this.backend;
    this.drain.afterwards(() => {
      this.backend.setCurrentKey(currentKey);
      this.backend.setCurrentNamespace(namespace);
      action();
    });
  }

  // Control.

  override watermark(timestamp: Timestamp): void {
    this.#timers.advance(timestamp, () => this.drain.afterwards(() => this.output.watermark(timestamp)));
  }
}
