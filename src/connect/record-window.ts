/** The bytes of a stream that are at hand, and the next record in them. */

import { FormatError, MORE_BYTES, RECORD_BYTES_MAX, type Decoder, type NO_RECORD } from '../format/format.ts';
import { countNewlines } from '../format/lines.ts';

const NOTHING = Buffer.alloc(0);

export class RecordWindow<T> {
  /** No bytes will be appended. */
  atEnd = false;
  readonly #decoder: Decoder<T>;
  #bytes: Buffer = NOTHING;
  /** The position of the first byte at hand. */
  #start: number;
  /** Of the next record, in the bytes at hand. */
  #from = 0;
  #to = 0;
  #lines: number;

  /** `position` is that of the first byte that will be appended, `lines` the line breaks before it. */
  constructor(decoder: Decoder<T>, position: number, lines: number) {
    this.#decoder = decoder;
    this.#start = position;
    this.#lines = lines;
  }

  /** Where the next record begins. */
  get position(): number {
    return this.#start + this.#from;
  }

  /** Where the bytes at hand end. */
  get end(): number {
    return this.#start + this.#bytes.length;
  }

  /** Line breaks before the next record. */
  get lines(): number {
    return this.#lines;
  }

  append(block: Buffer): void {
    const rest = this.#bytes.subarray(this.#from);
    this.#start += this.#from;
    this.#bytes = rest.length === 0 ? block : Buffer.concat([rest, block]);
    this.#from = 0;
    this.#to = 0;
  }

  /** Passes over what stands before the first record; false when more bytes are needed. */
  passPrologue(): boolean {
    const length = this.#decoder.prologue(this.#bytes, this.atEnd || this.#bytes.length >= RECORD_BYTES_MAX);
    if (length === MORE_BYTES) return false;
    this.#lines += countNewlines(this.#bytes, 0, length);
    this.#from = length;
    return true;
  }

  /**
   * From one byte before the place where reading begins, passes over the record that began before it. False when
   * more bytes are needed; none are when that record goes on beyond `limit`.
   */
  passPartial(limit: number): boolean {
    const bytes = this.#bytes;
    const found = bytes.length === 0 ? MORE_BYTES : this.#decoder.align(bytes, this.atEnd);
    if (found === MORE_BYTES && !this.atEnd && this.end <= limit) return false;
    this.#from = found === MORE_BYTES ? bytes.length : found;
    // The first byte lies before the place.
    this.#lines += countNewlines(bytes, 1, this.#from);
    return true;
  }

  /** Whether a whole record is at hand. With `atEnd`, false means that there is none left. */
  find(): boolean {
    const bytes = this.#bytes;
    const from = this.#from;
    if (from === bytes.length) return false;
    this.#to = this.#decoder.recordEnd(bytes, from, this.atEnd);
    if (this.#to !== MORE_BYTES) return true;
    if (bytes.length - from < RECORD_BYTES_MAX) return false;
    // A decoder may still say that the record ends earlier than it seemed, at a quote that is never closed.
    this.#to = this.#decoder.recordEnd(bytes, from, true);
    return true;
  }

  /** The value of the record that was found. Throws FormatError. */
  decode(): T | typeof NO_RECORD {
    return this.#decoder.decode(this.#bytes, this.#from, this.#to);
  }

  /** Whether the record that was found has no end: what follows its bytes belongs to it, and nobody can tell how far. */
  get endless(): boolean {
    return !this.atEnd && this.#to - this.#from >= RECORD_BYTES_MAX;
  }

  /** The bytes of the record that was found; of all that is at hand where none was. */
  get record(): Buffer {
    return this.#bytes.subarray(this.#from, this.#to > this.#from ? this.#to : this.#bytes.length);
  }

  /** Goes on behind the record that was found. */
  advance(): void {
    this.#from = this.#to;
    this.#lines += this.#decoder.lineBreaks;
  }
}

/** Why an endless record cannot be read. */
export function endless(): FormatError {
  return new FormatError(`it does not end within ${RECORD_BYTES_MAX} bytes`);
}
