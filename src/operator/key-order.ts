/** The order in which BATCH mode goes through keys. Any order will do that keeps equal keys together. */

import { ByteWriter } from '../base/bytes.ts';
import { encodeKey, keyHash, mapKey } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';

/** A key with its hash, which tells most keys apart. */
export interface HashedKey {
  readonly hash: number;
  readonly key: unknown;
}

export function hashedKey(key: unknown, types: TypeRegistry): HashedKey {
  return { hash: keyHash(key, types), key };
}

export function compareKeys(a: HashedKey, b: HashedKey, types: TypeRegistry): number {
  if (a.hash !== b.hash) return a.hash - b.hash;
  if (a.key === b.key || Object.is(mapKey(a.key, types), mapKey(b.key, types))) return 0;
  return Buffer.compare(keyBytes(a.key, types), keyBytes(b.key, types));
}

function keyBytes(key: unknown, types: TypeRegistry): Uint8Array {
  const writer = new ByteWriter();
  encodeKey(key, writer, types);
  return writer.view();
}
