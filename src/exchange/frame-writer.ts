/**
 * The writing end of every channel that carries frames: queueing, cutting elements into frames, room.
 *
 * Where the frames go, and how much of them, is the business of a {@link FrameSpace}: a ring, a connection, a queue in
 * memory. A batch is encoded straight into the space when it has room for it; else it waits here, by reference. A
 * batch that even an empty space would not take is cut by rows, and a single row of that size goes in frames that
 * continue each other.
 */

import { MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import { ColumnBatch } from '../data/column-batch.ts';
import { encodeColumns } from '../data/column-codec.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { BATCH_ROWS, NO_TIMESTAMP, RecordBatch } from '../data/record-batch.ts';
import { BufferPool } from '../kernel/buffer-pool.ts';
import { copyColumns } from '../kernel/column-collector.ts';
import { OwnedColumnBatch, releaseColumns } from '../kernel/owned-batch.ts';
import { LOCAL_BATCHES_MAX, type CapturedElements, type ChannelWriter, type Element } from './channel.ts';
import { CONTROL_BYTES_MAX, controlKind, encodeControl, FLAG_MORE, FrameKind, PAYLOAD_BYTES_MAX } from './frame.ts';

/** Where frames are written, one after the other. */
export interface FrameSpace {
  /** The payload part of what was reserved last. */
  readonly target: FrameTarget;
  /** The largest payload that the space takes in one frame once it is empty. */
  readonly payloadBytesMax: number;
  /** Bytes of all frames so far, headers included. */
  readonly bytesWritten: number;
  /** Points `target` at room for a payload of `least` bytes (at most `payloadBytesMax`) or more; false without room. */
  reserve(least: number, kind: number): boolean;
  /** Makes what was written to `target` a frame. Not every reservation is committed. */
  commit(kind: number, flags: number, payloadBytes: number): void;
  /** Shows the reader what was committed. */
  publish(): void;
  /** After a refused reservation: asks to be told of room. Returns true when there may be room already. */
  awaitRoom(): boolean;
  /**
   * Tells the reader of a barrier, beside the frames: one that comes `ahead`, whose place is behind what was published,
   * or one that was published in its place. Returns false when that cannot be done now.
   */
  announce(barrier: BarrierElement, ahead: boolean): boolean;
  /** Nobody reads any more: what is sent may as well be dropped. */
  readonly abandoned: boolean;
  close(): void;
}

/** Writes rows as a payload: the record codec, seen from here. */
export interface RowEncoder {
  /** The classes whose instances may travel, in columns too. */
  readonly types: TypeRegistry;
  /** Writes the rows `from` (included) to `to` (excluded); returns the bytes of the payload, or -1 when `out` is too small for it. */
  encode(
    values: readonly unknown[],
    from: number,
    to: number,
    timestamps: Float64Array | undefined,
    kinds: Uint8Array | undefined,
    out: FrameTarget,
  ): number;
}

/** Writes the rows `from` (included) to `to` (excluded) of one element; -1 when the target is too small. */
type EncodeRows = (from: number, to: number, target: FrameTarget) => number;

/** Bytes of a row as long as none has been encoded. */
const ROW_BYTES_GUESS = 16;

/** Bytes of a payload that do not depend on the number of its rows: a guess that errs on the low side. */
const PAYLOAD_BYTES_FIXED = 64;

/** A joined row keeps its memory for the next one up to here. */
const SCRATCH_BYTES_KEPT = 1024 * 1024;

export class FrameWriter implements ChannelWriter {
  overdrawn = 0;
  readonly #space: FrameSpace;
  readonly #encoder: RowEncoder;
  readonly #batchRows: number;
  readonly #free: RecordBatch[] = [];
  /** Memory of column batches that wait. */
  readonly #pool = new BufferPool();
  /** What has no room yet, the partly sent element first. */
  readonly #waiting = new RingBuffer<Element>();
  /** Barriers that go before all that waits. */
  #ahead: readonly BarrierElement[] = [];
  #ended = false;
  /** Rows of the element being sent that have left. */
  #row = 0;
  /** The bytes of a row too large for one frame, and how many of them have left. */
  #scratch = new Uint8Array(0);
  #scratchBytes = 0;
  #scratchSent = 0;
  /** What the last frames taught: the size of a row, and how many rows surely fit one frame. */
  #rowBytes = ROW_BYTES_GUESS;
  #rowsMax = Number.MAX_SAFE_INTEGER;
  #state: 'open' | 'abandoned' | 'closed' = 'open';

  constructor(space: FrameSpace, encoder: RowEncoder, batchRows = BATCH_ROWS) {
    this.#space = space;
    this.#encoder = encoder;
    this.#batchRows = batchRows;
  }

  batch(): RecordBatch {
    return this.#free.pop() ?? new RecordBatch(this.#batchRows);
  }

  send(element: Element): void {
    if (this.#state !== 'open') return;
    if (!this.hasRoom) {
      if (!('kind' in element)) this.overdrawn++;
      this.#waiting.push(kept(element, this.#pool));
      return;
    }
    if (this.#write(element)) {
      this.#space.publish();
      return;
    }
    this.#waiting.push(kept(element, this.#pool));
    this.#wait();
  }

  pump(): boolean {
    if (!this.hasRoom) this.#wait();
    return this.hasRoom;
  }

  /** Sends what waits as far as there is room. */
  #wait(): void {
    if (!this.#announceAhead()) return;
    const waiting = this.#waiting;
    for (let element = waiting.peek(); element !== undefined; element = waiting.peek()) {
      if (this.#write(element)) waiting.shift();
      else if (this.#space.abandoned) {
        this.#state = 'abandoned';
        this.#drop();
        return;
      } else {
        this.#space.publish();
        if (!this.#space.awaitRoom()) return;
        continue;
      }
      this.#space.publish();
    }
  }

  #announceAhead(): boolean {
    for (let barrier = this.#ahead[0]; barrier !== undefined; barrier = this.#ahead[0]) {
      if (this.#space.announce(barrier, true)) this.#ahead = this.#ahead.slice(1);
      else if (!this.#space.awaitRoom()) return false;
    }
    return true;
  }

  get hasRoom(): boolean {
    return this.#waiting.size === 0 && this.#ahead.length === 0;
  }

  overtake(barrier: BarrierElement, overtaken: CapturedElements): void {
    if (this.#state !== 'open' || this.#ended) return;
    this.#saveWaiting(barrier.checkpoint, overtaken);
    this.#ahead = [...this.#ahead, barrier];
    this.#wait();
  }

  /** Writes what waits before the barrier of the checkpoint, or all of it, and takes that barrier out. */
  #saveWaiting(checkpoint: number, into: CapturedElements): void {
    let row = this.#row;
    let before = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    if (this.#scratchSent < this.#scratchBytes) {
      const kind = waiting[0] instanceof RecordBatch ? FrameKind.RECORDS : FrameKind.COLUMNS;
      into.payload(kind, this.#scratch, 0, this.#scratchBytes);
    }
    for (const element of waiting) {
      if (isBarrierOf(element, checkpoint)) {
        before = false;
        continue;
      }
      if (before) into.element(element, row);
      row = 0;
      this.#waiting.push(element);
    }
  }

  awaits(checkpoint: number): boolean {
    for (const element of this.#waiting) if (isBarrierOf(element, checkpoint)) return true;
    return false;
  }

  get bytesSent(): number {
    return this.#space.bytesWritten;
  }

  /** Drops what waits: a task that ends in good order closes its channels once they have room. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#drop();
    this.#state = 'closed';
    this.#space.close();
  }

  #drop(): void {
    this.#waiting.clear();
    this.#ahead = [];
    this.#free.length = 0;
    this.#scratch = new Uint8Array(0);
  }

  /** Puts an element into the space. Returns false when part of it is left, which the next call goes on with. */
  #write(element: Element): boolean {
    if (element instanceof RecordBatch) {
      if (!this.#writeRecords(element)) return false;
      this.#recycle(element);
    } else if ('kind' in element) return this.#writeControl(element);
    else {
      if (!this.#writeColumns(element)) return false;
      releaseColumns(element);
    }
    this.#row = 0;
    return true;
  }

  #recycle(batch: RecordBatch): void {
    if (this.#free.length >= LOCAL_BATCHES_MAX || batch.capacity !== this.#batchRows) return;
    batch.clear();
    this.#free.push(batch);
  }

  #writeControl(element: ControlElement): boolean {
    const kind = controlKind(element);
    if (!this.#space.reserve(CONTROL_BYTES_MAX, kind)) return false;
    this.#space.commit(kind, 0, encodeControl(element, this.#space.target));
    if (element.kind === 'end') this.#ended = true;
    // A reader that does not get so far may want to know that it has come.
    if (element.kind === 'barrier' && element.unalignedAt !== undefined) this.#space.announce(element, false);
    return true;
  }

  #writeRecords(batch: RecordBatch): boolean {
    const { values, kinds, count } = batch;
    const timestamps = timestampsOf(batch);
    return this.#writeRows(FrameKind.RECORDS, count, (from, to, target) =>
      this.#encoder.encode(values, from, to, timestamps, kinds, target),
    );
  }

  #writeColumns(batch: ColumnBatch): boolean {
    const { types } = this.#encoder;
    return this.#writeRows(FrameKind.COLUMNS, batch.selected, (from, to, target) =>
      encodeColumns(selectedRows(batch, from, to), target, types),
    );
  }

  /** Goes on with the rows of the element being sent. */
  #writeRows(kind: number, count: number, encode: EncodeRows): boolean {
    if (this.#scratchSent < this.#scratchBytes && !this.#writeScratch(kind)) return false;
    for (;;) {
      const rows = Math.min(count - this.#row, this.#rowsMax);
      if (rows === 0) return true;
      if (!this.#reserveRows(rows, kind)) return false;
      const bytes = encode(this.#row, this.#row + rows, this.#space.target);
      if (bytes >= 0) this.#rowsWritten(rows, kind, bytes);
      else if (this.#tooLarge(rows)) {
        this.#encodeLarge(encode);
        if (!this.#writeScratch(kind)) return false;
      }
    }
  }

  #reserveRows(rows: number, kind: number): boolean {
    const likely = PAYLOAD_BYTES_FIXED + Math.ceil(rows * this.#rowBytes);
    return this.#space.reserve(Math.min(likely, this.#space.payloadBytesMax), kind);
  }

  #rowsWritten(rows: number, kind: number, bytes: number): void {
    this.#space.commit(kind, 0, bytes);
    this.#row += rows;
    this.#rowBytes = Math.max(1, (bytes - PAYLOAD_BYTES_FIXED) / rows);
    if (rows === this.#rowsMax && bytes * 2 <= this.#space.payloadBytesMax) this.#rowsMax *= 2;
  }

  /** `rows` rows did not fit the room that was reserved. Asks for more, or for fewer rows; true when it is one row too large. */
  #tooLarge(rows: number): boolean {
    const { capacity } = this.#space.target;
    if (capacity < this.#space.payloadBytesMax) {
      this.#rowBytes = Math.max(this.#rowBytes * 2, capacity / rows);
      return false;
    }
    if (rows === 1) return true;
    this.#rowsMax = Math.ceil(rows / 2);
    return false;
  }

  /** Encodes the next row beside the space, into memory that grows until it is large enough. */
  #encodeLarge(encode: EncodeRows): void {
    let capacity = Math.max(this.#scratch.length, this.#space.payloadBytesMax * 2);
    for (;;) {
      if (this.#scratch.length < capacity) this.#scratch = new Uint8Array(capacity);
      const bytes = encode(this.#row, this.#row + 1, { bytes: this.#scratch, offset: 0, capacity });
      if (bytes >= 0) {
        this.#row++;
        this.#scratchBytes = bytes;
        this.#scratchSent = 0;
        return;
      }
      if (capacity >= PAYLOAD_BYTES_MAX) {
        throw new MillstreamError(
          'VALUE_UNSUPPORTED',
          `A single record takes more than ${PAYLOAD_BYTES_MAX} bytes, which no edge between threads carries. Cut it into smaller records.`,
        );
      }
      capacity = Math.min(capacity * 2, PAYLOAD_BYTES_MAX);
    }
  }

  #writeScratch(kind: number): boolean {
    const { target, payloadBytesMax } = this.#space;
    while (this.#scratchSent < this.#scratchBytes) {
      const rest = this.#scratchBytes - this.#scratchSent;
      if (!this.#space.reserve(Math.min(rest, Math.ceil(payloadBytesMax / 2)), kind)) return false;
      const bytes = Math.min(rest, target.capacity, payloadBytesMax);
      target.bytes.set(this.#scratch.subarray(this.#scratchSent, this.#scratchSent + bytes), target.offset);
      this.#scratchSent += bytes;
      this.#space.commit(kind, bytes < rest ? FLAG_MORE : 0, bytes);
    }
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#scratch = new Uint8Array(0);
    return true;
  }
}

/** A column batch is its sender's again when it has been sent; what waits here is a copy. */
function kept(element: Element, pool: BufferPool): Element {
  if (!(element instanceof ColumnBatch) || element instanceof OwnedColumnBatch) return element;
  return copyColumns(element, pool);
}

function isBarrierOf(element: Element, checkpoint: number): boolean {
  return 'kind' in element && element.kind === 'barrier' && element.checkpoint === checkpoint;
}

/** Nothing when no record has a timestamp: then none travels. */
export function timestampsOf(batch: RecordBatch): Float64Array | undefined {
  const { timestamps, count } = batch;
  for (let row = 0; row < count; row++) {
    if (timestamps[row] !== NO_TIMESTAMP) return timestamps;
  }
  return undefined;
}

/** The rows `from` to `to` of those that count. */
export function selectedRows(batch: ColumnBatch, from: number, to: number): ColumnBatch {
  if (from === 0 && to === batch.selected) return batch;
  const rows = batch.selection?.subarray(from, to) ?? Int32Array.from({ length: to - from }, (_, row) => from + row);
  return batch.select(rows, to - from);
}
