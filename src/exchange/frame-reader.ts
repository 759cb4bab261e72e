/**
 * The reading end of every channel that carries frames: finds the next whole element, joins what came in several
 * frames, skips what may be skipped, and decodes on demand.
 *
 * Frames that continue each other are taken out of their source as they come, so that a row larger than a ring, or
 * than all credit, can pass.
 */

import { MillstreamError } from '../base/error.ts';
import { viewColumns } from '../data/column-codec.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import { RecordBatch } from '../data/record-batch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { BufferPool } from '../kernel/buffer-pool.ts';
import { OwnedColumnBatch } from '../kernel/owned-batch.ts';
import type { Mark, Marks } from './marks.ts';
import { LOCAL_BATCHES_MAX, type CapturedElements, type ChannelReader, type Element } from './channel.ts';
import {
  decodeControl,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameKindAt,
  hasMoreAt,
  isOptionalKind,
  payloadBytesAt,
  PAYLOAD_BYTES_MAX,
} from './frame.ts';

/** Where frames come from, one after the other. */
export interface FrameSource {
  /** The memory in which the first frame lies. */
  readonly bytes: Uint8Array;
  /**
   * Offset of the first frame in `bytes`, or -1 when there is none, or a mark stands before it. Throws when the frame,
   * or the channel, is broken.
   */
  peek(): number;
  /**
   * The first frame, at the same offset, in memory that serves many frames: codecs lay views over memory once, and
   * find them again by it. Valid until the next call of any source that shares the memory.
   */
  stage(): Uint8Array;
  /** Lets go of the first frame. */
  release(): void;
  /** Barriers that came ahead of the frames, as far as they have been heard. */
  readonly marks: Marks;
  /** Takes in what was told beside the frames. */
  hear(): void;
  /** Where the first frame stands, in the sense of the marks. */
  readonly position: number;
  /** Shows the frames that have arrived and are not released, up to a position, until `visit` returns false. */
  scan(visit: (bytes: Uint8Array, at: number) => boolean, end?: number): void;
  /** See `ChannelReader`. */
  takeAnnouncement(): boolean;
  /** Data frames that have arrived and are not released. */
  readonly queued: number;
  close(): void;
}

/** Rows as they come out of a payload; the arrays are the caller's. */
export interface DecodedRows {
  readonly values: unknown[];
  readonly timestamps: Float64Array | undefined;
  readonly kinds: Uint8Array | undefined;
  readonly count: number;
}

/** Reads rows from a payload: the record codec, seen from here. */
export interface RowDecoder {
  /** The classes whose instances may arrive, in columns too. */
  readonly types: TypeRegistry;
  /** What it returns shares no memory with `bytes`. */
  decode(bytes: Uint8Array, offset: number, length: number): DecodedRows;
}

/** Memory for joined elements is kept for the next one up to here. */
const JOINED_BYTES_KEPT = 1024 * 1024;

function controlAt(bytes: Uint8Array, at: number): ControlElement {
  return decodeControl(frameKindAt(bytes, at), bytes, at + FRAME_HEADER_BYTES, payloadBytesAt(bytes, at));
}

export class FrameReader implements ChannelReader {
  readonly #source: FrameSource;
  readonly #decoder: RowDecoder;
  readonly #free: RecordBatch[] = [];
  readonly #pool = new BufferPool();
  /** The payload of an element of several frames, as far as it has come. */
  #joined = new Uint8Array(0);
  #joinedBytes = 0;
  #joinedKind = 0;
  #join: 'none' | 'open' | 'whole' = 'none';
  #barrier: BarrierElement | undefined;
  #failure: MillstreamError | undefined;
  #closed = false;

  constructor(source: FrameSource, decoder: RowDecoder) {
    this.#source = source;
    this.#decoder = decoder;
  }

  poll(): Element | undefined {
    if (!this.readable) return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    const barrier = this.#barrier;
    if (barrier !== undefined) {
      this.#barrier = undefined;
      this.#source.release();
      return barrier;
    }
    if (this.#join === 'whole') return this.#takeJoined();
    const mark = this.#dueMark();
    if (mark !== undefined) {
      this.#source.marks.remove(mark);
      return mark.barrier;
    }
    const at = this.#source.peek();
    const bytes = this.#source.stage();
    const element = this.#decode(frameKindAt(bytes, at), bytes, at + FRAME_HEADER_BYTES, payloadBytesAt(bytes, at));
    this.#source.release();
    return element;
  }

  get readable(): boolean {
    if (this.#closed) return false;
    if (this.#failure !== undefined || this.#join === 'whole') return true;
    try {
      return this.#find();
    } catch (error) {
      if (!(error instanceof MillstreamError)) throw error;
      this.#failure = error;
      return true;
    }
  }

  /** Goes to the next whole element that has arrived; false when there is none. */
  #find(): boolean {
    const source = this.#source;
    for (;;) {
      const at = source.peek();
      if (at < 0) return this.#dueMark() !== undefined;
      const kind = frameKindAt(source.bytes, at);
      if (isOptionalKind(kind)) source.release();
      else if (this.#join === 'none' && !hasMoreAt(source.bytes, at)) return true;
      else if (this.#append(source.bytes, at, kind)) return true;
    }
  }

  /** The barrier that comes next, if it came ahead. It may stand inside an element of several frames. */
  #dueMark(): Mark | undefined {
    const { marks } = this.#source;
    const mark = marks.any ? marks.first : undefined;
    return mark?.position === this.#source.position ? mark : undefined;
  }

  /** Takes a frame of several. Returns whether it was the last. */
  #append(bytes: Uint8Array, at: number, kind: number): boolean {
    if (this.#join === 'none') {
      this.#join = 'open';
      this.#joinedKind = kind;
      this.#joinedBytes = 0;
    } else if (kind !== this.#joinedKind) {
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `A frame of the kind ${kind} came where one of the kind ${this.#joinedKind} had to be continued.`,
      );
    }
    const length = payloadBytesAt(bytes, at);
    const start = this.#joinedBytes;
    const end = start + length;
    if (end > PAYLOAD_BYTES_MAX)
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `An element in several frames has more than ${PAYLOAD_BYTES_MAX} bytes.`,
      );
    if (end > this.#joined.length) {
      const grown = new Uint8Array(Math.max(end, this.#joined.length * 2));
      grown.set(this.#joined.subarray(0, start));
      this.#joined = grown;
    }
    this.#joined.set(bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length), start);
    this.#joinedBytes = end;
    if (!hasMoreAt(bytes, at)) this.#join = 'whole';
    this.#source.release();
    return this.#join === 'whole';
  }

  #takeJoined(): Element {
    const element = this.#decode(this.#joinedKind, this.#joined, 0, this.#joinedBytes);
    this.#join = 'none';
    if (this.#joined.length > JOINED_BYTES_KEPT) this.#joined = new Uint8Array(0);
    return element;
  }

  #decode(kind: number, bytes: Uint8Array, offset: number, length: number): Element {
    switch (kind) {
      case FrameKind.RECORDS:
        return this.#records(bytes, offset, length);
      case FrameKind.COLUMNS:
        return this.#columns(bytes, offset, length);
      default:
        return decodeControl(kind, bytes, offset, length);
    }
  }

  #records(bytes: Uint8Array, offset: number, length: number): RecordBatch {
    const decoded = this.#decoder.decode(bytes, offset, length);
    const batch = this.#free.pop() ?? new RecordBatch(0);
    batch.adopt(decoded.values, decoded.timestamps, decoded.kinds, decoded.count);
    return batch;
  }

  /** Columns are views of the frame, in memory that comes back when the batch is released. */
  #columns(bytes: Uint8Array, offset: number, length: number): OwnedColumnBatch {
    const pool = this.#pool;
    const memory = pool.uint8(length);
    memory.set(bytes.subarray(offset, offset + length));
    return new OwnedColumnBatch(viewColumns(memory, 0, length, this.#decoder.types), () => pool.release(memory));
  }

  peekBarrier(): BarrierElement | undefined {
    if (this.#barrier !== undefined) return this.#barrier;
    if (!this.readable || this.#failure !== undefined || this.#join === 'whole') return undefined;
    const mark = this.#dueMark();
    if (mark !== undefined) return mark.barrier;
    const { bytes } = this.#source;
    const at = this.#source.peek();
    if (frameKindAt(bytes, at) !== FrameKind.BARRIER) return undefined;
    const barrier = decodeControl(FrameKind.BARRIER, bytes, at + FRAME_HEADER_BYTES, payloadBytesAt(bytes, at));
    if (barrier.kind === 'barrier') this.#barrier = barrier;
    return this.#barrier;
  }

  takeAnnouncement(): boolean {
    return this.#source.takeAnnouncement();
  }

  barriers(): readonly BarrierElement[] {
    this.#source.hear();
    const found = [...this.#source.marks].map(({ barrier }) => barrier);
    this.#source.scan((bytes, at) => {
      if (frameKindAt(bytes, at) === FrameKind.BARRIER) found.push(controlAt(bytes, at) as BarrierElement);
      return true;
    });
    return found.toSorted((a, b) => a.checkpoint - b.checkpoint);
  }

  capture(checkpoint: number, into: CapturedElements): boolean {
    const source = this.#source;
    // In this order: a barrier that came ahead was told before any frame behind it could be seen.
    const frames = this.#framesBefore(checkpoint);
    source.hear();
    const mark = source.marks.of(checkpoint);
    if (mark !== undefined) {
      this.#save(into, Number.MAX_SAFE_INTEGER, mark.position);
      source.marks.remove(mark);
      return true;
    }
    if (frames < 0) return false;
    this.#save(into, frames);
    return true;
  }

  /** How many frames there are before the barrier or the end; -1 when neither is there. */
  #framesBefore(checkpoint: number): number {
    let frames = 0;
    let found = false;
    this.#source.scan((bytes, at) => {
      const kind = frameKindAt(bytes, at);
      found =
        kind === FrameKind.END ||
        (kind === FrameKind.BARRIER && (controlAt(bytes, at) as BarrierElement).checkpoint === checkpoint);
      if (!found) frames++;
      return !found;
    });
    return found ? frames : -1;
  }

  /** Writes the elements of so many frames. One that is not whole by then is its sender's to write, who has all of it. */
  #save(into: CapturedElements, most: number, end?: number): void {
    const pieces: Uint8Array[] = [];
    let kindOfPieces = this.#joinedKind;
    if (this.#join !== 'none') pieces.push(this.#joined.subarray(0, this.#joinedBytes));
    const save = (): void => {
      const whole = Buffer.concat(pieces.splice(0));
      into.payload(kindOfPieces, whole, 0, whole.length);
    };
    if (this.#join === 'whole') save();
    let frames = 0;
    this.#source.scan((bytes, at) => {
      if (frames++ >= most) return false;
      const kind = frameKindAt(bytes, at);
      if (isOptionalKind(kind)) return true;
      const payload = at + FRAME_HEADER_BYTES;
      const length = payloadBytesAt(bytes, at);
      const more = hasMoreAt(bytes, at);
      if (pieces.length === 0 && !more) into.payload(kind, bytes, payload, length);
      else {
        kindOfPieces = kind;
        pieces.push(bytes.subarray(payload, payload + length));
        if (!more) save();
      }
      return true;
    }, end);
  }

  get queued(): number {
    return this.#source.queued + (this.#join === 'whole' ? 1 : 0);
  }

  recycle(batch: RecordBatch): void {
    if (this.#free.length >= LOCAL_BATCHES_MAX) return;
    batch.abandon();
    this.#free.push(batch);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#barrier = undefined;
    this.#free.length = 0;
    this.#joined = new Uint8Array(0);
    this.#source.close();
  }
}
