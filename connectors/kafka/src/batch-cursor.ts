/**
 * Walks over fetched record batches, record by record. Under `read_committed` it leaves out what was aborted.
 *
 * The broker sends everything below the last stable offset, aborted records too, and beside it which transactions were
 * aborted. The filter keeps the producers whose aborted transaction is open at the current batch: one enters when the
 * walk reaches its first offset, and leaves at its abort marker. The marker may lie beyond what was fetched; then the
 * next fetch names the transaction again. So nothing has to be kept from one fetch to the next.
 */

import { crc32c } from '@platformatic/kafka';
import { KafkaFailure, type AbortedTransaction } from './client.ts';
import { decompress } from './compression.ts';
import type { KafkaRecord } from './kafka-record.ts';
import {
  ABORT_MARKER,
  CODEC_BITS,
  CONTROL,
  CRC_START,
  HEADER_BYTES,
  LOG_APPEND_TIME,
  readBatchHeader,
  TRANSACTIONAL,
  type BatchHeader,
} from './record-batch.ts';
import { VarintReader } from './varint.ts';

/** The records in the bytes of one fetch from one partition. */
export class BatchCursor {
  readonly #bytes: Buffer;
  /** By first offset. */
  readonly #aborted: readonly AbortedTransaction[];
  readonly #open = new Set<number>();
  #nextAborted = 0;
  #at = 0;
  #header: BatchHeader | undefined;
  #left = 0;
  readonly #reader = new VarintReader(Buffer.alloc(0));
  #position: number;

  /** Records below `from` are passed over: a batch is sent as a whole. */
  constructor(bytes: Buffer, from: number, aborted: readonly AbortedTransaction[]) {
    this.#bytes = bytes;
    this.#position = from;
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  /** The offset to go on from. Markers and aborted records use up offsets, too. */
  get position(): number {
    return this.#position;
  }

  /** Fills in `record` with the next one; false at the end. */
  next(record: KafkaRecord): boolean {
    for (;;) {
      while (this.#left > 0) {
        if (this.#read(record)) return true;
      }
      if (this.#header !== undefined) this.#position = Math.max(this.#position, this.#header.lastOffset + 1);
      if (!this.#nextBatch()) return false;
    }
  }

  #read(record: KafkaRecord): boolean {
    const reader = this.#reader;
    const header = this.#header as BatchHeader;
    this.#left--;
    const length = reader.next();
    const end = reader.offset + length;
    // Its attributes say nothing yet.
    reader.offset++;
    const timestamp = header.baseTimestamp + reader.next();
    const offset = header.baseOffset + reader.next();
    if (offset < this.#position) {
      reader.offset = end;
      return false;
    }
    const keyLength = reader.next();
    record.keyStart = reader.offset;
    record.keyEnd = reader.offset + keyLength;
    if (keyLength > 0) reader.offset += keyLength;
    const valueLength = reader.next();
    record.valueStart = reader.offset;
    record.valueEnd = reader.offset + valueLength;
    if (valueLength > 0) reader.offset += valueLength;
    record.headersStart = reader.offset;
    record.bytes = reader.bytes;
    record.offset = offset;
    const appendTime = (header.attributes & LOG_APPEND_TIME) !== 0;
    record.timestamp = appendTime ? header.maxTimestamp : timestamp;
    record.timestampType = appendTime ? 'log-append-time' : 'create-time';
    reader.offset = end;
    this.#position = offset + 1;
    return true;
  }

  /** Goes to the next batch; false when there is none. What is not to be seen has no records left. */
  #nextBatch(): boolean {
    const header = readBatchHeader(this.#bytes, this.#at);
    this.#header = header;
    if (header === undefined) return false;
    const start = this.#at;
    this.#at += header.bytes;
    this.#enterAborted(header.lastOffset);
    if ((header.attributes & CONTROL) !== 0) {
      if (controlType(this.#bytes, start) === ABORT_MARKER) this.#open.delete(header.producerId);
      return true;
    }
    if ((header.attributes & TRANSACTIONAL) !== 0 && this.#open.has(header.producerId)) return true;
    if (header.lastOffset < this.#position) return true;
    const batch = this.#bytes.subarray(start, this.#at);
    if (crc32c(batch.subarray(CRC_START)) !== header.crc) {
      throw new KafkaFailure('other', `the batch at offset ${header.baseOffset} has a wrong checksum`);
    }
    const codec = header.attributes & CODEC_BITS;
    if (codec === 0) {
      this.#reader.bytes = this.#bytes;
      this.#reader.offset = start + HEADER_BYTES;
    } else {
      this.#reader.bytes = decompress(codec, batch.subarray(HEADER_BYTES));
      this.#reader.offset = 0;
    }
    this.#left = header.count;
    return true;
  }

  #enterAborted(lastOffset: number): void {
    for (; this.#nextAborted < this.#aborted.length; this.#nextAborted++) {
      const { producerId, firstOffset } = this.#aborted[this.#nextAborted] as AbortedTransaction;
      if (firstOffset > lastOffset) return;
      this.#open.add(producerId);
    }
  }
}

/** Whether the control batch at `at` says commit or abort. Control records are never compressed. */
export function controlType(bytes: Buffer, at: number): number {
  const reader = new VarintReader(bytes, at + HEADER_BYTES);
  reader.next();
  reader.offset++;
  reader.next();
  reader.next();
  reader.next();
  return bytes.readInt16BE(reader.offset + 2);
}
