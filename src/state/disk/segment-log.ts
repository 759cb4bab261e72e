/**
 * The log: records one after the other in segment files, the last stretch of which is still in memory.
 *
 * A record has an address, a number of 31 bits that says in which segment it starts and where. It never changes where
 * it lies; what replaces it is appended, and the log counts what has become garbage in each segment. Segments that are
 * mostly garbage are emptied by the owner (`compaction.ts`) and given back; their numbers are used again.
 *
 * Every record is checked by CRC-32 and by its own address whenever it is read from a file. What does not fit is
 * STATE_DISK_CORRUPT with the file and the offset. The bytes are described in docs/internals/disk-state.md.
 */

import { crc32 } from 'node:zlib';
import { invariant } from '../../base/assert.ts';
import { MillstreamError } from '../../base/error.ts';
import type { WorkingFile, WorkingFiles } from '../../base/world.ts';
import { attempt, diskFailure } from './disk-failure.ts';
import { RecordBuffer } from './record-buffer.ts';
import { textBuffer, type TextBuffer } from './text-buffer.ts';

/** Records start at multiples of this; addresses count in it. */
const ADDRESS_UNIT = 16;
/** Addresses are positive integers of 31 bits: 32 GB in all. */
const ADDRESS_MAX = 0x7fff_ffff;

const RECORD_HEADER_BYTES = 24;
/** Places in a record's header. */
const AT_CRC = 0;
const AT_LENGTH = 4;
const AT_ADDRESS = 8;
const AT_HASH = 12;
const AT_GENERATION = 16;
const AT_GROUP = 20;
const AT_KIND = 22;
const AT_FLAGS = 23;

const MAGIC = 0x314c_534d; // "MSL1"
const SEGMENT_HEADER_BYTES = 32;

/** What is read first of a record whose length is not known: most fit. */
const FIRST_READ_MIN = 256;
const FIRST_READ_MAX = 8192;

export interface LogOptions {
  readonly files: WorkingFiles;
  readonly directory: string;
  readonly segmentBytes: number;
  /** Bytes of the tail that are kept in memory before they are written. */
  readonly tailBytes: number;
}

interface Segment {
  readonly number: number;
  /** Numbers of the log that it takes: more than one for a record larger than a segment. */
  readonly span: number;
  readonly file: WorkingFile;
  /** Bytes from the header to the end of the last record, in the file and in the tail. */
  bytes: number;
  /** Bytes of records that are in use. */
  live: number;
  sealed: boolean;
  /** Given back, but still read by views. */
  retired: boolean;
}

export class SegmentLog {
  readonly tail: RecordBuffer;
  readonly #options: LogOptions;
  readonly #unitsPerSegment: number;
  readonly #segments: (Segment | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #retired: Segment[] = [];
  #current: Segment | undefined;
  /** Where in the current segment's file the tail begins. */
  #tailAt = 0;
  #sequence = 0;
  #bytes = 0;
  #live = 0;
  #holds = 0;
  #scratch: TextBuffer = textBuffer(FIRST_READ_MAX);
  #scratchView: DataView = new DataView(this.#scratch.buffer);
  #averageBytes = FIRST_READ_MIN;

  // The record that was read last: its payload is `bytes` from `start` to `end`.
  bytes: TextBuffer = this.#scratch;
  view: DataView = this.#scratchView;
  start = 0;
  end = 0;

  /** Records read from files, and bytes written to them: figures for metrics. */
  reads = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** Bytes of records that were finished since the owner set this to 0. */
  finished = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#unitsPerSegment = options.segmentBytes / ADDRESS_UNIT;
    this.tail = new RecordBuffer(options.tailBytes);
  }

  /** Bytes in segments, used or not. */
  get fileBytes(): number {
    return this.#bytes;
  }

  get liveBytes(): number {
    return this.#live;
  }

  /** Bytes of memory that the log takes. */
  get memoryBytes(): number {
    return this.tail.bytes.length + this.#scratch.length;
  }

  // Writing.

  /** Begins a record at the end of the tail; its payload follows by `tail`. Returns where it starts there. */
  begin(): number {
    return this.tail.reserve(RECORD_HEADER_BYTES);
  }

  /** Gives up the record that was begun at `start`. */
  abandon(start: number): void {
    this.tail.length = start;
  }

  /** Ends the record that was begun at `start`; returns its address. */
  finish(start: number, hash: number, generation: number, group: number, kind: number, flags: number): number {
    const { tail } = this;
    const length = tail.length - start - RECORD_HEADER_BYTES;
    const bytes = padded(RECORD_HEADER_BYTES + length);
    const end = tail.length;
    tail.reserve(start + bytes - end);
    tail.bytes.fill(0, end, start + bytes);
    const { view } = tail;
    view.setUint32(start + AT_LENGTH, length, true);
    view.setInt32(start + AT_HASH, hash, true);
    view.setUint32(start + AT_GENERATION, generation, true);
    view.setUint16(start + AT_GROUP, group, true);
    tail.bytes[start + AT_KIND] = kind;
    tail.bytes[start + AT_FLAGS] = flags;
    this.finished += bytes;
    return this.#place(start, bytes);
  }

  /** Appends a copy of the record that was read last; returns its address. */
  copy(): number {
    const { tail } = this;
    const from = this.start - RECORD_HEADER_BYTES;
    const bytes = padded(this.end - from);
    const source = this.bytes;
    const start = tail.reserve(bytes);
    source.copy(tail.bytes, start, from, from + bytes);
    return this.#place(start, bytes);
  }

  /** Finds a place for the record that is the last of the tail, signs it, and writes the tail when it is long enough. */
  #place(start: number, bytes: number): number {
    let at = start;
    let segment = this.#current;
    if (segment === undefined || this.#tailAt + start + bytes > this.#options.segmentBytes) {
      segment = this.#nextSegment(start, bytes);
      at = 0;
    }
    const { tail } = this;
    const offset = this.#tailAt + at;
    const address = segment.number * this.#unitsPerSegment + offset / ADDRESS_UNIT;
    tail.view.setUint32(at + AT_ADDRESS, address, true);
    tail.view.setUint32(at + AT_CRC, crc32(tail.bytes.subarray(at + AT_LENGTH, at + bytes)), true);
    segment.bytes = offset + bytes;
    segment.live += bytes;
    this.#live += bytes;
    this.#bytes += bytes;
    this.#averageBytes += (bytes - this.#averageBytes) / 64;
    if (tail.length >= this.#options.tailBytes) this.#write();
    return address;
  }

  /** Seals the current segment, what lies before `start` in the tail included; the record there opens the next. */
  #nextSegment(start: number, bytes: number): Segment {
    const { tail } = this;
    const record = Buffer.from(tail.bytes.subarray(start, start + bytes));
    tail.length = start;
    if (this.#current !== undefined) {
      this.#write();
      this.#current.sealed = true;
    }
    const span = Math.ceil((SEGMENT_HEADER_BYTES + bytes) / this.#options.segmentBytes);
    const segment = this.#open(span);
    this.#current = segment;
    tail.clear(this.#options.tailBytes);
    tail.raw(record);
    return segment;
  }

  #open(span: number): Segment {
    const number = this.#takeNumber(span);
    const sequence = this.#sequence++;
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(number, 4);
    header.writeUInt32LE(sequence, 8);
    header.writeUInt32LE(ADDRESS_UNIT, 12);
    header.writeDoubleLE(this.#options.segmentBytes, 16);
    header.writeUInt32LE(crc32(header.subarray(0, SEGMENT_HEADER_BYTES - 8)), SEGMENT_HEADER_BYTES - 8);
    const path = `${this.#options.directory}/segment-${String(sequence).padStart(8, '0')}`;
    const file = attempt(() => {
      const created = this.#options.files.create(path);
      created.append(header, 0, SEGMENT_HEADER_BYTES);
      return created;
    });
    const segment: Segment = {
      number,
      span,
      file,
      bytes: SEGMENT_HEADER_BYTES,
      live: 0,
      sealed: false,
      retired: false,
    };
    for (let i = 0; i < span; i++) this.#segments[number + i] = segment;
    this.#tailAt = SEGMENT_HEADER_BYTES;
    this.#bytes += SEGMENT_HEADER_BYTES;
    return segment;
  }

  #takeNumber(span: number): number {
    const free = span === 1 ? this.#free.pop() : undefined;
    const number = free ?? this.#segments.length;
    if ((number + span) * this.#unitsPerSegment > ADDRESS_MAX) {
      throw new MillstreamError(
        'STATE_TOO_LARGE',
        `The state of one operator subtask has reached ${Math.round((ADDRESS_MAX * ADDRESS_UNIT) / 2 ** 30)} GB on disk, the most that a subtask can hold. Raise the parallelism of the operator.`,
      );
    }
    return number;
  }

  #write(): void {
    const { tail } = this;
    const segment = this.#current;
    if (segment === undefined || tail.length === 0) return;
    attempt(() => segment.file.append(tail.bytes, 0, tail.length));
    this.#tailAt += tail.length;
    this.bytesWritten += tail.length;
    tail.clear(this.#options.tailBytes);
  }

  // Reading.

  /** Reads a record and checks it; its payload stands in `bytes` from `start` to `end` until the next call. */
  read(address: number): void {
    const segment = this.#segmentAt(address);
    const offset = (address - segment.number * this.#unitsPerSegment) * ADDRESS_UNIT;
    if (segment === this.#current && offset >= this.#tailAt) {
      const at = offset - this.#tailAt;
      this.bytes = this.tail.bytes;
      this.view = this.tail.view;
      this.start = at + RECORD_HEADER_BYTES;
      this.end = this.start + this.tail.view.getUint32(at + AT_LENGTH, true);
      return;
    }
    this.#readFile(segment, offset, address);
  }

  #readFile(segment: Segment, offset: number, address: number): void {
    const guess = Math.min(padded(this.#averageBytes * 1.25), FIRST_READ_MAX);
    let got = readBytes(segment.file, this.#scratch, Math.max(guess, FIRST_READ_MIN), offset);
    this.reads++;
    const length = got < RECORD_HEADER_BYTES ? Infinity : this.#scratchView.getUint32(AT_LENGTH, true);
    const end = RECORD_HEADER_BYTES + length;
    if (end > segment.bytes - offset) throw this.#corrupt(segment, offset, 'its length leads beyond the end');
    const all = padded(end);
    if (got < all) {
      if (this.#scratch.length < all) this.#growScratch(all);
      got = readBytes(segment.file, this.#scratch, all, offset);
      this.reads++;
      if (got < all) throw this.#corrupt(segment, offset, `${all} bytes were written and ${got} are there`);
    } else if (this.#scratch.length > FIRST_READ_MAX && all <= FIRST_READ_MAX) {
      this.#shrinkScratch(all);
    }
    this.bytesRead += all;
    this.bytes = this.#scratch;
    this.view = this.#scratchView;
    this.#check(segment, offset, 0, all, address);
    this.start = RECORD_HEADER_BYTES;
    this.end = end;
  }

  #growScratch(bytes: number): void {
    this.#scratch = textBuffer(bytes);
    this.#scratchView = new DataView(this.#scratch.buffer);
  }

  /** A large record was read once; its memory goes. */
  #shrinkScratch(used: number): void {
    const small = textBuffer(FIRST_READ_MAX);
    this.#scratch.copy(small, 0, 0, used);
    this.#scratch = small;
    this.#scratchView = new DataView(small.buffer);
  }

  #check(segment: Segment, offset: number, at: number, bytes: number, address: number): void {
    const sum = crc32(this.bytes.subarray(at + AT_LENGTH, at + bytes));
    if (sum !== this.view.getUint32(at + AT_CRC, true)) throw this.#corrupt(segment, offset, 'its checksum is wrong');
    if (address !== this.view.getUint32(at + AT_ADDRESS, true))
      throw this.#corrupt(segment, offset, 'it belongs to another place');
  }

  #corrupt(segment: Segment, offset: number, what: string): MillstreamError {
    const file = segment.file.path;
    return new MillstreamError(
      'STATE_DISK_CORRUPT',
      `A record of working state in ${file} at offset ${offset} cannot be read: ${what}. The disk has lost or changed bytes; the job restarts from its last checkpoint.`,
      { details: { file, offset } },
    );
  }

  // The header of the record that was read last.

  get generation(): number {
    return this.view.getUint32(this.start - RECORD_HEADER_BYTES + AT_GENERATION, true);
  }

  get hash(): number {
    return this.view.getInt32(this.start - RECORD_HEADER_BYTES + AT_HASH, true);
  }

  get group(): number {
    return this.view.getUint16(this.start - RECORD_HEADER_BYTES + AT_GROUP, true);
  }

  get kind(): number {
    return this.bytes[this.start - RECORD_HEADER_BYTES + AT_KIND] as number;
  }

  get flags(): number {
    return this.bytes[this.start - RECORD_HEADER_BYTES + AT_FLAGS] as number;
  }

  /** Bytes that the record that was read last takes in its segment. */
  get recordBytes(): number {
    return padded(this.end - this.start + RECORD_HEADER_BYTES);
  }

  #segmentAt(address: number): Segment {
    const segment = this.#segments[Math.floor(address / this.#unitsPerSegment)];
    invariant(segment !== undefined, 'an address lies in a segment of the log');
    return segment;
  }

  // Garbage.

  /** The record at the address is not needed any more. */
  release(address: number, bytes: number): void {
    const segment = this.#segmentAt(address);
    segment.live -= bytes;
    this.#live -= bytes;
  }

  /** The sealed segment with the least in use, unless more than `share` of it is. */
  emptiest(share: number): SealedSegment | undefined {
    let found: Segment | undefined;
    for (const segment of this.#segments) {
      if (segment === undefined || !segment.sealed || segment.retired) continue;
      if (segment.live > segment.bytes * share) continue;
      if (found === undefined || segment.live / segment.bytes < found.live / found.bytes) found = segment;
    }
    if (found === undefined) return undefined;
    return new SealedSegment(found);
  }

  /**
   * Reads the next record of a sealed segment; returns its address, or 0 at the end. The chunk that was read stays in
   * `from`, so that the records of one read cost one call of the system.
   */
  readNext(from: SealedSegment): number {
    const segment = from.of as Segment;
    const offset = from.offset;
    if (offset >= segment.bytes) return 0;
    const limit = segment.bytes - offset;
    let at = offset - from.chunkAt;
    if (at + RECORD_HEADER_BYTES > from.chunkBytes) at = this.#readChunk(from, Math.min(CHUNK_BYTES, limit));
    let length = from.view.getUint32(at + AT_LENGTH, true);
    if (RECORD_HEADER_BYTES + length > limit) throw this.#corrupt(segment, offset, 'its length leads beyond the end');
    const all = padded(RECORD_HEADER_BYTES + length);
    if (at + all > from.chunkBytes) at = this.#readChunk(from, Math.min(Math.max(all, CHUNK_BYTES), limit));
    if (at + all > from.chunkBytes) throw this.#corrupt(segment, offset, 'it ends too early');
    length = from.view.getUint32(at + AT_LENGTH, true);
    const address = segment.number * this.#unitsPerSegment + offset / ADDRESS_UNIT;
    this.bytes = from.bytes;
    this.view = from.view;
    this.#check(segment, offset, at, all, address);
    this.start = at + RECORD_HEADER_BYTES;
    this.end = this.start + length;
    from.offset = offset + all;
    return address;
  }

  #readChunk(from: SealedSegment, bytes: number): number {
    const segment = from.of as Segment;
    if (from.bytes.length < bytes) from.grow(bytes);
    const got = readBytes(segment.file, from.bytes, bytes, from.offset);
    if (got < bytes) {
      throw this.#corrupt(segment, from.offset, `the file ends ${bytes - got} bytes too early`);
    }
    this.bytesRead += got;
    from.chunkAt = from.offset;
    from.chunkBytes = got;
    return 0;
  }

  /** Gives a sealed segment back; its file goes once no view holds on to it. */
  retire(sealed: SealedSegment): void {
    const segment = sealed.of as Segment;
    invariant(segment.live === 0, 'a segment is given back when nothing in it is in use');
    segment.retired = true;
    this.#bytes -= segment.bytes;
    if (this.#holds > 0) this.#retired.push(segment);
    else this.#drop(segment);
  }

  #drop(segment: Segment): void {
    segment.file.close();
    this.#options.files.remove(segment.file.path);
    for (let i = 0; i < segment.span; i++) {
      this.#segments[segment.number + i] = undefined;
      this.#free.push(segment.number + i);
    }
  }

  /** From now on no record disappears, used or not, until `unhold`. */
  hold(): void {
    this.#holds++;
  }

  unhold(): void {
    this.#holds--;
    if (this.#holds === 0) for (const segment of this.#retired.splice(0)) this.#drop(segment);
  }

  close(): void {
    const closed = new Set<Segment>();
    for (const segment of this.#segments) {
      if (segment === undefined || closed.has(segment)) continue;
      closed.add(segment);
      segment.file.close();
    }
    this.#segments.length = 0;
    this.#current = undefined;
  }
}

/** Read at once when a segment is read from its beginning to its end. */
const CHUNK_BYTES = 64 * 1024;

/** A segment that is being read from its beginning to its end. */
export class SealedSegment {
  /** The segment, which is the log's own. */
  readonly of: unknown;
  offset = SEGMENT_HEADER_BYTES;
  chunkAt = 0;
  chunkBytes = 0;
  bytes: TextBuffer = textBuffer(CHUNK_BYTES);
  view: DataView = new DataView(this.bytes.buffer);

  constructor(segment: unknown) {
    this.of = segment;
  }

  grow(bytes: number): void {
    this.bytes = textBuffer(bytes);
    this.view = new DataView(this.bytes.buffer);
  }
}

function readBytes(file: WorkingFile, into: Uint8Array, length: number, position: number): number {
  try {
    return file.read(into, length, position);
  } catch (error) {
    throw diskFailure(error);
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ADDRESS_UNIT) * ADDRESS_UNIT;
}
