/** One file made of several: byte by byte, where the format allows that, or record by record. */

import type { Storage } from '../base/world.ts';
import { ByteAppender } from '../format/byte-appender.ts';
import { FormatError, MORE_BYTES, NO_RECORD, type Encoder, type Format } from '../format/format.ts';
import { BlockReader } from './block-reader.ts';
import { encodeRecord } from './encode-record.ts';
import { copyBytes, type OpenPart } from './part-file.ts';
import { endless, RecordWindow } from './record-window.ts';
import { undecodable } from './undecodable.ts';

/** How files are put together, and where. */
export interface Merging<T> {
  readonly storage: Storage;
  readonly format: Format<unknown, T>;
  readonly by: 'bytes' | 'records';
  /** The path of the new file; there is none yet. */
  readonly into: string;
}

const APPEND_BYTES = 256 * 1024;

/** Puts files together, in their order; returns how many bytes the new one has, all of them synced. */
export async function mergeParts<T>(merging: Merging<T>, parts: readonly OpenPart[]): Promise<number> {
  const { storage, by, into } = merging;
  const file = await storage.openAppend(into);
  try {
    const append = (bytes: Uint8Array): Promise<void> => file.append(bytes);
    if (by === 'bytes') await concatenate(merging, parts, append);
    else await rewrite(merging, parts, append);
    await file.sync();
    return file.length;
  } finally {
    await file.close();
  }
}

async function concatenate<T>(
  { storage, format }: Merging<T>,
  parts: readonly OpenPart[],
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for (const [index, { hidden, bytes }] of parts.entries()) {
    const start = index === 0 ? 0 : (await beginningOf(storage, format, hidden)).length;
    await copyBytes(storage, hidden, { start, end: bytes }, append);
  }
}

/** The files in their order, cut where one begins with another header than the one before. */
export async function sameBeginnings<P extends OpenPart>(
  storage: Storage,
  format: Format<unknown, never>,
  parts: readonly P[],
): Promise<readonly (readonly P[])[]> {
  const runs: { readonly beginning: Buffer; readonly parts: P[] }[] = [];
  for (const part of parts) {
    const beginning = await beginningOf(storage, format, part.hidden);
    const last = runs.at(-1);
    if (last?.beginning.equals(beginning) === true) last.parts.push(part);
    else runs.push({ beginning, parts: [part] });
  }
  return runs.map((run) => run.parts);
}

/** What the encoder wrote before the first record. */
async function beginningOf(storage: Storage, format: Format<unknown, never>, path: string): Promise<Buffer> {
  if (format.encoder().prologue === undefined) return Buffer.alloc(0);
  const decoder = format.decoder();
  const blocks = new BlockReader(storage, path, 0, 'none');
  try {
    let bytes = Buffer.alloc(0);
    for (;;) {
      const block = await nextBlock(blocks);
      if (block !== undefined) bytes = Buffer.concat([bytes, block]);
      const length = decoder.prologue(bytes, block === undefined);
      if (length !== MORE_BYTES) return bytes.subarray(0, length);
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw undecodable(Buffer.alloc(0), { file: path, line: 1, offset: 0 }, error);
  } finally {
    await blocks.close();
  }
}

/** Undefined at the end. */
async function nextBlock(blocks: BlockReader): Promise<Buffer | undefined> {
  for (;;) {
    const block = blocks.take();
    if (block !== undefined || blocks.atEnd) return block;
    await blocks.available();
  }
}

/** Reads every record and writes it again. */
async function rewrite<T>(
  { storage, format, into }: Merging<T>,
  parts: readonly OpenPart[],
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const encoder: Encoder<T> = format.encoder();
  const buffer = new ByteAppender(APPEND_BYTES);
  let empty = true;
  for (const { hidden } of parts) {
    for await (const value of recordsOf(storage, format, hidden)) {
      // What a format reads it is asked to write: that is what this way of putting files together rests on.
      if (empty) encoder.prologue?.(value as T, buffer);
      empty = false;
      encodeRecord(encoder, value as T, buffer, into);
      if (buffer.length >= APPEND_BYTES) await append(buffer.take());
    }
  }
  if (buffer.length > 0) await append(buffer.take());
}

async function* recordsOf(storage: Storage, format: Format<unknown, never>, path: string): AsyncGenerator<unknown> {
  const window = new RecordWindow(format.decoder(), 0, 0);
  const blocks = new BlockReader(storage, path, 0, 'none');
  const more = async (): Promise<void> => {
    const block = await nextBlock(blocks);
    if (block === undefined) window.atEnd = true;
    else window.append(block);
  };
  try {
    while (!window.passPrologue()) await more();
    for (;;) {
      if (!window.find()) {
        if (window.atEnd) return;
        await more();
        continue;
      }
      if (window.endless) throw endless();
      const value = window.decode();
      window.advance();
      if (value !== NO_RECORD) yield value;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw undecodable(window.record, { file: path, line: window.lines + 1, offset: window.position }, error);
  } finally {
    await blocks.close();
  }
}
