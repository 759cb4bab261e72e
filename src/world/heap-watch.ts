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
