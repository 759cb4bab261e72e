/**
 * A channel on one thread that encodes and decodes all the same: what passes it is a copy, as it would be between
 * threads. Tests run whole jobs through it, and it shows what a class or a shared reference becomes on the way.
 */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { BarrierElement } from '../data/element.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import { LOCAL_BATCHES_MAX, type ChannelReader, type ChannelWriter } from './channel.ts';
import { FRAME_HEADER_BYTES, frameBytes, FrameKind, frameKindAt, isDataKind, writeFrameHeader } from './frame.ts';
import { FrameReader, type FrameSource, type RowDecoder } from './frame-reader.ts';
import { FrameWriter, type FrameSpace, type RowEncoder } from './frame-writer.ts';
import { Marks } from './marks.ts';

/** Payload bytes of a frame. Small enough that tests with ordinary batches meet batches in several frames too. */
const PAYLOAD_BYTES = 32 * 1024;

export interface BytesChannelOptions {
  readonly encoder: RowEncoder;
  readonly decoder: RowDecoder;
  /** Called when something became readable. */
  readonly wakeReader: () => void;
  /** Called when room came back to a writer that had none. */
  readonly wakeWriter: () => void;
  readonly batchRows?: number;
}

export class BytesChannel {
  readonly writer: ChannelWriter;
  readonly reader: ChannelReader;

  constructor(options: BytesChannelOptions) {
    const queue = new FrameQueue(options);
    this.writer = new FrameWriter(new QueueSpace(queue), options.encoder, options.batchRows);
    this.reader = new FrameReader(queue, options.decoder);
  }
}

/** Frames in memory, with room for a few batches: what the reader sees of them. */
class FrameQueue implements FrameSource {
  queued = 0;
  readonly marks = new Marks();
  /** Frames that were released. */
  position = 0;
  /** The reader has closed. */
  abandoned = false;
  readonly #wakeReader: () => void;
  readonly #wakeWriter: () => void;
  readonly #frames = new RingBuffer<Uint8Array>();
  readonly #staged = new Uint8Array(FRAME_HEADER_BYTES + PAYLOAD_BYTES);
  #unpublished = 0;
  #starved = false;

  constructor(options: Pick<BytesChannelOptions, 'wakeReader' | 'wakeWriter'>) {
    this.#wakeReader = options.wakeReader;
    this.#wakeWriter = options.wakeWriter;
  }

  push(frame: Uint8Array, kind: number): void {
    if (this.abandoned) return;
    if (isDataKind(kind)) this.queued++;
    if (kind === FrameKind.BARRIER) this.marks.announced = true;
    this.#frames.push(frame);
    this.#unpublished++;
  }

  /** A barrier that stands behind the frames that were pushed. */
  pushAhead(barrier: BarrierElement): void {
    if (this.abandoned) return;
    this.marks.add({ barrier, position: this.position + this.#frames.size });
    this.#wakeReader();
  }

  publish(): void {
    if (this.#unpublished === 0) return;
    this.#unpublished = 0;
    this.#wakeReader();
  }

  awaitRoom(): boolean {
    this.#starved = true;
    return this.queued < LOCAL_BATCHES_MAX;
  }

  get bytes(): Uint8Array {
    return this.#frames.peek() as Uint8Array;
  }

  peek(): number {
    if (this.marks.any && this.marks.first?.position === this.position) return -1;
    return this.#frames.size === 0 ? -1 : 0;
  }

  scan(visit: (bytes: Uint8Array, at: number) => boolean, end = Infinity): void {
    let position = this.position;
    for (const frame of this.#frames) if (position++ >= end || !visit(frame, 0)) return;
  }

  hear(): void {}

  takeAnnouncement(): boolean {
    const { announced } = this.marks;
    this.marks.announced = false;
    return announced;
  }

  stage(): Uint8Array {
    this.#staged.set(this.bytes);
    return this.#staged;
  }

  release(): void {
    const frame = this.#frames.shift() as Uint8Array;
    this.position++;
    if (isDataKind(frameKindAt(frame, 0))) this.queued--;
    if (!this.#starved || this.queued > LOCAL_BATCHES_MAX / 2) return;
    this.#starved = false;
    this.#wakeWriter();
  }

  close(): void {
    this.abandoned = true;
    this.#frames.clear();
    this.marks.clear();
    this.queued = 0;
    if (this.#starved) this.#wakeWriter();
  }
}

/** The same frames as the writer sees them. */
class QueueSpace implements FrameSpace {
  readonly target: FrameTarget = {
    bytes: new Uint8Array(FRAME_HEADER_BYTES + PAYLOAD_BYTES),
    offset: FRAME_HEADER_BYTES,
    capacity: PAYLOAD_BYTES,
  };
  readonly payloadBytesMax = PAYLOAD_BYTES;
  bytesWritten = 0;
  readonly #queue: FrameQueue;

  constructor(queue: FrameQueue) {
    this.#queue = queue;
  }

  get abandoned(): boolean {
    return this.#queue.abandoned;
  }

  reserve(_least: number, kind: number): boolean {
    return !isDataKind(kind) || this.#queue.queued < LOCAL_BATCHES_MAX;
  }

  commit(kind: number, flags: number, payloadBytes: number): void {
    const { bytes } = this.target;
    writeFrameHeader(bytes, 0, kind, flags, payloadBytes);
    const frame = bytes.slice(0, frameBytes(payloadBytes));
    this.bytesWritten += frame.length;
    this.#queue.push(frame, kind);
  }

  publish(): void {
    this.#queue.publish();
  }

  announce(barrier: BarrierElement, ahead: boolean): boolean {
    // What is in its place, the reader sees when it arrives.
    if (ahead) this.#queue.pushAhead(barrier);
    return true;
  }

  awaitRoom(): boolean {
    return this.#queue.awaitRoom();
  }

  /** What was sent is the reader's to read. */
  close(): void {}
}
