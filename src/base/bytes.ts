/**
 * Growing byte buffers: a writer and a reader of little-endian numbers, variable-length integers and strings.
 * They carry control messages, snapshots and the general codec; the columnar frames of the exchange address their
 * memory directly.
 */

import { MillstreamError } from './error.ts';

const UTF8_ENCODER = new TextEncoder();
const INITIAL_BYTES = 256;

/** Appends; `take()` hands out a copy of what was written and starts anew in the same memory. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  constructor(capacity = INITIAL_BYTES) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for `more` bytes and returns the offset at which they start. */
  #reserve(more: number): number {
    const start = this.#length;
    const end = start + more;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setInt32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  i64(value: bigint): void {
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, value, true);
  }

  /** An unsigned integer below 2^53 in seven-bit groups, low first. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  /** Raw bytes, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Bytes behind their length. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** UTF-8 behind its byte length. Lone surrogates become U+FFFD; where that matters, see the codecs. */
  string(text: string): void {
    if (text.length <= SHORT_STRING && this.#asciiString(text)) return;
    this.bytes(UTF8_ENCODER.encode(text));
  }

  /** The short ASCII case, which needs no encoder: writes and returns true, or leaves the writer as it was. */
  #asciiString(text: string): boolean {
    const before = this.#length;
    this.varint(text.length);
    const at = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#length = before;
        return false;
      }
      this.#bytes[at + i] = code;
    }
    return true;
  }

  /** Overwrites four bytes that were written before. */
  patchU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  /** The memory that is written to, which goes on behind `length`: valid until the next write. */
  get memory(): Uint8Array {
    return this.#bytes;
  }

  /** What was written, without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const copy = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return copy;
  }

  /** Forgets what was written from offset `length` on. */
  truncate(length: number): void {
    if (length < this.#length) this.#length = length;
  }

  reset(): void {
    this.#length = 0;
  }
}

/** Strings up to this many characters are tried as ASCII first: a call of the encoder costs more. */
const SHORT_STRING = 32;

/** Reads what {@link ByteWriter} wrote. Reading past the end is a corrupt frame, never `undefined`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;
  readonly #end: number;
  /** The same memory, with Node's text conversions; made with the first long text. */
  #text: Buffer | undefined;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  #advance(bytes: number): number {
    const start = this.#offset;
    if (start + bytes > this.#end) {
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `${bytes} bytes were expected at offset ${start}, but only ${this.#end - start} are there.`,
      );
    }
    this.#offset = start + bytes;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8), true);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
      if (scale > Number.MAX_SAFE_INTEGER)
        throw new MillstreamError('FRAME_CORRUPT', `A variable-length integer at offset ${this.#offset} has no end.`);
    }
  }

  /** A view of the next bytes, not a copy. */
  raw(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  string(): string {
    const length = this.varint();
    const start = this.#advance(length);
    if (length <= SHORT_STRING) {
      const ascii = this.#asciiString(start, length);
      if (ascii !== undefined) return ascii;
    }
    // Not a text decoder: those refuse shared memory, and what is not shared they take three times as long for.
    this.#text ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#text.toString('utf8', start, start + length);
  }

  #asciiString(start: number, length: number): string | undefined {
    let text = '';
    for (let i = start; i < start + length; i++) {
      const code = this.#bytes[i] as number;
      if (code > 0x7f) return undefined;
      text += String.fromCharCode(code);
    }
    return text;
  }
}
