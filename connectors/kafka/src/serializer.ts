/** From a value of the stream to a record of Kafka. */

import { ByteAppender, FormatError, MillstreamError, NO_TIMESTAMP, type Format, type WriteContext } from 'millstream';
import type { Bytes, HeaderList } from './batch-builder.ts';
import { invalid } from './connection-options.ts';
import { messageOf } from './failure.ts';
import type { KafkaPartitioner } from './partitioner.ts';

/** A record to be written, with what is not the default. */
export interface KafkaOutput {
  readonly topic?: string;
  readonly key?: Bytes;
  /** Null writes a tombstone. */
  readonly value: Bytes;
  readonly headers?: HeaderList;
  /** Milliseconds since the epoch. Default: the record's event time, or the time of writing where it has none. */
  readonly timestamp?: number;
  /** Default: by the partitioner. */
  readonly partition?: number;
}

/** What becomes of a value, part by part. */
export interface KafkaSerialization<T> {
  /** The topic, or how to find the topic of a value. */
  readonly topic: string | ((value: T) => string);
  /** Records with the same key go to the same partition, in order. Default: no key. */
  readonly key?: (value: T) => Bytes;
  /**
   * The bytes of a value: a format such as `json()`, without the line break at its end, or a function. A string is
   * written as UTF-8, null as a tombstone.
   */
  readonly value: Format<unknown, NoInfer<T>> | ((value: T) => Bytes);
  /** Default: none. */
  readonly headers?: (value: T) => HeaderList;
  /** Milliseconds since the epoch. Default: the record's event time, or the time of writing where it has none. */
  readonly timestamp?: (value: T, context: WriteContext) => number;
  /** Default: by the key, as Kafka's own clients do; without a key, batch by batch in turn. */
  readonly partitioner?: KafkaPartitioner<T>;
  readonly serializer?: never;
}

/** What becomes of a value, in one function. */
export interface KafkaWholeSerialization<T> {
  /** Makes the whole record. */
  readonly serializer: (value: T, context: WriteContext) => KafkaOutput;
  /** For records whose serializer names none. */
  readonly topic?: string;
  readonly partitioner?: KafkaPartitioner<T>;
  readonly key?: never;
  readonly value?: never;
  readonly headers?: never;
  readonly timestamp?: never;
}

/** One record on its way out. One object for all records of a writer. */
export interface Outgoing {
  topic: string;
  key: Bytes;
  value: Bytes;
  headers: HeaderList | undefined;
  /** `NO_TIMESTAMP`: the time of writing. */
  timestamp: number;
  partition: number | undefined;
}

/** Fills in `into`. */
export type Serializer<T> = (value: T, context: WriteContext, into: Outgoing) => void;

const OWNER = 'Kafka sink';

/** Checks the options, and makes a factory of serializers: each writer has its own. */
export function serializers<T>(options: KafkaSerialization<T> | KafkaWholeSerialization<T>): () => Serializer<T> {
  if (options.serializer !== undefined) return () => wholeSerializer(options);
  const { topic, value } = options;
  if (typeof topic !== 'function' && (typeof topic !== 'string' || topic === ''))
    throw invalid(OWNER, 'it needs a `topic`');
  if (value === undefined) throw invalid(OWNER, 'it needs one of `value` and `serializer`');
  return () => partSerializer(options);
}

function wholeSerializer<T>({ serializer, topic: defaultTopic }: KafkaWholeSerialization<T>): Serializer<T> {
  return (value, context, into) => {
    let output: KafkaOutput;
    try {
      output = serializer(value, context);
    } catch (error) {
      throw unencodable(error);
    }
    const topic = output.topic ?? defaultTopic;
    if (topic === undefined) throw unencodable(new FormatError('its serializer names no topic, and the sink has none'));
    into.topic = topic;
    into.key = output.key ?? null;
    into.value = output.value;
    into.headers = output.headers;
    into.timestamp = output.timestamp ?? context.timestamp;
    into.partition = output.partition;
  };
}

function partSerializer<T>(options: KafkaSerialization<T>): Serializer<T> {
  const { topic, key, headers, timestamp } = options;
  const bytesOf = valueBytes(options.value);
  return (value, context, into) => {
    try {
      into.topic = typeof topic === 'string' ? topic : topic(value);
      into.key = key === undefined ? null : key(value);
      into.value = bytesOf(value);
      into.headers = headers?.(value);
      into.timestamp = timestamp === undefined ? context.timestamp : timestamp(value, context);
      into.partition = undefined;
    } catch (error) {
      throw unencodable(error);
    }
  };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What a format has appended is valid until the next record, by when it has been copied into a batch. */
function valueBytes<T>(value: KafkaSerialization<T>['value']): (value: T) => Bytes {
  if (typeof value === 'function') return value;
  const encoder = value.encoder();
  const into = new ByteAppender(4096);
  return (record) => {
    into.truncate(0);
    encoder.encode(record, into);
    const bytes = into.view();
    let end = bytes.length;
    if (end > 0 && bytes[end - 1] === LINE_FEED) end -= end > 1 && bytes[end - 2] === CARRIAGE_RETURN ? 2 : 1;
    return bytes.subarray(0, end);
  };
}

function unencodable(error: unknown): MillstreamError {
  const why = error instanceof FormatError ? error.message : `its serializer threw: ${messageOf(error)}`;
  return new MillstreamError('RECORD_UNENCODABLE', `A record cannot be written to Kafka because ${why}.`, {
    cause: error,
  });
}

/** The timestamp that is written. */
export function timestampOf(outgoing: Outgoing, now: () => number): number {
  return outgoing.timestamp === NO_TIMESTAMP ? now() : outgoing.timestamp;
}
