/** Stray failures and their owners, by the async context in which they began. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Cancellation, Ownership } from '../base/world.ts';

type StrayListener = (owner: string, error: unknown) => boolean;

const owners = new AsyncLocalStorage<string>();
const listeners = new Set<StrayListener>();

/** A failure of an owner that a listener takes on is dealt with; any other ends the process, as it would have. */
function onStrayError(error: unknown): void {
  const owner = owners.getStore();
  if (owner !== undefined) for (const listener of listeners) if (listener(owner, error)) return;
  throw error;
}

export class RealOwnership implements Ownership {
  run<T>(owner: string, body: () => T): T {
    return owners.run(owner, body);
  }

  onStray(listener: StrayListener): Cancellation {
    if (listeners.size === 0) {
      process.on('unhandledRejection', onStrayError);
      process.on('uncaughtException', onStrayError);
    }
    listeners.add(listener);
    return {
      cancel: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        process.off('unhandledRejection', onStrayError);
        process.off('uncaughtException', onStrayError);
      },
    };
  }
}
