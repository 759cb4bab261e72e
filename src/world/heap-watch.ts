/**
 * Keeps a worker thread that runs out of heap from taking the process with it.
 *
 * V8 can end a thread that meets its heap limit only as long as the allocation that met it is small: when a large
 * table is to grow and does not fit, the whole process is aborted. So V8's limit is set well above the promised one,
 * where a table that fills the promised heap can still grow, and the promised one is watched here: after every full
 * collection of garbage what is left is compared with it. Between two collections this costs nothing.
 *
 * What remains is a single call of user code that grows one large table to about three times the promised heap before
 * it returns. Measurements: docs/decisions/0007-heap-limits-are-watched.md.
 */

import { getHeapStatistics } from 'node:v8';

/** A hash table that fills the heap needs twice its size again when it grows. */
const GROWTH_FACTOR = 3;

/** Room for young objects and for the engine, which matters where the promised heap is small. */
const HEADROOM_MEGABYTES = 64;

const MEGABYTE = 1024 * 1024;

/** V8's own limit for a thread that was promised `heapMegabytesMax`. */
export function v8LimitMegabytes(heapMegabytesMax: number): number {
  return heapMegabytesMax * GROWTH_FACTOR + HEADROOM_MEGABYTES;
}

/** A registry that nobody holds is collected itself, and with it what it was to tell. */
const held = new Set<FinalizationRegistry<undefined>>();

/**
 * For the rest of this thread's life: calls `exceeded` with the megabytes in use, once they are above the limit after
 * a full collection.
 */
export function watchHeap(heapMegabytesMax: number, exceeded: (usedMegabytes: number) => void): void {
  // A registry is told of unreachable objects by full collections only, which makes it a signal of their end.
  const collections = new FinalizationRegistry<undefined>(() => {
    const used = getHeapStatistics().used_heap_size / MEGABYTE;
    if (used > heapMegabytesMax) exceeded(Math.round(used));
    else collections.register({}, undefined);
  });
  held.add(collections);
  collections.register({}, undefined);
}

/** What the young generation grows to by itself, in a process that makes short-lived objects: three times 64 MB. */
const YOUNG_MEGABYTES_DEFAULT = 192;

/** The part of a small heap that the young generation may add to it. */
const YOUNG_SHARE = 1 / 4;

/**
 * The young generation comes on top of a thread's heap, and V8 lets it grow to the same size however small that heap
 * is: a slot of 128 MB would take as much again. Large heaps keep what V8 chooses, which is best for throughput.
 */
export function youngLimit(heapMegabytesMax: number): { readonly maxYoungGenerationSizeMb?: number } {
  const megabytes = heapMegabytesMax * YOUNG_SHARE;
  return megabytes < YOUNG_MEGABYTES_DEFAULT ? { maxYoungGenerationSizeMb: megabytes } : {};
}
