/**
 * One partition as its leader keeps it: batches with their offsets, what each producer has written, and which
 * transactions are open or were aborted.
 */

import { crc32c } from '@platformatic/kafka';
import { BatchBuilder } from '../batch-builder.ts';
import {
  KafkaFailure,
  partitionName,
  type AbortedTransaction,
  type IsolationLevel,
  type OffsetSpec,
  type ProducerIdentity,
  type TopicPartition,
  type TransactionEnd,
} from '../client.ts';
import { BatchCursor } from '../batch-cursor.ts';
import { KafkaRecord, type KafkaMessage } from '../kafka-record.ts';
import {
  ABORT_MARKER,
  COMMIT_MARKER,
  CONTROL,
  CRC_START,
  readBatchHeader,
  TRANSACTIONAL,
  type BatchHeader,
} from '../record-batch.ts';

/** How many batches of a producer a broker remembers, to recognise them when they come again. */
const BATCHES_REMEMBERED = 5;

/** Sequence numbers are counted modulo this. */
const SEQUENCES = 2 ** 31;

/** What a transaction has written to the partition. */
interface Span {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Undefined while it is open. */
  end: TransactionEnd | undefined;
  /** That of its marker. */
  lastOffset: number;
}

interface StoredBatch {
  readonly header: BatchHeader;
  readonly bytes: Buffer;
  /** The transaction that it belongs to; markers and what was written without one belong to none. */
  readonly span: Span | undefined;
}

/** What the leader knows of a producer. */
interface ProducerState {
  epoch: number;
  /** The last ones of this epoch. */
  readonly batches: { readonly baseSequence: number; readonly lastSequence: number; readonly baseOffset: number }[];
  open: Span | undefined;
}

export class PartitionLog implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly #batches: StoredBatch[] = [];
  readonly #producers = new Map<number, ProducerState>();
  /** In the order in which they were aborted. */
  readonly #aborted: Span[] = [];
  #startOffset = 0;
  #endOffset = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  /** The high watermark: a batch that was appended is on all replicas. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Where the first open transaction begins. */
  get stableOffset(): number {
    let stable = this.#endOffset;
    for (const { open } of this.#producers.values())
      if (open !== undefined) stable = Math.min(stable, open.firstOffset);
    return stable;
  }

  limit(isolation: IsolationLevel): number {
    return isolation === 'read_committed' ? this.stableOffset : this.#endOffset;
  }

  /** Whether a transaction of that producer has written here and is not over. */
  isOpen(producerId: number): boolean {
    return this.#producers.get(producerId)?.open !== undefined;
  }

  /** Returns the offset of the first record; that of before, when the batch has come before. */
  append(batch: Buffer): number {
    const header = readBatchHeader(batch, 0);
    if (header === undefined || header.bytes !== batch.length || header.count === 0)
      throw new KafkaFailure('invalid', 'INVALID_RECORD: not one whole batch');
    if (crc32c(batch.subarray(CRC_START)) !== header.crc) throw new KafkaFailure('busy', 'CORRUPT_MESSAGE');
    const { producerId } = header;
    if (producerId < 0) return this.#store(batch, header, undefined);
    const producer = this.#producers.get(producerId);
    const earlier = producer === undefined ? undefined : this.#checkSequence(producer, header);
    if (earlier !== undefined) return earlier;
    const state: ProducerState = producer ?? { epoch: header.epoch, batches: [], open: undefined };
    this.#producers.set(producerId, state);
    this.#enterEpoch(state, header.epoch);
    const baseOffset = this.#endOffset;
    if ((header.attributes & TRANSACTIONAL) !== 0)
      state.open ??= { producerId, firstOffset: baseOffset, end: undefined, lastOffset: baseOffset };
    const lastSequence = (header.baseSequence + header.count - 1) % SEQUENCES;
    state.batches.push({ baseSequence: header.baseSequence, lastSequence, baseOffset });
    if (state.batches.length > BATCHES_REMEMBERED) state.batches.shift();
    return this.#store(batch, header, state.open);
  }

  /** The offset of the batch, when it is there already. */
  #checkSequence(producer: ProducerState, header: BatchHeader): number | undefined {
    const { epoch, baseSequence, count } = header;
    if (epoch < producer.epoch) throw new KafkaFailure('fenced', 'INVALID_PRODUCER_EPOCH');
    if (epoch > producer.epoch) {
      if (baseSequence === 0) return undefined;
      throw new KafkaFailure('out-of-order', 'OUT_OF_ORDER_SEQUENCE_NUMBER: a new epoch begins with 0');
    }
    const lastSequence = (baseSequence + count - 1) % SEQUENCES;
    const same = producer.batches.find((one) => one.baseSequence === baseSequence && one.lastSequence === lastSequence);
    if (same !== undefined) return same.baseOffset;
    const last = producer.batches.at(-1);
    // Only a marker is known of this epoch: its first batch comes now.
    const expected = last === undefined ? 0 : (last.lastSequence + 1) % SEQUENCES;
    if (baseSequence === expected) return undefined;
    throw new KafkaFailure('out-of-order', `OUT_OF_ORDER_SEQUENCE_NUMBER: ${baseSequence} instead of ${expected}`);
  }

  #enterEpoch(producer: ProducerState, epoch: number): void {
    if (epoch === producer.epoch) return;
    producer.epoch = epoch;
    producer.batches.length = 0;
  }

  #store(batch: Buffer, header: BatchHeader, span: Span | undefined): number {
    const baseOffset = this.#endOffset;
    const bytes = Buffer.from(batch);
    bytes.writeBigInt64BE(BigInt(baseOffset), 0);
    const lastOffset = baseOffset + header.count - 1;
    this.#batches.push({ header: { ...header, baseOffset, lastOffset }, bytes, span });
    this.#endOffset = lastOffset + 1;
    return baseOffset;
  }

  /** Ends what a producer's transaction has written here. From now on no older epoch of it writes. */
  mark({ producerId, epoch }: ProducerIdentity, end: TransactionEnd, now: number): void {
    const known = this.#producers.get(producerId);
    const producer: ProducerState = known ?? { epoch, batches: [], open: undefined };
    this.#producers.set(producerId, producer);
    this.#enterEpoch(producer, epoch);
    const marker = markerBatch({ producerId, epoch }, end, now);
    const lastOffset = this.#store(marker, readBatchHeader(marker, 0) as BatchHeader, undefined);
    const { open } = producer;
    if (open === undefined) return;
    open.end = end;
    open.lastOffset = lastOffset;
    if (end === 'abort') this.#aborted.push(open);
    producer.open = undefined;
  }

  /** Batches from the one on that holds `offset`; the last may be cut short. */
  read(offset: number, bytesMax: number, isolation: IsolationLevel): Buffer {
    const limit = this.limit(isolation);
    const chosen: Buffer[] = [];
    let bytes = 0;
    for (const { header, bytes: batch } of this.#batches) {
      if (header.lastOffset < offset) continue;
      if (header.lastOffset >= limit || bytes >= bytesMax) break;
      chosen.push(batch);
      bytes += batch.length;
    }
    const first = chosen[0]?.length ?? 0;
    return Buffer.concat(chosen, Math.min(bytes, Math.max(bytesMax, first)));
  }

  /** The aborted transactions that a reader between these offsets has to know of. */
  aborted(from: number, to: number): readonly AbortedTransaction[] {
    return this.#aborted
      .filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }

  offsetAt(at: OffsetSpec, isolation: IsolationLevel): number | undefined {
    if (at === 'earliest') return this.#startOffset;
    const limit = this.limit(isolation);
    if (at === 'latest') return limit;
    const found = this.#messages((batch) => (batch.header.attributes & CONTROL) === 0).find(
      ({ timestamp }) => timestamp >= at.timestamp,
    );
    return found === undefined || found.offset >= limit ? undefined : found.offset;
  }

  /** What a reader sees that leaves out what is open or aborted. */
  committed(): readonly KafkaMessage[] {
    const stable = this.stableOffset;
    return this.#messages(
      ({ header, span }) =>
        header.lastOffset < stable &&
        (header.attributes & CONTROL) === 0 &&
        (span === undefined || span.end === 'commit'),
    );
  }

  #messages(wanted: (batch: StoredBatch) => boolean): readonly KafkaMessage[] {
    const messages: KafkaMessage[] = [];
    const record = new KafkaRecord();
    record.topic = this.topic;
    record.partition = this.partition;
    for (const batch of this.#batches) {
      if (!wanted(batch)) continue;
      const cursor = new BatchCursor(batch.bytes, this.#startOffset, []);
      while (cursor.next(record)) messages.push(record.copy());
    }
    return messages;
  }

  /** Retention: what lies before is gone. */
  deleteBefore(offset: number): void {
    if (offset > this.#endOffset)
      throw new RangeError(`partition ${partitionName(this)} ends at ${this.#endOffset}, before ${offset}`);
    this.#startOffset = Math.max(this.#startOffset, offset);
    const kept = this.#batches.findIndex(({ header }) => header.lastOffset >= this.#startOffset);
    this.#batches.splice(0, kept === -1 ? this.#batches.length : kept);
  }
}

/** The batch that ends a transaction: a single record that says how. */
function markerBatch(producer: ProducerIdentity, end: TransactionEnd, now: number): Buffer {
  const builder = new BatchBuilder();
  const key = Buffer.alloc(4);
  key.writeInt16BE(end === 'commit' ? COMMIT_MARKER : ABORT_MARKER, 2);
  // Version 0, and the epoch of the coordinator.
  builder.append(now, key, Buffer.alloc(6), undefined);
  const batch = builder.finish({ producer, baseSequence: -1, transactional: true, compression: 'none' });
  batch.writeInt16BE(TRANSACTIONAL | CONTROL, 21);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_START)), 17);
  return batch;
}
