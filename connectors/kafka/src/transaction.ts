/**
 * A prepared transaction, and what becomes of it: all that is needed to commit it, by any process, at any time.
 *
 * Committing again what is committed succeeds, as long as the broker remembers the transaction. When it does not any
 * more (the id has been used again, or forgotten after days), or has aborted the transaction because its time was up, the
 * broker refuses alike. The log tells these apart: every partition of a transaction ends with a marker that says commit
 * or abort. So the committable names a place in the log behind which its marker stands.
 */

import type { ConnectorWorld } from 'millstream';
import {
  KafkaFailure,
  partitionName,
  type KafkaClient,
  type PartitionOffset,
  type TransactionIdentity,
} from './client.ts';
import { controlType } from './batch-cursor.ts';
import { COMMIT_MARKER, CONTROL, readBatchHeader } from './record-batch.ts';
import { retry } from './retry.ts';

/** What a checkpoint holds of a transaction that is to be committed. Plain data. */
export interface KafkaCommittable extends TransactionIdentity {
  /** A batch of the transaction; its end is marked behind it. */
  readonly probe?: PartitionOffset;
  /** When it was prepared, in milliseconds since the epoch. */
  readonly preparedAt: number;
  readonly timeoutMs: number;
}

/** What has become of a transaction. `unknown`: neither the broker nor the log can tell any more. */
export type TransactionFate = 'committed' | 'aborted' | 'unknown';

/** Who asks, and for how long. */
export interface SettleOptions {
  readonly world: ConnectorWorld;
  readonly client: KafkaClient;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a commit ended, when it did. */
export type CommitOutcome = 'committed' | 'already' | 'lost';

/** Bytes of the log that are looked through at a time. */
const SCAN_BYTES = 1024 * 1024;

/** How long the broker may wait for bytes to look through. */
const SCAN_WAIT_MS = 100;

/**
 * Commits, or finds out that it was committed, or that it is lost. Rejects with a failure that passes when the cluster
 * did not answer in time.
 */
export async function commitTransaction(
  committable: KafkaCommittable,
  options: SettleOptions,
): Promise<{ readonly outcome: CommitOutcome; readonly fate: TransactionFate; readonly refusal?: KafkaFailure }> {
  try {
    await retry(options, () => options.client.endTransaction(committable, 'commit'));
    return { outcome: 'committed', fate: 'committed' };
  } catch (error) {
    if (!(error instanceof KafkaFailure) || !REFUSALS.has(error.kind)) throw error;
    const fate = await retry({ ...options, awaitTopic: false }, () => fateOf(committable, options.client));
    return { outcome: fate === 'committed' ? 'already' : 'lost', fate, refusal: error };
  }
}

/** What a broker says to a commit of a transaction that is not open. */
const REFUSALS: ReadonlySet<string> = new Set(['fenced', 'transaction-state', 'transaction-unknown', 'out-of-order']);

/** Looks for the marker in the log. */
async function fateOf({ probe, producerId }: KafkaCommittable, client: KafkaClient): Promise<TransactionFate> {
  if (probe === undefined) return 'unknown';
  const [node] = await client.leaders([probe]);
  if (node === undefined) return await unlessDeleted(client, probe);
  for (let offset = probe.offset; ;) {
    const [fetched] = await client.fetch({
      node,
      partitions: [{ ...probe, offset, bytesMax: SCAN_BYTES }],
      waitMs: SCAN_WAIT_MS,
      bytesMax: SCAN_BYTES,
      isolation: 'read_uncommitted',
    });
    if (fetched === undefined) throw new KafkaFailure('busy', 'the broker did not answer for the partition');
    const { failure, batches, highWatermark } = fetched;
    if (failure?.kind === 'offset-out-of-range' || failure?.kind === 'unknown-topic') return 'unknown';
    if (failure !== undefined) throw failure;
    let at = 0;
    for (let header = readBatchHeader(batches, at); header !== undefined; header = readBatchHeader(batches, at)) {
      if (header.producerId === producerId && (header.attributes & CONTROL) !== 0)
        return controlType(batches, at) === COMMIT_MARKER ? 'committed' : 'aborted';
      at += header.bytes;
      offset = header.lastOffset + 1;
    }
    // The marker is on its way: the broker writes it after it has decided.
    if (offset >= highWatermark) throw new KafkaFailure('busy', `partition ${partitionName(probe)} has no marker yet`);
  }
}

async function unlessDeleted(client: KafkaClient, probe: PartitionOffset): Promise<TransactionFate> {
  const [topic] = await client.describeTopics([probe.topic]);
  if (topic === undefined) return 'unknown';
  throw new KafkaFailure('stale', `partition ${partitionName(probe)} has no leader`);
}

/** Why the data of a transaction is lost, as a sentence for its user. */
export function lossMessage(committable: KafkaCommittable, fate: TransactionFate, now: number): string {
  const { transactionalId, producerId, epoch, preparedAt, timeoutMs } = committable;
  const name = `transaction ${transactionalId} (producer ${producerId}, epoch ${epoch})`;
  const age = `It was prepared ${Math.round((now - preparedAt) / 1000)} s ago, and its timeout is ${timeoutMs / 1000} s.`;
  return fate === 'aborted'
    ? `${name} was aborted by the brokers before it was committed: it has expired, or another job with the same prefix has fenced it. ${age} Its records are lost; raise transactionTimeoutMs.`
    : `the brokers do not know any more whether ${name} was committed. ${age} Its records may be lost.`;
}
