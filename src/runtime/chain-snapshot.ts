/** The snapshot of a task's operators on its way: begun at a barrier, written between turns, ended as plain data. */

import { MIN_WATERMARK } from '../data/element.ts';
import type { PendingSnapshot, SnapshotOutcome } from '../state/keyed-snapshots.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';

/** What the operators of a task have become, and how many bytes were written for that. */
export interface ChainOutcome {
  readonly operators: readonly OperatorSnapshot[];
  readonly written: number;
}

export class ChainSnapshot {
  readonly checkpoint: number;
  readonly #operators: readonly PendingSnapshot[];
  readonly #watermark: number;
  #at = 0;

  /** `watermark`: the last one that the task had seen. */
  constructor(checkpoint: number, operators: readonly PendingSnapshot[], watermark: number) {
    this.checkpoint = checkpoint;
    this.#operators = operators;
    this.#watermark = watermark;
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
    return this.#outcome(await Promise.all(this.#operators.map((operator) => operator.finish())));
  }

  /** The same at once, where everything stays in memory. */
  finishInMemory(): ChainOutcome {
    return this.#outcome(this.#operators.map((operator) => operator.finishInMemory()));
  }

  #outcome(outcomes: readonly SnapshotOutcome[]): ChainOutcome {
    const watermark = this.#watermark;
    return {
      operators: outcomes.map(({ snapshot }, index) =>
        index === 0 && watermark > MIN_WATERMARK ? { ...snapshot, watermark } : snapshot,
      ),
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
