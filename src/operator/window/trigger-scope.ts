/** What a trigger sees of its window: its state and timers under the window's namespace. */

import { stateHandle, type AnyStateDescriptor } from '../../state/state-handle.ts';
import type { KeyedBackend } from '../../state/keyed-backend.ts';
import type { TimerService } from '../../state/timers.ts';
import type {
  OnMergeContext,
  TriggerReducingDescriptor,
  TriggerReducingState,
  TriggerValueDescriptor,
  TriggerValueState,
} from '../../time/triggers/trigger.ts';
import type { Window } from '../../time/windows/window.ts';

/** Keeps the states of triggers apart from those of window functions. */
const STATE_PREFIX = 'trigger.';

interface AnyHandle extends TriggerValueState<unknown>, TriggerReducingState<unknown> {}

/** One per operator, moved from window to window. Every access is preceded by making the window's namespace current. */
export class TriggerScope implements OnMergeContext {
  readonly #backend: KeyedBackend;
  readonly #timers: TimerService;
  readonly #handles = new Map<string, AnyHandle>();
  #namespace = '';
  /** The windows whose state `mergePartitionedState` folds into that of this one. */
  #merged: readonly Window[] = [];

  constructor(backend: KeyedBackend, timers: TimerService) {
    this.#backend = backend;
    this.#timers = timers;
  }

  at(window: Window, merged: readonly Window[] = []): this {
    this.#namespace = window.key;
    this.#merged = merged;
    return this;
  }

  #enter(): void {
    this.#backend.setCurrentNamespace(this.#namespace);
  }

  currentWatermark(): number {
    return this.#timers.currentWatermark;
  }

  currentProcessingTime(): number {
    return this.#timers.currentProcessingTime();
  }

  registerEventTimeTimer(time: number): void {
    this.#enter();
    this.#timers.registerEventTimeTimer(time);
  }

  registerProcessingTimeTimer(time: number): void {
    this.#enter();
    this.#timers.registerProcessingTimeTimer(time);
  }

  deleteEventTimeTimer(time: number): void {
    this.#enter();
    this.#timers.deleteEventTimeTimer(time);
  }

  deleteProcessingTimeTimer(time: number): void {
    this.#enter();
    this.#timers.deleteProcessingTimeTimer(time);
  }

  getPartitionedState<T>(descriptor: TriggerValueDescriptor<T>): TriggerValueState<T>;
  getPartitionedState<T>(descriptor: TriggerReducingDescriptor<T>): TriggerReducingState<T>;
  getPartitionedState(descriptor: { readonly kind: AnyStateDescriptor['kind']; readonly name: string }): unknown {
    const handle = this.#handle(descriptor);
    this.#enter();
    return handle;
  }

  #handle(descriptor: { readonly kind: AnyStateDescriptor['kind']; readonly name: string }): AnyHandle {
    let handle = this.#handles.get(descriptor.name);
    if (handle === undefined) {
      const own = Object.freeze({ ...descriptor, name: STATE_PREFIX + descriptor.name });
      handle = stateHandle(this.#backend, own, true) as unknown as AnyHandle;
      this.#handles.set(descriptor.name, handle);
    }
    return handle;
  }

  mergePartitionedState<T>(descriptor: TriggerReducingDescriptor<T>): void {
    const state = this.#handle(descriptor);
    for (const window of this.#merged) {
      if (window.key === this.#namespace) continue;
      this.#backend.setCurrentNamespace(window.key);
      const moved = state.get();
      if (moved === undefined) continue;
      state.clear();
      this.#enter();
      state.add(moved);
    }
    this.#enter();
  }
}
