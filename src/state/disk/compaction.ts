/**
 * Compaction: segments of the log that are mostly garbage are emptied, by copying what is in use to the end of the log,
 * at the pace at which rows are written.
 */

import { NO_SLOT, type RecordIndex } from './record-index.ts';
import type { Row } from './row.ts';
import type { SealedSegment, SegmentLog } from './segment-log.ts';

/** A segment is worth emptying when at most this share of it is in use. */
const COMPACT_SHARE = 0.8;
/** Files are let grow to this many times what is in use. */
const GARBAGE_FACTOR = 2;
/** Bytes that compaction reads for each byte that is written. */
const COMPACT_PACE = 4;

/** The rows whose records are moved. */
export interface CompactedRows {
  readonly log: SegmentLog;
  readonly index: RecordIndex;
  /** The row in memory that a reference of the index stands for. */
  rowAt(reference: number): Row;
  /** The record that the log has just read is in use, and no row in memory stands for it. */
  passing(): void;
}

export class Compaction {
  readonly #rows: CompactedRows;
  readonly #segmentBytes: number;
  readonly #tailBytes: number;
  #victim: SealedSegment | undefined;
  /** Bytes that were copied, for metrics. */
  copiedBytes = 0;

  constructor(rows: CompactedRows, segmentBytes: number, tailBytes: number) {
    this.#rows = rows;
    this.#segmentBytes = segmentBytes;
    this.#tailBytes = tailBytes;
  }

  /** Keeps pace with what has been written since. */
  tidy(): void {
    const { log } = this.#rows;
    const { finished } = log;
    if (finished < this.#tailBytes) return;
    log.finished = 0;
    for (let left = finished * COMPACT_PACE; left > 0;) {
      this.#victim ??= this.#nextVictim();
      if (this.#victim === undefined) return;
      const address = log.readNext(this.#victim);
      if (address === 0) {
        log.retire(this.#victim);
        this.#victim = undefined;
        continue;
      }
      left -= log.recordBytes;
      this.#move(address);
    }
  }

  #nextVictim(): SealedSegment | undefined {
    const { log } = this.#rows;
    if (log.fileBytes < log.liveBytes * GARBAGE_FACTOR + this.#segmentBytes * 2) return undefined;
    return log.emptiest(COMPACT_SHARE);
  }

  /** Copies the record that was just read to the end of the log, if it is what some row is. */
  #move(address: number): void {
    const { log, index } = this.#rows;
    const { hash, group, recordBytes } = log;
    const slot = index.findReference(group, hash, address);
    const row = slot === NO_SLOT ? this.#inMemoryAt(group, hash, address) : undefined;
    if (slot === NO_SLOT && row === undefined) return;
    if (row === undefined) this.#rows.passing();
    const moved = log.copy();
    log.release(address, recordBytes);
    if (row === undefined) index.setReference(group, slot, moved);
    else row.address = moved;
    this.copiedBytes += recordBytes;
  }

  /** The row in memory that is unchanged from the record at the address. */
  #inMemoryAt(group: number, hash: number, address: number): Row | undefined {
    const { index } = this.#rows;
    for (let slot = index.find(group, hash); slot !== NO_SLOT; slot = index.next(group, hash, slot)) {
      const reference = index.reference(group, slot);
      if (reference >= 0) continue;
      const row = this.#rows.rowAt(reference);
      if (row.address === address) return row;
    }
    return undefined;
  }
}
