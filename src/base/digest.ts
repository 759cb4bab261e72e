/**
 * MD5, SHA-1 and the SHA-2 family, of bytes at hand: RFC 1321 and FIPS 180-4. They are part of what queries compute, so
 * they are pure; nothing secret is protected by them.
 */

export type DigestAlgorithm = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** The digest as lower-case hexadecimal digits. */
export function hexDigest(algorithm: DigestAlgorithm, bytes: Uint8Array): string {
  switch (algorithm) {
    case 'md5':
      return hexOf(md5(padded(bytes, 64, true)).map(swapped));
    case 'sha1':
      return hexOf(sha1(padded(bytes, 64, false)));
    case 'sha224':
      return hexOf(sha256(padded(bytes, 64, false), SHA224_START)).slice(0, 56);
    case 'sha256':
      return hexOf(sha256(padded(bytes, 64, false), SHA256_START));
    case 'sha384':
      return hexOf(sha512(padded(bytes, 128, false), SHA384_START)).slice(0, 96);
    case 'sha512':
      return hexOf(sha512(padded(bytes, 128, false), SHA512_START));
  }
}

function hexOf(words: readonly number[]): string {
  return words.map((one) => (one >>> 0).toString(16).padStart(8, '0')).join('');
}

/** A word with its bytes the other way round. */
function swapped(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

/** Blocks of bytes: those given, a set bit, zeros, and how many bits were given. */
function padded(bytes: Uint8Array, block: 64 | 128, littleEndian: boolean): DataView {
  const lengthBytes = block / 8;
  const all = new Uint8Array(Math.ceil((bytes.length + 1 + lengthBytes) / block) * block);
  all.set(bytes);
  all[bytes.length] = 0x80;
  const view = new DataView(all.buffer);
  view.setBigUint64(all.length - 8, BigInt(bytes.length) * 8n, littleEndian);
  return view;
}

// The constants are defined as digits of roots of primes, and of sines.

function primes(count: number): bigint[] {
  const found: bigint[] = [];
  for (let candidate = 2n; found.length < count; candidate++)
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate);
  return found;
}

/** The greatest integer whose power is not above `value`. */
function integerRoot(value: bigint, power: bigint): bigint {
  let root = 0n;
  for (let bit = 1n << (BigInt(value.toString(2).length) / power); bit > 0n; bit >>= 1n)
    if ((root + bit) ** power <= value) root += bit;
  return root;
}

/** The first 64 bits behind the point of a root, as two words. */
function rootBits(prime: bigint, power: 2n | 3n): readonly [high: number, low: number] {
  const bits = integerRoot(prime << (64n * power), power);
  return [Number(BigInt.asIntN(32, bits >> 32n)), Number(BigInt.asIntN(32, bits))];
}

const PRIMES = primes(80);
const CUBE_ROOTS = PRIMES.map((prime) => rootBits(prime, 3n));
const SQUARE_ROOTS = PRIMES.slice(0, 16).map((prime) => rootBits(prime, 2n));
const SHA256_START = SQUARE_ROOTS.slice(0, 8).map(([high]) => high);
const SHA224_START = SQUARE_ROOTS.slice(8).map(([, low]) => low);
const SHA512_START = SQUARE_ROOTS.slice(0, 8).flat();
const SHA384_START = SQUARE_ROOTS.slice(8).flat();
const SINES = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);
const MD5_SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const SHA1_ROUNDS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

function left(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function right(x: number, bits: number): number {
  return left(x, 32 - bits);
}

function md5(blocks: DataView): number[] {
  let state: [number, number, number, number] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let at = 0; at < blocks.byteLength; at += 64) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const mixed = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round] as number;
      const place = [i, 5 * i + 1, 3 * i + 5, 7 * i][round] as number;
      const sum = (a + mixed + (SINES[i] as number) + blocks.getInt32(at + (place % 16) * 4, true)) | 0;
      [a, d, c, b] = [d, c, b, (b + left(sum, MD5_SHIFTS[round * 4 + (i % 4)] as number)) | 0];
    }
    state = [(state[0] + a) | 0, (state[1] + b) | 0, (state[2] + c) | 0, (state[3] + d) | 0];
  }
  return state;
}

function sha1(blocks: DataView): number[] {
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  const words = new Int32Array(80);
  for (let at = 0; at < blocks.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = blocks.getInt32(at + i * 4);
    for (let i = 16; i < 80; i++)
      words[i] = left(word(words, i - 3) ^ word(words, i - 8) ^ word(words, i - 14) ^ word(words, i - 16), 1);
    let [a, b, c, d, e] = state as [number, number, number, number, number];
    for (let i = 0; i < 80; i++) {
      const round = Math.floor(i / 20);
      const mixed = [(b & c) | (~b & d), b ^ c ^ d, (b & c) | (b & d) | (c & d), b ^ c ^ d][round] as number;
      const sum = (left(a, 5) + mixed + e + (SHA1_ROUNDS[round] as number) + word(words, i)) | 0;
      [a, b, c, d, e] = [sum, a, left(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((value, i) => (state[i] = ((state[i] as number) + value) | 0));
  }
  return state;
}

function word(words: Int32Array | readonly number[], i: number): number {
  return words[i] as number;
}

function sha256(blocks: DataView, start: readonly number[]): number[] {
  const state = [...start];
  const words = new Int32Array(64);
  for (let at = 0; at < blocks.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = blocks.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const [x, y] = [word(words, i - 15), word(words, i - 2)];
      const s0 = right(x, 7) ^ right(x, 18) ^ (x >>> 3);
      const s1 = right(y, 17) ^ right(y, 19) ^ (y >>> 10);
      words[i] = word(words, i - 16) + s0 + word(words, i - 7) + s1;
    }
    let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const s1 = right(e, 6) ^ right(e, 11) ^ right(e, 25);
      const sum = (h + s1 + ((e & f) ^ (~e & g)) + (CUBE_ROOTS[i]?.[0] as number) + word(words, i)) | 0;
      const s0 = right(a, 2) ^ right(a, 13) ^ right(a, 22);
      const majority = (a & b) ^ (a & c) ^ (b & c);
      [a, b, c, d, e, f, g, h] = [(sum + s0 + majority) | 0, a, b, c, (d + sum) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] = ((state[i] as number) + value) | 0));
  }
  return state;
}

const WORD_64 = 64n;

function right64(value: bigint, bits: bigint): bigint {
  return (value >> bits) | BigInt.asUintN(64, value << (WORD_64 - bits));
}

/** In words of 64 bits; `start` and the result are their halves, the high one first. */
function sha512(blocks: DataView, start: readonly number[]): number[] {
  const state = Array.from({ length: 8 }, (_, i) => joined(word(start, i * 2), word(start, i * 2 + 1)));
  const words = new BigUint64Array(80);
  for (let at = 0; at < blocks.byteLength; at += 128) {
    for (let i = 0; i < 16; i++) words[i] = blocks.getBigUint64(at + i * 8);
    for (let i = 16; i < 80; i++) {
      const [x, y] = [words[i - 15] as bigint, words[i - 2] as bigint];
      const s0 = right64(x, 1n) ^ right64(x, 8n) ^ (x >> 7n);
      const s1 = right64(y, 19n) ^ right64(y, 61n) ^ (y >> 6n);
      words[i] = (words[i - 16] as bigint) + s0 + (words[i - 7] as bigint) + s1;
    }
    let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
    for (let i = 0; i < 80; i++) {
      const s1 = right64(e, 14n) ^ right64(e, 18n) ^ right64(e, 41n);
      const constant = joined(...(CUBE_ROOTS[i] as readonly [number, number]));
      const sum = h + s1 + ((e & f) ^ (BigInt.asUintN(64, ~e) & g)) + constant + (words[i] as bigint);
      const s0 = right64(a, 28n) ^ right64(a, 34n) ^ right64(a, 39n);
      const majority = (a & b) ^ (a & c) ^ (b & c);
      [a, b, c, d, e, f, g, h] = [
        BigInt.asUintN(64, sum + s0 + majority),
        a,
        b,
        c,
        BigInt.asUintN(64, d + sum),
        e,
        f,
        g,
      ];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] = BigInt.asUintN(64, (state[i] as bigint) + value)));
  }
  return state.flatMap((value) => [Number(value >> 32n), Number(value & 0xffffffffn)]);
}

function joined(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
