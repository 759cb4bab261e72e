/**
 * Exact text in bytes. UTF-8 cannot hold a lone surrogate, and a JavaScript string can: such strings are written in
 * UTF-16 instead, so that what is read equals what was written, always.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';

const UTF8_ENCODER = new TextEncoder();

/** Writes the byte length, doubled, plus one where the bytes are UTF-16; then the bytes. */
export function writeText(writer: ByteWriter, text: string): void {
  const length = text.length;
  if (length <= ASCII_LOOP_MAX && isAscii(text)) {
    writer.varint(length * 2);
    for (let i = 0; i < length; i++) writer.u8(text.charCodeAt(i));
    return;
  }
  const utf16 = !text.isWellFormed();
  const bytes = utf16 ? utf16Bytes(text) : UTF8_ENCODER.encode(text);
  writer.varint(bytes.length * 2 + (utf16 ? 1 : 0));
  writer.raw(bytes);
}

export function readText(reader: ByteReader): string {
  const header = reader.varint();
  const bytes = reader.raw(Math.floor(header / 2));
  return header % 2 === 1 ? utf16Text(bytes) : utf8Text(bytes);
}

/** The UTF-8 bytes of well-formed text. */
export function utf8Bytes(text: string): Uint8Array {
  return UTF8_ENCODER.encode(text);
}

export function utf8Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8');
}

/** Two bytes per UTF-16 unit, low byte first. */
export function utf16Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le');
}

export function utf16Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf16le');
}

/** One character per byte. */
export function latin1Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

/** The same memory, shared memory included, with Node's text conversions. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Up to here a loop over the characters beats a call of the encoder. */
const ASCII_LOOP_MAX = 24;

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}
