/**
 * The mutable tail of the log: a buffer that records are encoded into where they will stay, until it is written to the
 * segment's file as it is.
 */

import { textBuffer, type TextBuffer } from './text-buffer.ts';

const SMALLEST = 4096;

export class RecordBuffer {
  bytes: TextBuffer;
  view: DataView;
  /** Bytes in use. Setting it back takes back what was written behind it. */
  length = 0;

  constructor(capacity: number) {
    this.bytes = textBuffer(Math.max(capacity, SMALLEST));
    this.view = viewOf(this.bytes);
  }

  /** Makes room for `more` bytes and returns where they start. */
  reserve(more: number): number {
    const start = this.length;
    if (start + more > this.bytes.length) this.#grow(start + more);
    this.length = start + more;
    return start;
  }

  #grow(needed: number): void {
    const grown = textBuffer(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  /** Empties the buffer; one that has grown far beyond `capacity` goes back to it. */
  clear(capacity: number): void {
    this.length = 0;
    if (this.bytes.length <= Math.max(capacity, SMALLEST) * 2) return;
    this.bytes = textBuffer(Math.max(capacity, SMALLEST));
    this.view = viewOf(this.bytes);
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  i32(value: number): void {
    const at = this.reserve(4);
    this.view.setInt32(at, value, true);
  }

  f64(value: number): void {
    const at = this.reserve(8);
    this.view.setFloat64(at, value, true);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** Writes a byte and short text behind it; returns false, having written nothing, when the text is not ASCII. */
  shortAscii(text: string, first: number): boolean {
    const { length } = text;
    const at = this.reserve(length + 1);
    const { bytes } = this;
    bytes[at] = first;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.length = at;
        return false;
      }
      bytes[at + 1 + i] = code;
    }
    return true;
  }

  /** Returns the bytes written: as many as the text has characters when it is ASCII. */
  utf8(text: string): number {
    const at = this.reserve(text.length * 3);
    const written = this.bytes.utf8Write(text, at);
    this.length = at + written;
    return written;
  }

  utf16(text: string): void {
    const at = this.reserve(text.length * 2);
    this.bytes.ucs2Write(text, at);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
