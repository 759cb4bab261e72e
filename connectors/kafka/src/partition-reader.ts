/** One partition that is read: what was fetched and not emitted yet, and the place behind what was emitted. */

import type { FetchedPartition } from './client.ts';
import { BatchCursor } from './batch-cursor.ts';
import type { KafkaRecord } from './kafka-record.ts';
import { splitIdOf, type KafkaSplit } from './kafka-split.ts';
import { endOffset } from './record-batch.ts';

/** The bytes of one fetch. */
interface Chunk {
  readonly fetched: FetchedPartition;
  readonly from: number;
  readonly end: number;
}

export class PartitionReader {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly stopAt: number | undefined;
  /** Offset of the next record to emit. */
  position: number;
  /** Offset of the next record to fetch. */
  fetchFrom: number;
  /** Bytes that were fetched and not emitted. */
  buffered = 0;
  /** Records below are on all replicas in sync; with those of open transactions. -1 before the first fetch. */
  highWatermark = -1;
  /** Watermark alignment holds it back. */
  paused = false;
  /** A fetch is on its way. */
  fetching = false;
  /** The cluster has it no longer: what is buffered is still emitted. */
  gone = false;
  /** Not asked for again before this monotonic time. */
  notBefore = 0;
  /** Failed fetches one after the other. */
  failures = 0;
  /** When the failures began, monotonic. */
  failingSince = 0;
  readonly #chunks: Chunk[] = [];
  #cursor: BatchCursor | undefined;

  constructor(split: KafkaSplit) {
    this.id = splitIdOf(split);
    this.topic = split.topic;
    this.partition = split.partition;
    this.stopAt = split.stopAt;
    this.position = split.offset;
    this.fetchFrom = split.offset;
  }

  /** Whether it is read to its end. */
  get finished(): boolean {
    if (this.stopAt !== undefined && this.position >= this.stopAt) return true;
    return this.gone && !this.hasChunks;
  }

  /** Whether more is to be fetched at all. */
  get open(): boolean {
    return !this.gone && (this.stopAt === undefined || this.fetchFrom < this.stopAt);
  }

  get hasChunks(): boolean {
    return this.#cursor !== undefined || this.#chunks.length > 0;
  }

  /** Records that the partition holds and this reader has not emitted; 0 before the first fetch. */
  get lag(): number {
    return Math.max(0, this.highWatermark - this.position);
  }

  split(): KafkaSplit {
    const split = { topic: this.topic, partition: this.partition, offset: this.position };
    return this.stopAt === undefined ? split : { ...split, stopAt: this.stopAt };
  }

  /** Takes what a fetch from `fetchFrom` brought. */
  take(fetched: FetchedPartition): void {
    this.highWatermark = fetched.highWatermark;
    const end = endOffset(fetched.batches);
    if (end === undefined) return;
    this.#chunks.push({ fetched, from: this.fetchFrom, end });
    this.fetchFrom = Math.max(this.fetchFrom, end);
    this.buffered += fetched.batches.length;
  }

  /** Begins anew at another offset; what was fetched is forgotten. */
  seek(offset: number): void {
    this.#chunks.length = 0;
    this.#cursor = undefined;
    this.buffered = 0;
    this.position = offset;
    this.fetchFrom = offset;
  }

  /** Fills in the next record before `stopAt`; false when nothing is at hand. */
  next(record: KafkaRecord): boolean {
    for (;;) {
      if (this.#cursor === undefined) {
        const chunk = this.#chunks[0];
        if (chunk === undefined) return false;
        const { batches, aborted } = chunk.fetched;
        this.#cursor = new BatchCursor(batches, Math.max(chunk.from, this.position), aborted);
      }
      if (this.#cursor.next(record)) {
        if (this.stopAt === undefined || record.offset < this.stopAt) return true;
        this.seek(this.stopAt);
        return false;
      }
      const chunk = this.#chunks.shift() as Chunk;
      this.buffered -= chunk.fetched.batches.length;
      this.position = Math.max(this.position, chunk.end);
      this.#cursor = undefined;
    }
  }
}
