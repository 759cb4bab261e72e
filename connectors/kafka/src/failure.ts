/** From what Kafka and sockets say to {@link KafkaFailure}, and from there to the errors that users meet. */

import { MillstreamError, type ErrorCode } from 'millstream';
import { KafkaFailure, type FailureKind } from './client.ts';

/** The error codes of Kafka's protocol that mean something to this package. */
const KINDS: Readonly<Record<number, readonly [kind: FailureKind, name: string]>> = {
  [-1]: ['other', 'UNKNOWN_SERVER_ERROR'],
  1: ['offset-out-of-range', 'OFFSET_OUT_OF_RANGE'],
  2: ['busy', 'CORRUPT_MESSAGE'],
  3: ['unknown-topic', 'UNKNOWN_TOPIC_OR_PARTITION'],
  5: ['stale', 'LEADER_NOT_AVAILABLE'],
  6: ['stale', 'NOT_LEADER_OR_FOLLOWER'],
  7: ['busy', 'REQUEST_TIMED_OUT'],
  8: ['stale', 'BROKER_NOT_AVAILABLE'],
  9: ['stale', 'REPLICA_NOT_AVAILABLE'],
  10: ['too-large', 'MESSAGE_TOO_LARGE'],
  13: ['busy', 'NETWORK_EXCEPTION'],
  14: ['busy', 'COORDINATOR_LOAD_IN_PROGRESS'],
  15: ['stale', 'COORDINATOR_NOT_AVAILABLE'],
  16: ['stale', 'NOT_COORDINATOR'],
  17: ['invalid', 'INVALID_TOPIC_EXCEPTION'],
  18: ['too-large', 'RECORD_LIST_TOO_LARGE'],
  19: ['busy', 'NOT_ENOUGH_REPLICAS'],
  20: ['busy', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  29: ['denied', 'TOPIC_AUTHORIZATION_FAILED'],
  30: ['denied', 'GROUP_AUTHORIZATION_FAILED'],
  31: ['denied', 'CLUSTER_AUTHORIZATION_FAILED'],
  32: ['invalid', 'INVALID_TIMESTAMP'],
  33: ['unauthenticated', 'UNSUPPORTED_SASL_MECHANISM'],
  34: ['unauthenticated', 'ILLEGAL_SASL_STATE'],
  35: ['unsupported', 'UNSUPPORTED_VERSION'],
  43: ['unsupported', 'UNSUPPORTED_FOR_MESSAGE_FORMAT'],
  45: ['out-of-order', 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  46: ['duplicate', 'DUPLICATE_SEQUENCE_NUMBER'],
  47: ['fenced', 'INVALID_PRODUCER_EPOCH'],
  48: ['transaction-state', 'INVALID_TXN_STATE'],
  49: ['transaction-unknown', 'INVALID_PRODUCER_ID_MAPPING'],
  50: ['transaction-timeout', 'INVALID_TRANSACTION_TIMEOUT'],
  51: ['busy', 'CONCURRENT_TRANSACTIONS'],
  52: ['fenced', 'TRANSACTION_COORDINATOR_FENCED'],
  53: ['denied', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  56: ['stale', 'KAFKA_STORAGE_ERROR'],
  58: ['unauthenticated', 'SASL_AUTHENTICATION_FAILED'],
  59: ['out-of-order', 'UNKNOWN_PRODUCER_ID'],
  74: ['stale', 'FENCED_LEADER_EPOCH'],
  75: ['stale', 'UNKNOWN_LEADER_EPOCH'],
  76: ['unsupported', 'UNSUPPORTED_COMPRESSION_TYPE'],
  78: ['stale', 'OFFSET_NOT_AVAILABLE'],
  87: ['invalid', 'INVALID_RECORD'],
  88: ['busy', 'UNSTABLE_OFFSET_COMMIT'],
  89: ['busy', 'THROTTLING_QUOTA_EXCEEDED'],
  90: ['fenced', 'PRODUCER_FENCED'],
  100: ['stale', 'UNKNOWN_TOPIC_ID'],
  105: ['transaction-unknown', 'TRANSACTIONAL_ID_NOT_FOUND'],
};

/** The failure behind an error code of the protocol; `undefined` for 0, which is success. */
export function protocolFailure(code: number, detail?: string | null): KafkaFailure | undefined {
  if (code === 0) return undefined;
  const [kind, name] = KINDS[code] ?? ['other', `error ${code}`];
  return new KafkaFailure(kind, detail === undefined || detail === null ? name : `${name}: ${detail}`);
}

/** Who meets the failure. */
export type Side = 'source' | 'sink';

/** What a failure means for a job that reads or writes. */
export function jobError(side: Side, doing: string, failure: unknown): MillstreamError {
  if (failure instanceof MillstreamError) return failure;
  const upper = side === 'source' ? 'SOURCE' : 'SINK';
  const say = (code: ErrorCode, advice: string): MillstreamError =>
    new MillstreamError(code, `The Kafka ${side} ${doing}: ${messageOf(failure)}. ${advice}`, { cause: failure });
  const kind = failure instanceof KafkaFailure ? failure.kind : 'other';
  switch (kind) {
    case 'unreachable':
      return say(`${upper}_UNREACHABLE`, 'Start the brokers, or correct `brokers`.');
    case 'stale':
    case 'busy':
      return say(`${upper}_UNREACHABLE`, 'The cluster did not get ready in time; see the logs of its brokers.');
    case 'unknown-topic':
      return side === 'source'
        ? say('SOURCE_MISSING', 'Create the topic, or correct its name.')
        : say('SINK_FAILED', 'Create the topic, or correct its name.');
    case 'denied':
      return say(`${upper}_PERMISSION`, 'Grant the permission to the user of the job.');
    case 'unauthenticated':
      return say(`${upper}_PERMISSION`, 'Correct `sasl` or `tls`.');
    case 'fenced':
      return say(
        `${upper}_FAILED`,
        'Another producer has taken over the transactional id: an attempt of this job that came later, or another job with the same `transactionalIdPrefix`, which must be unique.',
      );
    case 'transaction-timeout':
      return say('OPTION_INVALID', 'Lower `transactionTimeoutMs`, or raise transaction.max.timeout.ms of the brokers.');
    case 'too-large':
      return say(`${upper}_FAILED`, 'Raise max.message.bytes of the topic, or lower `batchBytes`.');
    case 'unsupported':
      return say(`${upper}_FAILED`, 'Brokers from version 3.0 on are supported.');
    default:
      return say(`${upper}_FAILED`, 'See the cause.');
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause =
    error.cause instanceof Error && error.cause.message !== error.message ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}`;
}
