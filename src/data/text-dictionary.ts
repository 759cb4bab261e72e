/**
 * A column of text with few distinct values: each row a number, the values in a dictionary.
 *
 * The dictionary of a column grows from block to block and stands in every block, so that a block can be read alone.
 * The reader compares the bytes with those it has read before (a memory compare) and converts only what is new: its
 * strings stay the same objects, with their hashes cached, which makes every Map behind it several times faster.
 * A block with few rows carries only the entries it uses.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';
import { readText, writeText } from './text.ts';

/** A dictionary beyond this is no longer one: the column goes back to joined text. */
const DICTIONARY_ENTRIES_MAX = 1024;
const DICTIONARY_BYTES_MAX = 8 * 1024;

/** Text longer than this is not worth comparing. */
export const DICTIONARY_TEXT_MAX = 64;

/** What the dictionary may add to a row before a block rather carries its own. */
const BYTES_PER_ROW_MAX = 8;

/** Whether the dictionary is whole, its entries, its bytes, and nothing, as four 32-bit integers. */
const HEADER_BYTES = 16;
const WHOLE = 0;
const LOCAL = 1;

/** What `add` returns when the dictionary is full. */
const OVERFLOWN = -1;

export class TextDictionary {
  /** The number of each entry. Generated code asks here first. */
  readonly numbers = new Map<string, number>();
  /** Set when a text had no place. */
  overflown = false;
  readonly #entries: string[] = [];
  readonly #bytes = new ByteWriter();
  readonly #local = new ByteWriter();
  readonly #localNumbers = new Int32Array(DICTIONARY_ENTRIES_MAX);

  /** Numbers a text that is not there yet; below zero when there is no place. */
  add(text: string): number {
    if (
      this.#entries.length >= DICTIONARY_ENTRIES_MAX ||
      text.length > DICTIONARY_TEXT_MAX ||
      this.#bytes.length > DICTIONARY_BYTES_MAX
    ) {
      this.overflown = true;
      return OVERFLOWN;
    }
    const number = this.#entries.length;
    this.#entries.push(text);
    this.numbers.set(text, number);
    writeText(this.#bytes, text);
    return number;
  }

  /** Writes the section of a block whose numbers stand from index `numbers` on. Returns its end or FRAME_FULL. */
  write(memory: FrameMemory, numbers: number, rows: number, position: number, end: number): number {
    if (this.#bytes.length <= rows * BYTES_PER_ROW_MAX)
      return writeSection(memory, WHOLE, this.#entries.length, this.#bytes.view(), position, end);
    const entries = this.#renumber(memory.u16, numbers, rows);
    return writeSection(memory, LOCAL, entries, this.#local.view(), position, end);
  }

  /** Replaces the numbers of the rows by those of a dictionary that holds only what they use. */
  #renumber(u16: Uint16Array, numbers: number, rows: number): number {
    const local = this.#localNumbers.fill(-1);
    this.#local.reset();
    let entries = 0;
    for (let i = numbers; i < numbers + rows; i++) {
      const number = u16[i] as number;
      const text = this.#entries[number];
      // Rows without text have the number 0, which an empty dictionary lacks.
      if (text === undefined) continue;
      if ((local[number] as number) < 0) {
        local[number] = entries++;
        writeText(this.#local, text);
      }
      u16[i] = local[number] as number;
    }
    return entries;
  }
}

function writeSection(
  memory: FrameMemory,
  form: number,
  entries: number,
  bytes: Uint8Array,
  position: number,
  end: number,
): number {
  const bytesEnd = position + HEADER_BYTES + bytes.length;
  const sectionEnd = align8(bytesEnd);
  if (sectionEnd > end) return FRAME_FULL;
  memory.i32[position / 4] = form;
  memory.i32[position / 4 + 1] = entries;
  memory.i32[position / 4 + 2] = bytes.length;
  memory.i32[position / 4 + 3] = 0;
  memory.u8.set(bytes, position + HEADER_BYTES);
  memory.u8.fill(0, bytesEnd, sectionEnd);
  return sectionEnd;
}

export class TextDictionaryReader {
  /** The entries of the block that was read last. Generated code looks here. */
  entries: string[] = [];
  /** What the whole dictionary held when it was seen last. */
  #whole: string[] = [];
  #wholeBytes: Uint8Array = new Uint8Array(0);
  /** One string object per text, for blocks with a dictionary of their own. */
  readonly #texts = new Map<string, string>();

  /** Reads the section at `position`; returns its end. */
  read(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    if (start > end) throw corrupt();
    const form = memory.i32[position / 4] as number;
    const count = memory.i32[position / 4 + 1] as number;
    const length = memory.i32[position / 4 + 2] as number;
    if (length < 0 || start + length > end || count < 0 || count > DICTIONARY_ENTRIES_MAX) throw corrupt();
    if (form === WHOLE) this.#readWhole(memory, start, length, count);
    else this.entries = this.#readEntries(memory, start, length, count, []);
    return align8(start + length);
  }

  #readWhole(memory: FrameMemory, start: number, length: number, count: number): void {
    const known = this.#wholeBytes.length;
    const grown = length >= known && memory.text.compare(this.#wholeBytes, 0, known, start, start + known) === 0;
    this.entries = this.#whole;
    if (grown && length === known) return;
    const kept = grown ? this.#whole : [];
    this.#whole = this.#readEntries(
      memory,
      start + (grown ? known : 0),
      length - (grown ? known : 0),
      count - kept.length,
      kept,
    );
    this.#wholeBytes = memory.u8.slice(start, start + length);
    this.entries = this.#whole;
  }

  #readEntries(memory: FrameMemory, start: number, length: number, count: number, into: string[]): string[] {
    const reader = new ByteReader(memory.u8, start, start + length);
    for (let i = 0; i < count; i++) into.push(this.#one(readText(reader)));
    return into;
  }

  #one(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= 4 * DICTIONARY_ENTRIES_MAX) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}

function corrupt(): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', 'A dictionary in a frame does not agree with its length.');
}
