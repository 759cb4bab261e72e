/**
 * The `_metadata` file of a checkpoint or savepoint: everything that a restore needs, small state included. Larger
 * state lies in the files that it names: relative to itself where they lie beside it or in the same job, so that a
 * job's directory, or a savepoint's, can be moved as a whole; absolute elsewhere.
 */

import type { Milliseconds } from '../../base/world.ts';
import type { FileSegment, OperatorSnapshot } from '../../state/snapshot.ts';
import { mapSegments } from './file-references.ts';
import { METADATA } from './layout.ts';
import { openRecord, sealRecord, type RecordForm } from './sealed-record.ts';
import { corrupt } from './storage-failure.ts';

const FORM: RecordForm = { name: 'checkpoint metadata', magic: 'MSCHKPT\n', version: 1, readableFrom: 1 };

/** The state of a whole job at one checkpoint, as plain data. Files in it are absolute URLs. */
export interface CheckpointContent {
  readonly kind: 'checkpoint' | 'savepoint';
  readonly checkpoint: number;
  readonly epoch: number;
  readonly jobId: string;
  readonly jobName: string;
  readonly triggeredAt: Milliseconds;
  readonly completedAt: Milliseconds;
  /** Of each operator by its id: the snapshots of its subtasks. */
  readonly operators: ReadonlyMap<string, readonly OperatorSnapshot[]>;
  /** Of operator coordinators by operator id. */
  readonly coordinators: ReadonlyMap<string, unknown>;
  /** What was on its way in channels; the exchange knows what it is. */
  readonly channels: readonly unknown[];
  /** What is known of the operators besides their state, by id. Absent in checkpoints of early versions. */
  readonly facts?: ReadonlyMap<string, OperatorFacts>;
}

/** What a restore must know of an operator that wrote state. */
export interface OperatorFacts {
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
}

/** A segment with the number of its file in the table of files. */
type StoredSegment = Omit<FileSegment, 'file'> & { readonly file: number };

/** What the structured codec sees. `attempt` makes the bytes of two writers differ. */
interface Stored extends Omit<CheckpointContent, 'operators'> {
  readonly attempt: string;
  readonly files: readonly string[];
  readonly operators: ReadonlyMap<string, unknown>;
}

/**
 * @param directory Absolute URL of the directory in which the file will lie.
 * @param attempt An id that no other writer has.
 */
export function encodeMetadata(content: CheckpointContent, directory: string, attempt: string): Uint8Array {
  const numbers = new Map<string, number>();
  const numbered = (segment: FileSegment): StoredSegment => {
    let file = numbers.get(segment.file);
    if (file === undefined) numbers.set(segment.file, (file = numbers.size));
    return { ...segment, file };
  };
  const operators = mapSegments(content.operators, numbered) as ReadonlyMap<string, unknown>;
  const channels = mapSegments(content.channels, numbered) as readonly unknown[];
  const files = Array.from(numbers.keys(), (file) => relative(file, directory));
  const stored: Stored = { ...content, operators, channels, files, attempt };
  return sealRecord(FORM, stored);
}

/** @throws STATE_CORRUPT, CHECKPOINT_VERSION. */
export function decodeMetadata(bytes: Uint8Array, directory: string): CheckpointContent {
  const place = `${directory}/${METADATA}`;
  const { files, attempt: _, ...stored } = openRecord(FORM, bytes, place).value as Stored;
  const urls = files.map((file) => absolute(file, directory));
  const named = (segment: FileSegment): FileSegment => {
    const file = urls[(segment as unknown as StoredSegment).file];
    if (file === undefined) throw corrupt(place, 0, 'it names a file that is not in its table');
    return { ...segment, file };
  };
  const operators = mapSegments(stored.operators, named) as CheckpointContent['operators'];
  // The first files of this version knew of no channels.
  const channels = mapSegments(stored.channels ?? [], named) as readonly unknown[];
  return { ...stored, operators, channels };
}

function relative(file: string, directory: string): string {
  if (file.startsWith(`${directory}/`)) return file.slice(directory.length + 1);
  const parent = directory.slice(0, directory.lastIndexOf('/'));
  return file.startsWith(`${parent}/`) ? `../${file.slice(parent.length + 1)}` : file;
}

function absolute(file: string, directory: string): string {
  if (/^[a-z][a-z0-9+.-]+:/.test(file)) return file;
  if (file.startsWith('../')) return `${directory.slice(0, directory.lastIndexOf('/'))}/${file.slice(3)}`;
  return `${directory}/${file}`;
}
