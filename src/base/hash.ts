/** MurmurHash3, 32 bit, x86 variant (Austin Appleby, public domain), over bytes, over one 32-bit integer and over ASCII text. */

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

export function murmur3(bytes: Uint8Array, seed: number, start = 0, end = bytes.length): number {
  let h = seed | 0;
  const blocksEnd = start + ((end - start) & ~3);
  for (let i = start; i < blocksEnd; i += 4) {
    const k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    h = mixBlock(h, k);
  }
  let tail = 0;
  const rest = end - blocksEnd;
  if (rest >= 3) tail ^= (bytes[blocksEnd + 2] as number) << 16;
  if (rest >= 2) tail ^= (bytes[blocksEnd + 1] as number) << 8;
  if (rest >= 1) {
    tail ^= bytes[blocksEnd] as number;
    h ^= scramble(tail);
  }
  return finish(h, end - start);
}

/** The same hash over the four little-endian bytes of `value`. */
export function murmur3Int(value: number, seed: number): number {
  return finish(mixBlock(seed | 0, value | 0), 4);
}

/** The same hash over the characters of `text` as bytes, when all of them are ASCII; else -1. */
export function murmur3Ascii(text: string, seed: number): number {
  const length = text.length;
  const blocksEnd = length & ~3;
  let h = seed | 0;
  let seen = 0;
  for (let i = 0; i < blocksEnd; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    seen |= a | b | c | d;
    h = mixBlock(h, a | (b << 8) | (c << 16) | (d << 24));
  }
  let tail = 0;
  for (let i = blocksEnd; i < length; i++) {
    const code = text.charCodeAt(i);
    seen |= code;
    tail |= code << ((i - blocksEnd) * 8);
  }
  if (seen > 0x7f) return -1;
  if (blocksEnd < length) h ^= scramble(tail);
  return finish(h, length);
}

function scramble(k: number): number {
  const scaled = Math.imul(k, C1);
  return Math.imul((scaled << 15) | (scaled >>> 17), C2);
}

function mixBlock(h: number, k: number): number {
  const mixed = h ^ scramble(k);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Returns an unsigned 32-bit integer. */
function finish(h: number, length: number): number {
  let x = h ^ length;
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
