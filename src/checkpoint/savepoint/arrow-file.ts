/**
 * Arrow IPC files as they lie in a savepoint: schema first, then record batches, each of one key group, then the footer.
 *
 * Arrow's file format is its stream format between two magics, so the schema's bytes followed by those of any record
 * batches are a stream by themselves: a task reads the batches of its own key groups and nothing else.
 */

import { crc32 } from 'node:zlib';
import type { Data, Field, RecordBatch, Schema } from 'apache-arrow';
import type { FileSegment } from '../../state/snapshot.ts';
import type { ObjectWriter } from '../storage/object-store.ts';
import type { Arrow } from './arrow.ts';

/** Bytes of the magic at the beginning, with its padding: the schema follows. */
export const MAGIC_BYTES = 8;

/** A stretch of the file with its checksum. */
class Stretch {
  readonly offset: number;
  length = 0;
  crc = 0;

  constructor(offset: number) {
    this.offset = offset;
  }

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    this.crc = crc32(bytes, this.crc);
  }

  segment(file: string): FileSegment {
    const { offset, length, crc } = this;
    return { file, offset, length, crc };
  }
}

/** Streams one file to a store. */
export class ArrowFileWriter {
  readonly #url: string;
  readonly #out: ObjectWriter;
  readonly #arrow: Arrow;
  readonly #schema: Schema;
  readonly #writer: { write(batch: RecordBatch): void; close(): void };
  #pieces: Uint8Array[] = [];
  #position = 0;
  #stretch: Stretch;
  /** The bytes of the schema, which every reader of a stretch needs first. */
  #schemaSegment: FileSegment | undefined;

  constructor(arrow: Arrow, schema: Schema, url: string, out: ObjectWriter) {
    this.#arrow = arrow;
    this.#schema = schema;
    this.#url = url;
    this.#out = out;
    this.#stretch = new Stretch(MAGIC_BYTES);
    this.#writer = placedWriter(arrow, (bytes) => this.#take(bytes));
  }

  #take(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    if (this.#position >= MAGIC_BYTES) this.#stretch.add(bytes);
    this.#position += bytes.length;
  }

  /** Writes a batch of as many rows as its columns have. */
  async batch(columns: readonly Data[]): Promise<void> {
    const { makeData, RecordBatch: Batch, Struct } = this.#arrow;
    const length = columns[0]?.length ?? 0;
    const data = makeData({ type: new Struct(this.#schema.fields), length, nullCount: 0, children: [...columns] });
    this.#begin();
    this.#writer.write(new Batch(this.#schema, data as never));
    await this.#drain();
  }

  /** Lets the schema leave before the first batch. */
  #begin(): void {
    if (this.#schemaSegment !== undefined) return;
    (this.#writer as unknown as { reset(sink: undefined, schema: Schema): void }).reset(undefined, this.#schema);
    this.#schemaSegment = this.#stretch.segment(this.#url);
    this.#stretch = new Stretch(this.#position);
  }

  /** Ends a stretch of batches, and begins the next. */
  endStretch(): FileSegment {
    const segment = this.#stretch.segment(this.#url);
    this.#stretch = new Stretch(this.#position);
    return segment;
  }

  async #drain(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    if (at > 0) await this.#out.write(whole);
  }

  /** Makes the file durable; returns where its schema lies. */
  async finish(): Promise<FileSegment> {
    this.#begin();
    this.#writer.close();
    await this.#drain();
    await this.#out.finish();
    return this.#schemaSegment as FileSegment;
  }

  async abort(): Promise<void> {
    await this.#out.abort();
  }
}

/** The library's writer of files, with the schema in front, and each piece handed on as it comes. */
function placedWriter(
  arrow: Arrow,
  take: (bytes: Uint8Array) => void,
): { write(batch: RecordBatch): void; close(): void } {
  /* oxlint-disable no-underscore-dangle -- so the library names what its writers may override */
  class PlacedWriter extends arrow.RecordBatchFileWriter {
    protected override _write(chunk: ArrayBufferView): this {
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (this._started && bytes.length > 0) {
        take(bytes);
        this._position += bytes.length;
      }
      return this;
    }

    /** The format has the schema here, too, so that the file without its magic is a stream. */
    protected override _writeSchema(schema: Schema): this {
      return super._writeSchema(schema)._writeMessage(arrow.Message.from(schema));
    }
  }
  /* oxlint-enable no-underscore-dangle */
  return new PlacedWriter();
}

/** Record batches from the schema's bytes and those of stretches. */
export function batchesOf(arrow: Arrow, schema: Uint8Array, stretch: Uint8Array): readonly RecordBatch[] {
  const stream = new Uint8Array(schema.length + stretch.length);
  stream.set(schema);
  stream.set(stretch, schema.length);
  return [...arrow.RecordBatchReader.from(stream)];
}

/** A column of a batch by its name. */
export function columnNamed(
  batch: RecordBatch,
  name: string,
): { readonly field: Field; readonly data: Data } | undefined {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const field = batch.schema.fields[index];
  return field === undefined ? undefined : { field, data: batch.data.children[index] as Data };
}
