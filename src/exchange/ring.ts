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
 *
 * Barriers that come ahead stand in a few slots beside the frames, each with the writer's cursor. The reader takes them
 * out whenever it looks at the writer's cursor, so it never reads past one, and whenever it is asked, so a reader that
 * stands still leaves the slots free.
 */

import { invariant } from '../base/assert.ts';
import { ring } from '../base/doorbell.ts';
import { MillstreamError } from '../base/error.ts';
import type { BarrierElement } from '../data/element.ts';
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
import { Marks } from './marks.ts';

/** The shared memory of a ring; it may be posted to the threads of both ends. */
export type RingMemory = SharedArrayBuffer;

// Cells of 32 bits. Three lines: the writer's, the reader's, and what they tell each other when one has to wait.
const HEAD = 32;
const DATA_FRAMES = 33;
const TAIL = 64;
const WRITER_WAITS = 96;
const READER_CLOSED = 97;
/** The attempt that the ring was made for. */
const ATTEMPT = 128;
/** Barriers told beside the frames, and those of them that the reader has taken. */
const TOLD = 160;
const HEARD = 192;

/** Where the slots for barriers begin, in bytes, and what is in one. */
const SLOTS_START = 1024;
const SLOTS = 16;
const SLOT_BYTES = 64;
const SLOT = { checkpoint: 0, triggeredAt: 8, epoch: 16, unalignedAt: 24, type: 32, ahead: 36, position: 40 } as const;

/** Where the frames begin, in bytes. */
const DATA_START = SLOTS_START + SLOTS * SLOT_BYTES;

/** Half of it holds every control frame. */
const RING_BYTES_MIN = 256;

/** Distances between cursors stay far below 2^31. */
export const RING_BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Shared memory for a ring of at least `bytes` bytes of frames (rounded up to a power of two).
 *
 * @param attempt whose frames it carries: ends of another attempt refuse it.
 * @param position where both cursors start, a multiple of eight; nobody can tell one start from another.
 * @throws OPTION_INVALID when `bytes` is not between `RING_BYTES_MIN` and `RING_BYTES_MAX`.
 */
export function createRing(bytes: number, attempt = 0, position = 0): RingMemory {
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
  cells[ATTEMPT] = attempt;
  return memory;
}

/** @throws CHANNEL_LOST when a ring was made for another attempt than that of the end that would use it. */
export function checkAttempt(memory: RingMemory, attempt: number): void {
  const made = new Int32Array(memory)[ATTEMPT];
  if (made === attempt) return;
  throw new MillstreamError(
    'CHANNEL_LOST',
    `A task of attempt ${attempt} was given a ring of attempt ${made}. What the other attempt writes must not reach it.`,
    { details: { attempt, made } },
  );
}

/** Where the slot of a barrier is, by how many were told before it. */
function slotAt(count: number): number {
  return SLOTS_START + (count & (SLOTS - 1)) * SLOT_BYTES;
}

/** The writing end. Reserve, fill, commit, as often as needed; then publish. */
export class RingProducer {
  readonly #target: { readonly bytes: Uint8Array; offset: number; capacity: number };
  /** What an empty ring surely takes in one frame. */
  readonly payloadBytesMax: number;
  bytesWritten = 0;
  readonly #cells: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slots: DataView;
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
    this.#slots = new DataView(memory);
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

  announce(barrier: BarrierElement, ahead: boolean): boolean {
    if (this.abandoned) return true;
    this.publish();
    const told = Atomics.load(this.#cells, TOLD);
    if (((told - Atomics.load(this.#cells, HEARD)) | 0) >= SLOTS) {
      // The reader rings when it makes room in the slots, too.
      this.#tail = Atomics.load(this.#cells, TAIL);
      return false;
    }
    const at = slotAt(told);
    const slots = this.#slots;
    slots.setFloat64(at + SLOT.checkpoint, barrier.checkpoint, true);
    slots.setFloat64(at + SLOT.triggeredAt, barrier.triggeredAt, true);
    slots.setFloat64(at + SLOT.epoch, barrier.epoch, true);
    slots.setFloat64(at + SLOT.unalignedAt, barrier.unalignedAt ?? Number.NaN, true);
    slots.setInt32(at + SLOT.type, barrier.type === 'savepoint' ? 1 : 0, true);
    slots.setInt32(at + SLOT.ahead, ahead ? 1 : 0, true);
    slots.setInt32(at + SLOT.position, this.#head, true);
    Atomics.store(this.#cells, TOLD, (told + 1) | 0);
    ring(this.#readerBell);
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
  readonly marks = new Marks();
  readonly #cells: Int32Array;
  readonly #slots: DataView;
  readonly #capacity: number;
  readonly #writerBell: Int32Array;
  #tail: number;
  /** The writer's cursor as it was when last looked at, or the first mark. */
  #head: number;
  #heard = 0;
  #dataFrames = 0;

  constructor(memory: RingMemory, writerBell: Int32Array) {
    this.#cells = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.#slots = new DataView(memory);
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
        this.#head = this.#readable();
        if (this.#tail === this.#head) return -1;
      }
      const at = this.#tail & (this.#capacity - 1);
      const offset = DATA_START + at;
      checkFrameHeader(this.bytes, offset, Math.min((this.#head - this.#tail) | 0, this.#capacity - at));
      if (frameKindAt(this.bytes, offset) !== FrameKind.PADDING) return offset;
      this.#advance(offset);
    }
  }

  /**
   * The position up to which frames may be read. A barrier that came ahead was told before anything behind it was
   * published: who sees the frames behind it sees it too.
   */
  #readable(): number {
    const head = Atomics.load(this.#cells, HEAD);
    this.hear();
    return this.marks.first?.position ?? head;
  }

  /** Takes what was told beside the frames. */
  hear(): void {
    const told = Atomics.load(this.#cells, TOLD);
    if (told === this.#heard) return;
    const full = ((told - this.#heard) | 0) === SLOTS;
    for (; this.#heard !== told; this.#heard = (this.#heard + 1) | 0) this.#hearSlot(slotAt(this.#heard));
    Atomics.store(this.#cells, HEARD, told);
    if (full) ring(this.#writerBell);
  }

  #hearSlot(at: number): void {
    const slots = this.#slots;
    this.marks.announced = true;
    // What stands in its place is found there.
    if (slots.getInt32(at + SLOT.ahead, true) === 0) return;
    const unalignedAt = slots.getFloat64(at + SLOT.unalignedAt, true);
    const position = slots.getInt32(at + SLOT.position, true);
    this.marks.add({
      position,
      barrier: {
        kind: 'barrier',
        checkpoint: slots.getFloat64(at + SLOT.checkpoint, true),
        triggeredAt: slots.getFloat64(at + SLOT.triggeredAt, true),
        epoch: slots.getFloat64(at + SLOT.epoch, true),
        type: slots.getInt32(at + SLOT.type, true) === 1 ? 'savepoint' : 'checkpoint',
        ...(Number.isNaN(unalignedAt) ? {} : { unalignedAt }),
      },
    });
  }

  get position(): number {
    return this.#tail;
  }

  takeAnnouncement(): boolean {
    this.hear();
    const { announced } = this.marks;
    this.marks.announced = false;
    return announced;
  }

  scan(visit: (bytes: Uint8Array, at: number) => boolean, end = Atomics.load(this.#cells, HEAD)): void {
    for (let position = this.#tail; position !== end;) {
      const at = position & (this.#capacity - 1);
      const offset = DATA_START + at;
      checkFrameHeader(this.bytes, offset, Math.min((end - position) | 0, this.#capacity - at));
      if (frameKindAt(this.bytes, offset) !== FrameKind.PADDING && !visit(this.bytes, offset)) return;
      position = (position + frameBytes(payloadBytesAt(this.bytes, offset))) | 0;
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
