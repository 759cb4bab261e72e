/** The reader of a Kafka source: emits what its fetcher brings, partition by partition, each with its own watermark. */

import {
  MillstreamError,
  NO_RECORD,
  type Counter,
  type PollResult,
  type ReaderContext,
  type ReaderOutput,
  type SourceReader,
} from 'millstream';
import { KafkaFailure, partitionName, type KafkaClient } from './client.ts';
import type { KafkaDeserializer } from './deserializer.ts';
import { jobError } from './failure.ts';
import { Fetcher } from './fetcher.ts';
import type { PartitionsGone } from './kafka-enumerator.ts';
import { KafkaRecord } from './kafka-record.ts';
import type { KafkaSplit } from './kafka-split.ts';
import type { SourceSettings } from './source-settings.ts';
import { OffsetCommits } from './offset-commits.ts';
import { PartitionReader } from './partition-reader.ts';
import { handleUndecodable } from './undecodable.ts';

/** Records of one partition before the next has its turn, so that their event times stay close. */
const RECORDS_PER_VISIT = 1_024;

export class KafkaReader<T> implements SourceReader<T, KafkaSplit> {
  readonly #settings: SourceSettings;
  readonly #context: ReaderContext;
  readonly #client: KafkaClient;
  readonly #fetcher: Fetcher;
  readonly #commits: OffsetCommits | undefined;
  readonly #deserialize: KafkaDeserializer<T>;
  readonly #record = new KafkaRecord();
  readonly #partitions: PartitionReader[] = [];
  readonly #byId = new Map<string, PartitionReader>();
  readonly #records: Counter;
  readonly #bytes: Counter;
  #turn = 0;
  #noMoreSplits = false;
  #wake: (() => void) | undefined;

  constructor(context: ReaderContext, settings: SourceSettings, deserialize: KafkaDeserializer<T>) {
    this.#context = context;
    this.#settings = settings;
    this.#deserialize = deserialize;
    this.#client = settings.connect(context.world, `reader-${context.subtask}`);
    this.#fetcher = new Fetcher({
      world: context.world,
      client: this.#client,
      isolation: settings.isolation,
      fetchBytes: settings.fetchBytes,
      partitionFetchBytes: settings.partitionFetchBytes,
      bufferBytes: settings.bufferBytes,
      unreachableTimeoutMs: settings.connection.unreachableTimeoutMs,
      wake: () => this.#wake?.(),
      outOfRange: (partition) => this.#outOfRange(partition),
    });
    const metrics = context.metrics.group('KafkaSourceReader');
    if (settings.groupId !== undefined && settings.commitOffsetsOnCheckpoint)
      this.#commits = new OffsetCommits(this.#client, settings.groupId, metrics);
    this.#records = metrics.counter('recordsConsumed');
    this.#bytes = metrics.counter('bytesConsumed');
    metrics.gauge('recordsLag', () => this.#lag());
    metrics.gauge('bufferedBytes', () => this.#partitions.reduce((sum, { buffered }) => sum + buffered, 0));
    metrics.gauge('assignedPartitions', () => this.#partitions.length);
  }

  #lag(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.lag, 0);
  }

  start(): void {}

  addSplits(splits: readonly KafkaSplit[]): void {
    for (const split of splits) {
      const partition = new PartitionReader(split);
      this.#partitions.push(partition);
      this.#byId.set(partition.id, partition);
      this.#fetcher.add(partition);
      const metrics = this.#context.metrics.group('KafkaSourceReader').group(`topic.${split.topic}`);
      const own = metrics.group(`partition.${split.partition}`);
      own.gauge('currentOffset', () => partition.position - 1);
      own.gauge('recordsLag', () => partition.lag);
      own.gauge('committedOffset', () => this.#commits?.committed(partition.id) ?? -1);
    }
    this.#fetcher.pump();
    this.#wake?.();
  }

  noMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake?.();
  }

  poll(output: ReaderOutput<T>): PollResult {
    const { failure } = this.#fetcher;
    if (failure !== undefined) throw jobError('source', 'cannot read', failure.error);
    for (let waiting = 0; waiting < this.#partitions.length;) {
      if (this.#turn >= this.#partitions.length) this.#turn = 0;
      const partition = this.#partitions[this.#turn] as PartitionReader;
      const emitted = partition.paused ? 0 : this.#visit(partition, output);
      if (partition.finished) {
        this.#finish(partition, output);
        waiting = 0;
        continue;
      }
      if (emitted < 0) return 'more';
      this.#turn++;
      waiting = emitted === 0 ? waiting + 1 : 0;
    }
    this.#fetcher.pump();
    return this.#noMoreSplits && this.#partitions.length === 0 ? 'finished' : 'waiting';
  }

  /** Emits some records of a partition; returns how many, or -1 when the output has had enough. */
  #visit(partition: PartitionReader, output: ReaderOutput<T>): number {
    const record = this.#record;
    record.topic = partition.topic;
    record.partition = partition.partition;
    const out = output.forSplit(partition.id);
    for (let emitted = 0; emitted < RECORDS_PER_VISIT; emitted++) {
      const before = partition.buffered;
      const found = partition.next(record);
      if (partition.buffered !== before) this.#roomMade(before - partition.buffered);
      if (!found) return emitted;
      this.#emit(record, out);
      partition.position = record.offset + 1;
      this.#records.count++;
      if (!out.proceed()) return -1;
    }
    return RECORDS_PER_VISIT;
  }

  #roomMade(bytes: number): void {
    this.#bytes.count += bytes;
    this.#fetcher.pump();
  }

  #emit(record: KafkaRecord, output: ReaderOutput<T>): void {
    let value: T | typeof NO_RECORD;
    try {
      value = this.#deserialize(record);
    } catch (error) {
      handleUndecodable(this.#settings.onUndecodable, output, record, error);
      return;
    }
    if (value !== NO_RECORD) output.collect(value, record.timestamp);
  }

  #finish(partition: PartitionReader, output: ReaderOutput<T>): void {
    this.#partitions.splice(this.#turn, 1);
    this.#byId.delete(partition.id);
    this.#fetcher.remove(partition);
    this.#commits?.finished(partition.split());
    output.releaseSplit(partition.id);
  }

  available(): Promise<void> {
    if (this.#fetcher.failure !== undefined) return Promise.resolve();
    for (const partition of this.#partitions) {
      if (partition.finished || (partition.hasChunks && !partition.paused)) return Promise.resolve();
    }
    if (this.#noMoreSplits && this.#partitions.length === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  /** The positions also go to the group once the checkpoint is complete. */
  snapshot(checkpoint: number): readonly KafkaSplit[] {
    const splits = this.#partitions.map((partition) => partition.split());
    this.#commits?.snapshot(checkpoint, splits);
    return splits;
  }

  checkpointComplete(checkpoint: number): void {
    this.#commits?.complete(checkpoint);
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    for (const id of pause) this.#setPaused(id, true);
    for (const id of resume) this.#setPaused(id, false);
    this.#fetcher.pump();
    this.#wake?.();
  }

  #setPaused(id: string, paused: boolean): void {
    const partition = this.#byId.get(id);
    if (partition !== undefined) partition.paused = paused;
  }

  fromEnumerator(event: unknown): void {
    for (const gone of (event as PartitionsGone).partitions) {
      const partition = this.#byId.get(partitionName(gone));
      if (partition === undefined) continue;
      partition.gone = true;
      this.#context.world.print(
        `Partition ${partition.id} is gone from the cluster; it was read up to offset ${partition.position}.`,
        'error',
      );
    }
    this.#wake?.();
  }

  /** What was not read has been deleted: by the user's choice that is a failure, or a leap. */
  async #outOfRange(partition: PartitionReader): Promise<number> {
    const { topic, fetchFrom } = partition;
    const place = { topic, partition: partition.partition };
    const { isolation, offsetReset } = this.#settings;
    const [earliest = 0] = await this.#client.listOffsets([{ ...place, at: 'earliest' }], isolation);
    const [latest = 0] = await this.#client.listOffsets([{ ...place, at: 'latest' }], 'read_uncommitted');
    if (fetchFrom >= earliest && fetchFrom <= latest)
      throw new KafkaFailure('stale', `the brokers disagree about whether offset ${fetchFrom} is there`);
    if (offsetReset === 'fail') {
      throw new MillstreamError(
        'SOURCE_FAILED',
        `The Kafka source cannot read partition ${partition.partition} of topic ${topic} from offset ${fetchFrom}: it holds ${earliest} to ${latest}. What lies before has been deleted before it was read. Lengthen the retention of the topic; to go on without it, choose offsetReset: 'earliest' or 'latest'.`,
        { details: { topic, partition: partition.partition, offset: fetchFrom } },
      );
    }
    const offset = offsetReset === 'earliest' ? earliest : latest;
    this.#context.metrics.group('KafkaSourceReader').counter('offsetResets').inc();
    this.#context.world.print(
      `Partition ${partition.id} does not hold offset ${fetchFrom}; reading goes on at ${offset}.`,
      'error',
    );
    return offset;
  }

  async close(): Promise<void> {
    this.#fetcher.close();
    this.#wake?.();
    await this.#commits?.close();
    await this.#client.close();
  }
}
