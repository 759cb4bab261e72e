/** What formats of lines share: where lines end, and their text. */

import { isUtf8 } from 'node:buffer';
import { FormatError, MORE_BYTES } from './format.ts';

export const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The replacement character, which bytes that are not valid UTF-8 decode to. */
const REPLACEMENT = '\ufffd';

/** UTF-8's optional mark at the beginning of a file. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/** The length of a byte order mark at the beginning, 0 where there is none, or `MORE_BYTES`. */
export function byteOrderMark(bytes: Buffer, atEnd: boolean): number {
  for (let i = 0; i < BYTE_ORDER_MARK.length; i++) {
    if (i >= bytes.length) return atEnd ? 0 : MORE_BYTES;
    if (bytes[i] !== BYTE_ORDER_MARK[i]) return 0;
  }
  return BYTE_ORDER_MARK.length;
}

/** The offset behind the line that begins at `start`, or `MORE_BYTES`. */
export function lineEnd(bytes: Buffer, start: number, atEnd: boolean): number {
  const newline = bytes.indexOf(NEWLINE, start);
  if (newline !== -1) return newline + 1;
  return atEnd ? bytes.length : MORE_BYTES;
}

/** The end of a line's content, before its line break: `\n`, or `\r\n`. */
export function contentEnd(bytes: Buffer, start: number, end: number): number {
  if (end === start || bytes[end - 1] !== NEWLINE) return end;
  return end - 1 > start && bytes[end - 2] === CARRIAGE_RETURN ? end - 2 : end - 1;
}

/** Line breaks in `start` … `end`. */
export function countNewlines(bytes: Buffer, start: number, end: number): number {
  const part = bytes.subarray(start, end);
  let count = 0;
  for (let at = part.indexOf(NEWLINE); at !== -1; at = part.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** Bytes as text. Bytes that are not UTF-8 are refused, not replaced: that would be silent damage. */
export function utf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) {
    throw new FormatError('its bytes are not valid UTF-8');
  }
  return text;
}

/** Refuses text that UTF-8 cannot hold. */
export function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new FormatError('its text holds half of a surrogate pair, which UTF-8 cannot hold');
}
