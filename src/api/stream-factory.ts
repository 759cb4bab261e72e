/**
 * Makes stream objects. The stream classes hand each other out (a stream keys itself, a keyed stream windows itself and
 * so on round), so none of their files imports another's class: they ask their scope's factory, and only `streams.ts`,
 * which implements it, knows them all.
 */

import type { DataStream } from './data-stream.ts';
import type { NodeDraft } from './graph-builder.ts';
import type { KeyedStream, KeySelector } from './keyed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle, StreamScope } from './stream-handle.ts';

export interface StreamFactory {
  /** The main output of a node that was just added. */
  single<T>(scope: StreamScope, node: NodeDraft): SingleOutputStream<T>;
  stream<T>(handle: StreamHandle): DataStream<T>;
  keyed<K, T>(handle: StreamHandle, selector: KeySelector<T, K>): KeyedStream<K, T>;
}
