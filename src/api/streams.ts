/** The one file that knows all stream classes; see `stream-factory.ts` for why. */

import { AllWindowedStream } from './all-windowed-stream.ts';
import { BroadcastConnectedStream, KeyedBroadcastConnectedStream } from './broadcast-connected-stream.ts';
import { BroadcastStream } from './broadcast-stream.ts';
import { CoGroupedStreams, JoinedStreams } from './co-group.ts';
import { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
import { DataStreamSink } from './data-stream-sink.ts';
import { DataStream } from './data-stream.ts';
import { IntervalJoin } from './interval-join.ts';
import { KeyedStream } from './keyed-stream.ts';
import { PartitionWindowedStream } from './partition-windowed-stream.ts';
import { SingleOutputStream } from './single-output-stream.ts';
import type { StreamFactory } from './stream-factory.ts';
import { WindowedStream } from './windowed-stream.ts';

export const STREAMS: StreamFactory = Object.freeze<StreamFactory>({
  single: (scope, node) => new SingleOutputStream(scope, node),
  sink: (scope, node) => new DataStreamSink(scope, node),
  stream: (handle) => new DataStream(handle),
  keyed: (handle, key) => new KeyedStream(handle, key),
  connected: (first, second) => new ConnectedStreams(first, second),
  keyedConnected: (first, second, key1, key2) => new KeyedConnectedStreams(first, second, key1, key2),
  broadcast: (handle, descriptors) => new BroadcastStream(handle, descriptors),
  broadcastConnected: (stream, broadcast, descriptors) => new BroadcastConnectedStream(stream, broadcast, descriptors),
  keyedBroadcastConnected: (stream, broadcast, descriptors, key) =>
    new KeyedBroadcastConnectedStream(stream, broadcast, descriptors, key),
  windowed: (operation) => new WindowedStream(operation),
  allWindowed: (operation) => new AllWindowedStream(operation),
  coGrouped: (first, second) => new CoGroupedStreams(first, second),
  joined: (first, second) => new JoinedStreams(first, second),
  intervalJoined: (first, second, key1, key2) => new IntervalJoin(first, second, key1, key2),
  partitionWindowed: (handle, key) => new PartitionWindowedStream(handle, key),
});
