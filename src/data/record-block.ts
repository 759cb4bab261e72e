/**
 * A block: records of one layout in bytes. The layout, the columns, the variable parts, the structured values.
 *
 * Both ends keep one of these per layout, with its generated function. docs/internals/frames.md shows the bytes.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { DecodeContext } from './decode-context.ts';
import { EncodeContext } from './encode-context.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';
import {
  columnBytes,
  columnsOf,
  nodesOf,
  readLayout,
  writeLayout,
  type Column,
  type Layout,
  type LayoutNode,
} from './record-layout.ts';
import { decoderCode, type DecodeRows } from './record-decoder-code.ts';
import { encoderCode, type EncoderCode } from './record-encoder-code.ts';
import type { TypeRegistry } from './type-registry.ts';
import type { ValueWriter } from './value-writer.ts';

/** Bytes of the block, rows, bytes of the layout, bytes of the structured values, as 32-bit integers. */
export const BLOCK_HEADER_BYTES = 16;

/** What `encode` returns when a row does not fit the layout; the row is in `misfit`. */
export const BLOCK_MISFIT = -2;

export class BlockEncoder {
  readonly layout: Layout;
  /** See {@link layoutSignature}. */
  readonly signature: string;
  readonly nodes: readonly LayoutNode[];
  readonly context: EncodeContext;
  /** The row, counted from the start of the values, that did not fit. */
  misfit = 0;
  readonly #layoutBytes: Uint8Array;
  readonly #columns: readonly Column[];
  readonly code: EncoderCode;

  constructor(layout: Layout, types: TypeRegistry, tag: string, values: ValueWriter, bytes: ByteWriter) {
    this.layout = layout;
    this.#layoutBytes = layoutBytes(layout);
    this.signature = signatureOf(this.#layoutBytes);
    this.nodes = nodesOf(layout);
    this.#columns = columnsOf(this.nodes);
    this.code = encoderCode(this.nodes, types, tag);
    this.context = new EncodeContext(this.nodes, values, bytes);
  }

  /** Writes the rows as a block at `position`. Returns its end, FRAME_FULL or BLOCK_MISFIT. */
  encode(
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    const rows = to - from;
    const context = this.context;
    const columns = align8(position + BLOCK_HEADER_BYTES + this.#layoutBytes.length);
    const rest = columns + columnBytes(this.#columns, rows);
    if (rest > end) return FRAME_FULL;
    clearPadding(memory, this.#columns, rows, columns);
    context.begin();
    const result = this.code.encode(values, from, to, memory, columns, context);
    if (result < 0) {
      this.misfit = from + ~result;
      return BLOCK_MISFIT;
    }
    const blockEnd = context.finish(memory, columnAddresses(this.nodes, rows, columns), rows, rest, end);
    const valueBytes = context.valueBytes;
    context.release();
    if (blockEnd === FRAME_FULL) return FRAME_FULL;
    this.#writeHead(memory, position, columns, blockEnd, rows, valueBytes);
    return blockEnd;
  }

  #writeHead(
    memory: FrameMemory,
    position: number,
    columns: number,
    blockEnd: number,
    rows: number,
    valueBytes: number,
  ): void {
    const { i32, u8 } = memory;
    const layout = this.#layoutBytes;
    i32[position / 4] = blockEnd - position;
    i32[position / 4 + 1] = rows;
    i32[position / 4 + 2] = layout.length;
    i32[position / 4 + 3] = valueBytes;
    u8.set(layout, position + BLOCK_HEADER_BYTES);
    u8.fill(0, position + BLOCK_HEADER_BYTES + layout.length, columns);
  }
}

export class BlockDecoder {
  readonly #layoutBytes: Uint8Array;
  readonly #nodes: readonly LayoutNode[];
  readonly #columns: readonly Column[];
  readonly #decode: DecodeRows;
  readonly #context: DecodeContext;

  constructor(bytes: Uint8Array, types: TypeRegistry, tag: string) {
    this.#layoutBytes = bytes;
    this.#nodes = nodesOf(readLayout(new ByteReader(bytes)));
    this.#columns = columnsOf(this.#nodes);
    this.#decode = decoderCode(this.#nodes, types, tag);
    this.#context = new DecodeContext(this.#nodes, types);
  }

  /** Whether the layout that stands in the memory is the one of this decoder. */
  matches(memory: FrameMemory, start: number, length: number): boolean {
    return (
      this.#layoutBytes.length === length &&
      memory.text.compare(this.#layoutBytes, 0, length, start, start + length) === 0
    );
  }

  /** Reads the block at `position`, whose header has been checked, into `out`. */
  decode(memory: FrameMemory, position: number, out: unknown[]): void {
    const blockEnd = position + (memory.i32[position / 4] as number);
    const rows = memory.i32[position / 4 + 1] as number;
    const columns = align8(position + BLOCK_HEADER_BYTES + this.#layoutBytes.length);
    const rest = columns + columnBytes(this.#columns, rows);
    if (rest > blockEnd) throw new MillstreamError('FRAME_CORRUPT', `A block of ${rows} records is cut off.`);
    this.#context.begin(
      memory,
      columnAddresses(this.#nodes, rows, columns),
      rows,
      rest,
      blockEnd,
      memory.i32[position / 4 + 3] as number,
    );
    this.#decode(out, rows, memory, columns, this.#context);
    this.#context.end();
  }
}

/** The bytes of a layout as text: equal exactly when layouts are. */
export function layoutSignature(layout: Layout): string {
  return signatureOf(layoutBytes(layout));
}

function layoutBytes(layout: Layout): Uint8Array {
  const writer = new ByteWriter();
  writeLayout(layout, writer);
  return writer.take();
}

export function signatureOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Zeros the last word of each column, before its rows are written: equal batches give equal bytes. */
function clearPadding(memory: FrameMemory, columns: readonly Column[], rows: number, base: number): void {
  if (rows === 0) return;
  let at = base;
  for (const column of columns) {
    at += align8(column.width * rows);
    memory.f64[at / 8 - 1] = 0;
  }
}

/** Where the values of each node with a column begin, by node. */
function columnAddresses(nodes: readonly LayoutNode[], rows: number, base: number): readonly number[] {
  const addresses: number[] = [];
  let at = base;
  for (const node of nodes) {
    if (node.variants !== undefined) at += align8(node.variants.width * rows);
    addresses.push(at);
    if (node.values !== undefined) at += align8(node.values.width * rows);
  }
  return addresses;
}
