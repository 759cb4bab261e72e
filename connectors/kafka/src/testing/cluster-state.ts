/**
 * What the brokers of a simulated cluster know together: topics, who leads and coordinates, transactions, offsets of
 * groups. All of it is on all replicas as soon as it is there, and outlives every broker.
 */

import type { Simulation } from 'millstream/testing';
import { partitionName, type PartitionOffset, type TopicPartition } from '../client.ts';
import { PartitionLog } from './partition-log.ts';
import { Transactions } from './transactions.ts';

type Random = ReturnType<Simulation['random']>;

/** How a cluster is made, complete. */
export interface ClusterSettings {
  readonly transactionTimeoutMaxMs: number;
  readonly messageBytesMax: number;
}

/** A place that one broker has: a partition, or a part of the transactional ids and groups. */
interface Place {
  leader: number | undefined;
  /** Its leader has to read it first. */
  loadingUntil: number;
}

/** What it takes until a marker is written: mostly little. */
const MARKER_MS: readonly [least: number, most: number] = [0.1, 3];
const MARKER_MS_SLOW: number = 40;
const SLOW_MARKERS = 0.1;

/** Transactional ids and groups are spread over so many parts, by their hash. */
const COORDINATORS = 4;

/** How long a place is without a leader when its broker is gone. */
const ELECTION_MS: readonly [least: number, most: number] = [1, 30];

/** How long a new coordinator reads what it has taken over. */
const LOADING_MS_MAX: number = 10;

export class ClusterState {
  readonly settings: ClusterSettings;
  readonly transactions: Transactions;
  /** Brokers that run. */
  readonly nodes = new Set<number>();
  readonly #simulation: Simulation;
  readonly #random: Random;
  readonly #topics = new Map<string, PartitionLog[]>();
  readonly #leaders = new Map<string, Place>();
  readonly #coordinators: readonly Place[] = Array.from({ length: COORDINATORS }, () => ({
    leader: undefined,
    loadingUntil: 0,
  }));
  readonly #groups = new Map<string, Map<string, number>>();
  readonly #waiting = new Set<() => void>();
  #producerIds = 1_000;

  constructor(simulation: Simulation, settings: ClusterSettings, now: () => number) {
    this.settings = settings;
    this.#simulation = simulation;
    this.#random = simulation.random('kafka cluster');
    this.transactions = new Transactions({
      timeoutMaxMs: settings.transactionTimeoutMaxMs,
      now,
      after: (delay, callback) => void simulation.after(delay, callback),
      markerDelayMs: () => this.#markerDelay(),
      newProducerId: () => this.newProducerId(),
      available: (id) => this.coordinatorOf(id) !== undefined,
      mark: (partition, producer, end) => {
        const log = this.log(partition);
        if (log === undefined) return true;
        if (this.leaderOf(partition) === undefined) return false;
        log.mark(producer, end, now());
        this.changed();
        return true;
      },
    });
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#random.next() * (most - least);
  }

  #markerDelay(): number {
    return this.#random.next() < SLOW_MARKERS ? this.#random.next() * MARKER_MS_SLOW : this.#between(MARKER_MS);
  }

  newProducerId(): number {
    return this.#producerIds++;
  }

  // Topics.

  createTopic(topic: string, partitions: number): void {
    const logs = this.#topics.get(topic) ?? [];
    for (let partition = logs.length; partition < partitions; partition++) {
      const log = new PartitionLog(topic, partition);
      logs.push(log);
      this.#leaders.set(partitionName(log), { leader: this.#anyNode(), loadingUntil: 0 });
    }
    this.#topics.set(topic, logs);
  }

  /** Sorted by name. */
  get topics(): readonly (readonly [topic: string, logs: readonly PartitionLog[]])[] {
    return [...this.#topics].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  logs(topic: string): readonly PartitionLog[] {
    return this.#topics.get(topic) ?? [];
  }

  log({ topic, partition }: TopicPartition): PartitionLog | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  // Who is responsible.

  leaderOf(partition: TopicPartition): number | undefined {
    return this.#leaders.get(partitionName(partition))?.leader;
  }

  /** `undefined` while nobody is, or is not ready. */
  coordinatorOf(key: string): number | undefined {
    const place = this.#coordinatorPlace(key);
    return this.#simulation.now < place.loadingUntil ? undefined : place.leader;
  }

  /** The same, whether or not it is ready. */
  namedCoordinatorOf(key: string): number | undefined {
    return this.#coordinatorPlace(key).leader;
  }

  #coordinatorPlace(key: string): Place {
    let hash = 0;
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) & 0x7fff_ffff;
    return this.#coordinators[hash % COORDINATORS] as Place;
  }

  #anyNode(): number | undefined {
    return [...this.nodes][Math.floor(this.#random.next() * this.nodes.size)];
  }

  get #places(): readonly Place[] {
    return [...this.#leaders.values(), ...this.#coordinators];
  }

  joined(node: number): void {
    this.nodes.add(node);
    for (const place of this.#places) if (place.leader === undefined) this.#electSoon(place);
  }

  left(node: number): void {
    this.nodes.delete(node);
    for (const place of this.#places) if (place.leader === node) this.#vacate(place);
  }

  /** Some places go from a broker to another. */
  moveSome(share: number): void {
    for (const place of this.#places) if (this.#random.next() < share) this.#vacate(place);
  }

  #vacate(place: Place): void {
    place.leader = undefined;
    this.changed();
    this.#electSoon(place);
  }

  #electSoon(place: Place): void {
    this.#simulation.after(this.#between(ELECTION_MS), () => {
      if (place.leader !== undefined) return;
      // Without any broker, the first that comes back is elected.
      place.leader = this.#anyNode();
      place.loadingUntil = this.#simulation.now + this.#random.next() * LOADING_MS_MAX;
    });
  }

  /** At once, for a cluster that is made or looked at. */
  electAll(): void {
    for (const place of this.#places) place.leader ??= this.#anyNode();
  }

  // Groups.

  committed(group: string, partition: TopicPartition): number | undefined {
    return this.#groups.get(group)?.get(partitionName(partition));
  }

  commit(group: string, offsets: readonly PartitionOffset[]): void {
    const known = this.#groups.get(group) ?? new Map<string, number>();
    this.#groups.set(group, known);
    for (const one of offsets) known.set(partitionName(one), one.offset);
  }

  // Who waits for records.

  /** Something was appended, or has moved: whoever waits looks again. */
  changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const look of waiting) look();
  }

  /** Calls back once, at the next change. */
  onChange(look: () => void): void {
    this.#waiting.add(look);
  }
}
