/**
 * How late events come, remembered in logarithmic buckets that forget.
 *
 * Eight buckets per power of two hold a delay to within an eighth; halving all counts once every
 * {@link LatenessHistogram} `halfLife` events makes old behaviour fade. Recording is a few integer operations;
 * quantiles walk the buckets and are asked for once per watermark interval.
 */

/** Buckets per power of two, as a power of two: 2^3. The error of a quantile is at most one part in eight. */
const SUBBUCKET_BITS = 3;
const SUBBUCKETS = 1 << SUBBUCKET_BITS;

/** Delays from 2^40 ms (35 years) on share the last bucket. */
const POWER_MAX = 40;
const BUCKETS = (POWER_MAX - SUBBUCKET_BITS + 1) * SUBBUCKETS + 1;

export class LatenessHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  readonly #halfLife: number;
  #total = 0;
  #sinceDecay = 0;

  /** `halfLife`: events after which an event counts half. */
  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  /** Events in it, weighted by their age. */
  get total(): number {
    return this.#total;
  }

  /** One more delay of `delayMs` (0 or more) milliseconds. */
  record(delayMs: number): void {
    const bucket = bucketOf(delayMs);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total++;
    if (++this.#sinceDecay >= this.#halfLife) this.#decay();
  }

  #decay(): void {
    const counts = this.#counts;
    for (let i = 0; i < BUCKETS; i++) counts[i] = (counts[i] as number) / 2;
    this.#total /= 2;
    this.#sinceDecay = 0;
  }

  /** A delay, in whole milliseconds, that the share `cover` of all events did not exceed. 0 while empty. */
  quantile(cover: number): number {
    const wanted = this.#total * cover;
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i] as number;
      if (seen >= wanted) return highestOf(i);
    }
    return highestOf(BUCKETS - 1);
  }
}

/** Below 2^3 every millisecond has its own bucket; above, the power and the next three bits choose. */
function bucketOf(delayMs: number): number {
  const delay = Math.ceil(delayMs);
  if (delay < SUBBUCKETS) return delay;
  const power = delay < 2 ** 31 ? 31 - Math.clz32(delay) : Math.floor(Math.log2(delay));
  if (power >= POWER_MAX) return BUCKETS - 1;
  const sub = Math.floor(delay / 2 ** (power - SUBBUCKET_BITS)) - SUBBUCKETS;
  return (power - SUBBUCKET_BITS + 1) * SUBBUCKETS + sub;
}

/** The longest delay that falls into a bucket. */
function highestOf(bucket: number): number {
  if (bucket < SUBBUCKETS) return bucket;
  if (bucket >= BUCKETS - 1) return 2 ** POWER_MAX;
  const power = Math.floor(bucket / SUBBUCKETS) + SUBBUCKET_BITS - 1;
  const sub = bucket % SUBBUCKETS;
  return (SUBBUCKETS + sub + 1) * 2 ** (power - SUBBUCKET_BITS) - 1;
}
