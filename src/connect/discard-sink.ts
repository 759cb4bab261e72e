/** Throws records away: Flink's `DiscardingSink`, the end of a benchmark. */

import type { Sink, SinkWriter } from './sink.ts';

/**
 * Takes every record and keeps none.
 *
 * @example
 * ```ts
 * const sink = discardSink<number>();
 * ```
 */
export function discardSink<T>(): Sink<T, never, never> {
  return { name: 'discard', guarantee: 'exactly-once', changelog: true, createWriter: () => new DiscardWriter() };
}

class DiscardWriter<T> implements SinkWriter<T> {
  write(): void {}

  flush(): void {}

  close(): void {}
}
