/** A stream of records: what a job is described with. */

import type { Partitioning } from '../graph/stream-graph.ts';
import type { KeyOf } from '../operator/functions.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import type { KeyedStream } from './keyed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

export class DataStream<T> {
  /** The place in the graph that this stream stands for; for those who add operators of their own. */
  readonly handle: StreamHandle;

  constructor(handle: StreamHandle) {
    this.handle = handle;
  }

  keyBy<K>(selector: (value: T) => KeyOf<K>): KeyedStream<K, T> {
    const key = selector as unknown as (value: T) => K;
    return this.handle.scope.make.keyed(this.handle.partitioned({ kind: 'hash', key: key as (value: never) => unknown }), key);
  }

  /** Adds an operator that reads this stream. */
  transform<R>(name: string, definition: OperatorDefinition): SingleOutputStream<R> {
    return this.handle.scope.make.single<R>(this.handle.scope, this.handle.attach({ name, definition }));
  }

  protected repartitioned(_method: string, partitioning: Partitioning): DataStream<T> {
    return this.handle.scope.make.stream<T>(this.handle.partitioned(partitioning));
  }
}
