/**
 * The bytes of a file from a position on, read ahead: while blocks are decoded, the next ones are on their way.
 * Compressed files are decompressed; their positions count decompressed bytes, and they are always read from the start.
 */

import { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { describeThrown, MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import { StorageError, type ReadFile, type Storage } from '../base/world.ts';
import { sourceFailure } from './source-failure.ts';

/** How the bytes of a file are compressed. */
export type Compression = 'none' | 'gzip' | 'deflate' | 'brotli' | 'zstd';

const BLOCK_BYTES = 256 * 1024;

/** Blocks that wait to be decoded. */
const BLOCKS_AHEAD = 2;

const DECOMPRESSORS = {
  gzip: () => createGunzip({ chunkSize: BLOCK_BYTES }),
  deflate: () => createInflate({ chunkSize: BLOCK_BYTES }),
  brotli: () => createBrotliDecompress({ chunkSize: BLOCK_BYTES }),
  zstd: () => createZstdDecompress({ chunkSize: BLOCK_BYTES }),
} as const;

const ENDINGS: Readonly<Record<string, Compression>> = {
  '.gz': 'gzip',
  '.gzip': 'gzip',
  '.deflate': 'deflate',
  '.br': 'brotli',
  '.zst': 'zstd',
};

/** By the ending of a file's name. */
export function compressionOf(path: string): Compression {
  return ENDINGS[path.slice(path.lastIndexOf('.')).toLowerCase()] ?? 'none';
}

export class BlockReader {
  readonly #path: string;
  readonly #blocks = new RingBuffer<Buffer>();
  #state: 'reading' | 'ended' | 'failed' | 'closed' = 'reading';
  #failure: MillstreamError | undefined;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;
  readonly #done: Promise<void>;

  /** Reads from `start` on, in the bytes that `take` hands out, to the end of the file. */
  constructor(storage: Storage, path: string, start: number, compression: Compression) {
    this.#path = path;
    this.#done = this.#read(storage, start, compression);
  }

  /** The next bytes; `undefined` when none are at hand. Throws when the file cannot be read. */
  take(): Buffer | undefined {
    const block = this.#blocks.shift();
    if (block === undefined && this.#failure !== undefined) throw this.#failure;
    this.#room?.();
    this.#room = undefined;
    return block;
  }

  /** Whether all bytes have been taken. */
  get atEnd(): boolean {
    return this.#state === 'ended' && this.#blocks.size === 0;
  }

  /** Settles when `take` or `atEnd` says something new. */
  available(): Promise<void> {
    if (this.#state !== 'reading' || this.#blocks.size > 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#room?.();
    await this.#done;
  }

  async #read(storage: Storage, start: number, compression: Compression): Promise<void> {
    try {
      const file = await storage.openRead(this.#path);
      try {
        if (compression === 'none') await this.#deliver(fileBlocks(file, start));
        else await this.#deliver(skip(this.#decompress(file, compression), start));
      } finally {
        await file.close();
      }
      if (this.#state === 'reading') this.#state = 'ended';
    } catch (error) {
      if (this.#state === 'reading') {
        this.#state = 'failed';
        this.#failure = sourceFailure(error, this.#path);
      }
    }
    this.#notify();
  }

  async #deliver(blocks: AsyncIterable<Buffer>): Promise<void> {
    for await (const block of blocks) {
      if (this.#state !== 'reading') return;
      this.#blocks.push(block);
      this.#notify();
      if (this.#blocks.size >= BLOCKS_AHEAD) await this.#waitForRoom();
    }
  }

  async *#decompress(file: ReadFile, compression: Exclude<Compression, 'none'>): AsyncGenerator<Buffer> {
    // An empty file holds nothing, not even the header of a compressed one.
    if (file.bytes === 0) return;
    const compressed = Readable.from(fileBlocks(file, 0));
    const decompressor = DECOMPRESSORS[compression]();
    compressed.on('error', (error) => decompressor.destroy(error));
    let position = 0;
    try {
      for await (const block of compressed.pipe(decompressor) as AsyncIterable<Buffer>) {
        position += block.length;
        yield block;
      }
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new MillstreamError(
        'SOURCE_CORRUPT',
        `The file ${this.#path} cannot be decompressed (${compression}) beyond byte ${position} of its content: ${describeThrown(error)}. It is damaged or incomplete: replace it.`,
        { cause: error, details: { path: this.#path, offset: position } },
      );
    } finally {
      compressed.destroy();
      decompressor.destroy();
    }
  }

  #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    return promise;
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

async function* fileBlocks(file: ReadFile, start: number): AsyncGenerator<Buffer> {
  for (let position = start; ;) {
    // Text decoded from a block never refers to its memory, but a side output may keep bytes: no block is used twice.
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const length = await file.read(block, position);
    if (length === 0) return;
    yield length === BLOCK_BYTES ? block : block.subarray(0, length);
    position += length;
  }
}

/** The same bytes without the first `count`. */
async function* skip(blocks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const block of blocks) {
    if (left >= block.length) left -= block.length;
    else {
      yield left === 0 ? block : block.subarray(left);
      left = 0;
    }
  }
}
