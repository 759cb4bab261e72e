/**
 * The layout of a record batch, version 2, the only one since Kafka 0.11: a header of 61 bytes, then the records, which
 * may be compressed as a whole.
 *
 * ```
 * at  0  base offset      int64      at 27  base timestamp   int64
 *     8  length           int32         35  max timestamp    int64
 *    12  leader epoch     int32         43  producer id      int64
 *    16  magic            int8          51  producer epoch   int16
 *    17  crc of what follows            53  base sequence    int32
 *    21  attributes       int16         57  count            int32
 *    23  last offset delta int32        61  records
 * ```
 *
 * `length` counts from byte 12 on. A record: length, attributes, timestamp delta, offset delta, key, value, headers;
 * all numbers in it are varints, and a length of -1 stands for null.
 */

export const HEADER_BYTES = 61;
/** What stands before the bytes that `length` counts. */
const LENGTH_END = 12;
const MAGIC = 2;

export const CODEC_BITS = 0b111;
export const LOG_APPEND_TIME = 1 << 3;
export const TRANSACTIONAL = 1 << 4;
export const CONTROL = 1 << 5;

/** The second number in the key of a control record. */
export const ABORT_MARKER = 0;
export const COMMIT_MARKER = 1;

/** The header of the batch at `at`. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Of the whole batch. */
  readonly bytes: number;
  readonly crc: number;
  readonly attributes: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly count: number;
}

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}

/** The header at `at`, or `undefined` when the batch is not there as a whole: a broker cuts the last one short. */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  const length = LENGTH_END + bytes.readInt32BE(at + 8);
  if (at + length > bytes.length) return undefined;
  const magic = bytes[at + 16] as number;
  if (magic !== MAGIC) throw new RangeError(`a record batch of version ${magic}, and only version ${MAGIC} is known`);
  const baseOffset = readInt64(bytes, at);
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    bytes: length,
    crc: bytes.readUInt32BE(at + 17),
    attributes: bytes.readInt16BE(at + 21),
    baseTimestamp: readInt64(bytes, at + 27),
    maxTimestamp: readInt64(bytes, at + 35),
    producerId: readInt64(bytes, at + 43),
    epoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
    count: bytes.readInt32BE(at + 57),
  };
}

/** The offset behind the last whole batch; `undefined` when there is none. */
export function endOffset(bytes: Buffer): number | undefined {
  let end: number | undefined;
  for (let at = 0; ;) {
    if (at + HEADER_BYTES > bytes.length) return end;
    const length = LENGTH_END + bytes.readInt32BE(at + 8);
    if (at + length > bytes.length) return end;
    end = readInt64(bytes, at) + bytes.readInt32BE(at + 23) + 1;
    at += length;
  }
}

/** Fills in the header of a batch whose other bytes are there, the checksum last. */
export function writeBatchHeader(bytes: Buffer, header: Omit<BatchHeader, 'bytes' | 'crc'>, crcOf: Crc): void {
  writeInt64(bytes, 0, header.baseOffset);
  bytes.writeInt32BE(bytes.length - LENGTH_END, 8);
  bytes.writeInt32BE(-1, 12);
  bytes[16] = MAGIC;
  bytes.writeInt16BE(header.attributes, 21);
  bytes.writeInt32BE(header.lastOffset - header.baseOffset, 23);
  writeInt64(bytes, 27, header.baseTimestamp);
  writeInt64(bytes, 35, header.maxTimestamp);
  writeInt64(bytes, 43, header.producerId);
  bytes.writeInt16BE(header.epoch, 51);
  bytes.writeInt32BE(header.baseSequence, 53);
  bytes.writeInt32BE(header.count, 57);
  bytes.writeUInt32BE(crcOf(bytes.subarray(CRC_START)), 17);
}

/** The checksum covers the bytes from the attributes on. */
export const CRC_START = 21;

/** CRC-32C. */
export type Crc = (bytes: Buffer) => number;
