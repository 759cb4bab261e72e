/**
 * The messages by which two ends of a connection carry many channels: a header of 16 bytes, and for one of them a
 * frame behind it. The layout as a table: docs/internals/channels.md.
 */

import { MillstreamError } from '../base/error.ts';

/** A channel of one attempt to run a job. Nothing of another attempt ever reaches it. */
export interface ChannelId {
  /** Unique among the channels of a connection in one direction, whatever job they belong to; below 2^32. */
  readonly channel: number;
  /** Attempts of a job count up; below 2^32. */
  readonly attempt: number;
}

export const MessageType = {
  /** A frame; the number counts the frames of the channel from 0, modulo 2^32. */
  FRAME: 1,
  /** The reader is there; the number is the credit that the writer begins with. */
  OPENED: 2,
  /** The number is added to the credit of the writer. */
  CREDIT: 3,
  /** Nobody reads the channel any more. */
  CLOSED: 4,
  /** A barrier that comes ahead, as a frame; the number is that of the frame behind it. */
  BARRIER_AHEAD: 5,
} as const;

/** A multiple of eight, so that the frame behind it is aligned. */
export const MESSAGE_HEADER_BYTES = 16;

export interface Message {
  readonly type: number;
  readonly channel: number;
  readonly attempt: number;
  /** What it counts depends on the type. */
  readonly number: number;
}

export function writeMessageHeader(bytes: Uint8Array, type: number, id: ChannelId, number: number): void {
  putU32(bytes, 0, type);
  putU32(bytes, 4, id.channel);
  putU32(bytes, 8, id.attempt);
  putU32(bytes, 12, number);
}

/** @throws FRAME_CORRUPT when the message is too short for its header. */
export function readMessageHeader(bytes: Uint8Array): Message {
  if (bytes.length < MESSAGE_HEADER_BYTES) {
    throw new MillstreamError(
      'FRAME_CORRUPT',
      `A message between tasks has a header of ${MESSAGE_HEADER_BYTES} bytes, but one of ${bytes.length} arrived.`,
    );
  }
  return { type: u32(bytes, 0), channel: u32(bytes, 4), attempt: u32(bytes, 8), number: u32(bytes, 12) };
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = value >>> 24;
}

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
}
