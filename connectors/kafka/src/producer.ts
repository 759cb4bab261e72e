/**
 * Writes records to partitions: gathers them into batches, keeps several requests on their way to every broker, and
 * writes each batch exactly once and in order, however often it has to be sent.
 *
 * A batch leaves when it is full, when it has lingered, or when all is flushed. Order and uniqueness come from sequence
 * numbers, which the broker checks: a batch that was written before is recognised, one whose predecessor is missing is
 * refused. So when a batch fails in passing, those behind it on the same partition come back as well; once nothing of the
 * partition is on its way, all of them are sent again in their order.
 */

import type { ConnectorWorld, MetricGroup } from 'millstream';
import type { Bytes, HeaderList } from './batch-builder.ts';
import {
  KafkaFailure,
  partitionName,
  type KafkaClient,
  type PartitionOffset,
  type ProducedPartition,
  type ProducerIdentity,
  type TransactionIdentity,
} from './client.ts';
import type { Compression } from './compression.ts';
import { IN_FLIGHT_MAX, REQUEST_TIMEOUT_MS } from './limits.ts';
import { Outbox, type SealedBatch } from './outbox.ts';
import { pauseMs, retry } from './retry.ts';

/** How a producer works. */
export interface ProducerOptions {
  readonly world: ConnectorWorld;
  readonly client: KafkaClient;
  readonly metrics: MetricGroup;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly bufferBytes: number;
  readonly compression: Compression;
  /** How long a batch is tried. */
  readonly deliveryTimeoutMs: number;
  /** Called once, when writing has failed for good. */
  readonly fail: (failure: unknown) => void;
}

/** In whose name batches are written. */
export type Session = ProducerIdentity | TransactionIdentity;

/** UTF-8 takes at most three bytes for each unit of UTF-16. */
const BYTES_PER_UNIT_MAX = 3;

/** What a record takes beside key and value, roughly: for the decision whether it still fits. */
const RECORD_OVERHEAD_BYTES = 64;

/** Where the open transaction left a trace: the last batch in one of its partitions. */
type Probe = PartitionOffset;

export class Producer {
  readonly #options: ProducerOptions;
  readonly #outboxes = new Map<string, Map<number, Outbox>>();
  readonly #all: Outbox[] = [];
  readonly #requests = new Map<number, number>();
  readonly #closing = new AbortController();
  readonly #timers = new Set<{ cancel(): void }>();
  #session: Session | undefined;
  #probe: Probe | undefined;
  #buffered = 0;
  #failure: { readonly error: unknown } | undefined;
  #lingering: { cancel(): void } | undefined;
  #adding = false;
  #locating = false;
  #flushed: PromiseWithResolvers<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
    const { metrics } = options;
    metrics.gauge('bufferedBytes', () => this.#buffered);
    metrics.gauge('requestsInFlight', () => [...this.#requests.values()].reduce((sum, count) => sum + count, 0));
  }

  /** Whether more is buffered than should be. */
  get full(): boolean {
    return this.#buffered >= this.#options.bufferBytes;
  }

  /** A batch of the open transaction: its marker follows behind. `undefined` when no broker has said where one is. */
  get probe(): Probe | undefined {
    return this.#probe;
  }

  /** Batches from now on are written in this name; until it is known they wait. Only while nothing is buffered. */
  begin(session: Promise<Session>): void {
    this.#session = undefined;
    this.#probe = undefined;
    for (const outbox of this.#all) outbox.restart();
    session.then(
      (known) => {
        this.#session = known;
        this.#pump();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  append(
    topic: string,
    partition: number,
    timestamp: number,
    key: Bytes,
    value: Bytes,
    headers: HeaderList | undefined,
  ): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const outbox = this.#outbox(topic, partition);
    const { batchBytes } = this.#options;
    if (outbox.openBytes > 0 && outbox.openBytes + roughBytes(key) + roughBytes(value) > batchBytes) this.#seal(outbox);
    this.#buffered += outbox.append(timestamp, key, value, headers);
    if (outbox.openBytes >= batchBytes) this.#seal(outbox);
    else this.#linger();
  }

  /** Whether a record of a few bytes would begin a new batch there. */
  wouldBeginBatch(topic: string, partition: number): boolean {
    return (this.#outboxes.get(topic)?.get(partition)?.openBytes ?? 0) === 0;
  }

  #outbox(topic: string, partition: number): Outbox {
    let ofTopic = this.#outboxes.get(topic);
    if (ofTopic === undefined) this.#outboxes.set(topic, (ofTopic = new Map()));
    let outbox = ofTopic.get(partition);
    if (outbox === undefined) {
      outbox = new Outbox(topic, partition);
      ofTopic.set(partition, outbox);
      this.#all.push(outbox);
    }
    return outbox;
  }

  #seal(outbox: Outbox): void {
    if (outbox.seal()) this.#pump();
  }

  #linger(): void {
    if (this.#lingering !== undefined) return;
    const { clock } = this.#options.world;
    this.#lingering = clock.after(this.#options.lingerMs, () => {
      this.#lingering = undefined;
      this.#sealAll();
    });
  }

  #sealAll(): void {
    this.#lingering?.cancel();
    this.#lingering = undefined;
    for (const outbox of this.#all) outbox.seal();
    this.#pump();
  }

  /** Resolves when less is buffered than may be; rejects when writing has failed. */
  room(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (!this.full) return Promise.resolve();
    this.#sealAll();
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Resolves when the brokers have all that was appended; rejects when writing has failed. */
  flush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    this.#sealAll();
    if (this.#drained()) return Promise.resolve();
    this.#flushed ??= Promise.withResolvers();
    return this.#flushed.promise;
  }

  #drained(): boolean {
    return this.#all.every((outbox) => outbox.empty);
  }

  /** Sends what can be sent. */
  #pump(): void {
    const session = this.#session;
    if (session === undefined || this.#failure !== undefined || this.#closing.signal.aborted) return;
    const now = this.#options.world.clock.monotonic();
    const requests = new Map<number, SealedBatch[]>();
    const toAdd: Outbox[] = [];
    const toLocate: Outbox[] = [];
    for (const outbox of this.#all) {
      const [batch] = outbox.ready;
      if (batch === undefined || outbox.returned.length > 0 || now < outbox.notBefore) continue;
      if (!outbox.established && outbox.inFlight.length > 0) continue;
      if (outbox.leader === undefined) toLocate.push(outbox);
      else if ('transactionalId' in session && !outbox.added) toAdd.push(outbox);
      else {
        const request = requests.get(outbox.leader);
        if (request === undefined) requests.set(outbox.leader, [batch]);
        else request.push(batch);
      }
    }
    for (const [node, batches] of requests) {
      if ((this.#requests.get(node) ?? 0) < IN_FLIGHT_MAX) void this.#send(node, batches, session);
    }
    if (toLocate.length > 0 && !this.#locating) void this.#locate(toLocate);
    if (toAdd.length > 0 && !this.#adding) void this.#add(toAdd, session as TransactionIdentity);
  }

  async #send(node: number, batches: readonly SealedBatch[], session: Session): Promise<void> {
    const { client, world, compression, metrics } = this.#options;
    const transactional = 'transactionalId' in session;
    const now = world.clock.monotonic();
    this.#requests.set(node, (this.#requests.get(node) ?? 0) + 1);
    for (const batch of batches) {
      batch.outbox.ready.shift();
      batch.outbox.inFlight.push(batch);
      batch.triedAt ??= now;
      const { builder, baseSequence } = batch;
      batch.bytes ??= builder.finish({ producer: session, baseSequence, transactional, compression });
    }
    // The next request may follow before this one is answered.
    queueMicrotask(() => this.#pump());
    let produced: readonly ProducedPartition[] | undefined;
    let failure: unknown;
    try {
      produced = await client.produce({
        node,
        partitions: batches.map(({ outbox, bytes }) => ({
          topic: outbox.topic,
          partition: outbox.partition,
          batch: bytes as Buffer,
        })),
        transactionalId: transactional ? session.transactionalId : undefined,
        timeoutMs: REQUEST_TIMEOUT_MS,
      });
      metrics.counter('requestsSent').inc();
    } catch (error) {
      failure = error;
    }
    this.#requests.set(node, (this.#requests.get(node) as number) - 1);
    if (this.#closing.signal.aborted) return;
    const answers = new Map(produced?.map((one) => [partitionName(one), one]));
    for (const batch of batches) {
      const answer = answers.get(batch.outbox.id);
      this.#settle(batch, failure ?? (answer === undefined ? MISSING : answer.failure), answer?.baseOffset ?? -1);
    }
    this.#afterAnswer();
  }

  #settle(batch: SealedBatch, failure: unknown, baseOffset: number): void {
    const { outbox } = batch;
    const isFirst = outbox.inFlight[0] === batch && outbox.returned.length === 0;
    outbox.inFlight.splice(outbox.inFlight.indexOf(batch), 1);
    const kind = failure instanceof KafkaFailure ? failure.kind : undefined;
    if (failure === undefined || kind === 'duplicate') this.#written(batch, baseOffset);
    else if (passes(failure) || (kind === 'out-of-order' && !isFirst)) this.#cameBack(batch, failure);
    else this.#fail(failure);
    if (outbox.returned.length > 0 && outbox.inFlight.length === 0) this.#sendAgain(outbox);
  }

  #written(batch: SealedBatch, baseOffset: number): void {
    const { outbox, builder } = batch;
    const { metrics } = this.#options;
    outbox.failures = 0;
    outbox.established = true;
    this.#buffered -= builder.length;
    metrics.counter('recordsSent').inc(builder.count);
    metrics.counter('bytesSent').inc(batch.bytes?.length ?? 0);
    if (baseOffset < 0) return;
    const probe = this.#probe;
    if (probe === undefined || (probe.topic === outbox.topic && probe.partition === outbox.partition))
      this.#probe = { topic: outbox.topic, partition: outbox.partition, offset: baseOffset };
  }

  #cameBack(batch: SealedBatch, failure: unknown): void {
    const { world, deliveryTimeoutMs, metrics } = this.#options;
    metrics.counter('retries').inc();
    if (world.clock.monotonic() - (batch.triedAt ?? 0) >= deliveryTimeoutMs) this.#fail(failure);
    batch.outbox.returned.push(batch);
    if (failure instanceof KafkaFailure && failure.kind !== 'busy') this.#options.client.forget();
  }

  #sendAgain(outbox: Outbox): void {
    const { world } = this.#options;
    outbox.putBack();
    outbox.leader = undefined;
    outbox.failures++;
    this.#later(outbox, pauseMs(world, outbox.failures));
  }

  #later(outbox: Outbox, ms: number): void {
    const { clock } = this.#options.world;
    outbox.notBefore = clock.monotonic() + ms;
    const timer = clock.after(ms, () => {
      this.#timers.delete(timer);
      outbox.notBefore = 0;
      this.#pump();
    });
    this.#timers.add(timer);
  }

  #afterAnswer(): void {
    if (!this.full) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    if (this.#flushed !== undefined && this.#drained()) {
      this.#flushed.resolve();
      this.#flushed = undefined;
    }
    this.#pump();
  }

  async #locate(outboxes: readonly Outbox[]): Promise<void> {
    this.#locating = true;
    try {
      const leaders = await this.#retry(() => this.#options.client.leaders(outboxes));
      for (const [index, outbox] of outboxes.entries()) {
        outbox.leader = leaders[index];
        if (outbox.leader !== undefined) continue;
        this.#noLeader(outbox);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#locating = false;
    }
    this.#pump();
  }

  #noLeader(outbox: Outbox): void {
    const { world, deliveryTimeoutMs, client } = this.#options;
    const [batch] = outbox.ready;
    const now = world.clock.monotonic();
    if (batch !== undefined) {
      batch.triedAt ??= now;
      if (now - batch.triedAt >= deliveryTimeoutMs)
        this.#fail(new KafkaFailure('stale', `partition ${outbox.id} has no leader`));
    }
    client.forget();
    outbox.failures++;
    this.#later(outbox, pauseMs(world, outbox.failures));
  }

  async #add(outboxes: readonly Outbox[], transaction: TransactionIdentity): Promise<void> {
    this.#adding = true;
    try {
      await this.#retry(() => this.#options.client.addPartitions(transaction, outboxes));
      if (this.#session === transaction) for (const outbox of outboxes) outbox.added = true;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#adding = false;
    }
    this.#pump();
  }

  #retry<T>(work: () => Promise<T>): Promise<T> {
    const { world, client, deliveryTimeoutMs } = this.#options;
    const { signal } = this.#closing;
    return retry({ world, client, timeoutMs: deliveryTimeoutMs, signal, awaitTopic: true }, work);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closing.signal.aborted) return;
    this.#failure = { error };
    this.#room?.reject(error);
    this.#flushed?.reject(error);
    this.#room = undefined;
    this.#flushed = undefined;
    this.#options.fail(error);
  }

  /** Forgets what is buffered. */
  close(): void {
    this.#closing.abort();
    this.#lingering?.cancel();
    for (const timer of this.#timers) timer.cancel();
    const closed = new KafkaFailure('closed', 'the sink was closed');
    this.#failure ??= { error: closed };
    this.#room?.reject(closed);
    this.#flushed?.reject(closed);
  }
}

const MISSING = new KafkaFailure('busy', 'the broker did not answer for a partition');

function passes(failure: unknown): boolean {
  return failure instanceof KafkaFailure && (failure.passes || failure.kind === 'unknown-topic');
}

function roughBytes(bytes: Bytes): number {
  if (bytes === null) return RECORD_OVERHEAD_BYTES;
  return RECORD_OVERHEAD_BYTES + (typeof bytes === 'string' ? bytes.length * BYTES_PER_UNIT_MAX : bytes.length);
}
