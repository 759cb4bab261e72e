/**
 * A row codec of known size for tests of frames and channels: every value as JSON text, so that a test decides how
 * many bytes a row takes, and the codecs of the engine play no part.
 */

import type { FrameTarget } from '../../src/data/frame-target.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import type { DecodedRows, RowDecoder } from '../../src/exchange/frame-reader.ts';
import type { RowEncoder } from '../../src/exchange/frame-writer.ts';

interface Payload {
  readonly values: unknown[];
  readonly timestamps: (number | null)[] | undefined;
  readonly kinds: number[] | undefined;
}

export class TextCodec implements RowEncoder, RowDecoder {
  readonly types = new TypeRegistry();
  /** Attempts to encode, and those that did not fit. */
  attempts = 0;
  misfits = 0;

  encode(
    values: readonly unknown[],
    from: number,
    to: number,
    timestamps: Float64Array | undefined,
    kinds: Uint8Array | undefined,
    out: FrameTarget,
  ): number {
    this.attempts++;
    const payload: Payload = {
      values: values.slice(from, to),
      timestamps:
        timestamps === undefined
          ? undefined
          : [...timestamps.subarray(from, to)].map((time) => (Number.isFinite(time) ? time : null)),
      kinds: kinds === undefined ? undefined : [...kinds.subarray(from, to)],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(payload));
    if (bytes.length > out.capacity) {
      this.misfits++;
      return -1;
    }
    out.bytes.set(bytes, out.offset);
    return bytes.length;
  }

  decode(bytes: Uint8Array, offset: number, length: number): DecodedRows {
    const text = new TextDecoder().decode(bytes.slice(offset, offset + length));
    const { values, timestamps, kinds } = JSON.parse(text) as Payload;
    return {
      values,
      timestamps: timestamps === undefined ? undefined : Float64Array.from(timestamps, (time) => time ?? -Infinity),
      kinds: kinds === undefined ? undefined : Uint8Array.from(kinds),
      count: values.length,
    };
  }
}
