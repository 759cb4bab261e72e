/** The frame of a state file: header, footer and trailer around the sections. docs/internals/checkpoint-files.md has the bytes. */

import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { MillstreamError } from '../../base/error.ts';
import { corrupt } from './storage-failure.ts';

const MAGIC = 'MSSTATE\n';
const VERSION = 1;
/** The oldest reader that understands what is written. */
const READABLE_FROM = 1;
const FLAG_ZSTD = 1;
/** Magic, version, readable-from, flags and the length of the rest. */
const PREFIX_BYTES = 8 + 2 + 2 + 2 + 2;
const CRC_BYTES = 4;
/** Offset and length of the footer, a checksum of both, magic. */
const TRAILER_BYTES = 8 + 4 + 4 + 8;

/** What a state file says of itself. */
export interface StateFileHeader {
  readonly compressed: boolean;
  readonly jobId: string;
  readonly epoch: number;
  readonly checkpoint: number;
  readonly operatorId: string;
  readonly subtask: number;
}

/** One section as the footer lists it; they lie one behind the other. */
export interface StateFileSection {
  readonly offset: number;
  readonly length: number;
  /** Before compression. */
  readonly rawLength: number;
  /** CRC-32 of the bytes in the file. */
  readonly crc: number;
}

export function encodeHeader(header: StateFileHeader): Uint8Array {
  const rest = new ByteWriter();
  rest.string(header.jobId);
  rest.varint(header.epoch);
  rest.varint(header.checkpoint);
  rest.string(header.operatorId);
  rest.varint(header.subtask);
  const writer = new ByteWriter();
  putMagic(writer);
  writer.u32(VERSION | (READABLE_FROM << 16));
  writer.u32((header.compressed ? FLAG_ZSTD : 0) | (rest.length << 16));
  writer.raw(rest.view());
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/** Footer and trailer. */
export function encodeFooter(sections: readonly StateFileSection[], offset: number): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(sections.length);
  for (const { length, rawLength, crc } of sections) {
    writer.varint(length);
    writer.varint(rawLength);
    writer.u32(crc);
  }
  writer.u32(crc32(writer.view()));
  const length = writer.length;
  const trailer = new ByteWriter();
  trailer.i64(BigInt(offset));
  trailer.u32(length);
  trailer.u32(crc32(trailer.view()));
  putMagic(trailer);
  writer.raw(trailer.view());
  return writer.take();
}

function putMagic(writer: ByteWriter): void {
  for (let i = 0; i < MAGIC.length; i++) writer.u8(MAGIC.charCodeAt(i));
}

function hasMagic(bytes: Uint8Array, at: number): boolean {
  return String.fromCharCode(...bytes.subarray(at, at + MAGIC.length)) === MAGIC;
}

/**
 * Reads a whole state file's frame, for tools and tests: restores go by the segments in the metadata.
 *
 * @throws STATE_CORRUPT with the offset, CHECKPOINT_VERSION for files of a later version.
 */
export function readFrame(
  bytes: Uint8Array,
  file: string,
): { readonly header: StateFileHeader; readonly sections: readonly StateFileSection[] } {
  if (bytes.length < PREFIX_BYTES + CRC_BYTES + TRAILER_BYTES || !hasMagic(bytes, 0))
    throw corrupt(file, 0, 'it is no state file');
  const { header, end } = readHeader(bytes, file);
  return { header, sections: readFooter(bytes, file, end) };
}

function readHeader(bytes: Uint8Array, file: string): { readonly header: StateFileHeader; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = PREFIX_BYTES + view.getUint16(14, true);
  if (end + CRC_BYTES > bytes.length || crc32(bytes.subarray(0, end)) !== view.getUint32(end, true))
    throw corrupt(file, 0, 'the checksum of its header is wrong');
  const readableFrom = view.getUint16(10, true);
  if (readableFrom > VERSION)
    throw new MillstreamError(
      'CHECKPOINT_VERSION',
      `${file} is a state file of version ${view.getUint16(8, true)}, which can be read from version ${readableFrom} on; this build knows version ${VERSION}.`,
      { details: { file, readableFrom } },
    );
  const reader = new ByteReader(bytes.subarray(PREFIX_BYTES, end));
  const header: StateFileHeader = {
    compressed: (view.getUint16(12, true) & FLAG_ZSTD) !== 0,
    jobId: reader.string(),
    epoch: reader.varint(),
    checkpoint: reader.varint(),
    operatorId: reader.string(),
    subtask: reader.varint(),
  };
  return { header, end: end + CRC_BYTES };
}

function readFooter(bytes: Uint8Array, file: string, sectionsAt: number): StateFileSection[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const trailer = bytes.length - TRAILER_BYTES;
  const sumAt = trailer + 12;
  if (!hasMagic(bytes, trailer + 16) || crc32(bytes.subarray(trailer, sumAt)) !== view.getUint32(sumAt, true))
    throw corrupt(file, trailer, 'its end is missing or damaged');
  const footer = Number(view.getBigInt64(trailer, true));
  const footerEnd = footer + view.getUint32(trailer + 8, true);
  if (footerEnd !== trailer || crc32(bytes.subarray(footer, footerEnd - 4)) !== view.getUint32(footerEnd - 4, true))
    throw corrupt(file, footer, 'the checksum of its footer is wrong');
  const reader = new ByteReader(bytes.subarray(footer, footerEnd));
  const sections: StateFileSection[] = [];
  let offset = sectionsAt;
  for (let left = reader.varint(); left > 0; left--) {
    const section = { offset, length: reader.varint(), rawLength: reader.varint(), crc: reader.u32() };
    sections.push(section);
    offset += section.length;
  }
  if (offset !== footer) throw corrupt(file, footer, 'its sections do not end where its footer begins');
  return sections;
}
