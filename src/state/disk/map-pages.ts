/**
 * In which page an entry of a large map is: linear hashing over ranges of hashes.
 *
 * The pages of a map of `n` pages have the numbers `n` to `2n - 1`, as if in a heap: the page `p` is split into `2p` and
 * `2p + 1`, which share its range of hashes. With one page more, the first page makes way for its two halves, with one
 * less, the last two become one again; so no directory is needed, and a map grows and shrinks by a page at a time.
 */

import { keyHash } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { mix32 } from '../hash-index.ts';

const HASHES = 2 ** 32;
const MAP_MULTIPLIER = 0x9e37_79b1;

/** There are never more pages than this. */
export const PAGES_MAX = 2 ** 30;

/** The hash of an entry's key, unsigned. */
export function entryHash(key: unknown, types: TypeRegistry): number {
  return mix32(keyHash(key, types)) >>> 0;
}

/** The page of `pages` in which entries of that hash are. */
export function pageOf(hash: number, pages: number): number {
  const level = 31 - Math.clz32(pages);
  const split = 2 ** (level + 1) + (hash >>> (31 - level));
  return split < 2 * pages ? split : Math.floor(split / 2);
}

/** The first hash behind those of a page; 2 ** 32 behind the last. */
export function endOfPage(page: number): number {
  const level = 31 - Math.clz32(page);
  return (page - 2 ** level + 1) * (HASHES / 2 ** level);
}

/** Where the row of a page stands in the index. */
export function pageHash(map: number, page: number): number {
  return mix32(Math.imul(map, MAP_MULTIPLIER) ^ mix32(page));
}
