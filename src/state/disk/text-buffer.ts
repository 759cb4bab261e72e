/** The text conversions of Node's buffers that take offsets: they spare a view or a copy per text. */

export interface TextBuffer extends Buffer {
  utf8Write(text: string, offset: number): number;
  ucs2Write(text: string, offset: number): number;
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}

export function textBuffer(bytes: number): TextBuffer {
  return Buffer.allocUnsafeSlow(bytes) as TextBuffer;
}
