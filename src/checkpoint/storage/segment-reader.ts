/**
 * Reads segments of state files: neighbours in one go, from a local copy where there is one, checked by their sums
 * before anybody sees them.
 */

import { crc32, zstdDecompressSync } from 'node:zlib';
import type { MillstreamError } from '../../base/error.ts';
import { isFileSegment, type FileSegment, type StateBytes } from '../../state/snapshot.ts';
import type { LocalCopies } from './local-copies.ts';
import { corrupt } from './storage-failure.ts';
import type { CheckpointStores } from './stores.ts';

/** Segments that lie so close are read together, with what is between them. */
const GAP_BYTES_MAX = 64 * 1024;

/** What is read together goes up to here; a segment that is longer is read alone. */
const RUN_BYTES_MAX = 16 * 1024 * 1024;

/** Reads that are under way at a time. */
const RUNS_AT_ONCE = 6;

/** A segment, and where its bytes go in the answer. */
interface Wanted {
  readonly segment: FileSegment;
  readonly index: number;
}

/** A stretch of one file. */
interface Run {
  readonly file: string;
  readonly offset: number;
  end: number;
  readonly wanted: Wanted[];
}

/** Bytes that were read, by where they came from. */
export interface ReadCounts {
  local: number;
  fetched: number;
}

export class SegmentReader {
  readonly #stores: CheckpointStores;
  readonly #local: LocalCopies | undefined;
  readonly counts: ReadCounts = { local: 0, fetched: 0 };

  constructor(stores: CheckpointStores, local?: LocalCopies) {
    this.#stores = stores;
    this.#local = local;
  }

  async read(bytes: readonly StateBytes[]): Promise<readonly Uint8Array[]> {
    const read = new Array<Uint8Array>(bytes.length);
    const wanted: Wanted[] = [];
    for (const [index, part] of bytes.entries()) {
      if (isFileSegment(part)) wanted.push({ segment: part, index });
      else read[index] = part;
    }
    const runs = runsOf(wanted);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let run = runs[next++]; run !== undefined; run = runs[next++]) await this.#readRun(run, read);
    };
    await Promise.all(Array.from({ length: Math.min(RUNS_AT_ONCE, runs.length) }, worker));
    return read;
  }

  async #readRun(run: Run, into: Uint8Array[]): Promise<void> {
    if (await this.#readCopy(run, into)) return;
    const { store, key } = this.#stores.find(run.file);
    const bytes = await store.getRange(key, run.offset, run.end - run.offset);
    if (bytes === undefined) throw corrupt(run.file, run.offset, 'the file is missing');
    this.counts.fetched += bytes.length;
    const failure = takeApart(run, bytes, into);
    if (failure !== undefined) throw failure;
  }

  async #readCopy(run: Run, into: Uint8Array[]): Promise<boolean> {
    const bytes = await this.#local?.read(run.file, run.offset, run.end - run.offset);
    if (bytes === undefined) return false;
    if (takeApart(run, bytes, into) !== undefined) {
      await this.#local?.remove(run.file);
      return false;
    }
    this.counts.local += bytes.length;
    return true;
  }
}

function runsOf(wanted: Wanted[]): Run[] {
  wanted.sort((a, b) => {
    if (a.segment.file !== b.segment.file) return a.segment.file < b.segment.file ? -1 : 1;
    return a.segment.offset - b.segment.offset;
  });
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const one of wanted) {
    const { file, offset, length } = one.segment;
    const end = offset + length;
    if (last?.file === file && offset - last.end <= GAP_BYTES_MAX && end - last.offset <= RUN_BYTES_MAX) {
      last.end = Math.max(last.end, end);
      last.wanted.push(one);
    } else {
      last = { file, offset, end, wanted: [one] };
      runs.push(last);
    }
  }
  return runs;
}

/** What is wrong with the bytes of a run, if anything is. */
function takeApart(run: Run, bytes: Uint8Array, into: Uint8Array[]): MillstreamError | undefined {
  for (const { segment, index } of run.wanted) {
    const start = segment.offset - run.offset;
    const stored = bytes.subarray(start, start + segment.length);
    if (stored.length < segment.length)
      return corrupt(
        run.file,
        segment.offset + stored.length,
        `it ends there, but ${segment.length} bytes were written from ${segment.offset} on`,
      );
    if (crc32(stored) !== segment.crc)
      return corrupt(run.file, segment.offset, `the checksum of the ${segment.length} bytes from there on is wrong`);
    const raw = segment.codec === undefined ? stored : zstdDecompressSync(stored);
    if (segment.rawLength !== undefined && raw.length !== segment.rawLength)
      return corrupt(run.file, segment.offset, `${raw.length} bytes were unpacked instead of ${segment.rawLength}`);
    into[index] = raw;
  }
  return undefined;
}
