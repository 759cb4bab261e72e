/**
 * A column of text: all strings of a block joined, their lengths beside them.
 *
 * One conversion for the whole column is four times faster than one per string. Text is cut from the joined string
 * with `substring`, and V8 lets a substring of 13 characters or more share the memory of the whole: one such string,
 * kept in state, would keep the text of its entire block alive. So the column is read in chunks that are at most
 * {@link CHUNK_UNITS} long (or one string, where that is longer); both sides cut them by the same rule.
 *
 * Lengths count UTF-16 units. ASCII is told by its length in bytes; other text is UTF-8, chunk by chunk; text with a
 * lone surrogate is UTF-16.
 */

import { MillstreamError } from '../base/error.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';

/** What one kept string can keep alive beyond itself. Large enough that the conversion is shared by dozens of strings. */
const CHUNK_UNITS = 512;

const ENCODING_ASCII = 0;
const ENCODING_UTF8 = 1;
const ENCODING_UTF16 = 2;

/** Encoding and length in bytes, as two 32-bit integers, stand in front. */
const HEADER_BYTES = 8;

/**
 * Writes the joined text of `count` strings, whose lengths stand in the memory from index `lengths` on, at `position`.
 * Returns where it ends, a multiple of eight, or FRAME_FULL when that would be beyond `end`.
 */
export function writeTextColumn(
  memory: FrameMemory,
  lengths: number,
  count: number,
  text: string,
  position: number,
  end: number,
): number {
  const start = position + HEADER_BYTES;
  const room = end - start;
  if (text.length > room) return FRAME_FULL;
  // Every ASCII character takes one byte, every other more: equal counts mean ASCII, complete.
  const written = text.length === 0 ? 0 : memory.text.write(text, start, room, 'utf8');
  if (written !== text.length) return writeWideText(memory, lengths, count, text, position, end);
  return finish(memory, position, ENCODING_ASCII, start + written, end);
}

function finish(memory: FrameMemory, position: number, encoding: number, textEnd: number, end: number): number {
  const sectionEnd = align8(textEnd);
  if (sectionEnd > end) return FRAME_FULL;
  memory.u8.fill(0, textEnd, sectionEnd);
  memory.i32[position / 4] = encoding;
  memory.i32[position / 4 + 1] = textEnd - position - HEADER_BYTES;
  return sectionEnd;
}

/** Beyond ASCII: the length in bytes of each chunk, then the chunks; or UTF-16, where a chunk has no UTF-8. */
function writeWideText(
  memory: FrameMemory,
  lengths: number,
  count: number,
  text: string,
  position: number,
  end: number,
): number {
  const chunks = chunksOf(memory.i32, lengths, count);
  const start = position + HEADER_BYTES;
  let to = start + chunks.length * 4;
  let from = 0;
  for (let i = 0; i < chunks.length; i++) {
    const units = chunks[i] as number;
    const chunk = text.substring(from, from + units);
    // Also where two strings meet between the halves of a pair.
    if (!chunk.isWellFormed()) return writeUtf16(memory, text, position, end);
    const bytes = Buffer.byteLength(chunk, 'utf8');
    if (to + bytes > end) return FRAME_FULL;
    memory.text.write(chunk, to, bytes, 'utf8');
    memory.i32[start / 4 + i] = bytes;
    from += units;
    to += bytes;
  }
  return finish(memory, position, ENCODING_UTF8, to, end);
}

function writeUtf16(memory: FrameMemory, text: string, position: number, end: number): number {
  const start = position + HEADER_BYTES;
  if (start + text.length * 2 > end) return FRAME_FULL;
  memory.text.write(text, start, text.length * 2, 'utf16le');
  return finish(memory, position, ENCODING_UTF16, start + text.length * 2, end);
}

/** Units of the chunk that begins with string `from`, and of no later one: as many strings as fit, at least one. */
function chunkEnd(i32: Int32Array, lengths: number, count: number, from: number): number {
  let units = i32[lengths + from] as number;
  for (let i = from + 1; i < count; i++) {
    const more = units + (i32[lengths + i] as number);
    if (more > CHUNK_UNITS) return i;
    units = more;
  }
  return count;
}

function chunksOf(i32: Int32Array, lengths: number, count: number): number[] {
  const chunks: number[] = [];
  for (let from = 0; from < count;) {
    const next = chunkEnd(i32, lengths, count, from);
    chunks.push(unitsOf(i32, lengths, from, next));
    from = next;
  }
  return chunks;
}

function unitsOf(i32: Int32Array, lengths: number, from: number, to: number): number {
  let units = 0;
  for (let i = from; i < to; i++) units += i32[lengths + i] as number;
  return units;
}

/**
 * Reads a column chunk by chunk. Who cuts the strings calls `next` when it comes to a row that is not before the last
 * answer, and finds in `chunk` the text that begins with that row.
 */
export class TextReader {
  chunk = '';
  #memory!: FrameMemory;
  #encoding = ENCODING_ASCII;
  /** Index of the rows' lengths. */
  #lengths = 0;
  #rows = 0;
  /** The row with which the next chunk begins, its address, and the index of its length in bytes. */
  #row = 0;
  #at = 0;
  #chunkBytes = 0;
  #end = 0;

  /** Begins the section at `position`; returns its end. */
  open(memory: FrameMemory, lengths: number, rows: number, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    if (start > end) throw corrupt();
    const encoding = memory.i32[position / 4] as number;
    const bytes = memory.i32[position / 4 + 1] as number;
    if (encoding < ENCODING_ASCII || encoding > ENCODING_UTF16 || bytes < 0 || start + bytes > end) throw corrupt();
    this.#memory = memory;
    this.#encoding = encoding;
    this.#lengths = lengths;
    this.#rows = rows;
    this.#row = 0;
    this.#chunkBytes = start / 4;
    this.#at = start + (encoding === ENCODING_UTF8 ? chunksOf(memory.i32, lengths, rows).length * 4 : 0);
    this.#end = start + bytes;
    return align8(this.#end);
  }

  /** Loads the chunk that holds `row`; returns the row with which the one after it begins. */
  next(row: number): number {
    let from = this.#row;
    // Rows without text may fill whole chunks.
    while (from <= row) from = this.#load(from);
    this.#row = from;
    return from;
  }

  #load(from: number): number {
    const { i32, text } = this.#memory;
    const lengths = this.#lengths;
    // The rule of `chunkEnd`, in one loop with the sum.
    let units = i32[lengths + from] as number;
    let to = from + 1;
    for (; to < this.#rows; to++) {
      const more = units + (i32[lengths + to] as number);
      if (more > CHUNK_UNITS) break;
      units = more;
    }
    const at = this.#at;
    const encoding = this.#encoding;
    const bytes =
      encoding === ENCODING_ASCII
        ? units
        : encoding === ENCODING_UTF16
          ? units * 2
          : (i32[this.#chunkBytes++] as number);
    if (units < 0 || bytes < 0 || at + bytes > this.#end) throw corrupt();
    this.#at = at + bytes;
    this.chunk = text.toString(ENCODING_NAMES[encoding], at, at + bytes);
    return to;
  }

  /** Ends the section, in which `rows` rows must have found all of the text. */
  close(): void {
    if (this.#row < this.#rows) this.next(this.#rows - 1);
    this.chunk = '';
    if (this.#at !== this.#end) throw corrupt();
  }
}

const ENCODING_NAMES = ['latin1', 'utf8', 'utf16le'] as const;

/** Reads `count` strings into `into`; returns where the section ends. */
export function readTextColumn(
  memory: FrameMemory,
  lengths: number,
  count: number,
  position: number,
  end: number,
  into: string[],
): number {
  const reader = new TextReader();
  const sectionEnd = reader.open(memory, lengths, count, position, end);
  let chunkEnds = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (i >= chunkEnds) {
      chunkEnds = reader.next(i);
      at = 0;
    }
    const next = at + (memory.i32[lengths + i] as number);
    into[i] = reader.chunk.substring(at, next);
    at = next;
  }
  reader.close();
  return sectionEnd;
}

function corrupt(): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', 'A column of text in a frame does not agree with its lengths.');
}
