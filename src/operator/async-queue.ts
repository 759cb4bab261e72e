/**
 * The calls of an asynchronous operator that are under way, and the watermarks between them.
 *
 * A queue says what may leave next. In the ordered one that is the oldest entry, once it is done; in the unordered one
 * any call that is done, as long as no watermark that came before it is still in the queue.
 */

import { RingBuffer } from '../base/ring-buffer.ts';

export interface AsyncEntry {
  readonly done: boolean;
}

/** Something that leaves in its turn: a watermark, the end of the input. */
export type AsyncControl = () => void;

export interface AsyncQueue<E extends AsyncEntry> {
  /** Calls in the queue, done or not. */
  readonly size: number;
  add(entry: E): void;
  addControl(control: AsyncControl): void;
  /** The entry has just become done. */
  completed(entry: E): void;
  /** Takes what may leave next. */
  next(): E | AsyncControl | undefined;
  /** All calls, the oldest first. */
  entries(): Iterable<E>;
}

export class OrderedQueue<E extends AsyncEntry> implements AsyncQueue<E> {
  readonly #queue = new RingBuffer<E | AsyncControl>();
  size = 0;

  add(entry: E): void {
    this.#queue.push(entry);
    this.size++;
  }

  addControl(control: AsyncControl): void {
    this.#queue.push(control);
  }

  completed(): void {}

  next(): E | AsyncControl | undefined {
    const head = this.#queue.peek();
    if (head === undefined || (typeof head !== 'function' && !head.done)) return undefined;
    if (typeof head !== 'function') this.size--;
    return this.#queue.shift();
  }

  *entries(): Iterable<E> {
    for (const one of this.#queue) if (typeof one !== 'function') yield one;
  }
}

/** Calls between two controls. They may overtake each other. */
interface Segment<E> {
  readonly running: Set<E>;
  readonly done: RingBuffer<E>;
  /** Leaves when the segment is empty, and the next one begins. */
  control: AsyncControl | undefined;
}

export class UnorderedQueue<E extends AsyncEntry> implements AsyncQueue<E> {
  readonly #segments = new RingBuffer<Segment<E>>();
  readonly #segmentOf = new Map<E, Segment<E>>();
  #last = newSegment<E>();
  size = 0;

  constructor() {
    this.#segments.push(this.#last);
  }

  add(entry: E): void {
    this.#last.running.add(entry);
    this.#segmentOf.set(entry, this.#last);
    this.size++;
  }

  addControl(control: AsyncControl): void {
    this.#last.control = control;
    this.#last = newSegment<E>();
    this.#segments.push(this.#last);
  }

  completed(entry: E): void {
    const segment = this.#segmentOf.get(entry);
    if (segment === undefined || !segment.running.delete(entry)) return;
    segment.done.push(entry);
  }

  next(): E | AsyncControl | undefined {
    const first = this.#segments.peek() as Segment<E>;
    const entry = first.done.shift();
    if (entry !== undefined) {
      this.#segmentOf.delete(entry);
      this.size--;
      return entry;
    }
    if (first.running.size > 0 || first.control === undefined) return undefined;
    this.#segments.shift();
    return first.control;
  }

  *entries(): Iterable<E> {
    for (const segment of this.#segments) {
      yield* segment.done;
      yield* segment.running;
    }
  }
}

function newSegment<E>(): Segment<E> {
  return { running: new Set(), done: new RingBuffer(), control: undefined };
}
