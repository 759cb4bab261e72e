/** Which partition a record goes to. */

import type { Bytes } from './batch-builder.ts';

/** Chooses among `partitions` partitions, counted from 0; `undefined` leaves the choice to the default. */
export type KafkaPartitioner<T> = (value: T, key: Bytes, topic: string, partitions: number) => number | undefined;

/** The partition of a key by Kafka's own rule, so that all producers agree about it. */
export function partitionOfKey(key: Uint8Array | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fff_ffff) % partitions;
}

/** MurmurHash2 with Kafka's seed. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    word = Math.imul(word, M);
    word ^= word >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  const rest = length & 3;
  if (rest === 3) hash ^= (bytes[whole + 2] as number) << 16;
  if (rest >= 2) hash ^= (bytes[whole + 1] as number) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[whole] as number), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

const M = 0x5bd1e995;
const R = 24;
