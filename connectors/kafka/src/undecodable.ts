/** Records that cannot be decoded: fail, leave out, or hand on with their bytes and their place. */

import { FormatError, MillstreamError, UNDECODABLE_TAG, type OnUndecodable, type ReaderOutput } from 'millstream';
import type { KafkaMessage, KafkaRecord } from './kafka-record.ts';
import { messageOf } from './failure.ts';

/** A record that could not be decoded, as the side output `UNDECODABLE_TAG` carries it: the record as it was read. */
export interface KafkaUndecodable extends KafkaMessage {
  /** Why, as a clause: "it is not valid JSON: …". */
  readonly error: string;
}

const EXCERPT_BYTES = 200;

export function handleUndecodable(
  choice: OnUndecodable,
  output: ReaderOutput<never>,
  record: KafkaRecord,
  error: unknown,
): void {
  const why = error instanceof FormatError ? error.message : `the deserializer threw: ${messageOf(error)}`;
  if (choice === 'fail') throw undecodable(record, why, error);
  const value: KafkaUndecodable = { ...record.copy(), error: why };
  if (choice === 'skip') output.dropped(value);
  else output.side(UNDECODABLE_TAG, value);
}

function undecodable(record: KafkaRecord, why: string, cause: unknown): MillstreamError {
  const { topic, partition, offset, value } = record;
  const excerpt = value === null ? 'null' : excerptOf(value);
  return new MillstreamError(
    'RECORD_UNDECODABLE',
    `The record at offset ${offset} of partition ${partition} of topic ${topic} cannot be decoded because ${why}. Its value reads ${excerpt}. Correct it, or choose onUndecodable: 'side-output' or 'skip'.`,
    { cause, details: { topic, partition, offset, record: excerpt } },
  );
}

/** The beginning, with everything that does not print escaped. */
function excerptOf(value: Buffer): string {
  const text = JSON.stringify(value.toString('utf8', 0, EXCERPT_BYTES));
  return value.length > EXCERPT_BYTES ? `${text}…` : text;
}
