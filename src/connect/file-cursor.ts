/** Reads one range of a file, record by record. */

import { MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import { FormatError, MORE_BYTES, NO_RECORD, RECORD_BYTES_MAX, type Decoder, type Format } from '../format/format.ts';
import { countNewlines } from '../format/lines.ts';
import { BlockReader, type Compression } from './block-reader.ts';
import type { FileSplit } from './file-split.ts';
import { countLines } from './line-count.ts';
import type { PollResult, ReaderOutput } from './source.ts';
import type { SplitCursor } from './split-reader.ts';
import { handleUndecodable, undecodable, type OnUndecodable, type RecordOrigin } from './undecodable.ts';

export interface FileCursorOptions<T> {
  readonly storage: Storage;
  readonly format: Format<T, never>;
  readonly compression: Compression;
  readonly onUndecodable: OnUndecodable;
}

const NOTHING = Buffer.alloc(0);

/**
 * `prologue`: reading the file's beginning. `align`: looking for the first record that begins in the range.
 * `records`: reading them.
 */
type Stage = 'prologue' | 'align' | 'records';

export class FileCursor<T> implements SplitCursor<T, FileSplit> {
  readonly #split: FileSplit;
  readonly #options: FileCursorOptions<T>;
  readonly #decoder: Decoder<T>;
  /** Where records may begin; a compressed file is one range, whose decompressed length nobody knows. */
  readonly #end: number;
  #blocks: BlockReader;
  /** The reader of the file's beginning, once reading goes on elsewhere. */
  #prologueClosed: Promise<void> | undefined;
  #stage: Stage;
  /** The bytes at hand, the position of the first of them, and the next one to be read. */
  #window: Buffer = NOTHING;
  #windowStart: number;
  #at = 0;
  #atEnd = false;
  /** Line breaks between the start of the range and the next record. */
  #lines: number;
  /** Line breaks before the range: counted when an error has to name a line. */
  #linesBefore: number | undefined;
  #counting: Promise<void> | undefined;
  #countFailure: { readonly error: unknown } | undefined;
  #closed = false;

  constructor(split: FileSplit, options: FileCursorOptions<T>) {
    this.#split = split;
    this.#options = options;
    this.#decoder = options.format.decoder();
    this.#end = options.compression === 'none' ? split.end : Number.POSITIVE_INFINITY;
    this.#lines = split.lines;
    if (split.start === 0) this.#linesBefore = 0;
    const fromBeginning = split.start === 0 && split.position === undefined;
    if (fromBeginning || this.#decoder.prologueCarries) {
      this.#stage = 'prologue';
      this.#windowStart = 0;
      this.#blocks = this.#open(0);
    } else {
      this.#stage = split.position === undefined ? 'align' : 'records';
      this.#windowStart = this.#begin;
      this.#blocks = this.#open(this.#begin);
    }
  }

  /** Where reading begins: at the known position, or one byte before the range, to see whether a record ends there. */
  get #begin(): number {
    return this.#split.position ?? Math.max(0, this.#split.start - 1);
  }

  get #position(): number {
    return this.#windowStart + this.#at;
  }

  #open(position: number): BlockReader {
    return new BlockReader(this.#options.storage, this.#split.path, position, this.#options.compression);
  }

  poll(output: ReaderOutput<T>): PollResult {
    if (this.#countFailure !== undefined) throw this.#countFailure.error;
    if (this.#counting !== undefined) return 'waiting';
    if (this.#stage === 'prologue' && !this.#readPrologue()) return 'waiting';
    if (this.#stage === 'align' && !this.#findFirst()) return 'waiting';
    while (this.#position < this.#end) {
      const end = this.#recordEnd();
      if (end === MORE_BYTES) {
        if (this.#atEnd) break;
        if (!this.#more()) return 'waiting';
        continue;
      }
      const start = this.#at;
      const value = this.#decode(start, end, output);
      if (this.#counting !== undefined) return 'waiting';
      this.#at = end;
      this.#lines += this.#decoder.lineBreaks;
      if (value !== NO_RECORD) output.collect(value);
      if (!output.proceed()) return 'more';
    }
    if (this.#atEnd) this.#assertWhole();
    return 'finished';
  }

  available(): Promise<void> {
    return this.#counting ?? this.#blocks.available();
  }

  split(): FileSplit {
    return this.#stage === 'records' ? { ...this.#split, position: this.#position, lines: this.#lines } : this.#split;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#prologueClosed, this.#blocks.close(), this.#counting]);
  }

  /** Adds bytes to the window, or notes that there are none; false when neither is known yet. */
  #more(): boolean {
    const block = this.#blocks.take();
    if (block === undefined) {
      this.#atEnd = this.#blocks.atEnd;
      return this.#atEnd;
    }
    const rest = this.#window.subarray(this.#at);
    this.#windowStart += this.#at;
    this.#window = rest.length === 0 ? block : Buffer.concat([rest, block]);
    this.#at = 0;
    return true;
  }

  #readPrologue(): boolean {
    for (;;) {
      const length = this.#prologueLength();
      if (length !== MORE_BYTES) {
        this.#leavePrologue(length);
        return true;
      }
      if (!this.#more()) return false;
    }
  }

  #prologueLength(): number {
    try {
      return this.#decoder.prologue(this.#window, this.#atEnd || this.#window.length >= RECORD_BYTES_MAX);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      // Without its beginning, nothing of the file can be read: there is no record to leave out.
      throw undecodable(this.#window, { file: this.#split.path, line: 1, offset: 0 }, error);
    }
  }

  #leavePrologue(length: number): void {
    const { start, position } = this.#split;
    if (start === 0 && position === undefined) {
      this.#stage = 'records';
      this.#at = length;
      this.#lines = countNewlines(this.#window, 0, length);
      return;
    }
    this.#stage = position === undefined ? 'align' : 'records';
    this.#prologueClosed = this.#blocks.close();
    this.#blocks = this.#open(this.#begin);
    this.#window = NOTHING;
    this.#windowStart = this.#begin;
    this.#at = 0;
    this.#atEnd = false;
  }

  #findFirst(): boolean {
    for (;;) {
      const window = this.#window;
      const first = window.length === 0 ? MORE_BYTES : this.#decoder.align(window, this.#atEnd);
      // A record that goes on beyond the range leaves nothing that begins in it.
      const passed = first === MORE_BYTES && this.#windowStart + window.length > this.#end;
      if (first !== MORE_BYTES || passed || this.#atEnd) {
        this.#stage = 'records';
        this.#at = first === MORE_BYTES ? window.length : first;
        // The first byte lies before the range.
        this.#lines = countNewlines(window, 1, this.#at);
        return true;
      }
      if (!this.#more()) return false;
    }
  }

  /** The end of the next record in the window, or `MORE_BYTES`; with that and `atEnd`, there is no record. */
  #recordEnd(): number {
    const window = this.#window;
    const at = this.#at;
    if (at === window.length) return MORE_BYTES;
    const end = this.#decoder.recordEnd(window, at, this.#atEnd);
    if (end !== MORE_BYTES || window.length - at < RECORD_BYTES_MAX) return end;
    // A decoder may still find that the record ends earlier than it seemed, at a quote that is never closed.
    const last = this.#decoder.recordEnd(window, at, true);
    if (last - at < RECORD_BYTES_MAX) return last;
    throw undecodable(
      window.subarray(at),
      this.#origin(),
      new FormatError(`it does not end within ${RECORD_BYTES_MAX} bytes`),
    );
  }

  #decode(start: number, end: number, output: ReaderOutput<T>): T | typeof NO_RECORD {
    try {
      return this.#decoder.decode(this.#window, start, end);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (this.#linesBefore === undefined) this.#countLinesBefore();
      else {
        const bytes = this.#window.subarray(start, end);
        handleUndecodable(this.#options.onUndecodable, output, bytes, this.#origin(), error);
      }
      return NO_RECORD;
    }
  }

  #origin(): RecordOrigin {
    return { file: this.#split.path, line: (this.#linesBefore ?? 0) + this.#lines + 1, offset: this.#position };
  }

  /** The record is looked at again when its line is known. */
  #countLinesBefore(): void {
    const { path, start } = this.#split;
    this.#counting = countLines(this.#options.storage, path, start, () => this.#closed).then(
      (lines) => {
        this.#linesBefore = lines;
        this.#counting = undefined;
      },
      (error: unknown) => {
        this.#countFailure = { error };
        this.#counting = undefined;
      },
    );
  }

  #assertWhole(): void {
    const { path, end } = this.#split;
    const bytes = this.#windowStart + this.#window.length;
    if (this.#options.compression !== 'none' || bytes >= end) return;
    throw new MillstreamError(
      'SOURCE_CORRUPT',
      `The file ${path} ends at byte ${bytes}, and had ${end} when it was found: it was cut or replaced while it was read. Put whole files into place by renaming them.`,
      { details: { path } },
    );
  }
}
