/**
 * A ring of frames in shared memory, with one writing and one reading thread.
 *
 * Cursors are byte positions that only grow and wrap at 2^32; an offset is the position modulo the capacity, a power
 * of two. Frames are contiguous: where the end of the memory is too short for one, a padding frame fills it. The
 * writer publishes its cursor once a batch. Each cursor lies in 128 bytes of its own (two cache lines, which
 * processors fetch together), so that the ends do not slow each other down.
 *
 * Who finds no room says so in a cell and asks again; the reader rings the writer's bell once half the ring is free.
 * Half, so that the writer wakes for more than one frame, and because an empty ring always has half its capacity in
 * one piece, wherever its cursor stands: what fits half a ring always gets through.
 */

import { invariant } from '../base/assert.ts';
import { ring } from '../base/doorbell.ts';
import { MillstreamError } from '../base/error.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import {
  checkFrameHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  frameKindAt,
  isDataKind,
  payloadBytesAt,
  writeFrameHeader,
} from './frame.ts';

/** The shared memory of a ring; it may be posted to the threads of both ends. */
export type RingMemory = SharedArrayBuffer;

// Cells of 32 bits. Three lines: the writer's, the reader's, and what they tell each other when one has to wait.
const HEAD = 32;
const DATA_FRAMES = 33;
const TAIL = 64;
const WRITER_WAITS = 96;
const READER_CLOSED = 97;

/** Where the frames begin, in bytes. */
const DATA_START = 512;

/** Half of it holds every control frame. */
const RING_BYTES_MIN = 256;

/** Distances between cursors stay far below 2^31. */
export const RING_BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Shared memory for a ring of at least `bytes` bytes of frames (rounded up to a power of two).
 *
 * @param position where both cursors start, a multiple of eight; nobody can tell one start from another.
 * @throws OPTION_INVALID when `bytes` is not between `RING_BYTES_MIN` and `RING_BYTES_MAX`.
 */
export function createRing(bytes: number, position = 0): RingMemory {
  if (!(bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX)) {
    throw new MillstreamError(
      'OPTION_INVALID',
      `A ring has between ${RING_BYTES_MIN} and ${RING_BYTES_MAX} bytes, not ${bytes}.`,
    );
  }
  invariant(position % FRAME_HEADER_BYTES === 0, 'frames are aligned');
  const capacity = 2 ** Math.ceil(Math.log2(bytes));
  const memory = new SharedArrayBuffer(DATA_START + capacity);
  const cells = new Int32Array(memory);
  cells[HEAD] = position;
  cells[TAIL] = position;
  return memory;
}

/** The writing end. Reserve, fill, commit, as often as needed; then publish. */
export class RingProducer {
  readonly #target: { readonly bytes: Uint8Array; offset: number; capacity: number };
  /** What an empty ring surely takes in one frame. */
  readonly payloadBytesMax: number;
  bytesWritten = 0;
  readonly #cells: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #capacity: number;
  readonly #readerBell: Int32Array;
  #head: number;
  #published: number;
  /** The reader's cursor as it was when last looked at. */
  #tail: number;
  #dataFrames = 0;

  constructor(memory: RingMemory, readerBell: Int32Array) {
    this.#cells = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#capacity = memory.byteLength - DATA_START;
    this.#readerBell = readerBell;
    this.#head = Atomics.load(this.#cells, HEAD);
    this.#published = this.#head;
    this.#tail = Atomics.load(this.#cells, TAIL);
    this.payloadBytesMax = this.#capacity / 2 - FRAME_HEADER_BYTES;
    this.#target = { bytes: this.#bytes, offset: 0, capacity: 0 };
  }

  /** The payload part of what was reserved last. */
  get target(): FrameTarget {
    return this.#target;
  }

  /** Finds room for a payload of `least` bytes or more, all in one piece, and points `target` at it. */
  reserve(least: number): boolean {
    const frame = frameBytes(least);
    if (this.#place(frame)) return true;
    this.#tail = Atomics.load(this.#cells, TAIL);
    return this.#place(frame);
  }

  #place(frame: number): boolean {
    const free = this.#capacity - ((this.#head - this.#tail) | 0);
    const at = this.#head & (this.#capacity - 1);
    const toEnd = this.#capacity - at;
    const here = Math.min(free, toEnd);
    if (here >= frame) {
      this.#aim(at, here);
      return true;
    }
    const atStart = free - toEnd;
    if (atStart < frame) return false;
    writeFrameHeader(this.#bytes, DATA_START + at, FrameKind.PADDING, 0, toEnd - FRAME_HEADER_BYTES);
    this.#head = (this.#head + toEnd) | 0;
    this.#aim(0, atStart);
    return true;
  }

  #aim(at: number, bytes: number): void {
    this.#target.offset = DATA_START + at + FRAME_HEADER_BYTES;
    this.#target.capacity = bytes - FRAME_HEADER_BYTES;
  }

  /** Turns what was written to `target` into a frame. The reader sees it after `publish`. */
  commit(kind: number, flags: number, payloadBytes: number): void {
    invariant(payloadBytes <= this.#target.capacity, 'a frame stays inside what was reserved');
    writeFrameHeader(this.#bytes, this.#target.offset - FRAME_HEADER_BYTES, kind, flags, payloadBytes);
    const frame = frameBytes(payloadBytes);
    this.#head = (this.#head + frame) | 0;
    this.bytesWritten += frame;
    if (isDataKind(kind)) this.#dataFrames = (this.#dataFrames + 1) | 0;
  }

  publish(): void {
    if (this.#head === this.#published) return;
    this.#published = this.#head;
    this.#cells[DATA_FRAMES] = this.#dataFrames;
    Atomics.store(this.#cells, HEAD, this.#head);
    ring(this.#readerBell);
  }

  /**
   * Asks the reader to ring once there is room. Returns true when it has moved since the last look: then nothing was
   * asked for, and the writer should try again first.
   */
  awaitRoom(): boolean {
    Atomics.store(this.#cells, WRITER_WAITS, 1);
    if (Atomics.load(this.#cells, TAIL) === this.#tail) return false;
    Atomics.store(this.#cells, WRITER_WAITS, 0);
    return true;
  }

  /** Nobody will read any more. */
  get abandoned(): boolean {
    return Atomics.load(this.#cells, READER_CLOSED) !== 0;
  }

  close(): void {
    this.publish();
  }
}

/** The reading end. */
export class RingConsumer {
  /** All memory of the ring; what `peek` returns is an offset in it. */
  readonly bytes: Uint8Array;
  readonly #cells: Int32Array;
  readonly #capacity: number;
  readonly #writerBell: Int32Array;
  #tail: number;
  /** The writer's cursor as it was when last looked at. */
  #head: number;
  #dataFrames = 0;

  constructor(memory: RingMemory, writerBell: Int32Array) {
    this.#cells = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.#capacity = memory.byteLength - DATA_START;
    this.#writerBell = writerBell;
    this.#tail = Atomics.load(this.#cells, TAIL);
    this.#head = this.#tail;
  }

  /**
   * The offset of the first frame that has not been released, or -1 when there is none.
   *
   * @throws FRAME_CORRUPT when what stands there is no frame.
   */
  peek(): number {
    for (;;) {
      if (this.#tail === this.#head) {
        this.#head = Atomics.load(this.#cells, HEAD);
        if (this.#tail === this.#head) return -1;
      }
      const at = this.#tail & (this.#capacity - 1);
      const offset = DATA_START + at;
      checkFrameHeader(this.bytes, offset, Math.min((this.#head - this.#tail) | 0, this.#capacity - at));
      if (frameKindAt(this.bytes, offset) !== FrameKind.PADDING) return offset;
      this.#advance(offset);
    }
  }

  /** The memory of a ring serves all its frames. */
  stage(): Uint8Array {
    return this.bytes;
  }

  /** Gives the memory of the first frame back to the writer. */
  release(): void {
    const offset = DATA_START + (this.#tail & (this.#capacity - 1));
    if (isDataKind(frameKindAt(this.bytes, offset))) this.#dataFrames = (this.#dataFrames + 1) | 0;
    this.#advance(offset);
  }

  #advance(offset: number): void {
    const cells = this.#cells;
    this.#tail = (this.#tail + frameBytes(payloadBytesAt(this.bytes, offset))) | 0;
    Atomics.store(cells, TAIL, this.#tail);
    if (Atomics.load(cells, WRITER_WAITS) === 0) return;
    const used = (Atomics.load(cells, HEAD) - this.#tail) | 0;
    if (used > this.#capacity / 2) return;
    Atomics.store(cells, WRITER_WAITS, 0);
    ring(this.#writerBell);
  }

  /** Data frames that were published and are not released. */
  get queued(): number {
    return (Atomics.load(this.#cells, DATA_FRAMES) - this.#dataFrames) | 0;
  }

  /** Tells the writer that nobody will read any more. */
  close(): void {
    Atomics.store(this.#cells, READER_CLOSED, 1);
    ring(this.#writerBell);
  }
}
