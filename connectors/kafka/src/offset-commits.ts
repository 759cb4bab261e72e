/**
 * Commits positions to the consumer group when their checkpoint is complete. Nothing depends on it but the eyes of
 * those who watch the group's lag: a commit that fails is counted, and the next one makes up for it.
 */

import type { Counter, MetricGroup } from 'millstream';
import { partitionName, type KafkaClient, type PartitionOffset } from './client.ts';

export class OffsetCommits {
  readonly #client: KafkaClient;
  readonly #group: string;
  readonly #succeeded: Counter;
  readonly #failed: Counter;
  /** Positions by checkpoint, oldest first. */
  readonly #snapshots = new Map<number, readonly PartitionOffset[]>();
  readonly #committed = new Map<string, number>();
  /** Ends of partitions that were read to their end since the last commit. */
  readonly #ends = new Map<string, PartitionOffset>();
  #committing: Promise<void> | undefined;
  /** What to commit when the commit that is under way has settled; only the newest counts. */
  #next: readonly PartitionOffset[] | undefined;
  #closed = false;

  constructor(client: KafkaClient, group: string, metrics: MetricGroup) {
    this.#client = client;
    this.#group = group;
    this.#succeeded = metrics.counter('commitsSucceeded');
    this.#failed = metrics.counter('commitsFailed');
  }

  /** The offset last committed for a split; `undefined` before the first. */
  committed(splitId: string): number | undefined {
    return this.#committed.get(splitId);
  }

  finished(end: PartitionOffset): void {
    this.#ends.set(partitionName(end), end);
  }

  snapshot(checkpoint: number, positions: readonly PartitionOffset[]): void {
    this.#snapshots.set(checkpoint, [...positions, ...this.#ends.values()]);
  }

  complete(checkpoint: number): void {
    const positions = this.#snapshots.get(checkpoint);
    for (const older of this.#snapshots.keys()) if (older <= checkpoint) this.#snapshots.delete(older);
    if (positions === undefined || positions.length === 0) return;
    this.#next = positions;
    this.#committing ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let offsets = this.#next; offsets !== undefined && !this.#closed; offsets = this.#next) {
      this.#next = undefined;
      try {
        await this.#client.commitOffsets(
          this.#group,
          offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
        );
        this.#succeeded.inc();
        for (const one of offsets) {
          const id = partitionName(one);
          this.#committed.set(id, one.offset);
          if (this.#ends.get(id)?.offset === one.offset) this.#ends.delete(id);
        }
      } catch {
        this.#failed.inc();
        this.#client.forget();
      }
    }
    this.#committing = undefined;
  }

  /** Lets the commit that is under way settle. */
  async close(): Promise<void> {
    if (this.#next === undefined) this.#closed = true;
    await this.#committing;
    this.#closed = true;
  }
}
