/**
 * Records in bytes: batches of any values as frames of columns, whose layout is inferred from the values.
 *
 * TypeScript's types are gone when records must cross a thread or a connection. So the encoder looks at the values:
 * the first batch gives a layout, for which a function is generated that takes records apart into columns as fast as
 * they come; the decoder generates its counterpart. When values change, the layout widens; what fits no layout goes
 * by the structured codec, beside the columns, and is counted in {@link RecordEncoder.fallbackValues}. Whatever
 * happens, what is decoded equals what was encoded, by the table of docs/internals/values.md.
 *
 * A frame can be read alone: layouts and dictionaries stand in it. docs/internals/frames.md shows the bytes.
 */

import { ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { addressOf, align8, FRAME_FULL, memoryOf, type FrameMemory, type FrameTarget } from './frame-target.ts';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_MISFIT,
  BlockDecoder,
  BlockEncoder,
  layoutSignature,
  signatureOf,
} from './record-block.ts';
import { freshTag } from './record-code.ts';
import { ALL_SORTED, RecordSorter } from './record-sorter.ts';
import { inferLayouts } from './record-inference.ts';
import { ANY_LAYOUT, loosened, type Layout } from './record-layout.ts';
import type { TypeRegistry } from './type-registry.ts';
import { ValueWriter } from './value-writer.ts';

/** The first byte of a frame of records. */
const VERSION = 1;
const FLAG_TIMESTAMPS = 1;
const FLAG_KINDS = 2;
const FLAG_UNION = 4;
const FRAME_HEADER_BYTES = 8;

/** Layouts that an encoder makes before it settles for one that fits everything; each costs about a millisecond. */
const LAYOUTS_MAX = 32;

/** Layouts that are tried for one batch before it goes by the structured codec as a whole. */
const ATTEMPTS_MAX = 6;

/** A layout is looked at again when more than one row in so many needed the structured codec. */
const FALLBACK_SHARE = 8;

/** Batches shorter than this say little about what is frequent. */
const REVIEW_ROWS_MIN = 64;

/** Batches after which a layout is looked at again to no avail are doubled up to here. */
const REVIEW_INTERVAL_MAX = 1 << 16;

/** Layouts for which a decoder keeps its functions. */
const DECODERS_MAX = 64;

export interface RecordEncoderOptions {
  /** The classes whose instances may travel. */
  readonly types: TypeRegistry;
  /** Name of the operator that emits the records, for messages. */
  readonly operator?: string;
  /**
   * Names the edge. Encoders of equal tags share what V8 learns about their code, which is right for the channels of
   * one edge and wrong for different ones. Unique by default.
   */
  readonly tag?: string;
}

/**
 * Encodes the batches of one channel.
 *
 * @example
 * ```ts
 * const encoder = new RecordEncoder({ types: new TypeRegistry(), operator: 'parse' });
 * const target = { bytes: new Uint8Array(65_536), offset: 0, capacity: 65_536 };
 * const bytes = encoder.encode([{ id: 1, name: 'a' }, { id: 2, name: 'b' }], 0, 2, undefined, undefined, target);
 * ```
 */
export class RecordEncoder {
  readonly #types: TypeRegistry;
  readonly #tag: string;
  readonly #values: ValueWriter;
  readonly #bytes = new ByteWriter();
  readonly #sorter = new RecordSorter();
  /** Places whose text has too many different values for a dictionary. */
  readonly #flatText = new Set<string>();
  #blocks: readonly BlockEncoder[] = [];
  #anything: BlockEncoder | undefined;
  /** The block that fitted the last batch alone. */
  #last: BlockEncoder | undefined;
  #layoutsMade = 0;
  #settled = false;
  #fallbackValues = 0;
  #batches = 0;
  #reviewAt = 1;
  #reviewInterval = 1;

  constructor(options: RecordEncoderOptions) {
    this.#types = options.types;
    this.#tag = options.tag ?? freshTag();
    this.#values = new ValueWriter(options.types, options.operator);
  }

  /** The classes whose instances may travel. */
  get types(): TypeRegistry {
    return this.#types;
  }

  /** Values, whole records or parts of them, that needed the structured codec so far. */
  get fallbackValues(): number {
    return this.#fallbackValues;
  }

  /** Layouts generated so far. A number that keeps growing means records without a stable shape. */
  get layoutsMade(): number {
    return this.#layoutsMade;
  }

  /**
   * Writes the rows [from, to) of `values` as one frame at `out`. `timestamps` and `kinds` run parallel to `values`;
   * absent ones are absent in the frame.
   *
   * Returns the bytes written, a multiple of eight, or FRAME_FULL (-1) when `out` is too small: then nothing that was
   * written counts, and the caller tries a larger target or fewer rows.
   *
   * @throws VALUE_UNSUPPORTED when a value contains what cannot survive; nothing of the batch is sent then.
   */
  encode(
    values: readonly unknown[],
    from: number,
    to: number,
    timestamps: Float64Array | undefined,
    kinds: Uint8Array | undefined,
    out: FrameTarget,
  ): number {
    const start = addressOf(out);
    const end = start + out.capacity;
    const rows = to - from;
    const memory = memoryOf(out.bytes.buffer);
    const kindsAt = start + FRAME_HEADER_BYTES + (timestamps === undefined ? 0 : rows * 8);
    const blocksAt = kindsAt + (kinds === undefined ? 0 : align8(rows));
    if (blocksAt > end) return FRAME_FULL;
    const written = this.#encodeBlocks(values, from, to, memory, blocksAt, end);
    if (written === FRAME_FULL) return FRAME_FULL;
    if (timestamps !== undefined) copyTimestamps(timestamps, from, to, memory.f64, (start + FRAME_HEADER_BYTES) / 8);
    if (kinds !== undefined) copyKinds(kinds, from, to, memory.u8, kindsAt);
    memory.u8[start] = VERSION;
    memory.u8[start + 1] =
      (timestamps === undefined ? 0 : FLAG_TIMESTAMPS) |
      (kinds === undefined ? 0 : FLAG_KINDS) |
      (this.#union ? FLAG_UNION : 0);
    memory.u8[start + 2] = this.#blockCount;
    memory.u8[start + 3] = 0;
    memory.i32[start / 4 + 1] = rows;
    return written - start;
  }

  // What the last batch became; read when its header is written.
  #union = false;
  #blockCount = 1;
  #batchFallbacks = 0;

  #encodeBlocks(
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    this.#batchFallbacks = 0;
    let attempt = 0;
    for (;;) {
      const written = this.#tryBlocks(values, from, to, memory, position, end);
      if (written !== BLOCK_MISFIT) {
        if (written !== FRAME_FULL) this.#count(values, from, to);
        return written;
      }
      if (this.#settled || ++attempt > ATTEMPTS_MAX)
        return this.#encodeAnything(values, from, to, memory, position, end);
      this.#widen(values, from, to);
    }
  }

  /** The row that did not fit, and the block that refused it, if one did. */
  #misfit = 0;
  #refusing: BlockEncoder | undefined;

  #tryBlocks(
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    const alone = this.#blocks.length === 1 ? this.#blocks[0] : this.#last;
    if (alone !== undefined) {
      const written = this.#encodeAlone(alone, values, from, to, memory, position, end);
      if (written !== BLOCK_MISFIT || this.#blocks.length === 1) return written;
      this.#last = undefined;
    }
    if (this.#blocks.length > 1) return this.#encodeUnion(values, from, to, memory, position, end);
    this.#misfit = from;
    this.#refusing = undefined;
    return BLOCK_MISFIT;
  }

  #encodeAlone(
    block: BlockEncoder,
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    const written = block.encode(values, from, to, memory, position, end);
    if (written === BLOCK_MISFIT) {
      this.#misfit = block.misfit;
      this.#refusing = block;
    } else {
      this.#union = false;
      this.#blockCount = 1;
      this.#batchFallbacks = block.context.others;
    }
    return written;
  }

  /** Each row to the first block whose shape it has; then block by block, with the number of its block per row in front. */
  #encodeUnion(
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    const sorter = this.#sorter;
    const unsorted = sorter.sort(this.#blocks, values, from, to);
    if (unsorted !== ALL_SORTED) {
      this.#misfit = unsorted;
      this.#refusing = undefined;
      return BLOCK_MISFIT;
    }
    const filled = sorter.filled();
    const written =
      filled.length === 1
        ? this.#encodeAlone(
            (this.#last = this.#blocks[filled[0] as number] as BlockEncoder),
            values,
            from,
            to,
            memory,
            position,
            end,
          )
        : this.#encodeGroups(filled, from, to - from, memory, position, end);
    sorter.clear();
    return written;
  }

  #encodeGroups(
    filled: readonly number[],
    from: number,
    rows: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    const { groups, counts, numbers } = this.#sorter;
    let at = position + align8(rows);
    if (at > end) return FRAME_FULL;
    for (const number of filled) {
      const block = this.#blocks[number] as BlockEncoder;
      const written = block.encode(groups[number] as unknown[], 0, counts[number] as number, memory, at, end);
      if (written === FRAME_FULL) return FRAME_FULL;
      if (written === BLOCK_MISFIT) {
        this.#refusing = block;
        this.#misfit = from + this.#sorter.rowOf(number, block.misfit, rows);
        return BLOCK_MISFIT;
      }
      this.#batchFallbacks += block.context.others;
      at = written;
    }
    const places = new Uint8Array(groups.length);
    filled.forEach((number, place) => (places[number] = place));
    for (let i = 0; i < rows; i++) memory.u8[position + i] = places[numbers[i] as number] as number;
    memory.u8.fill(0, position + rows, position + align8(rows));
    this.#union = true;
    this.#blockCount = filled.length;
    return at;
  }

  #encodeAnything(
    values: readonly unknown[],
    from: number,
    to: number,
    memory: FrameMemory,
    position: number,
    end: number,
  ): number {
    this.#anything ??= this.#makeBlock(ANY_LAYOUT);
    const written = this.#encodeAlone(this.#anything, values, from, to, memory, position, end);
    if (written !== FRAME_FULL) this.#count(values, from, to);
    return written;
  }

  /** Makes layouts that serve the batch too. */
  #widen(values: readonly unknown[], from: number, to: number): void {
    const refusing = this.#refusing;
    for (const { id, place } of refusing?.nodes ?? []) {
      if (refusing?.context.dictionaries[id]?.overflown === true) this.#flatText.add(place);
    }
    let layouts = this.#infer(
      values,
      from,
      to,
      this.#misfit,
      this.#blocks.map((block) => block.layout),
    );
    if (refusing !== undefined) {
      const place = this.#blocks.indexOf(refusing);
      const wider = layouts[place];
      // What inference cannot see in single values, such as an object that occurs twice, shows only here.
      const unchanged = wider !== undefined && layoutSignature(wider) === refusing.signature;
      if (wider !== undefined && (refusing.context.wantsVariants || unchanged))
        layouts = layouts.with(place, { ...wider, variants: true });
    }
    this.#adopt(layouts);
  }

  #infer(
    values: readonly unknown[],
    from: number,
    to: number,
    certainly: number,
    inUse: readonly Layout[],
  ): readonly Layout[] {
    return inferLayouts(values, from, to, certainly, inUse, this.#types, this.#flatText);
  }

  #adopt(layouts: readonly Layout[]): void {
    const settling = this.#layoutsMade >= LAYOUTS_MAX && !this.#settled;
    if (settling) this.#settled = true;
    const known = new Map(this.#blocks.map((block) => [block.signature, block]));
    // Values of any kind fit the structured codec, so a block of these comes last.
    const ordered = layouts.toSorted((a, b) => Number(a.kind === 'any') - Number(b.kind === 'any'));
    this.#blocks = (settling ? ordered.map(loosened) : ordered).map(
      (layout) => known.get(layoutSignature(layout)) ?? this.#makeBlock(layout),
    );
    this.#last = undefined;
  }

  #makeBlock(layout: Layout): BlockEncoder {
    this.#layoutsMade++;
    return new BlockEncoder(layout, this.#types, `${this.#tag}:encode:${this.#layoutsMade}`, this.#values, this.#bytes);
  }

  #count(values: readonly unknown[], from: number, to: number): void {
    this.#fallbackValues += this.#batchFallbacks;
    this.#batches++;
    const rows = to - from;
    if (this.#settled || rows < REVIEW_ROWS_MIN || this.#batches < this.#reviewAt) return;
    this.#reviewInterval = Math.min(this.#reviewInterval * 2, REVIEW_INTERVAL_MAX);
    this.#reviewAt = this.#batches + this.#reviewInterval;
    this.#review(values, from, to);
  }

  /** Looks at a batch afresh: another kind may be the most frequent by now, or text may repeat. */
  #review(values: readonly unknown[], from: number, to: number): void {
    const unsuited = this.#batchFallbacks * FALLBACK_SHARE > to - from;
    const layouts = this.#infer(values, from, to, from, unsuited ? [] : this.#blocks.map((block) => block.layout));
    const known = new Set(this.#blocks.map((block) => block.signature));
    if (layouts.some((layout) => !known.has(layoutSignature(layout)))) this.#adopt(layouts);
  }
}

/** Up to here a loop over the rows beats a copy of memory. */
const COPY_LOOP_MAX = 64;

function copyTimestamps(timestamps: Float64Array, from: number, to: number, f64: Float64Array, at: number): void {
  if (to - from > COPY_LOOP_MAX) f64.set(timestamps.subarray(from, to), at);
  else for (let i = from, j = at; i < to; i++, j++) f64[j] = timestamps[i] as number;
}

function copyKinds(kinds: Uint8Array, from: number, to: number, u8: Uint8Array, at: number): void {
  for (let i = from, j = at; i < to; i++, j++) u8[j] = kinds[i] as number;
  u8.fill(0, at + to - from, at + align8(to - from));
}

function timestampsAt(f64: Float64Array, at: number, count: number): Float64Array {
  const timestamps = new Float64Array(count);
  if (count > COPY_LOOP_MAX) timestamps.set(f64.subarray(at, at + count));
  else for (let i = 0; i < count; i++) timestamps[i] = f64[at + i] as number;
  return timestamps;
}

/** A decoded frame. The arrays are the reader's own: the memory of the frame may be reused at once. */
export interface RecordBatchData {
  readonly values: unknown[];
  /** Undefined when the frame has none. */
  readonly timestamps: Float64Array | undefined;
  /** Row kind codes; undefined when every record is an insert. */
  readonly kinds: Uint8Array | undefined;
  readonly count: number;
}

export interface RecordDecoderOptions {
  readonly types: TypeRegistry;
  /** Names the edge; see {@link RecordEncoderOptions.tag}. */
  readonly tag?: string;
}

/** Decodes the frames of one channel, or of any: a frame can be read alone. */
export class RecordDecoder {
  readonly #types: TypeRegistry;
  readonly #tag: string;
  /** By the bytes of the layout. */
  readonly #blocks = new Map<string, BlockDecoder>();
  #last: BlockDecoder | undefined;
  #made = 0;

  constructor(options: RecordDecoderOptions) {
    this.#types = options.types;
    this.#tag = options.tag ?? freshTag();
  }

  /** The classes whose instances may arrive. */
  get types(): TypeRegistry {
    return this.#types;
  }

  /**
   * Reads the frame of `length` bytes at `offset` of `bytes`, which may lie in shared memory.
   *
   * @throws FRAME_CORRUPT when the bytes are no frame of this version.
   */
  decode(bytes: Uint8Array, offset: number, length: number): RecordBatchData {
    // A copy is aligned. (A Buffer's own slice would be none.)
    if ((bytes.byteOffset + offset) % 8 !== 0)
      return this.decode(new Uint8Array(bytes.subarray(offset, offset + length)), 0, length);
    const memory = memoryOf(bytes.buffer);
    const start = bytes.byteOffset + offset;
    const end = start + length;
    if (length < FRAME_HEADER_BYTES || memory.u8[start] !== VERSION) throw corrupt('has no header of this version');
    const flags = memory.u8[start + 1] as number;
    const blocks = memory.u8[start + 2] as number;
    const count = memory.i32[start / 4 + 1] as number;
    const withTimestamps = (flags & FLAG_TIMESTAMPS) !== 0;
    const withKinds = (flags & FLAG_KINDS) !== 0;
    const kindsAt = start + FRAME_HEADER_BYTES + (withTimestamps ? count * 8 : 0);
    const blocksAt = kindsAt + (withKinds ? align8(count) : 0);
    if (count < 0 || blocksAt > end) throw corrupt('is shorter than its rows');
    return {
      values:
        (flags & FLAG_UNION) === 0
          ? this.#decodeAlone(memory, blocksAt, end, count)
          : this.#decodeUnion(memory, blocksAt, end, count, blocks),
      timestamps: withTimestamps ? timestampsAt(memory.f64, (start + FRAME_HEADER_BYTES) / 8, count) : undefined,
      kinds: withKinds ? memory.u8.slice(kindsAt, kindsAt + count) : undefined,
      count,
    };
  }

  #decodeAlone(memory: FrameMemory, position: number, end: number, count: number): unknown[] {
    const values = new Array<unknown>(count);
    if (this.#decodeBlock(memory, position, end, values).rows !== count)
      throw corrupt('has another number of rows than its block');
    return values;
  }

  #decodeUnion(memory: FrameMemory, position: number, end: number, count: number, blocks: number): unknown[] {
    let at = position + align8(count);
    if (at > end) throw corrupt('is shorter than its rows');
    const groups: unknown[][] = [];
    for (let i = 0; i < blocks; i++) {
      const group: unknown[] = [];
      at = this.#decodeBlock(memory, at, end, group).end;
      groups.push(group);
    }
    const next = new Int32Array(blocks);
    const values = new Array<unknown>(count);
    for (let i = 0; i < count; i++) {
      const block = memory.u8[position + i] as number;
      const row = (next[block] as number)++;
      const group = groups[block];
      if (group === undefined || row >= group.length) throw corrupt('has another number of rows than its blocks');
      values[i] = group[row];
    }
    return values;
  }

  #decodeBlock(
    memory: FrameMemory,
    position: number,
    end: number,
    into: unknown[],
  ): { readonly rows: number; readonly end: number } {
    if (position + BLOCK_HEADER_BYTES > end) throw corrupt('is cut off before a block');
    const bytes = memory.i32[position / 4] as number;
    const rows = memory.i32[position / 4 + 1] as number;
    const layoutLength = memory.i32[position / 4 + 2] as number;
    const valueBytes = memory.i32[position / 4 + 3] as number;
    if (
      bytes < BLOCK_HEADER_BYTES ||
      position + bytes > end ||
      rows < 0 ||
      layoutLength < 1 ||
      layoutLength > bytes - BLOCK_HEADER_BYTES ||
      valueBytes < 0
    ) {
      throw corrupt('has a damaged block');
    }
    this.#blockFor(memory, position + BLOCK_HEADER_BYTES, layoutLength).decode(memory, position, into);
    return { rows, end: position + bytes };
  }

  #blockFor(memory: FrameMemory, start: number, length: number): BlockDecoder {
    if (this.#last?.matches(memory, start, length) === true) return this.#last;
    const bytes = memory.u8.slice(start, start + length);
    const signature = signatureOf(bytes);
    let block = this.#blocks.get(signature);
    if (block === undefined) {
      if (this.#blocks.size >= DECODERS_MAX) this.#blocks.clear();
      block = new BlockDecoder(bytes, this.#types, `${this.#tag}:decode:${this.#made++}`);
      this.#blocks.set(signature, block);
    }
    this.#last = block;
    return block;
  }
}

function corrupt(what: string): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', `A frame of records ${what}.`);
}
