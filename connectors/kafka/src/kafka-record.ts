/** A record as a deserializer sees it: parts are cut out of the fetched bytes when they are asked for. */

import { VarintReader } from './varint.ts';

/** A named value of a record. */
export interface KafkaHeader {
  readonly name: string;
  readonly value: Buffer | null;
}

/** Who gave a record its timestamp: the producer, or the broker when it appended the record. */
export type TimestampType = 'create-time' | 'log-append-time';

/**
 * One record of a topic. There is one object for all records of a reader, which is valid until the deserializer
 * returns; `key`, `value` and headers are views into the fetched bytes. Copy what you keep.
 *
 * @example
 * ```ts no-run
 * const source = kafkaSource({
 *   brokers: 'localhost:9092',
 *   topics: ['orders'],
 *   deserializer: (record: KafkaRecord) => ({ id: String(record.key), partition: record.partition }),
 * });
 * ```
 */
export class KafkaRecord {
  topic = '';
  partition = 0;
  offset = 0;
  /** Milliseconds since the epoch. */
  timestamp = 0;
  timestampType: TimestampType = 'create-time';
  /** @internal The bytes that everything below points into. */
  bytes: Buffer = EMPTY;
  /** @internal */
  keyStart = 0;
  /** @internal Below the start: null. */
  keyEnd = -1;
  /** @internal */
  valueStart = 0;
  /** @internal Below the start: null. */
  valueEnd = -1;
  /** @internal Where the headers begin. */
  headersStart = 0;

  get key(): Buffer | null {
    return this.keyEnd < this.keyStart ? null : this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** Null in a tombstone. */
  get value(): Buffer | null {
    return this.valueEnd < this.valueStart ? null : this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get headers(): readonly KafkaHeader[] {
    const reader = new VarintReader(this.bytes, this.headersStart);
    const headers: KafkaHeader[] = [];
    for (let left = reader.next(); left > 0; left--) {
      const name = this.#cut(reader) ?? EMPTY;
      headers.push({ name: name.toString('utf8'), value: this.#cut(reader) });
    }
    return headers;
  }

  #cut(reader: VarintReader): Buffer | null {
    const length = reader.next();
    if (length < 0) return null;
    reader.offset += length;
    return this.bytes.subarray(reader.offset - length, reader.offset);
  }

  /** The value of the last header of that name; `undefined` when there is none. */
  header(name: string): Buffer | null | undefined {
    return this.headers.findLast((header) => header.name === name)?.value;
  }

  /** A copy that stays as it is. */
  copy(): KafkaMessage {
    const copyOf = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
    return {
      topic: this.topic,
      partition: this.partition,
      offset: this.offset,
      timestamp: this.timestamp,
      timestampType: this.timestampType,
      key: copyOf(this.key),
      value: copyOf(this.value),
      headers: this.headers.map(({ name, value }) => ({ name, value: copyOf(value) })),
    };
  }
}

const EMPTY = Buffer.alloc(0);

/** A whole record as plain data. */
export interface KafkaMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly timestampType: TimestampType;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array | null }[];
}
