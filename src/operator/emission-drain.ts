/**
 * What a function returned as an iterable, turned into outputs one at a time as long as the gate lets it.
 *
 * A function may be called while the results of an earlier call are still waiting, because an operator before it emits
 * by plain calls. Its results then queue up behind them: outputs leave in the order of the calls.
 */

import type { Gate } from '../base/gate.ts';
import type { Resumable } from '../base/resumable.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { Output, RowKindCode, Timestamp } from './operator.ts';

/** Makes current what a lazily computed result may ask for: the key, the timestamp. */
export interface EmissionScope {
  enter(key: unknown, timestamp: Timestamp): void;
}

interface Pending {
  /** Whether the iterator may ask for its element's key and timestamp: it runs code of the user. */
  readonly scoped: boolean;
  readonly iterator: Iterator<unknown> | undefined;
  /** Runs instead of an iterator: a watermark that must not overtake. */
  readonly action: (() => void) | undefined;
  readonly key: unknown;
  readonly timestamp: Timestamp;
  readonly kind: RowKindCode;
}

const NO_SCOPE: EmissionScope = { enter: () => {} };

export class EmissionDrain<R> implements Resumable {
  readonly #gate: Gate;
  readonly #output: Output<R>;
  readonly #scope: EmissionScope;
  readonly #pending = new RingBuffer<Pending>();
  #current: Pending | undefined;
  /** Whether results wait for the gate, so that newer ones must wait behind them. */
  waiting = false;

  constructor(gate: Gate, output: Output<R>, scope: EmissionScope = NO_SCOPE) {
    this.#gate = gate;
    this.#output = output;
    this.#scope = scope;
  }

  /** Emits all of `values`, now or later. */
  emitAll(values: Iterable<R>, key: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    const iterator =
      Array.isArray(values) && this.#free
        ? this.#emitArray(values as readonly R[], timestamp, kind)
        : values[Symbol.iterator]();
    if (iterator !== undefined)
      this.#add({ scoped: !Array.isArray(values), iterator, action: undefined, key, timestamp, kind });
  }

  /** Emits one value behind those that wait. */
  emit(value: R, timestamp: Timestamp, kind: RowKindCode): void {
    if (this.waiting)
      this.#add({ scoped: false, iterator: [value].values(), action: undefined, key: undefined, timestamp, kind });
    else this.#output.emit(value, timestamp, kind);
  }

  /** Runs `action` behind everything that waits. */
  afterwards(action: () => void): void {
    if (!this.#free) this.#add({ scoped: false, iterator: undefined, action, key: undefined, timestamp: 0, kind: 0 });
    else action();
  }

  /** Emits what `values` has, once the gate lets it: the caller was just told to stop. */
  wait(values: Iterator<R>, timestamp: Timestamp, kind: RowKindCode): void {
    this.#pending.push({ scoped: false, iterator: values, action: undefined, key: undefined, timestamp, kind });
    this.#wait();
  }

  /** Lets go of what waits; generators get to run their `finally`. */
  close(): void {
    this.#current?.iterator?.return?.();
    for (const { iterator } of this.#pending) iterator?.return?.();
    this.#current = undefined;
    this.#pending.clear();
  }

  get #free(): boolean {
    return !this.waiting && this.#current === undefined;
  }

  /** Emits from an array without an iterator; returns one over the rest when the gate stopped it. */
  #emitArray(values: readonly R[], timestamp: Timestamp, kind: RowKindCode): Iterator<R> | undefined {
    const last = values.length - 1;
    for (let i = 0; i <= last; i++) {
      this.#output.emit(values[i] as R, timestamp, kind);
      if (i < last && !this.#gate.proceed()) {
        this.#wait();
        return values.slice(i + 1).values();
      }
    }
    return undefined;
  }

  #wait(): void {
    this.waiting = true;
    this.#gate.pause(this);
  }

  #add(pending: Pending): void {
    const free = this.#free;
    this.#pending.push(pending);
    if (free) this.#run(true);
  }

  resume(): void {
    this.waiting = false;
    const current = this.#current;
    if (current?.scoped === true) this.#scope.enter(current.key, current.timestamp);
    this.#run(false);
  }

  /** `entered`: the first in the queue is from the call that is going on, whose scope is current. */
  #run(entered: boolean): void {
    let inScope = entered;
    for (;;) {
      if (this.#current === undefined) {
        const next = this.#pending.shift();
        if (next === undefined) return;
        this.#current = next;
        if (!inScope && next.scoped) this.#scope.enter(next.key, next.timestamp);
        inScope = false;
      }
      if (!this.#drain(this.#current)) return;
      this.#current = undefined;
    }
  }

  /** Returns false when the gate stopped it. */
  #drain({ iterator, action, timestamp, kind }: Pending): boolean {
    if (iterator === undefined) {
      action?.();
      return true;
    }
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      this.#output.emit(next.value as R, timestamp, kind);
      if (!this.#gate.proceed()) {
        this.#wait();
        return false;
      }
    }
    return true;
  }
}
