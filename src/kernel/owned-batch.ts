/**
 * Batches whose memory goes back to where it came from.
 *
 * A batch in a chain is borrowed: it is its sender's again when the call returns. One that crosses an edge belongs to
 * whoever takes it out of the channel, who releases it when nothing uses it any more. Forgetting that costs memory to
 * the garbage collector and nothing else.
 */

import { ColumnBatch, type ColumnBatchContent } from '../data/column-batch.ts';

export class OwnedColumnBatch extends ColumnBatch {
  #giveBack: (() => void) | undefined;

  constructor(content: ColumnBatchContent, giveBack: () => void) {
    super(content);
    this.#giveBack = giveBack;
  }

  /** Gives the memory back. The batch must not be used any more. */
  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.();
  }
}

/** A batch for others to read, who cannot release it. */
export function lent(batch: ColumnBatch): ColumnBatch {
  return batch instanceof OwnedColumnBatch ? new ColumnBatch(batch) : batch;
}

/** Releases a batch if it is one that can be. */
export function releaseColumns(batch: unknown): void {
  if (batch instanceof OwnedColumnBatch) batch.release();
}
