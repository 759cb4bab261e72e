/** A checkpoint or savepoint that is complete: the state of a whole job, as plain data. */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { CheckpointContent } from '../checkpoint/storage/metadata.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { TypeRegistry } from '../data/type-registry.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { SavepointHandle } from '../graph/launch.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';

/** Snapshots hold values of user classes as bytes, so plain data is all there is. */
const PLAIN = new TypeRegistry();

export interface CompletedCheckpoint {
  readonly id: number;
  /** Of each operator by its id: the snapshots of its subtasks. */
  readonly operators: ReadonlyMap<string, readonly OperatorSnapshot[]>;
  /** Of operator coordinators by operator id. */
  readonly coordinators: ReadonlyMap<string, unknown>;
  /** What was on its way in channels. */
  readonly channels: readonly ChannelStateSnapshot[];
  /** What is known of the operators that wrote it, by id. */
  readonly facts?: CheckpointContent['facts'] | undefined;
  /** URL of its directory; undefined while it is in memory only. */
  readonly location: string | undefined;
  /** False when its files are somebody else's: nothing that the job writes may refer to them. */
  readonly owned: boolean;
}

/** What the owner of a savepoint holds of it. */
export function savepointHandle(savepoint: CompletedCheckpoint): SavepointHandle {
  const { id, operators, coordinators, channels, location } = savepoint;
  if (location !== undefined) return { checkpoint: id, path: location, bytes: undefined };
  const writer = new ByteWriter();
  writeValue({ id, operators, coordinators, channels }, writer, PLAIN);
  return { checkpoint: id, path: undefined, bytes: writer.take() };
}

/** A savepoint whose owner holds all of it. */
export function fromBytes(bytes: Uint8Array): CompletedCheckpoint {
  const content = readValue(new ByteReader(bytes), PLAIN) as Omit<CompletedCheckpoint, 'location' | 'owned'>;
  return { ...content, location: undefined, owned: true };
}

export function fromContent(content: CheckpointContent, location: string, owned: boolean): CompletedCheckpoint {
  return {
    id: content.checkpoint,
    operators: content.operators,
    coordinators: content.coordinators,
    channels: content.channels as readonly ChannelStateSnapshot[],
    ...(content.facts === undefined ? {} : { facts: content.facts }),
    location,
    owned,
  };
}
