/**
 * The memory of frames: one big buffer, often shared, in which a codec writes at the address it is given.
 *
 * Typed arrays are laid over the whole buffer once and addressed by absolute index. A view per frame would cost more
 * than a short frame itself, and generated code stays as fast as it is only while it meets the same views.
 */

import { invariant } from '../base/assert.ts';

/** Where a frame is to be written: `capacity` bytes from `offset` on, an address in the buffer that is a multiple of eight. */
export interface FrameTarget {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly capacity: number;
}

/** What `encode` returns when the target is too small for the rows. */
export const FRAME_FULL = -1;

/** The views over one buffer. All indexes are absolute; numbers stand in the byte order of the machine. */
export interface FrameMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  /** The same bytes with Node's conversions of text. */
  readonly text: Buffer;
}

const memories = new WeakMap<ArrayBufferLike, FrameMemory>();

export function memoryOf(buffer: ArrayBufferLike): FrameMemory {
  let memory = memories.get(buffer);
  if (memory === undefined) {
    const bytes = buffer.byteLength;
    memory = {
      u8: new Uint8Array(buffer),
      u16: new Uint16Array(buffer, 0, Math.floor(bytes / 2)),
      i32: new Int32Array(buffer, 0, Math.floor(bytes / 4)),
      f64: new Float64Array(buffer, 0, Math.floor(bytes / 8)),
      i64: new BigInt64Array(buffer, 0, Math.floor(bytes / 8)),
      text: Buffer.from(buffer as ArrayBuffer),
    };
    memories.set(buffer, memory);
  }
  return memory;
}

/** The address of a target in its buffer. */
export function addressOf(target: FrameTarget): number {
  const address = target.bytes.byteOffset + target.offset;
  invariant(address % 8 === 0, 'a frame starts at a multiple of eight bytes');
  return address;
}

/** An address or length up to the next multiple of eight; also beyond 2^31, where `&` alone would go wrong. */
export function align8(bytes: number): number {
  return bytes + (-bytes & 7);
}
