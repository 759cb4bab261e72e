/** Reads one range of a file, record by record. */

import { MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import { FormatError, NO_RECORD, type Decoder, type Format } from '../format/format.ts';
import { BlockReader, type Compression } from './block-reader.ts';
import type { FileSplit } from './file-split.ts';
import { countLines } from './line-count.ts';
import { endless, RecordWindow } from './record-window.ts';
import type { PollResult, ReaderOutput } from './source.ts';
import type { SplitCursor } from './split-reader.ts';
import { handleUndecodable, undecodable, type OnUndecodable, type RecordOrigin } from './undecodable.ts';

export interface FileCursorOptions<T> {
  readonly storage: Storage;
  readonly format: Format<T, never>;
  readonly compression: Compression;
  readonly onUndecodable: OnUndecodable;
}

/**
 * `prologue`: reading the file's beginning. `align`: looking for the first record that begins in the range.
 * `records`: reading them. `counting`: as `records`, once the line of an undecodable record is known.
 */
type Stage = 'prologue' | 'align' | 'records' | 'counting';

export class FileCursor<T> implements SplitCursor<T, FileSplit> {
  readonly #split: FileSplit;
  readonly #options: FileCursorOptions<T>;
  readonly #decoder: Decoder<T>;
  /** Where records may begin; a compressed file is one range, whose decompressed length nobody knows. */
  readonly #end: number;
  #blocks: BlockReader;
  #window: RecordWindow<T>;
  #stage: Stage;
  /** Line breaks before the range: counted when an error has to name a line. */
  #linesBefore: number | undefined;
  #counting: Promise<void> | undefined;
  #countFailure: { readonly error: unknown } | undefined;
  /** The reader of the file's beginning, once reading goes on elsewhere. */
  #prologueClosed: Promise<void> | undefined;
  #closed = false;

  constructor(split: FileSplit, options: FileCursorOptions<T>) {
    this.#split = split;
    this.#options = options;
    this.#decoder = options.format.decoder();
    this.#end = options.compression === 'none' ? split.end : Number.POSITIVE_INFINITY;
    if (split.start === 0) this.#linesBefore = 0;
    const prologueFirst = this.#fromBeginning || this.#decoder.prologueCarries;
    this.#stage = prologueFirst ? 'prologue' : this.#stageOfRange;
    const position = prologueFirst ? 0 : this.#begin;
    this.#blocks = this.#open(position);
    this.#window = new RecordWindow(this.#decoder, position, prologueFirst ? 0 : split.lines);
  }

  get #fromBeginning(): boolean {
    return this.#split.start === 0 && this.#split.position === undefined;
  }

  get #stageOfRange(): Stage {
    return this.#split.position === undefined ? 'align' : 'records';
  }

  /** Where reading begins: at the known position, or one byte before the range, to see whether a record ends there. */
  get #begin(): number {
    return this.#split.position ?? Math.max(0, this.#split.start - 1);
  }

  #open(position: number): BlockReader {
    return new BlockReader(this.#options.storage, this.#split.path, position, this.#options.compression);
  }

  poll(output: ReaderOutput<T>): PollResult {
    if (!this.#prepare()) return 'waiting';
    const window = this.#window;
    while (window.position < this.#end) {
      if (!window.find()) {
        if (window.atEnd) break;
        if (!this.#more()) return 'waiting';
        continue;
      }
      const value = this.#decode(output);
      if (this.#stage !== 'records') return 'waiting';
      window.advance();
      if (value !== NO_RECORD) output.collect(value);
      if (!output.proceed()) return 'more';
    }
    if (window.atEnd) this.#assertWhole();
    return 'finished';
  }

  available(): Promise<void> {
    return this.#counting ?? this.#blocks.available();
  }

  split(): FileSplit {
    if (this.#stage === 'prologue' || this.#stage === 'align') return this.#split;
    return { ...this.#split, position: this.#window.position, lines: this.#window.lines };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#prologueClosed, this.#blocks.close(), this.#counting]);
  }

  /** Comes to where records can be read; false when bytes or a count of lines are to be waited for. */
  #prepare(): boolean {
    if (this.#countFailure !== undefined) throw this.#countFailure.error;
    while (this.#stage !== 'records') {
      if (this.#stage === 'counting') return false;
      if (!this.#pass(this.#stage)) {
        if (!this.#more()) return false;
      } else if (this.#stage === 'prologue' && !this.#fromBeginning) this.#enterRange();
      else this.#stage = 'records';
    }
    return true;
  }

  #pass(stage: 'prologue' | 'align'): boolean {
    if (stage === 'align') return this.#window.passPartial(this.#end);
    try {
      return this.#window.passPrologue();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      // Without its beginning, nothing of the file can be read: there is no record to leave out.
      throw undecodable(this.#window.record, { file: this.#split.path, line: 1, offset: 0 }, error);
    }
  }

  /** Leaves the beginning of the file for the range. */
  #enterRange(): void {
    this.#prologueClosed = this.#blocks.close();
    this.#blocks = this.#open(this.#begin);
    this.#window = new RecordWindow(this.#decoder, this.#begin, this.#split.lines);
    this.#stage = this.#stageOfRange;
  }

  /** Adds bytes to the window, or notes that there are none; false when neither is known yet. */
  #more(): boolean {
    const block = this.#blocks.take();
    if (block === undefined) this.#window.atEnd = this.#blocks.atEnd;
    else this.#window.append(block);
    return block !== undefined || this.#window.atEnd;
  }

  #decode(output: ReaderOutput<T>): T | typeof NO_RECORD {
    try {
      if (this.#window.endless) throw endless();
      return this.#window.decode();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (this.#linesBefore === undefined) this.#countLinesBefore();
      else if (this.#window.endless) throw undecodable(this.#window.record, this.#origin(), error);
      else handleUndecodable(this.#options.onUndecodable, output, this.#window.record, this.#origin(), error);
      return NO_RECORD;
    }
  }

  #origin(): RecordOrigin {
    const { position, lines } = this.#window;
    return { file: this.#split.path, line: (this.#linesBefore ?? 0) + lines + 1, offset: position };
  }

  /** The record is looked at again when its line is known. */
  #countLinesBefore(): void {
    const { path, start } = this.#split;
    this.#stage = 'counting';
    this.#counting = countLines(this.#options.storage, path, start, () => this.#closed).then(
      (lines) => {
        this.#linesBefore = lines;
        this.#counted();
      },
      (error: unknown) => {
        this.#countFailure = { error };
        this.#counted();
      },
    );
  }

  #counted(): void {
    this.#stage = 'records';
    this.#counting = undefined;
  }

  #assertWhole(): void {
    const { path, end } = this.#split;
    if (this.#options.compression !== 'none' || this.#window.end >= end) return;
    throw new MillstreamError(
      'SOURCE_CORRUPT',
      `The file ${path} ends at byte ${this.#window.end}, and had ${end} when it was found: it was cut or replaced while it was read. Put whole files into place by renaming them.`,
      { details: { path } },
    );
  }
}
