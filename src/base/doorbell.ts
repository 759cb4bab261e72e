/**
 * The bell of a doorbell (see the `Doorbell` contract in `world.ts`): one Int32 cell of shared memory that is idle,
 * rung, or waited at. Who changed shared memory rings *after* the change; who is rung looks at all of it again.
 */

/** Nobody waits and nobody has rung since the last look. */
export const BELL_IDLE = 0;
/** Rung, and not yet noticed: the next wait returns at once. */
export const BELL_RUNG = 1;
/** Somebody sleeps and must be woken. */
export const BELL_AWAITED = 2;

/**
 * Rings, after a change that was made by an atomic operation. Where the bell rings already, this is a look at it: the
 * owner puts it back before looking at what changed, and atomic operations have one order, so it will see the change.
 * Two threads that are both busy would otherwise pass the bell's cache line to and fro with every batch. Where nobody
 * waits it is one atomic exchange, and a system call only where somebody sleeps.
 */
export function ring(cell: Int32Array): void {
  if (Atomics.load(cell, 0) === BELL_RUNG) return;
  if (Atomics.exchange(cell, 0, BELL_RUNG) === BELL_AWAITED) Atomics.notify(cell, 0);
}
