/** From a record of Kafka to a value of the stream. */

import { FormatError, type Format, type NO_RECORD } from 'millstream';
import type { KafkaRecord } from './kafka-record.ts';

/**
 * Makes a value of a whole record, with key, headers and place. What it throws makes the record an undecodable one.
 * `NO_RECORD` leaves the record out.
 */
export type KafkaDeserializer<T> = (record: KafkaRecord) => T | typeof NO_RECORD;

/** Makes a value of the bytes of a record's value: a format, or a function. The bytes are a view: copy what you keep. */
export type ValueDeserializer<T> = Format<T, never> | ((value: Buffer) => T | typeof NO_RECORD);

/** Makes a deserializer for one reader. */
export type DeserializerFactory<T> = () => KafkaDeserializer<T>;

/** A tombstone has no value to read: it is undecodable, so that it does not go unnoticed. */
export function ofValue<T>(value: ValueDeserializer<T>): DeserializerFactory<T> {
  if (typeof value === 'function') {
    return () => (record) => {
      const bytes = record.value;
      if (bytes === null) throw new FormatError('its value is null');
      return value(bytes);
    };
  }
  return () => {
    const decoder = (value as Format<T>).decoder();
    return (record) => {
      if (record.valueEnd < record.valueStart) throw new FormatError('its value is null');
      return decoder.decode(record.bytes, record.valueStart, record.valueEnd);
    };
  };
}
