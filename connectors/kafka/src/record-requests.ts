/**
 * The two requests that carry records, Fetch 12 and Produce 9, which every broker since Kafka 3.0 takes: encoded and
 * decoded here, so that batches pass through as bytes.
 */

import { Writer, type Connection, type Reader } from '@platformatic/kafka';
import type { FetchedPartition, FetchRequest, ProducedPartition, ProduceRequest, TopicPartition } from './client.ts';
import { failureOf } from './client-failure.ts';
import { protocolFailure } from './failure.ts';
import { readInt64 } from './record-batch.ts';

const FETCH = 1;
const FETCH_VERSION = 12;
const PRODUCE = 0;
const PRODUCE_VERSION = 9;

/** All replicas that are in sync have the batch before the broker answers. */
const ACKS_ALL = -1;

export function sendFetch(connection: Connection, where: string, request: FetchRequest): Promise<FetchedPartition[]> {
  return send(connection, where, FETCH, FETCH_VERSION, () => fetchPayload(request), readFetched);
}

export function sendProduce(
  connection: Connection,
  where: string,
  request: ProduceRequest,
): Promise<ProducedPartition[]> {
  return send(connection, where, PRODUCE, PRODUCE_VERSION, () => producePayload(request), readProduced);
}

function send<T>(
  connection: Connection,
  where: string,
  api: number,
  version: number,
  payload: () => Writer,
  parse: (answer: Answer) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const parser = (_correlation: number, _api: number, _version: number, reader: Reader): T =>
      parse(new Answer(reader.buffer.subarray(reader.position).buffer));
    connection.send(api, version, payload, parser, true, true, (error, answer) => {
      if (error === null || error === undefined) resolve(answer as T);
      else reject(failureOf(error, where));
    });
  });
}

/** Partitions by topic, as requests list them. */
export function byTopic<P extends TopicPartition>(partitions: readonly P[]): Map<string, P[]> {
  const topics = new Map<string, P[]>();
  for (const partition of partitions) {
    const so = topics.get(partition.topic);
    if (so === undefined) topics.set(partition.topic, [partition]);
    else so.push(partition);
  }
  return topics;
}

function fetchPayload(request: FetchRequest): Writer {
  return Writer.create()
    .appendInt32(-1)
    .appendInt32(request.waitMs)
    .appendInt32(1)
    .appendInt32(request.bytesMax)
    .appendInt8(request.isolation === 'read_committed' ? 1 : 0)
    .appendInt32(0)
    .appendInt32(-1)
    .appendArray([...byTopic(request.partitions)], (writer, [topic, partitions]) => {
      writer.appendString(topic).appendArray(partitions, (inner, { partition, offset, bytesMax }) => {
        inner
          .appendInt32(partition)
          .appendInt32(-1)
          .appendInt64(BigInt(offset))
          .appendInt32(-1)
          .appendInt64(-1n)
          .appendInt32(bytesMax);
      });
    })
    .appendArray([], () => {})
    .appendString('')
    .appendTaggedFields();
}

function producePayload(request: ProduceRequest): Writer {
  return Writer.create()
    .appendString(request.transactionalId ?? null)
    .appendInt16(ACKS_ALL)
    .appendInt32(request.timeoutMs)
    .appendArray([...byTopic(request.partitions)], (writer, [topic, partitions]) => {
      writer.appendString(topic).appendArray(partitions, (inner, { partition, batch }) => {
        inner
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}

/** The fields of an answer, one after the other. */
class Answer {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  int64(): number {
    this.#at += 8;
    return readInt64(this.#bytes, this.#at - 8);
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** Null is empty. */
  bytes(): Buffer {
    const length = Math.max(0, this.unsigned() - 1);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** Null is empty. */
  array<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.unsigned() - 1; left > 0; left--) items.push(read());
    return items;
  }

  /** Fields that are newer than this code. */
  tags(): void {
    for (let left = this.unsigned(); left > 0; left--) {
      this.unsigned();
      this.#at += this.unsigned();
    }
  }
}

function readFetched(answer: Answer): FetchedPartition[] {
  answer.int32();
  const failure = protocolFailure(answer.int16());
  if (failure !== undefined) throw failure;
  answer.int32();
  const topics = answer.array(() => {
    const topic = answer.text();
    const partitions = answer.array((): FetchedPartition => {
      const partition = answer.int32();
      const code = answer.int16();
      const highWatermark = answer.int64();
      const lastStableOffset = answer.int64();
      const logStartOffset = answer.int64();
      const aborted = answer.array(() => {
        const transaction = { producerId: answer.int64(), firstOffset: answer.int64() };
        answer.tags();
        return transaction;
      });
      answer.int32();
      const batches = answer.bytes();
      answer.tags();
      return {
        topic,
        partition,
        failure: protocolFailure(code),
        highWatermark,
        lastStableOffset,
        logStartOffset,
        aborted,
        batches,
      };
    });
    answer.tags();
    return partitions;
  });
  return topics.flat();
}

function readProduced(answer: Answer): ProducedPartition[] {
  const topics = answer.array(() => {
    const topic = answer.text();
    const partitions = answer.array((): ProducedPartition => {
      const partition = answer.int32();
      const code = answer.int16();
      const baseOffset = answer.int64();
      answer.int64();
      answer.int64();
      answer.array(() => {
        answer.int32();
        answer.bytes();
        answer.tags();
      });
      const detail = answer.text();
      answer.tags();
      return { topic, partition, failure: protocolFailure(code, detail === '' ? null : detail), baseOffset };
    });
    answer.tags();
    return partitions;
  });
  return topics.flat();
}
