/** What encoders write into: bytes, and text as UTF-8. */

const INITIAL_BYTES = 64 * 1024;

/** UTF-8 takes at most three bytes for each unit of UTF-16. */
const BYTES_PER_UNIT_MAX = 3;

/**
 * A growing buffer of bytes.
 *
 * @example
 * ```ts
 * const into = new ByteAppender();
 * into.text('héllo');
 * into.byte(0x0a);
 * console.log(into.length); // 7
 * ```
 */
export class ByteAppender {
  readonly #capacity: number;
  #bytes: Buffer;
  #length = 0;

  /** `capacity`: bytes to begin with. */
  constructor(capacity: number = INITIAL_BYTES) {
    this.#capacity = capacity;
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Appends text; a lone surrogate becomes U+FFFD, as UTF-8 has no form for it. */
  text(text: string): void {
    this.#reserve(text.length * BYTES_PER_UNIT_MAX);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Forgets what was appended after the first `length` bytes. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** What was appended, without a copy: valid until the next append. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was appended; the appender is empty afterwards, and the bytes stay as they are. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    const roomy = this.#length * 2 < this.#bytes.length;
    this.#length = 0;
    if (roomy) return Uint8Array.from(taken);
    // Memory that is mostly full is handed over; a copy would cost as much as new memory.
    this.#bytes = Buffer.allocUnsafeSlow(this.#capacity);
    return taken;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
