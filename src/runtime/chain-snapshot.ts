/** The snapshot of a task's operators on its way: begun at a barrier, written between turns, ended as plain data. */

import type { PendingSnapshot } from '../state/keyed-snapshots.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';

/** What the operators of a task have become, and how many bytes were written for that. */
export interface ChainOutcome {
  readonly operators: readonly OperatorSnapshot[];
  readonly written: number;
}

export class ChainSnapshot {
  readonly checkpoint: number;
  readonly #operators: readonly PendingSnapshot[];
  #at = 0;

  constructor(checkpoint: number, operators: readonly PendingSnapshot[]) {
    this.checkpoint = checkpoint;
    this.#operators = operators;
  }

  /** Goes on until `proceed` says to stop; a promise when the storage must catch up first. */
  advance(proceed: () => boolean): 'more' | 'done' | Promise<void> {
    for (; this.#at < this.#operators.length; this.#at++) {
      const result = (this.#operators[this.#at] as PendingSnapshot).advance(proceed);
      if (result !== 'done') return result;
    }
    return 'done';
  }

  /** What has become of it, durably; once `advance` is done. */
  async finish(): Promise<ChainOutcome> {
    const outcomes = await Promise.all(this.#operators.map((operator) => operator.finish()));
    return {
      operators: outcomes.map(({ snapshot }) => snapshot),
      written: outcomes.reduce((sum, { written }) => sum + written, 0),
    };
  }

  /** The same at once, where everything stays in memory. */
  finishInMemory(): ChainOutcome {
    const outcomes = this.#operators.map((operator) => operator.finishInMemory());
    return {
      operators: outcomes.map(({ snapshot }) => snapshot),
      written: outcomes.reduce((sum, { written }) => sum + written, 0),
    };
  }

  /** Lets go of state and files. Idempotent. */
  abort(): void {
    for (const operator of this.#operators) operator.abort();
  }

  get over(): boolean {
    return this.#operators.some((operator) => operator.over);
  }
}
