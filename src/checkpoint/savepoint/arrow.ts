/** Apache Arrow's library, loaded when a savepoint is first written or read: a job that takes none never loads it. */

import type * as arrow from 'apache-arrow';

export type Arrow = typeof arrow;

let loaded: Arrow | undefined;

/** Once it is loaded this takes no turn of the event loop but that of a promise. */
export async function loadArrow(): Promise<Arrow> {
  return (loaded ??= await import('apache-arrow'));
}
