/** Decodes and encodes whole files, for tests of formats. */

import { ByteAppender } from '../../src/format/byte-appender.ts';
import { MORE_BYTES, NO_RECORD, type Format } from '../../src/format/format.ts';

export interface Decoded<T> {
  readonly value: T;
  readonly offset: number;
  /** Line breaks before the record. */
  readonly lines: number;
}

/** Decodes `content`, of which at first `window` bytes are at hand and then always as many more as are asked for. */
export function decodeAll<T>(format: Format<T, never>, content: string | Uint8Array, window = 1_000_000): Decoded<T>[] {
  const bytes = Buffer.from(content as Uint8Array);
  const decoder = format.decoder();
  const decoded: Decoded<T>[] = [];
  let known = Math.min(window, bytes.length);
  const grow = (): void => void (known = Math.min(bytes.length, known + window));
  let at = decoder.prologue(bytes.subarray(0, known), known === bytes.length);
  while (at === MORE_BYTES) {
    grow();
    at = decoder.prologue(bytes.subarray(0, known), known === bytes.length);
  }
  let lines = 0;
  for (let i = 0; i < at; i++) if (bytes[i] === 0x0a) lines++;
  while (at < bytes.length) {
    const end = decoder.recordEnd(bytes.subarray(0, known), at, known === bytes.length);
    if (end === MORE_BYTES) {
      grow();
      continue;
    }
    const value = decoder.decode(bytes.subarray(0, known), at, end);
    if (value !== NO_RECORD) decoded.push({ value, offset: at, lines });
    lines += decoder.lineBreaks;
    at = end;
  }
  return decoded;
}

export function decodeValues<T>(format: Format<T, never>, content: string | Uint8Array, window?: number): T[] {
  return decodeAll(format, content, window).map(({ value }) => value);
}

/** A whole file with these values. */
export function encodeAll<T>(format: Format<unknown, T>, values: readonly T[]): string {
  const encoder = format.encoder();
  const into = new ByteAppender(4);
  const [first] = values;
  if (values.length > 0) encoder.prologue?.(first as T, into);
  for (const value of values) encoder.encode(value, into);
  return Buffer.from(into.view()).toString('utf8');
}
