/** Builds one record batch: records are encoded as they come, the header when the batch leaves. */

import { crc32c } from '@platformatic/kafka';
import type { ProducerIdentity } from './client.ts';
import { codecNumber, compress, type Compression } from './compression.ts';
import { HEADER_BYTES, TRANSACTIONAL, writeBatchHeader } from './record-batch.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** What a key or a value is written as: bytes, text as UTF-8, or null. */
export type Bytes = Uint8Array | string | null;

/** Named values of a record, in their order. A name may occur more than once. */
export type HeaderList = readonly (readonly [name: string, value: Uint8Array | string | null])[];

/** Where a batch begins: most never grow. */
const INITIAL_BYTES = 16 * 1024;

/** What finishing a batch needs to know. */
export interface BatchOrigin {
  readonly producer: ProducerIdentity;
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly compression: Compression;
}

/** A batch that is being filled. */
export class BatchBuilder {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes so far, uncompressed. */
  get length(): number {
    return this.#length;
  }

  append(timestamp: number, key: Bytes, value: Bytes, headers: HeaderList | undefined): void {
    if (this.#count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp;
    else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    const timestampDelta = timestamp - this.#baseTimestamp;
    const keyBytes = byteLength(key);
    const valueBytes = byteLength(value);
    const bodyBytes =
      1 +
      varintBytes(timestampDelta) +
      varintBytes(this.#count) +
      varintBytes(keyBytes) +
      Math.max(0, keyBytes) +
      varintBytes(valueBytes) +
      Math.max(0, valueBytes) +
      (headers === undefined || headers.length === 0 ? 1 : headersLength(headers));
    this.#reserve(varintBytes(bodyBytes) + bodyBytes);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, this.#length, bodyBytes);
    bytes[at++] = 0;
    at = writeVarint(bytes, at, timestampDelta);
    at = writeVarint(bytes, at, this.#count);
    at = writeBytes(bytes, at, key, keyBytes);
    at = writeBytes(bytes, at, value, valueBytes);
    this.#length =
      headers === undefined || headers.length === 0 ? writeVarint(bytes, at, 0) : writeHeaders(bytes, at, headers);
    this.#count++;
  }

  /** The whole batch. The builder is of no use afterwards. */
  finish(origin: BatchOrigin): Buffer {
    const { compression } = origin;
    let batch = this.#bytes.subarray(0, this.#length);
    if (compression !== 'none') {
      const packed = compress(compression, batch.subarray(HEADER_BYTES));
      batch = Buffer.allocUnsafe(HEADER_BYTES + packed.length);
      packed.copy(batch, HEADER_BYTES);
    }
    writeBatchHeader(
      batch,
      {
        baseOffset: 0,
        lastOffset: this.#count - 1,
        attributes: codecNumber(compression) | (origin.transactional ? TRANSACTIONAL : 0),
        baseTimestamp: this.#baseTimestamp,
        maxTimestamp: this.#maxTimestamp,
        producerId: origin.producer.producerId,
        epoch: origin.producer.epoch,
        baseSequence: origin.baseSequence,
        count: this.#count,
      },
      crc32c,
    );
    return batch;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** -1 for null, as it is written. */
function byteLength(bytes: Bytes): number {
  if (bytes === null) return -1;
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
}

function writeBytes(into: Buffer, at: number, bytes: Bytes, length: number): number {
  const start = writeVarint(into, at, length);
  if (bytes === null) return start;
  if (typeof bytes === 'string') into.write(bytes, start);
  else into.set(bytes, start);
  return start + length;
}

function headersLength(headers: HeaderList): number {
  let bytes = varintBytes(headers.length);
  for (const [name, value] of headers) {
    const nameBytes = Buffer.byteLength(name);
    const valueBytes = byteLength(value);
    bytes += varintBytes(nameBytes) + nameBytes + varintBytes(valueBytes) + Math.max(0, valueBytes);
  }
  return bytes;
}

function writeHeaders(into: Buffer, start: number, headers: HeaderList): number {
  let at = writeVarint(into, start, headers.length);
  for (const [name, value] of headers) {
    at = writeBytes(into, at, name, Buffer.byteLength(name));
    at = writeBytes(into, at, value, byteLength(value));
  }
  return at;
}
