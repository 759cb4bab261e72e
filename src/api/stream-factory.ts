/**
 * Makes stream objects. The stream classes hand each other out (a stream keys itself, a keyed stream connects itself and
 * so on round), so none of their files imports another's class: they ask their scope's factory, and only `streams.ts`,
 * which implements it, knows them all.
 */

import type { Window } from '../time/windows/window.ts';
import type { BroadcastDescriptors } from '../operator/broadcast-states.ts';
import type { AllWindowedStream } from './all-windowed-stream.ts';
import type { BroadcastConnectedStream, KeyedBroadcastConnectedStream } from './broadcast-connected-stream.ts';
import type { BroadcastStream } from './broadcast-stream.ts';
import type { CoGroupedStreams, JoinedStreams } from './co-group.ts';
import type { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
import type { DataStreamSink } from './data-stream-sink.ts';
import type { DataStream } from './data-stream.ts';
import type { NodeDraft } from './graph-builder.ts';
import type { IntervalJoin } from './interval-join.ts';
import type { KeyedStream, KeySelector } from './keyed-stream.ts';
import type { PartitionWindowedStream } from './partition-windowed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle, StreamScope } from './stream-handle.ts';
import type { WindowOperation } from './window-operation.ts';
import type { WindowedStream } from './windowed-stream.ts';

export interface StreamFactory {
  /** The main output of a node that was just added. */
  single<T>(scope: StreamScope, node: NodeDraft): SingleOutputStream<T>;
  sink(scope: StreamScope, node: NodeDraft): DataStreamSink;
  stream<T>(handle: StreamHandle): DataStream<T>;
  keyed<K, T>(handle: StreamHandle, key: KeySelector<T, K>): KeyedStream<K, T>;
  connected<A, B>(first: StreamHandle, second: StreamHandle): ConnectedStreams<A, B>;
  keyedConnected<K, A, B>(
    first: StreamHandle,
    second: StreamHandle,
    key1: KeySelector<A, K>,
    key2: KeySelector<B, K>,
  ): KeyedConnectedStreams<K, A, B>;
  broadcast<T>(handle: StreamHandle, descriptors: BroadcastDescriptors): BroadcastStream<T>;
  broadcastConnected<T, B>(
    stream: StreamHandle,
    broadcast: StreamHandle,
    descriptors: BroadcastDescriptors,
  ): BroadcastConnectedStream<T, B>;
  keyedBroadcastConnected<K, T, B>(
    stream: StreamHandle,
    broadcast: StreamHandle,
    descriptors: BroadcastDescriptors,
    key: KeySelector<T, K>,
  ): KeyedBroadcastConnectedStream<K, T, B>;
  windowed<T, K, W extends Window>(operation: WindowOperation<T, W>): WindowedStream<T, K, W>;
  allWindowed<T, W extends Window>(operation: WindowOperation<T, W>): AllWindowedStream<T, W>;
  coGrouped<A, B>(first: StreamHandle, second: StreamHandle): CoGroupedStreams<A, B>;
  joined<A, B>(first: StreamHandle, second: StreamHandle): JoinedStreams<A, B>;
  intervalJoined<K, A, B>(
    first: StreamHandle,
    second: StreamHandle,
    key1: KeySelector<A, K>,
    key2: KeySelector<B, K>,
  ): IntervalJoin<K, A, B>;
  partitionWindowed<T>(handle: StreamHandle, key: KeySelector<T, unknown> | undefined): PartitionWindowedStream<T>;
}
