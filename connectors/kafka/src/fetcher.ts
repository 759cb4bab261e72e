/**
 * Fetches for all partitions of one reader: one request at a time to each broker, for those of its partitions whose
 * buffers have room. What is fetched waits in the partitions until it is emitted; that is where backpressure ends.
 */

import type { ConnectorWorld } from 'millstream';
import {
  KafkaFailure,
  partitionName,
  type FetchedPartition,
  type FetchPartition,
  type IsolationLevel,
  type KafkaClient,
} from './client.ts';
import type { PartitionReader } from './partition-reader.ts';
import { pause, pauseMs } from './retry.ts';

/** How the fetcher works. */
export interface FetcherOptions {
  readonly world: ConnectorWorld;
  readonly client: KafkaClient;
  readonly isolation: IsolationLevel;
  readonly fetchBytes: number;
  readonly partitionFetchBytes: number;
  /** Of what is buffered in all partitions. */
  readonly bufferBytes: number;
  readonly unreachableTimeoutMs: number;
  /** Something is at hand, or has failed. */
  readonly wake: () => void;
  /** The log does not hold the offset. Resolves to where to go on; rejects to fail. */
  readonly outOfRange: (partition: PartitionReader) => Promise<number>;
}

/** How long a broker waits for records, when all its partitions are asked for. Kafka's `fetch.max.wait.ms`. */
const WAIT_MS = 500;

/** The same while partitions are left out because their buffers are full: they should not starve meanwhile. */
const WAIT_MS_FULL = 5;

/** The same while partitions are left out because they are paused. */
const WAIT_MS_PAUSED = 50;

/** Before a partition is asked for again whose buffer must be emptied first. */
const BUFFERED_PAUSE_MS = 20;

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #partitions = new Map<string, PartitionReader>();
  readonly #busyNodes = new Set<number>();
  readonly #closing = new AbortController();
  readonly #timers = new Set<{ cancel(): void }>();
  #leaders = new Map<string, number>();
  #locating = false;
  #failure: { readonly error: unknown } | undefined;
  #failures = 0;
  #failingSince = 0;
  /** Whose turn it is to be first in a request, so that none starves when bytes are scarce. */
  #turn = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** What went wrong for good, if anything has. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  add(partition: PartitionReader): void {
    this.#partitions.set(partition.id, partition);
  }

  remove(partition: PartitionReader): void {
    this.#partitions.delete(partition.id);
    this.#leaders.delete(partition.id);
  }

  /** Sends what can be sent. Called whenever a buffer has got room, and after every answer. */
  pump(): void {
    if (this.#closing.signal.aborted || this.#failure !== undefined) return;
    const now = this.#options.world.clock.monotonic();
    let buffered = 0;
    for (const partition of this.#partitions.values()) buffered += partition.buffered;
    const full = buffered >= this.#options.bufferBytes;
    const requests = new Map<number, PartitionReader[]>();
    const waits = new Map<number, number>();
    let lost = false;
    for (const partition of this.#partitions.values()) {
      if (partition.fetching || !partition.open || now < partition.notBefore) continue;
      const leader = this.#leaders.get(partition.id);
      if (leader === undefined) {
        lost = true;
        continue;
      }
      if (this.#busyNodes.has(leader)) continue;
      if (partition.paused) {
        if (!waits.has(leader)) waits.set(leader, WAIT_MS_PAUSED);
        continue;
      }
      // An empty buffer is always filled: a partition that is full need not be the one that is read from.
      if (partition.buffered > 0 && (full || partition.buffered >= this.#options.partitionFetchBytes)) {
        waits.set(leader, WAIT_MS_FULL);
        continue;
      }
      const request = requests.get(leader);
      if (request === undefined) requests.set(leader, [partition]);
      else request.push(partition);
    }
    for (const [node, partitions] of requests) {
      void this.#fetch(node, this.#rotated(partitions), waits.get(node) ?? WAIT_MS);
    }
    if (lost) this.#locate();
  }

  #rotated(partitions: readonly PartitionReader[]): readonly PartitionReader[] {
    const at = this.#turn++ % partitions.length;
    return at === 0 ? partitions : [...partitions.slice(at), ...partitions.slice(0, at)];
  }

  async #fetch(node: number, partitions: readonly PartitionReader[], waitMs: number): Promise<void> {
    const { client, isolation, fetchBytes, partitionFetchBytes } = this.#options;
    this.#busyNodes.add(node);
    for (const partition of partitions) partition.fetching = true;
    const asked = partitions.map(({ topic, partition, fetchFrom }): FetchPartition => {
      return { topic, partition, offset: fetchFrom, bytesMax: partitionFetchBytes };
    });
    try {
      const fetched = await client.fetch({ node, partitions: asked, waitMs, bytesMax: fetchBytes, isolation });
      this.#failures = 0;
      const byName = new Map(fetched.map((one) => [partitionName(one), one]));
      for (const [index, partition] of partitions.entries()) {
        const one = byName.get(partition.id);
        if (one !== undefined) await this.#take(partition, one, (asked[index] as FetchPartition).offset);
      }
    } catch (error) {
      for (const partition of partitions) this.#leaders.delete(partition.id);
      await this.#backOff(error);
    } finally {
      this.#busyNodes.delete(node);
      for (const partition of partitions) partition.fetching = false;
    }
    if (this.#closing.signal.aborted) return;
    this.#options.wake();
    this.pump();
  }

  async #take(partition: PartitionReader, fetched: FetchedPartition, from: number): Promise<void> {
    // It was given up, or sent elsewhere, while the fetch was on its way.
    if (this.#partitions.get(partition.id) !== partition || partition.fetchFrom !== from) return;
    const { failure } = fetched;
    if (failure === undefined) {
      partition.failures = 0;
      partition.take(fetched);
      return;
    }
    if (failure.kind === 'offset-out-of-range') {
      // What was fetched before is emitted first.
      if (partition.hasChunks) {
        this.#later(partition, BUFFERED_PAUSE_MS);
        return;
      }
      try {
        partition.seek(await this.#options.outOfRange(partition));
      } catch (error) {
        this.#noteFailure(partition, error);
      }
      return;
    }
    this.#noteFailure(partition, failure);
  }

  /** One partition fails: it is tried again later, from whoever leads it then. */
  #noteFailure(partition: PartitionReader, failure: unknown): void {
    const passes = failure instanceof KafkaFailure && (failure.passes || failure.kind === 'unknown-topic');
    const { world } = this.#options;
    const now = world.clock.monotonic();
    if (partition.failures++ === 0) partition.failingSince = now;
    if (!passes || now - partition.failingSince >= this.#options.unreachableTimeoutMs) {
      this.#fail(failure);
      return;
    }
    this.#leaders.delete(partition.id);
    this.#options.client.forget();
    this.#later(partition, pauseMs(world, partition.failures));
  }

  #later(partition: PartitionReader, ms: number): void {
    const { clock } = this.#options.world;
    partition.notBefore = clock.monotonic() + ms;
    const timer = clock.after(ms, () => {
      this.#timers.delete(timer);
      this.pump();
    });
    this.#timers.add(timer);
  }

  /** A whole request failed. */
  async #backOff(error: unknown): Promise<void> {
    const { world, client } = this.#options;
    if (this.#closing.signal.aborted) return;
    const now = world.clock.monotonic();
    if (this.#failures++ === 0) this.#failingSince = now;
    const passes = error instanceof KafkaFailure && error.passes;
    if (!passes || now - this.#failingSince >= this.#options.unreachableTimeoutMs) {
      this.#fail(error);
      return;
    }
    client.forget();
    await pause(world, pauseMs(world, this.#failures), this.#closing.signal);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#options.wake();
  }

  /** Asks who leads the partitions that have no leader; one question at a time. */
  #locate(): void {
    if (this.#locating) return;
    this.#locating = true;
    void this.#askLeaders().then(() => {
      this.#locating = false;
      this.pump();
    });
  }

  async #askLeaders(): Promise<void> {
    const now = this.#options.world.clock.monotonic();
    const wanted = [...this.#partitions.values()].filter(
      ({ id, open, notBefore }) => open && !this.#leaders.has(id) && now >= notBefore,
    );
    try {
      const leaders = await this.#options.client.leaders(wanted);
      for (const [index, partition] of wanted.entries()) {
        const leader = leaders[index];
        if (leader !== undefined) this.#leaders.set(partition.id, leader);
        else this.#noteFailure(partition, new KafkaFailure('stale', `partition ${partition.id} has no leader`));
      }
    } catch (error) {
      await this.#backOff(error);
    }
  }

  close(): void {
    this.#closing.abort();
    for (const timer of this.#timers) timer.cancel();
  }
}
