/**
 * The enumerator of a Kafka source: finds partitions, decides where each is read from and to, and hands each to one
 * reader. It looks again from time to time: a partition that has come is read from its first record, one that is gone
 * is given up.
 */

import { MillstreamError, type EnumeratorContext, type SplitEnumerator } from 'millstream';
import { partitionName, type KafkaClient, type TopicDescription, type TopicPartition } from './client.ts';
import { jobError, messageOf } from './failure.ts';
import { splitIdOf, type KafkaSplit } from './kafka-split.ts';
import type { SourceSettings } from './source-settings.ts';
import { OffsetsInitializer, resolveOffsets } from './offsets-initializer.ts';
import { retry } from './retry.ts';

/** What a checkpoint holds of the search for partitions. Plain data. */
export interface KafkaEnumeratorState {
  /** Partitions that readers have, or had until they were read to their end. */
  readonly assigned: readonly TopicPartition[];
  /** Partitions that wait for their reader. */
  readonly unassigned: readonly KafkaSplit[];
  /** Whether the first look has been taken: partitions that come later are new. */
  readonly discovered: boolean;
}

/** What the enumerator tells readers. */
export interface PartitionsGone {
  readonly kind: 'partitions-gone';
  readonly partitions: readonly TopicPartition[];
}

/** What one look has brought. */
interface Discovery {
  readonly fresh: readonly KafkaSplit[];
  readonly missing: readonly TopicPartition[];
}

export class KafkaEnumerator implements SplitEnumerator<KafkaSplit, KafkaEnumeratorState> {
  readonly #context: EnumeratorContext<KafkaSplit>;
  readonly #settings: SourceSettings;
  readonly #client: KafkaClient;
  readonly #closing = new AbortController();
  readonly #assigned: Map<string, TopicPartition>;
  #unassigned: KafkaSplit[];
  #discovered: boolean;
  /** Partitions that the last look did not find: metadata may lag, so the next has to agree. */
  #suspects = new Set<string>();

  constructor(
    context: EnumeratorContext<KafkaSplit>,
    settings: SourceSettings,
    restored: KafkaEnumeratorState | undefined,
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#client = settings.connect(context.world, 'enumerator');
    this.#assigned = new Map(restored?.assigned.map((partition) => [partitionName(partition), partition]));
    this.#unassigned = [...(restored?.unassigned ?? [])];
    this.#discovered = restored?.discovered ?? false;
  }

  start(): void {
    const everyMs = this.#settings.discoveryIntervalMs;
    if (this.#discovered && everyMs === undefined) return;
    this.#context.call(
      () => this.#discover(),
      (discovery) => this.#apply(discovery),
      everyMs,
    );
  }

  /** Only the first look may fail the job: later ones are taken again anyway. */
  async #discover(): Promise<Discovery> {
    try {
      const options = {
        world: this.#context.world,
        client: this.#client,
        timeoutMs: this.#settings.connection.unreachableTimeoutMs,
        signal: this.#closing.signal,
      };
      return await retry(options, () => this.#look());
    } catch (error) {
      const failure = jobError('source', 'cannot find the partitions to read', error);
      if (!this.#discovered) throw failure;
      if (!this.#closing.signal.aborted)
        this.#context.world.print(`A look for new partitions failed: ${messageOf(failure)}`, 'error');
      return { fresh: [], missing: [] };
    }
  }

  async #look(): Promise<Discovery> {
    const { subscription } = this.#settings;
    const topics = await this.#client.describeTopics(subscription.kind === 'pattern' ? undefined : subscription.topics);
    const found = this.#subscribed(topics);
    if (!this.#discovered) this.#demandAll(topics, found);
    const known = new Set([...this.#assigned.keys(), ...this.#unassigned.map(splitIdOf)]);
    const fresh = found.filter((partition) => !known.has(partitionName(partition)));
    const there = new Set(found.map(partitionName));
    const missing = [...this.#assigned.values()].filter((partition) => !there.has(partitionName(partition)));
    return { fresh: await this.#splits(fresh), missing };
  }

  #subscribed(topics: readonly TopicDescription[]): TopicPartition[] {
    const { subscription } = this.#settings;
    const all = topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
    switch (subscription.kind) {
      case 'topics':
        return all;
      case 'pattern':
        return all.filter(({ topic }) => subscription.pattern.test(topic));
      case 'partitions': {
        const wanted = new Set(subscription.partitions.map(partitionName));
        return all.filter((partition) => wanted.has(partitionName(partition)));
      }
    }
  }

  /** Named topics and partitions must exist when the job starts. */
  #demandAll(topics: readonly TopicDescription[], found: readonly TopicPartition[]): void {
    const { subscription } = this.#settings;
    const missing =
      subscription.kind === 'partitions'
        ? subscription.partitions.map(partitionName).find((name) => !found.some((one) => partitionName(one) === name))
        : subscription.kind === 'topics'
          ? subscription.topics.find((name) => !topics.some(({ topic }) => topic === name))
          : undefined;
    if (missing === undefined) return;
    const what = subscription.kind === 'topics' ? 'Topic' : 'Partition';
    throw new MillstreamError(
      'SOURCE_MISSING',
      `${what} ${missing} does not exist. Create it, or correct \`${subscription.kind}\` of the Kafka source.`,
    );
  }

  /** Those of the first look begin where the user says; whatever comes later is read whole. */
  async #splits(partitions: readonly TopicPartition[]): Promise<readonly KafkaSplit[]> {
    const { startingOffsets, stoppingOffsets, groupId, isolation } = this.#settings;
    const options = { client: this.#client, groupId, isolation };
    const starts = this.#discovered ? OffsetsInitializer.earliest() : startingOffsets;
    const from = await resolveOffsets(starts, partitions, options);
    const to = stoppingOffsets === undefined ? undefined : await resolveOffsets(stoppingOffsets, partitions, options);
    return partitions.map((partition, index) => {
      const split = { ...partition, offset: from[index] as number };
      return to === undefined ? split : { ...split, stopAt: to[index] as number };
    });
  }

  #apply({ fresh, missing }: Discovery): void {
    this.#discovered = true;
    this.#unassigned.push(...fresh);
    this.#giveUp(missing);
    for (const subtask of this.#context.readers()) this.#serve(subtask);
  }

  #giveUp(missing: readonly TopicPartition[]): void {
    const gone = missing.filter((partition) => this.#suspects.has(partitionName(partition)));
    this.#suspects = new Set(missing.map(partitionName));
    if (gone.length === 0) return;
    for (const partition of gone) {
      this.#assigned.delete(partitionName(partition));
      this.#suspects.delete(partitionName(partition));
    }
    const event: PartitionsGone = { kind: 'partitions-gone', partitions: gone };
    for (const subtask of this.#context.readers()) this.#context.toReader(subtask, event);
  }

  addReader(subtask: number): void {
    this.#serve(subtask);
  }

  handleSplitRequest(): void {}

  addSplitsBack(splits: readonly KafkaSplit[], subtask: number): void {
    for (const split of splits) this.#assigned.delete(splitIdOf(split));
    this.#unassigned.push(...splits);
    for (const reader of this.#context.readers()) if (reader !== subtask) this.#serve(reader);
  }

  /** Gives a reader what belongs to it; tells it when nothing more will come. */
  #serve(subtask: number): void {
    const own = this.#unassigned.filter((split) => this.#owner(split) === subtask);
    if (own.length > 0) {
      this.#unassigned = this.#unassigned.filter((split) => !own.includes(split));
      for (const { topic, partition } of own) {
        const assigned = { topic, partition };
        this.#assigned.set(partitionName(assigned), assigned);
      }
      this.#context.assign(subtask, own);
    }
    const { discoveryIntervalMs, stoppingOffsets } = this.#settings;
    if (this.#discovered && discoveryIntervalMs === undefined && stoppingOffsets !== undefined)
      this.#context.noMoreSplits(subtask);
  }

  /** The partitions of a topic go to the readers in turn, beginning where the topic's name falls, as in Flink. */
  #owner({ topic, partition }: TopicPartition): number {
    let hash = 0;
    for (let i = 0; i < topic.length; i++) hash = (Math.imul(hash, 31) + topic.charCodeAt(i)) | 0;
    const first = (Math.imul(hash, 31) & 0x7fff_ffff) % this.#context.parallelism;
    return (first + partition) % this.#context.parallelism;
  }

  snapshot(): KafkaEnumeratorState {
    return {
      assigned: [...this.#assigned.values()],
      unassigned: [...this.#unassigned],
      discovered: this.#discovered,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client.close();
  }
}
