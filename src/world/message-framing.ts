/** Cuts a stream of bytes into messages: each comes behind its length, four bytes, little-endian. */

export const HEADER_BYTES = 4;

/** In place of a length: the other end closes, and nothing follows. */
export const FAREWELL = 0xffff_ffff;

/** Far above what the engine sends; a greater length means that the bytes are not ours. */
export const MESSAGE_BYTES_MAX = 512 * 1024 * 1024;

/** Small messages share memory of this size. */
const POOL_BYTES = 64 * 1024;
const POOLED_BYTES_MAX = 4 * 1024;
const ALIGNMENT = 8;

export class MessageReader {
  /** What has arrived and is not yet read. */
  #bytes: Buffer = Buffer.alloc(0);
  #offset = 0;
  /** A message that is larger than what has arrived of it, filled as it comes. */
  #partial: Uint8Array | undefined;
  #partialLength = 0;
  #pool = new Uint8Array(POOL_BYTES);
  #poolLength = 0;

  feed(bytes: Buffer): void {
    const rest = this.#bytes.length - this.#offset;
    this.#bytes = rest === 0 ? bytes : Buffer.concat([this.#bytes.subarray(this.#offset), bytes]);
    this.#offset = 0;
  }

  /**
   * The next message that has arrived whole, in memory of its own that starts at a multiple of eight bytes, so that
   * typed arrays can be laid over it.
   */
  next(): Uint8Array | 'farewell' | 'corrupt' | undefined {
    if (this.#partial !== undefined) return this.#fill(this.#partial);
    const bytes = this.#bytes;
    if (bytes.length - this.#offset < HEADER_BYTES) return undefined;
    const length = bytes.readUInt32LE(this.#offset);
    if (length === FAREWELL) return 'farewell';
    if (length > MESSAGE_BYTES_MAX) return 'corrupt';
    this.#offset += HEADER_BYTES;
    this.#partialLength = 0;
    return this.#fill((this.#partial = this.#reserve(length)));
  }

  #fill(message: Uint8Array): Uint8Array | undefined {
    const bytes = this.#bytes;
    const take = Math.min(bytes.length - this.#offset, message.length - this.#partialLength);
    message.set(bytes.subarray(this.#offset, this.#offset + take), this.#partialLength);
    this.#offset += take;
    this.#partialLength += take;
    if (this.#partialLength < message.length) return undefined;
    this.#partial = undefined;
    return message;
  }

  #reserve(length: number): Uint8Array {
    if (length > POOLED_BYTES_MAX) return new Uint8Array(length);
    if (this.#poolLength + length > POOL_BYTES) {
      this.#pool = new Uint8Array(POOL_BYTES);
      this.#poolLength = 0;
    }
    const start = this.#poolLength;
    this.#poolLength = Math.ceil((start + length) / ALIGNMENT) * ALIGNMENT;
    return this.#pool.subarray(start, start + length);
  }
}
