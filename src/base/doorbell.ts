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
 * Rings. While nobody waits this is one atomic exchange and no system call; the exchange also publishes whatever was
 * written before it, which a mere look at a bell that already rings would not.
 */
export function ring(cell: Int32Array): void {
  if (Atomics.exchange(cell, 0, BELL_RUNG) === BELL_AWAITED) Atomics.notify(cell, 0);
}
