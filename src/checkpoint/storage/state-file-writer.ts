/**
 * Writes one state file, in bounded memory: bytes go through a block, are compressed and summed there, and wait for the
 * storage in a queue that says when it is full. As long as everything fits under the inline threshold nothing is
 * written at all.
 */

import { constants, crc32, zstdCompressSync } from 'node:zlib';
import { invariant } from '../../base/assert.ts';
import { MillstreamError } from '../../base/error.ts';
import type { FileSegment, SnapshotFile, StateBytes } from '../../state/snapshot.ts';
import type { ObjectWriter } from './object-store.ts';
import { encodeFooter, encodeHeader, type StateFileHeader, type StateFileSection } from './state-file.ts';

/** Bytes are handed to the storage, and compressed, in blocks of this size. */
const BLOCK_BYTES = 256 * 1024;

/** Pieces from this size on go to the storage as they are, without being copied together. */
const WHOLE_BYTES_MIN = 32 * 1024;

/** So many bytes may wait for the storage before the writer should hold back. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const EMPTY = new Uint8Array(0);

/** Where a file goes, and what must hold before and after it becomes visible. */
export interface StateFileTarget {
  /** Absolute. */
  readonly url: string;
  open(): ObjectWriter;
  /** Throws when the attempt must write no more. */
  check(): Promise<void>;
  /** The file is there: keep a copy at hand, if that is wanted. Never fails. */
  written(): Promise<void>;
  /** Removes the file once it is visible. Never fails. */
  remove(): Promise<void>;
}

export class StateFileWriter implements SnapshotFile {
  readonly #header: StateFileHeader;
  readonly #target: StateFileTarget | undefined;
  readonly #inlineMax: number;
  readonly #codec: 'zstd' | undefined;

  /** Raw bytes by section while all is small; undefined once the file has begun. */
  #held: Uint8Array[][] | undefined = [];
  #heldBytes = 0;
  #sectionOpen = false;

  readonly #sections: StateFileSection[] = [];
  /** Raw bytes of the open section that are not a full block yet. */
  #block = EMPTY;
  #blockFilled = 0;
  /** Of the open section: where it began, how long it is, its checksum so far. */
  #start = 0;
  #rawLength = 0;
  #crc = 0;
  /** Bytes of the file so far, waiting ones included. */
  #offset = 0;

  #out: ObjectWriter | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** The pump, while it runs. Never rejects: what went wrong is kept in `#failure`. */
  #pumping: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #state: 'open' | 'finishing' | 'visible' | 'over' = 'open';

  /** Without a target everything stays inline. */
  constructor(header: StateFileHeader, target: StateFileTarget | undefined, inlineMax: number) {
    this.#header = header;
    this.#target = target;
    this.#inlineMax = target === undefined ? Infinity : inlineMax;
    this.#codec = header.compressed ? 'zstd' : undefined;
  }

  // The element side: synchronous.

  write(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    if (this.#held === undefined) return this.#add(bytes);
    if (!this.#sectionOpen) this.#held.push([]);
    this.#sectionOpen = true;
    (this.#held.at(-1) as Uint8Array[]).push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#inlineMax) this.#begin(this.#held);
  }

  endSection(): number {
    if (this.#held === undefined) return this.#seal();
    if (!this.#sectionOpen) this.#held.push([]);
    this.#sectionOpen = false;
    return this.#held.length - 1;
  }

  get ready(): boolean {
    return this.#waitingBytes < WAITING_BYTES_MAX;
  }

  drained(): Promise<void> {
    if (this.ready || this.#failure !== undefined) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Too much to be inline: what was held so far becomes the beginning of the file. */
  #begin(held: Uint8Array[][]): void {
    this.#held = undefined;
    this.#block = new Uint8Array(BLOCK_BYTES);
    this.#queue(encodeHeader(this.#header));
    this.#start = this.#offset;
    const open = this.#sectionOpen ? held.length - 1 : held.length;
    this.#sectionOpen = false;
    for (const [i, section] of held.entries()) {
      for (const bytes of section) this.#add(bytes);
      if (i < open) this.#seal();
    }
  }

  #add(bytes: Uint8Array): void {
    this.#rawLength += bytes.length;
    if (this.#codec === undefined && bytes.length >= WHOLE_BYTES_MIN) {
      this.#flush();
      this.#store(bytes);
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + BLOCK_BYTES - this.#blockFilled);
      this.#block.set(part, this.#blockFilled);
      this.#blockFilled += part.length;
      at += part.length;
      if (this.#blockFilled === BLOCK_BYTES) this.#flush();
    }
  }

  #flush(): void {
    if (this.#blockFilled === 0) return;
    const block = this.#block.subarray(0, this.#blockFilled);
    this.#blockFilled = 0;
    if (this.#codec !== undefined) return this.#store(zstdCompressSync(block, ZSTD));
    if (block.length < WHOLE_BYTES_MIN) return this.#store(block.slice());
    this.#store(block);
    this.#block = new Uint8Array(BLOCK_BYTES);
  }

  #store(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
    this.#queue(bytes);
  }

  #seal(): number {
    this.#flush();
    this.#sections.push({
      offset: this.#start,
      length: this.#offset - this.#start,
      rawLength: this.#rawLength,
      crc: this.#crc,
    });
    this.#start = this.#offset;
    this.#rawLength = 0;
    this.#crc = 0;
    return this.#sections.length - 1;
  }

  // Towards the storage.

  #queue(bytes: Uint8Array): void {
    this.#offset += bytes.length;
    if (this.#failure !== undefined) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // Not within the call that wrote: what comes with it goes out together.
    await Promise.resolve();
    try {
      const out = (this.#out ??= (this.#target as StateFileTarget).open());
      while (this.#waiting.length > 0 && this.#state !== 'over') {
        const bytes = this.#nextPiece();
        await out.write(bytes);
        this.#waitingBytes -= bytes.length;
        this.#letGo();
      }
    } catch (error) {
      this.#failure = { error };
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#letGo();
    }
    this.#pumping = undefined;
  }

  /** Small pieces together, large ones alone. */
  #nextPiece(): Uint8Array {
    let bytes = 0;
    let count = 0;
    for (const { length } of this.#waiting) {
      if (count > 0 && (length >= WHOLE_BYTES_MIN || bytes + length > BLOCK_BYTES)) break;
      bytes += length;
      count++;
      if (length >= WHOLE_BYTES_MIN) break;
    }
    return joined(this.#waiting.splice(0, count));
  }

  #letGo(): void {
    if (!this.ready) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  async finish(): Promise<readonly StateBytes[]> {
    invariant(this.#state === 'open', 'a state file is finished once, and not after it was given up');
    if (this.#sectionOpen || this.#rawLength > 0) this.endSection();
    this.#state = 'finishing';
    const held = this.#held;
    if (held !== undefined) {
      this.#state = 'over';
      return held.map(joined);
    }
    return await this.#publish(this.#target as StateFileTarget);
  }

  async #publish(target: StateFileTarget): Promise<readonly StateBytes[]> {
    this.#queue(encodeFooter(this.#sections, this.#offset));
    try {
      while (this.#pumping !== undefined) await this.#pumping;
      if (this.#failure !== undefined) throw this.#failure.error;
      await target.check();
      if (this.#isOver()) throw givenUp(target.url);
      await (this.#out as ObjectWriter).finish();
    } catch (error) {
      this.#state = 'over';
      await this.#out?.abort();
      throw error;
    }
    if (this.#isOver()) {
      await target.remove();
      throw givenUp(target.url);
    }
    this.#state = 'visible';
    await target.written();
    return this.#sections.map((section) => this.#segment(section, target.url));
  }

  /** `abort` may come whenever something is awaited. */
  #isOver(): boolean {
    return this.#state === 'over';
  }

  #segment({ offset, length, rawLength, crc }: StateFileSection, file: string): StateBytes {
    if (rawLength === 0) return EMPTY;
    const segment: FileSegment = { file, offset, length, crc };
    return this.#codec === undefined ? segment : { ...segment, codec: this.#codec, rawLength };
  }

  async abort(): Promise<void> {
    const was = this.#state;
    this.#state = 'over';
    this.#held = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#letGo();
    if (was === 'visible') return await this.#target?.remove();
    // The one who finishes sees that it is over, and removes what it has made.
    if (was === 'finishing') return;
    while (this.#pumping !== undefined) await this.#pumping;
    await this.#out?.abort();
  }
}

function givenUp(file: string): MillstreamError {
  return new MillstreamError('CHECKPOINT_FAILED', `${file} was given up while it was finished.`);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
