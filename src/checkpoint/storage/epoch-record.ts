/**
 * The epoch register of a job: the one thing in the storage that decides. It holds the epoch of the current attempt and
 * the completed checkpoints that count, newest last, and it changes only by whoever knows its version.
 *
 * So an attempt that begins, and a checkpoint that completes, each are one write, and of two JobManagers only one can
 * be current: the other's next write fails, whenever it wakes up.
 */

import { MillstreamError } from '../../base/error.ts';
import type { ObjectStore } from './object-store.ts';
import { epochKey } from './layout.ts';
import { openRecord, sealRecord, type RecordForm } from './sealed-record.ts';

const FORM: RecordForm = { name: 'an epoch record', magic: 'MSEPOCH\n', version: 1, readableFrom: 1 };

/** How a job ended. `suspended`: it is to go on, in another process. */
export type JobOutcome = 'finished' | 'cancelled' | 'failed' | 'suspended';

/** A checkpoint that counts: where it is, and whether it is the job's to remove. */
export interface CheckpointEntry {
  readonly id: number;
  /** Absolute URL of its directory, or the part behind the job's directory, with a slash in front. */
  readonly directory: string;
  readonly owned: boolean;
}

export interface EpochRecord {
  readonly epoch: number;
  /** Newest last. */
  readonly checkpoints: readonly CheckpointEntry[];
  readonly ended: JobOutcome | undefined;
  /** A fresh id per write: by it a write whose answer was lost is known again. */
  readonly write: string;
}

export async function readEpoch(
  store: ObjectStore,
  job: string,
): Promise<{ readonly record: EpochRecord; readonly version: string } | undefined> {
  const register = await store.readRegister(epochKey(job));
  if (register === undefined) return undefined;
  const { value } = openRecord(FORM, register.bytes, `${store.url}/${epochKey(job)}`);
  return { record: value as EpochRecord, version: register.version };
}

/** Undefined when somebody else has written meanwhile. */
export async function writeEpoch(
  store: ObjectStore,
  job: string,
  record: EpochRecord,
  expected: string | undefined,
): Promise<string | undefined> {
  return await store.writeRegister(epochKey(job), sealRecord(FORM, record), expected);
}

/**
 * Whether an attempt may still write: asked before anything of it becomes visible.
 *
 * @throws CHECKPOINT_STALE when a newer attempt has begun or the job is over.
 */
export async function checkEpoch(store: ObjectStore, job: string, epoch: number): Promise<void> {
  const current = (await readEpoch(store, job))?.record;
  if (current === undefined) throw stale(job, epoch, 'the job is over');
  if (current.epoch > epoch) throw stale(job, epoch, `attempt ${current.epoch} has begun`);
}

export function stale(job: string, epoch: number, why: string): MillstreamError {
  return new MillstreamError('CHECKPOINT_STALE', `Attempt ${epoch} of job ${job} must write no more: ${why}.`, {
    details: { job, epoch },
  });
}
