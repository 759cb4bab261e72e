/**
 * The state of a channel: elements that were on their way when a barrier overtook them.
 *
 * It is a sequence of whole frames (see `frame.ts`), each of which can be read alone, because the codecs put layouts
 * and dictionaries into every frame. Barriers and ends are left out: barriers belong to other checkpoints, and a sender
 * that had ended ends again after a restore, as it emits its last watermark again.
 *
 * The story of overtaking, and what becomes of this after a restore: docs/internals/checkpoints.md.
 */

import { MillstreamError } from '../base/error.ts';
import { encodeColumns } from '../data/column-codec.ts';
import { MAX_WATERMARK } from '../data/element.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import { RecordBatch } from '../data/record-batch.ts';
import type { StateBytes } from '../state/snapshot.ts';
import type { CapturedElements, Element } from './channel.ts';
import {
  checkFrameHeader,
  CONTROL_BYTES_MAX,
  controlKind,
  decodeControl,
  encodeControl,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  PAYLOAD_BYTES_MAX,
  payloadBytesAt,
  writeFrameHeader,
} from './frame.ts';
import type { FrameSource } from './frame-reader.ts';
import { selectedRows, timestampsOf, type RowEncoder } from './frame-writer.ts';
import { Marks } from './marks.ts';

/** A channel, by a name of its edge that survives a restart, and its place among the channels of the edge. */
export interface ChannelIdentity {
  readonly edge: string;
  /** The sending subtask; -1 for what is left of channels of an earlier parallelism. */
  readonly sender: number;
  readonly senders: number;
  readonly receiver: number;
  readonly receivers: number;
}

/** What a checkpoint holds of a channel. */
export interface ChannelStateSnapshot extends ChannelIdentity {
  /** Who held it. What the receiver held was sent before what waited at the sender. */
  readonly end: 'sender' | 'receiver';
  /** Frames, one after the other. */
  readonly bytes: StateBytes;
}

/** What it takes to write the state of a channel. */
export interface ChannelStatePlace {
  readonly identity: ChannelIdentity;
  /** Made when first needed: most channels never meet an unaligned checkpoint. */
  readonly encoder: () => RowEncoder;
}

const BYTES_INITIAL = 4096;

/** Writes the elements of one channel as its state. */
export class ChannelStateWriter implements CapturedElements {
  readonly #encoder: () => RowEncoder;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  constructor(encoder: () => RowEncoder) {
    this.#encoder = encoder;
  }

  payload(kind: number, bytes: Uint8Array, offset: number, length: number): void {
    if (kind === FrameKind.BARRIER || kind === FrameKind.END) return;
    if (kind === FrameKind.WATERMARK) {
      this.element(decodeControl(kind, bytes, offset, length));
      return;
    }
    const target = this.#target(length);
    target.bytes.set(bytes.subarray(offset, offset + length), target.offset);
    this.#commit(kind, length);
  }

  element(element: Element, from = 0): void {
    if (element instanceof RecordBatch) {
      const { values, kinds, count } = element;
      if (from < count) {
        const timestamps = timestampsOf(element);
        this.#rows(FrameKind.RECORDS, (target) =>
          this.#encoder().encode(values, from, count, timestamps, kinds, target),
        );
      }
    } else if (!('kind' in element)) {
      const rows = selectedRows(element, from, element.selected);
      if (rows.selected > 0)
        this.#rows(FrameKind.COLUMNS, (target) => encodeColumns(rows, target, this.#encoder().types));
    } else if (element.kind === 'watermark' || element.kind === 'status') {
      if (element.kind === 'watermark' && element.timestamp === MAX_WATERMARK) return;
      this.#commit(controlKind(element), encodeControl(element, this.#target(CONTROL_BYTES_MAX)));
    }
  }

  #rows(kind: number, encode: (target: FrameTarget) => number): void {
    for (let capacity = BYTES_INITIAL; ; capacity = Math.min(capacity * 2, PAYLOAD_BYTES_MAX)) {
      const bytes = encode(this.#target(capacity));
      if (bytes >= 0) {
        this.#commit(kind, bytes);
        return;
      }
      if (capacity >= PAYLOAD_BYTES_MAX)
        throw new MillstreamError(
          'VALUE_UNSUPPORTED',
          `A batch takes more than ${PAYLOAD_BYTES_MAX} bytes, which no state of a channel holds. Cut its records into smaller ones.`,
        );
    }
  }

  /** Room for a payload of at least `capacity` bytes. */
  #target(capacity: number): FrameTarget {
    const offset = this.#length + FRAME_HEADER_BYTES;
    if (this.#bytes.length < offset + capacity) {
      const grown = new Uint8Array(Math.max(frameBytes(capacity) + this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return { bytes: this.#bytes, offset, capacity: this.#bytes.length - offset };
  }

  #commit(kind: number, payloadBytes: number): void {
    writeFrameHeader(this.#bytes, this.#length, kind, 0, payloadBytes);
    const end = this.#length + frameBytes(payloadBytes);
    if (end > this.#bytes.length) {
      // The padding of the last frame.
      const grown = new Uint8Array(end);
      grown.set(this.#bytes);
      this.#bytes = grown;
    } else this.#bytes.fill(0, this.#length + FRAME_HEADER_BYTES + payloadBytes, end);
    this.#length = end;
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  /** What was written, in memory of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

const END_FRAME = new Uint8Array(frameBytes(1));
writeFrameHeader(END_FRAME, 0, FrameKind.END, 0, 1);

/** Frames of a channel's state, as a source to read them from. */
export class StateFrames implements FrameSource {
  readonly bytes: Uint8Array;
  readonly marks = new Marks();
  #position = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#end = bytes.length;
  }

  get position(): number {
    return this.#position;
  }

  peek(): number {
    if (this.#position === this.#end) return -1;
    checkFrameHeader(this.bytes, this.#position, this.#end - this.#position);
    return this.#position;
  }

  stage(): Uint8Array {
    return this.bytes;
  }

  release(): void {
    this.#position += frameBytes(payloadBytesAt(this.bytes, this.#position));
  }

  /** Shows an end behind the last frame: nothing more will come. */
  scan(visit: (bytes: Uint8Array, at: number) => boolean): void {
    for (let at = this.#position; at < this.#end; at += frameBytes(payloadBytesAt(this.bytes, at)))
      if (!visit(this.bytes, at)) return;
    visit(END_FRAME, 0);
  }

  hear(): void {}

  takeAnnouncement(): boolean {
    return false;
  }

  /** What is not read; for metrics it is as good as one batch. */
  get queued(): number {
    return this.#position < this.#end ? 1 : 0;
  }

  close(): void {
    this.#end = this.#position;
  }
}
