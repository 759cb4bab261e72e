/** A stream whose records are dealt out by key, and which therefore has keyed state and timers. */

import { MillstreamError } from '../base/error.ts';
import { DataStream } from './data-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

/** Makes the key of a record. Must be a pure function: it is called more than once per record. */
export type KeySelector<T, K> = (value: T) => K;

/**
 * A stream that is partitioned by key: all records of a key meet in one subtask.
 *
 * @example
 * ```ts
 * const perUser = clicks.keyBy((click) => click.user);
 * ```
 */
export class KeyedStream<K, T> extends DataStream<T> {
  readonly keySelector: KeySelector<T, K>;

  constructor(handle: StreamHandle, keySelector: KeySelector<T, K>) {
    super(handle);
    this.keySelector = keySelector;
  }

  /** The records of a key must stay together. */
  protected override repartitioned(method: string): never {
    throw new MillstreamError('GRAPH_INVALID', `${method}() would tear apart the keys of the stream behind ${this.handle.label}. Call it before keyBy().`);
  }
}
