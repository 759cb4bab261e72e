/**
 * The state of channels after a restore: who gets it, and which of its rows, when the parallelism has changed.
 *
 * What was on its way to a subtask goes where the partitioner of its edge would send it now. On keyed edges, and those
 * of custom partitioners, that is a question of each row; elsewhere whole channels are dealt out, as in Flink: to
 * subtasks in turn, or all to the first.
 */

import { invariant } from '../base/assert.ts';
import { MillstreamError } from '../base/error.ts';
import { ColumnBatch } from '../data/column-batch.ts';
import { keyGroup, keyGroupRange, subtaskOfKeyGroup } from '../data/key.ts';
import { RecordBatch } from '../data/record-batch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import { ColumnPartitioner } from '../kernel/partition.ts';
import type { Element } from './channel.ts';
import { ChannelStateWriter, StateFrames, type ChannelIdentity, type ChannelStateSnapshot } from './channel-state.ts';
import { FrameReader, type RowDecoder } from './frame-reader.ts';
import type { RowEncoder } from './frame-writer.ts';

/** A receiving subtask of an edge, as it is after the restore. */
export interface ReceiverOfEdge {
  readonly edge: string;
  readonly partitioning: Partitioning;
  readonly receiver: number;
  readonly receivers: number;
  readonly maxParallelism: number;
}

/**
 * The states of which a receiver gets something. Of those whose `receivers` are not as many as now it may get a part of
 * the rows only: see {@link rowsFor}.
 *
 * @throws STATE_INCOMPATIBLE when the state of the edge cannot be dealt out to another number of receivers.
 */
export function channelStatesFor<T extends ChannelIdentity>(states: readonly T[], to: ReceiverOfEdge): readonly T[] {
  return states.filter((state) => state.edge === to.edge && isFor(state, to));
}

function isFor(state: ChannelIdentity, to: ReceiverOfEdge): boolean {
  if (state.receivers === to.receivers) return state.receiver === to.receiver;
  switch (to.partitioning.kind) {
    case 'hash':
    case 'hash-columns': {
      const old = keyGroupRange(to.maxParallelism, state.receivers, state.receiver);
      const own = keyGroupRange(to.maxParallelism, to.receivers, to.receiver);
      return old.start <= own.end && own.start <= old.end;
    }
    case 'custom':
      return true;
    case 'rebalance':
    case 'shuffle':
      return state.receiver % to.receivers === to.receiver;
    case 'global':
      return to.receiver === 0;
    default:
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        `The checkpoint holds records that were on their way over the edge "${to.edge}", to ${state.receivers} subtasks. A ${to.partitioning.kind} edge cannot deal them out to ${to.receivers}. Restore with the old parallelism, or from a savepoint, which holds no such records.`,
      );
  }
}

/** Whether a receiver gets some rows only of what was on its way to several receivers. */
export function isSplitByRow(state: ChannelIdentity, { partitioning, receivers }: ReceiverOfEdge): boolean {
  const byRow = partitioning.kind === 'hash' || partitioning.kind === 'hash-columns' || partitioning.kind === 'custom';
  return byRow && state.receivers !== receivers;
}

/** What it takes to read rows and write them again. */
export interface RowCodec {
  readonly encoder: RowEncoder;
  readonly decoder: RowDecoder;
}

/** The rows of a channel's state that belong to a receiver now, with the control elements among them. */
export function rowsFor(bytes: Uint8Array, to: ReceiverOfEdge, { encoder, decoder }: RowCodec): Uint8Array {
  const belonging = new BelongingRows(to, encoder.types);
  const reader = new FrameReader(new StateFrames(bytes), decoder);
  const writer = new ChannelStateWriter(() => encoder);
  for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
    const own = belonging.of(element);
    if (own !== undefined) writer.element(own);
  }
  return writer.finish();
}

class BelongingRows {
  readonly #to: ReceiverOfEdge;
  readonly #types: TypeRegistry;
  #columns: ColumnPartitioner | undefined;

  constructor(to: ReceiverOfEdge, types: TypeRegistry) {
    this.#to = to;
    this.#types = types;
  }

  /** The part of an element that belongs to the receiver; undefined when nothing does. */
  of(element: Element): Element | undefined {
    if (element instanceof RecordBatch) return this.#records(element);
    if (element instanceof ColumnBatch) return this.#partitioner().split(element)[this.#to.receiver];
    return element;
  }

  #records(batch: RecordBatch): RecordBatch | undefined {
    const own = new RecordBatch(batch.count);
    for (let row = 0; row < batch.count; row++) {
      const value = batch.values[row];
      if (this.#receiverOf(value) === this.#to.receiver)
        own.push(value, batch.timestamps[row] as number, batch.kinds?.[row] ?? 0);
    }
    return own.count === 0 ? undefined : own;
  }

  #receiverOf(value: unknown): number {
    const { partitioning, maxParallelism, receivers } = this.#to;
    switch (partitioning.kind) {
      case 'hash': {
        const group = keyGroup(partitioning.key(value as never), maxParallelism, this.#types);
        return subtaskOfKeyGroup(group, maxParallelism, receivers);
      }
      case 'custom':
        return partitioning.partition(partitioning.key(value as never) as never, receivers);
      default:
        throw new MillstreamError('INTERNAL_INVARIANT', `records of a ${partitioning.kind} edge are not split by row`);
    }
  }

  #partitioner(): ColumnPartitioner {
    const { partitioning, maxParallelism, receivers, edge } = this.#to;
    invariant(partitioning.kind === 'hash-columns', 'columns are partitioned by columns');
    return (this.#columns ??= new ColumnPartitioner({
      columns: partitioning.columns,
      channelOfGroup: Int32Array.from({ length: maxParallelism }, (_, group) =>
        subtaskOfKeyGroup(group, maxParallelism, receivers),
      ),
      maxParallelism,
      channels: receivers,
      tag: `restore/${edge}`,
    }));
  }
}

/** What was on its way in one channel: what its receiver held, then what waited at its sender. */
export interface RestoredChannelState {
  readonly identity: ChannelIdentity;
  readonly bytes: Uint8Array;
}

/**
 * Puts together the states of each channel. What was left of an earlier parallelism belongs to no channel any more, and
 * each stays by itself, because its watermarks speak of itself only.
 */
export function joinByChannel(
  states: readonly (RestoredChannelState['identity'] &
    Pick<ChannelStateSnapshot, 'end'> & { readonly bytes: Uint8Array })[],
): readonly RestoredChannelState[] {
  const channels = new Map<string, (typeof states)[number][]>();
  for (const [i, state] of states.entries()) {
    const { edge, sender, receiver } = state;
    const key = sender < 0 ? `left ${i}` : `${edge} ${sender} ${receiver}`;
    const same = channels.get(key);
    if (same === undefined) channels.set(key, [state]);
    else same.push(state);
  }
  return [...channels.values()].map((parts) => {
    const { edge, sender, senders, receiver, receivers } = parts[0] as ChannelIdentity;
    const inOrder = [
      ...parts.filter(({ end }) => end === 'receiver'),
      ...parts.filter(({ end }) => end === 'sender'),
    ].map(({ bytes }) => bytes);
    return { identity: { edge, sender, senders, receiver, receivers }, bytes: joined(inOrder) };
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
