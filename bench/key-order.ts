/** The keys of a job that reads and writes state, in an order that no cache foresees. */

import type { Parameters } from './benchmark.ts';

/** Flink's and YCSB's exponent of "skewed". */
const ZIPF_EXPONENT = 0.99;

const GOLDEN = 0x9e37_79b1;
const LARGE_PRIME = 2_147_483_629;

/** The key of record `i`, from 0 to `keys` - 1. */
export function keyOrder({ keys, order }: Parameters): (i: number) => number {
  const count = Number(keys);
  if (order !== 'zipf') return (i) => Math.floor((mixed(i) / 2 ** 32) * count);
  const rank = zipf(count);
  // Ranks are strewn over the keys: a large prime has no divisor in common with their number.
  return (i) => (rank(mixed(i) / 2 ** 32) * LARGE_PRIME) % count;
}

/** An unsigned hash of 32 bits. */
function mixed(i: number): number {
  let x = Math.imul(i + 1, GOLDEN);
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb_352d);
  x ^= x >>> 15;
  return x >>> 0;
}

/** From a uniform number in [0, 1) to a rank: the method of Gray et al., "Quickly generating billion-record databases". */
function zipf(count: number): (uniform: number) => number {
  let zeta = 0;
  for (let i = 1; i <= count; i++) zeta += 1 / i ** ZIPF_EXPONENT;
  const ofTwo = 1 + 1 / 2 ** ZIPF_EXPONENT;
  const alpha = 1 / (1 - ZIPF_EXPONENT);
  const eta = (1 - (2 / count) ** (1 - ZIPF_EXPONENT)) / (1 - ofTwo / zeta);
  return (uniform) => {
    const at = uniform * zeta;
    if (at < 1) return 0;
    if (at < ofTwo) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * uniform - eta + 1) ** alpha));
  };
}
