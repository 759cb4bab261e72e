/** Streams that are dealt out by key already. */

import { checkFunction } from '../operator/user-function.ts';
import type { KeyOf } from '../operator/functions.ts';
import type { DataStream } from './data-stream.ts';
import type { KeyedStream } from './keyed-stream.ts';

/**
 * Takes a stream for keyed without dealing its records out again, where they are in the right subtasks already: behind a
 * keyed operator that kept the key and its parallelism. Flink's `DataStreamUtils.reinterpretAsKeyedStream`.
 *
 * @throws GRAPH_INVALID, when the job is built, if the next operator has another parallelism; KEY_INVALID, failing the
 * job, for a record that is in the wrong subtask.
 *
 * @example
 * ```ts
 * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
 * const totals = orders.keyBy((order) => order.customer).sum('amount');
 * const again = reinterpretAsKeyedStream(totals, (order) => order.customer);
 * ```
 */
export function reinterpretAsKeyedStream<T, K>(
  stream: DataStream<T>,
  selector: (value: T) => KeyOf<K>,
): KeyedStream<K, T> {
  checkFunction(selector, 'reinterpretAsKeyedStream', [], true);
  const key = selector as (value: T) => unknown as (value: T) => K;
  return stream.handle.scope.make.keyed(stream.handle.partitioned({ kind: 'forward' }), key);
}
