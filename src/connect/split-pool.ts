/** The enumerator of sources whose splits are all known at the start. */

import type { EnumeratorContext, SplitEnumerator } from './source.ts';

/** What a checkpoint holds of a pool. Plain data, as the splits are. */
export interface SplitPoolState<Split> {
  /** Splits that no reader has been given. */
  readonly pending: readonly Split[];
}

/** Which splits there are, and who reads them. */
export interface SplitPoolOptions<Split> {
  /** All splits there are. Not called after a restore: splits that were handed out before are with their readers. */
  readonly splits: (parallelism: number) => readonly Split[];
  /**
   * The subtask that reads a split. Without it, whoever asks is given the next split and asks again when it is read;
   * with it, a reader is given all of its splits at once, which splits without an end need.
   */
  readonly owner?: (split: Split, parallelism: number) => number;
}

/**
 * Hands out splits that are known at the start. Give its state type, `SplitPoolState<Split>`, to your source.
 *
 * @example
 * ```ts
 * interface Shard { readonly shard: number; readonly next: number }
 * declare const context: EnumeratorContext<Shard>;
 *
 * const shards = [0, 1, 2].map((shard) => ({ shard, next: 0 }));
 * const enumerator = new SplitPool<Shard>(context, undefined, { splits: () => shards });
 * ```
 */
export class SplitPool<Split> implements SplitEnumerator<Split, SplitPoolState<Split>> {
  readonly #context: EnumeratorContext<Split>;
  readonly #options: SplitPoolOptions<Split>;
  #pending: Split[];

  constructor(
    context: EnumeratorContext<Split>,
    restored: SplitPoolState<Split> | undefined,
    options: SplitPoolOptions<Split>,
  ) {
    this.#context = context;
    this.#options = options;
    this.#pending = [...(restored === undefined ? options.splits(context.parallelism) : restored.pending)];
  }

  start(): void {}

  addReader(): void {}

  handleSplitRequest(subtask: number): void {
    const { owner } = this.#options;
    if (owner !== undefined) {
      this.#assignOwned(subtask, owner);
      return;
    }
    const split = this.#pending.shift();
    if (split === undefined) this.#context.noMoreSplits(subtask);
    else this.#context.assign(subtask, [split]);
  }

  #assignOwned(subtask: number, owner: (split: Split, parallelism: number) => number): void {
    const { parallelism } = this.#context;
    const own = this.#pending.filter((split) => owner(split, parallelism) === subtask);
    this.#pending = this.#pending.filter((split) => !own.includes(split));
    if (own.length > 0) this.#context.assign(subtask, own);
    this.#context.noMoreSplits(subtask);
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#pending.unshift(...splits);
  }

  snapshot(): SplitPoolState<Split> {
    return { pending: [...this.#pending] };
  }

  close(): void {}
}
