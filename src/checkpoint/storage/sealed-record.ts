/**
 * A value in a file of its own: magic, versions, the value by the structured codec, and a checksum over all of it.
 * Metadata and epoch records are such files; docs/internals/checkpoint-files.md has the bytes.
 *
 * A reader takes what its version covers: `readableFrom` in the file says from which version of the reader on. A later
 * version that only adds fields leaves it alone, and older readers pass over what they do not know; a version that
 * changes what is there raises it. Older files are read for good: every reader knows all versions before its own.
 */

import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { MillstreamError } from '../../base/error.ts';
import { readValue, writeValue } from '../../data/structured-codec.ts';
import { TypeRegistry } from '../../data/type-registry.ts';
import { corrupt } from './storage-failure.ts';

/** Snapshots hold values of user classes as bytes, so plain data is all there is. */
const PLAIN = new TypeRegistry();

const MAGIC_BYTES = 8;
const FIXED_BYTES = MAGIC_BYTES + 4 + 4;
const CRC_BYTES = 4;

/** One kind of file. */
export interface RecordForm {
  /** For people: "checkpoint metadata". */
  readonly name: string;
  /** Eight ASCII characters. */
  readonly magic: string;
  /** What is written. */
  readonly version: number;
  /** The oldest reader that understands what is written. */
  readonly readableFrom: number;
}

export function sealRecord(form: RecordForm, value: unknown): Uint8Array {
  const writer = new ByteWriter();
  for (let i = 0; i < MAGIC_BYTES; i++) writer.u8(form.magic.charCodeAt(i));
  writer.u32(form.version | (form.readableFrom << 16));
  const lengthAt = writer.length;
  writer.u32(0);
  writeValue(value, writer, PLAIN);
  writer.patchU32(lengthAt, writer.length - FIXED_BYTES);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/**
 * @param file For messages.
 * @throws STATE_CORRUPT for what is damaged, CHECKPOINT_VERSION for what a later version wrote and this one cannot read.
 */
export function openRecord(form: RecordForm, bytes: Uint8Array, file: string): { version: number; value: unknown } {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC_BYTES));
  if (bytes.length < FIXED_BYTES + CRC_BYTES || magic !== form.magic)
    throw corrupt(file, 0, `it is no ${form.name} (it does not begin with "${form.magic.trim()}")`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = bytes.length - CRC_BYTES;
  // The checksum first: a damaged version must not send anybody looking for another build.
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true))
    throw corrupt(file, 0, `the checksum of its ${bytes.length} bytes is wrong`);
  const version = view.getUint16(MAGIC_BYTES, true);
  const readableFrom = view.getUint16(MAGIC_BYTES + 2, true);
  if (readableFrom > form.version)
    throw new MillstreamError(
      'CHECKPOINT_VERSION',
      `${file} is ${form.name} of version ${version}, which can be read from version ${readableFrom} on; this build knows version ${form.version}.`,
      { details: { file, version, readableFrom } },
    );
  const length = view.getUint32(MAGIC_BYTES + 4, true);
  if (length !== end - FIXED_BYTES) throw corrupt(file, MAGIC_BYTES + 4, 'its length is wrong');
  return { version, value: readValue(new ByteReader(bytes.subarray(FIXED_BYTES, end)), PLAIN) };
}
