/**
 * Reads segments of state files: neighbours in one go, from a local copy where there is one, checked by their sums
 * before anybody sees them. Either all at once, or one after the other in memory that is used again.
 */

import { isFileSegment, type StateBytes } from '../../state/snapshot.ts';
import type { LocalCopies } from './local-copies.ts';
import { flawOf, runsOf, unpacked, type Run } from './segment-runs.ts';
import { corrupt } from './storage-failure.ts';
import type { CheckpointStores } from './stores.ts';

const RUN_BYTES_MAX = 16 * 1024 * 1024;

/** Reads that are under way at a time. */
const RUNS_AT_ONCE = 6;

/** How far a stream reads ahead. */
interface Pace {
  readonly runBytesMax: number;
  readonly runsAhead: number;
}

/** From a disk: as little as keeps it busy, so that what was read is still in the cache when it is taken in. */
const NEAR: Pace = { runBytesMax: 2 * 1024 * 1024, runsAhead: 3 };

/** From a store that takes its time to answer. */
const FAR: Pace = { runBytesMax: 8 * 1024 * 1024, runsAhead: RUNS_AT_ONCE };

const NO_BYTES = new Uint8Array(0);

/** Bytes that were read, by where they came from. */
export interface ReadCounts {
  local: number;
  fetched: number;
}

/** The bytes of a run as they came. */
interface RunBytes {
  readonly bytes: Uint8Array;
  readonly local: boolean;
}

/** A run on its way through a stream. */
class StreamedRun {
  readonly run: Run;
  /** The least of the indices of its segments. */
  readonly first: number;
  /** Segments that have not been taken. */
  left: number;
  room: Uint8Array = NO_BYTES;
  coming: Promise<RunBytes> | undefined;
  /** Checked; undefined before the first of its segments is taken. */
  bytes: Uint8Array | undefined;

  constructor(run: Run) {
    this.run = run;
    this.left = run.wanted.length;
    this.first = run.wanted.reduce((least, { index }) => Math.min(least, index), Infinity);
  }
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
    const read = bytes.map((part) => (isFileSegment(part) ? NO_BYTES : part));
    const runs = runsOf(bytes, RUN_BYTES_MAX);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let run = runs[next++]; run !== undefined; run = runs[next++]) {
        const stored = await this.#checked(run, await this.#bytesOf(run));
        for (const { segment, index } of run.wanted) read[index] = unpacked(run, stored, segment);
      }
    };
    await Promise.all(Array.from({ length: Math.min(RUNS_AT_ONCE, runs.length) }, worker));
    return read;
  }

  /** See `SnapshotFiles.stream`. */
  async stream(bytes: readonly StateBytes[], take: (bytes: Uint8Array, index: number) => void): Promise<void> {
    const { runBytesMax, runsAhead } = this.#paceOf(bytes);
    const runs = runsOf(bytes, runBytesMax).map((run) => new StreamedRun(run));
    const runAt = new Map(runs.flatMap((run) => run.run.wanted.map(({ index }) => [index, run] as const)));
    runs.sort((a, b) => a.first - b.first);
    const rooms: Uint8Array[] = [];
    let begun = 0;
    let next = 0;
    const readAhead = (): void => {
      for (; next < runs.length && next < begun + runsAhead; next++) {
        const one = runs[next] as StreamedRun;
        one.room = rooms.pop() ?? new Uint8Array(runBytesMax);
        one.coming = this.#bytesOf(one.run, one.room);
        // Told to who waits for this run. Behind a failure nobody does.
        one.coming.catch(() => {});
      }
    };
    for (const [index, part] of bytes.entries()) {
      if (!isFileSegment(part)) {
        take(part, index);
        continue;
      }
      const one = runAt.get(index) as StreamedRun;
      if (one.bytes === undefined) {
        readAhead();
        one.bytes = await this.#checked(one.run, await (one.coming as Promise<RunBytes>));
        begun++;
      }
      take(unpacked(one.run, one.bytes, part), index);
      if (--one.left > 0) continue;
      rooms.push(one.room);
      one.bytes = NO_BYTES;
    }
  }

  #paceOf(bytes: readonly StateBytes[]): Pace {
    const files = new Set(bytes.filter(isFileSegment).map(({ file }) => file));
    return [...files].every((file) => this.#stores.find(file).store.pathOf !== undefined) ? NEAR : FAR;
  }

  /** The bytes of a run, not checked; in `room` where they fit and the store can fill it. */
  async #bytesOf(run: Run, room?: Uint8Array): Promise<RunBytes> {
    const length = run.end - run.offset;
    const into = room !== undefined && room.length >= length ? room : undefined;
    const copy = await this.#local?.read(run.file, run.offset, length, into);
    return copy === undefined ? { bytes: await this.#stored(run, into), local: false } : { bytes: copy, local: true };
  }

  async #stored(run: Run, into?: Uint8Array): Promise<Uint8Array> {
    const { store, key } = this.#stores.find(run.file);
    const bytes = await store.getRange(key, run.offset, run.end - run.offset, into);
    if (bytes === undefined) throw corrupt(run.file, run.offset, 'the file is missing');
    return bytes;
  }

  /** The bytes of a run that have no flaw: a copy that has one is given up for the file. */
  async #checked(run: Run, { bytes, local }: RunBytes): Promise<Uint8Array> {
    const flaw = flawOf(run, bytes);
    if (flaw === undefined) {
      this.counts[local ? 'local' : 'fetched'] += bytes.length;
      return bytes;
    }
    if (!local) throw flaw;
    await this.#local?.remove(run.file);
    return await this.#checked(run, { bytes: await this.#stored(run), local: false });
  }
}
