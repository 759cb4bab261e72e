/** Those who are told about the job of an environment. */

import type { JobListener } from '../graph/launch.ts';

export class JobListeners {
  readonly #listeners: JobListener[] = [];

  add(listener: JobListener): void {
    this.#listeners.push(listener);
  }

  /** Tells them how something came out, and goes on with that. */
  async told<T>(
    outcome: Promise<T>,
    tell: (listener: JobListener, result: T | undefined, error: unknown) => void,
  ): Promise<T> {
    const result = await outcome.catch((error: unknown) => {
      for (const listener of this.#listeners) tell(listener, undefined, error);
      throw error;
    });
    for (const listener of this.#listeners) tell(listener, result, undefined);
    return result;
  }
}
