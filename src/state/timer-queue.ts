/**
 * A queue of timers in one time domain: one per key, namespace and timestamp, the earliest first.
 *
 * Timers at one timestamp form a bucket, a chain in the order of registration, and a heap orders the buckets. A
 * million keys that share the end of a window are thus one entry of the heap, and a timer that is found again or
 * deleted costs a look-up. Everything lies in typed arrays: a timer is no object.
 */

import { CHAIN_END, Chains } from './chains.ts';
import { DoubleColumn, IntColumn } from './columns.ts';
import { HashIndex, hashOfDouble } from './hash-index.ts';
import { RowNumbers } from './row-numbers.ts';
import { TripleIndex } from './triple-index.ts';

const NONE = -1;

/** The timestamps at which timers stand, as buckets with small numbers, in a binary heap. */
class Buckets {
  readonly #index = new HashIndex();
  readonly #numbers = new RowNumbers();
  readonly #timestamps = new DoubleColumn();
  readonly #heap: number[] = [];
  /** Where in the heap a bucket is. */
  readonly #positions = new IntColumn();

  /** The bucket of the earliest timestamp, or -1. */
  get earliest(): number {
    return this.#heap.length === 0 ? NONE : (this.#heap[0] as number);
  }

  timestampOf(bucket: number): number {
    return this.#timestamps.get(bucket);
  }

  find(timestamp: number): number {
    const hash = hashOfDouble(timestamp);
    let bucket = this.#index.first(hash);
    while (bucket !== NONE && this.#timestamps.get(bucket) !== timestamp) bucket = this.#index.next(hash);
    return bucket;
  }

  add(timestamp: number): number {
    const bucket = this.#numbers.take();
    this.#timestamps.set(bucket, timestamp);
    this.#index.insert(hashOfDouble(timestamp), bucket);
    this.#heap.push(bucket);
    this.#up(this.#heap.length - 1, bucket);
    return bucket;
  }

  remove(bucket: number): void {
    this.#index.remove(hashOfDouble(this.#timestamps.get(bucket)), bucket);
    this.#numbers.free(bucket);
    const position = this.#positions.get(bucket);
    const last = this.#heap.pop() as number;
    if (last === bucket) return;
    this.#up(position, last);
    this.#down(this.#positions.get(last), last);
  }

  #put(position: number, bucket: number): void {
    this.#heap[position] = bucket;
    this.#positions.set(bucket, position);
  }

  #up(from: number, bucket: number): void {
    const timestamp = this.#timestamps.get(bucket);
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >>> 1;
      const above = this.#heap[parent] as number;
      if (this.#timestamps.get(above) <= timestamp) break;
      this.#put(position, above);
      position = parent;
    }
    this.#put(position, bucket);
  }

  #down(from: number, bucket: number): void {
    const heap = this.#heap;
    const timestamp = this.#timestamps.get(bucket);
    let position = from;
    for (;;) {
      let child = position * 2 + 1;
      if (child >= heap.length) break;
      let below = heap[child] as number;
      const sibling = heap[child + 1];
      if (sibling !== undefined && this.#timestamps.get(sibling) < this.#timestamps.get(below)) {
        child++;
        below = sibling;
      }
      if (this.#timestamps.get(below) >= timestamp) break;
      this.#put(position, below);
      position = child;
    }
    this.#put(position, bucket);
  }
}

export class TimerQueue {
  readonly #buckets = new Buckets();
  readonly #numbers = new RowNumbers();
  /** By row, namespace and bucket. */
  readonly #index = new TripleIndex();
  readonly #rows = new IntColumn();
  readonly #namespaces = new IntColumn();
  readonly #bucketOf = new IntColumn();
  readonly #inBucket = new Chains();
  readonly #ofRow = new Chains();
  /** The bucket that was used last: timers come in runs of the same timestamp. */
  #lastTimestamp = NaN;
  #lastBucket = NONE;

  get size(): number {
    return this.#numbers.size;
  }

  /** The timestamp of the timer that comes first; Infinity when there is none and for a timer at the end of time. */
  get earliest(): number {
    const bucket = this.#buckets.earliest;
    return bucket === NONE ? Infinity : this.#buckets.timestampOf(bucket);
  }

  /** The timer that comes first, or -1. */
  peek(): number {
    const bucket = this.#buckets.earliest;
    return bucket === NONE ? NONE : this.#inBucket.first(bucket);
  }

  rowOf(timer: number): number {
    return this.#rows.get(timer);
  }

  namespaceOf(timer: number): number {
    return this.#namespaces.get(timer);
  }

  timestampOf(timer: number): number {
    return this.#buckets.timestampOf(this.#bucketOf.get(timer));
  }

  /** The timer, or -1. */
  find(row: number, namespace: number, timestamp: number): number {
    const bucket = this.#bucketAt(timestamp);
    return bucket === NONE ? NONE : this.#index.find(row, namespace, bucket);
  }

  #bucketAt(timestamp: number): number {
    if (timestamp === this.#lastTimestamp) return this.#lastBucket;
    const bucket = this.#buckets.find(timestamp);
    if (bucket !== NONE) {
      this.#lastTimestamp = timestamp;
      this.#lastBucket = bucket;
    }
    return bucket;
  }

  /** Adds a timer that is not there; returns its number. */
  add(row: number, namespace: number, timestamp: number): number {
    let bucket = this.#bucketAt(timestamp);
    if (bucket === NONE) bucket = this.#buckets.add(timestamp);
    const timer = this.#numbers.take();
    this.#rows.set(timer, row);
    this.#namespaces.set(timer, namespace);
    this.#bucketOf.set(timer, bucket);
    this.#index.insert(row, namespace, bucket, timer);
    this.#inBucket.append(bucket, timer);
    this.#ofRow.append(row, timer);
    return timer;
  }

  remove(timer: number): void {
    const row = this.#rows.get(timer);
    const bucket = this.#bucketOf.get(timer);
    this.#index.remove(row, this.#namespaces.get(timer), bucket);
    this.#ofRow.remove(row, timer);
    this.#inBucket.remove(bucket, timer);
    this.#numbers.free(timer);
    if (this.#inBucket.first(bucket) !== CHAIN_END) return;
    this.#buckets.remove(bucket);
    if (this.#lastBucket === bucket) {
      this.#lastBucket = NONE;
      this.#lastTimestamp = NaN;
    }
  }

  /** A timer of the row, or -1. */
  ofRow(row: number): number {
    return this.#ofRow.first(row);
  }

  /** All numbers of timers lie below. */
  get limit(): number {
    return this.#numbers.limit;
  }

  has(timer: number): boolean {
    return this.#numbers.inUse(timer);
  }
}
