/**
 * A channel on one thread that encodes and decodes all the same: what passes it is a copy, as it would be between
 * threads. Tests run whole jobs through it, and it shows what a class or a shared reference becomes on the way.
 */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { BarrierElement } from '../data/element.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import { LOCAL_BATCHES_MAX, type ChannelReader, type ChannelWriter, type Element } from './channel.ts';
import { FRAME_HEADER_BYTES, frameBytes, frameKindAt, isDataKind, writeFrameHeader } from './frame.ts';
import { FrameReader, type FrameSource, type RowDecoder } from './frame-reader.ts';
import { FrameWriter, type FrameSpace, type RowEncoder } from './frame-writer.ts';

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

export class BytesChannel implements ChannelReader, ChannelWriter {
  readonly #frames: FrameQueue;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;

  constructor(options: BytesChannelOptions) {
    this.#frames = new FrameQueue(options);
    this.#writer = new FrameWriter(this.#frames, options.encoder, options.batchRows);
    this.#reader = new FrameReader(this.#frames, options.decoder);
  }

  // The writer's end.

  batch(): RecordBatch {
    return this.#writer.batch();
  }

  send(element: Element): void {
    this.#writer.send(element);
  }

  pump(): boolean {
    return this.#writer.pump();
  }

  get hasRoom(): boolean {
    return this.#writer.hasRoom;
  }

  get bytesSent(): number {
    return this.#writer.bytesSent;
  }

  get overdrawn(): number {
    return this.#writer.overdrawn;
  }

  // The reader's end.

  poll(): Element | undefined {
    return this.#reader.poll();
  }

  peekBarrier(): BarrierElement | undefined {
    return this.#reader.peekBarrier();
  }

  get readable(): boolean {
    return this.#reader.readable;
  }

  get queued(): number {
    return this.#reader.queued;
  }

  recycle(batch: RecordBatch): void {
    this.#reader.recycle(batch);
  }

  close(): void {
    this.#writer.close();
    this.#reader.close();
  }
}

/** Frames in memory, with room for a few batches. */
class FrameQueue implements FrameSpace, FrameSource {
  readonly target: FrameTarget = {
    bytes: new Uint8Array(FRAME_HEADER_BYTES + PAYLOAD_BYTES),
    offset: FRAME_HEADER_BYTES,
    capacity: PAYLOAD_BYTES,
  };
  readonly payloadBytesMax = PAYLOAD_BYTES;
  bytesWritten = 0;
  queued = 0;
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

  reserve(_least: number, kind: number): boolean {
    return !isDataKind(kind) || this.queued < LOCAL_BATCHES_MAX;
  }

  commit(kind: number, flags: number, payloadBytes: number): void {
    const { bytes } = this.target;
    writeFrameHeader(bytes, 0, kind, flags, payloadBytes);
    const frame = bytes.slice(0, frameBytes(payloadBytes));
    this.bytesWritten += frame.length;
    if (isDataKind(kind)) this.queued++;
    this.#frames.push(frame);
    this.#unpublished++;
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
    return this.#frames.size === 0 ? -1 : 0;
  }

  stage(): Uint8Array {
    this.#staged.set(this.bytes);
    return this.#staged;
  }

  release(): void {
    const frame = this.#frames.shift() as Uint8Array;
    if (isDataKind(frameKindAt(frame, 0))) this.queued--;
    if (!this.#starved || this.queued > LOCAL_BATCHES_MAX / 2) return;
    this.#starved = false;
    this.#wakeWriter();
  }

  close(): void {
    this.abandoned = true;
    this.#frames.clear();
    this.queued = 0;
  }
}
