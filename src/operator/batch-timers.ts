/**
 * Timers in BATCH mode: those of the one key at hand. Event time stands still while the key's records come, then it
 * ends: all timers fire in the order of their timestamps, those of event time first, as in Flink.
 */

import type { Gate } from '../base/gate.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { mapKey } from '../data/key.ts';
import type { TimeDomain, TimerDriver, TimerHandler, TimerService } from '../state/timers.ts';

/** What timers need of the key at hand. */
export interface TimerScope {
  /** Of the key at hand; undefined outside windows. */
  readonly namespace: unknown;
  setCurrentNamespace(namespace: unknown): void;
}

export class BatchTimers implements TimerDriver, TimerService {
  readonly #handler: TimerHandler;
  readonly #scope: TimerScope;
  readonly #gate: Pick<Gate, 'proceed' | 'pause'>;
  readonly #now: () => number;
  readonly #queues: Readonly<Record<TimeDomain, TimerHeap>> = { event: new TimerHeap(), processing: new TimerHeap() };
  #done: (() => void) | undefined;
  currentWatermark = MIN_WATERMARK;

  constructor(handler: TimerHandler, scope: TimerScope, gate: Pick<Gate, 'proceed' | 'pause'>, now: () => number) {
    this.#handler = handler;
    this.#scope = scope;
    this.#gate = gate;
    this.#now = now;
  }

  get service(): TimerService {
    return this;
  }

  get size(): number {
    return this.#queues.event.size + this.#queues.processing.size;
  }

  currentProcessingTime(): number {
    return this.#now();
  }

  registerEventTimeTimer(timestamp: number): void {
    this.#queues.event.add(timestamp, this.#scope.namespace);
  }

  registerProcessingTimeTimer(timestamp: number): void {
    this.#queues.processing.add(timestamp, this.#scope.namespace);
  }

  deleteEventTimeTimer(timestamp: number): void {
    this.#queues.event.delete(timestamp, this.#scope.namespace);
  }

  deleteProcessingTimeTimer(timestamp: number): void {
    this.#queues.processing.delete(timestamp, this.#scope.namespace);
  }

  advance(watermark: number, done: () => void): void {
    this.currentWatermark = watermark;
    this.#done = done;
    this.resume();
  }

  resume(): void {
    while (this.#fireNext('event') || this.#fireNext('processing')) {
      if (this.size > 0 && !this.#gate.proceed()) {
        this.#gate.pause(this);
        return;
      }
    }
    this.currentWatermark = MIN_WATERMARK;
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  #fireNext(domain: TimeDomain): boolean {
    const timer = this.#queues[domain].take();
    if (timer === undefined) return false;
    this.#scope.setCurrentNamespace(timer.namespace);
    this.#handler(timer.timestamp, domain, timer.namespace);
    return true;
  }
}

interface Timer {
  readonly timestamp: number;
  readonly namespace: unknown;
}

/** One timer per timestamp and namespace; of equal timestamps the one registered first comes first. */
class TimerHeap {
  /** Timestamps, the least first; one whose timers were all deleted stays until it is met. */
  readonly #heap: number[] = [];
  readonly #namespaces = new Map<number, Map<unknown, unknown>>();
  size = 0;

  add(timestamp: number, namespace: unknown): void {
    let bucket = this.#namespaces.get(timestamp);
    if (bucket === undefined) {
      bucket = new Map();
      this.#namespaces.set(timestamp, bucket);
      this.#push(timestamp);
    }
    const id = namespaceId(namespace);
    if (bucket.has(id)) return;
    bucket.set(id, namespace);
    this.size++;
  }

  delete(timestamp: number, namespace: unknown): void {
    if (this.#namespaces.get(timestamp)?.delete(namespaceId(namespace)) === true) this.size--;
  }

  take(): Timer | undefined {
    for (let timestamp = this.#heap[0]; timestamp !== undefined; timestamp = this.#heap[0]) {
      const bucket = this.#namespaces.get(timestamp) as Map<unknown, unknown>;
      for (const [id, namespace] of bucket) {
        bucket.delete(id);
        this.size--;
        return { timestamp, namespace };
      }
      this.#namespaces.delete(timestamp);
      this.#pop();
    }
    return undefined;
  }

  #push(timestamp: number): void {
    const heap = this.#heap;
    let at = heap.push(timestamp) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= timestamp) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = timestamp;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as number;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
  }
}

/** Outside windows there is no namespace, and undefined is no key. */
function namespaceId(namespace: unknown): unknown {
  return namespace === undefined ? undefined : mapKey(namespace);
}
