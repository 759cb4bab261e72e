/**
 * Frames: how the elements of a channel stand in bytes, in rings and in messages alike.
 *
 * A frame is a header of eight bytes and a payload; it starts at a multiple of eight bytes and is padded to one, so
 * that typed arrays can be laid over payloads. The payload of data is written by the codecs of `data/`, that of a
 * control element here. An element that one frame cannot hold goes in several, all but the last marked `MORE`.
 *
 * Kinds are an open set. A reader that does not know a kind below 128 fails its channel; kinds from 128 on carry no
 * correctness (a latency marker, say) and are skipped. Payloads of control elements may grow at their end: readers
 * take the fields that they know.
 *
 * The layout as a table: docs/internals/channels.md.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { unreachable } from '../base/assert.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import { align8, type FrameTarget } from '../data/frame-target.ts';

/** Bytes in front of a payload. Also what frames and payloads are aligned to. */
export const FRAME_HEADER_BYTES = 8;

/** The layout of headers and control payloads. Another number is another layout, and refused. */
export const FRAME_VERSION = 1;

/** Kinds from here on may be skipped by who does not know them. */
const FRAME_KIND_OPTIONAL = 128;

/** A payload, and an element joined from several, stays below this; what is larger is no record any more. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024 * 1024;

/** No control element needs a larger payload. */
export const CONTROL_BYTES_MAX = 64;

export const FrameKind = {
  /** Fills the end of a ring that is too short for the next frame. */
  PADDING: 0,
  RECORDS: 1,
  COLUMNS: 2,
  WATERMARK: 16,
  STATUS: 17,
  BARRIER: 18,
  END: 19,
} as const;

/** The next frame of the channel continues this payload. */
export const FLAG_MORE = 1;

/** Bytes of a frame with a payload of `payloadBytes`. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + align8(payloadBytes);
}

export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  kind: number,
  flags: number,
  payloadBytes: number,
): void {
  bytes[at] = payloadBytes & 0xff;
  bytes[at + 1] = (payloadBytes >>> 8) & 0xff;
  bytes[at + 2] = (payloadBytes >>> 16) & 0xff;
  bytes[at + 3] = payloadBytes >>> 24;
  bytes[at + 4] = kind;
  bytes[at + 5] = FRAME_VERSION;
  bytes[at + 6] = flags;
  bytes[at + 7] = 0;
}

export function payloadBytesAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
}

export function frameKindAt(bytes: Uint8Array, at: number): number {
  return bytes[at + 4] as number;
}

/** Whether the next frame continues this one. */
export function hasMoreAt(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + 6] as number) & FLAG_MORE) !== 0;
}

/**
 * Checks the header at `at` against the `available` bytes from there on.
 *
 * @throws FRAME_CORRUPT when the header is of another version or claims more than is there.
 */
export function checkFrameHeader(bytes: Uint8Array, at: number, available: number): void {
  if (available < FRAME_HEADER_BYTES) {
    throw new MillstreamError(
      'FRAME_CORRUPT',
      `A frame has a header of ${FRAME_HEADER_BYTES} bytes, but only ${available} arrived.`,
    );
  }
  const version = bytes[at + 5] as number;
  if (version !== FRAME_VERSION) {
    throw new MillstreamError(
      'FRAME_CORRUPT',
      `A frame has the layout ${version}, but this process reads ${FRAME_VERSION}. Run one version of Millstream in all processes of a cluster.`,
    );
  }
  const flags = (bytes[at + 6] as number) | ((bytes[at + 7] as number) << 8);
  const payloadBytes = payloadBytesAt(bytes, at);
  if ((flags & ~FLAG_MORE) !== 0 || payloadBytes > available - FRAME_HEADER_BYTES) {
    throw new MillstreamError(
      'FRAME_CORRUPT',
      `The header of a frame is damaged: ${payloadBytes} payload bytes of ${available - FRAME_HEADER_BYTES} that are there, flags ${flags}.`,
    );
  }
}

/** Whether frames of this kind may be skipped by a reader that does not know it. */
export function isOptionalKind(kind: number): boolean {
  return kind >= FRAME_KIND_OPTIONAL;
}

export function isDataKind(kind: number): boolean {
  return kind === FrameKind.RECORDS || kind === FrameKind.COLUMNS;
}

/** In the order of their codes. */
const BARRIER_TYPES: readonly BarrierElement['type'][] = ['checkpoint', 'savepoint'];

const CONTROL_KINDS: { readonly [Kind in ControlElement['kind']]: number } = {
  watermark: FrameKind.WATERMARK,
  status: FrameKind.STATUS,
  barrier: FrameKind.BARRIER,
  end: FrameKind.END,
};

export function controlKind(element: ControlElement): number {
  return CONTROL_KINDS[element.kind];
}

const control = new ByteWriter(CONTROL_BYTES_MAX);

/** Writes the payload of a control element, at most {@link CONTROL_BYTES_MAX} bytes; returns how many. */
export function encodeControl(element: ControlElement, target: FrameTarget): number {
  control.reset();
  switch (element.kind) {
    case 'watermark':
      control.f64(element.timestamp);
      break;
    case 'status':
      control.u8(element.idle ? 1 : 0);
      break;
    case 'barrier':
      control.f64(element.checkpoint);
      control.f64(element.triggeredAt);
      control.f64(element.epoch);
      control.u8(BARRIER_TYPES.indexOf(element.type));
      if (element.unalignedAt !== undefined) control.f64(element.unalignedAt);
      break;
    case 'end':
      control.u8(element.drained ? 1 : 0);
      break;
    default:
      return unreachable(element);
  }
  const payload = control.view();
  target.bytes.set(payload, target.offset);
  return payload.length;
}

/** @throws FRAME_CORRUPT when the kind is unknown or the payload too short or senseless. */
export function decodeControl(kind: number, bytes: Uint8Array, offset: number, length: number): ControlElement {
  const reader = new ByteReader(bytes, offset, offset + length);
  switch (kind) {
    case FrameKind.WATERMARK:
      return { kind: 'watermark', timestamp: reader.f64() };
    case FrameKind.STATUS:
      return { kind: 'status', idle: reader.u8() !== 0 };
    case FrameKind.BARRIER:
      return barrier(reader);
    case FrameKind.END:
      return { kind: 'end', drained: reader.u8() !== 0 };
    default:
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `A frame of the kind ${kind} arrived, which this process does not know and must not skip. Run one version of Millstream in all processes of a cluster.`,
      );
  }
}

function barrier(reader: ByteReader): BarrierElement {
  const element: BarrierElement = {
    kind: 'barrier',
    checkpoint: reader.f64(),
    triggeredAt: reader.f64(),
    epoch: reader.f64(),
    type: barrierType(reader.u8()),
  };
  return reader.remaining < 8 ? element : { ...element, unalignedAt: reader.f64() };
}

function barrierType(code: number): BarrierElement['type'] {
  const type = BARRIER_TYPES[code];
  if (type !== undefined) return type;
  throw new MillstreamError(
    'FRAME_CORRUPT',
    `A barrier of the type ${code} arrived, which this process does not know. Run one version of Millstream in all processes of a cluster.`,
  );
}
