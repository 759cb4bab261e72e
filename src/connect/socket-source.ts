/** Records from a TCP server: Flink's `socketTextStream`, with any format. */

import type { Format } from '../format/format.ts';
import { text } from '../format/text.ts';
import { assertHostPort, type HostPort } from './host-port.ts';
import { assertCount } from './option.ts';
import { SocketCursor, type SocketSplit } from './socket-cursor.ts';
import type { Source } from './source.ts';
import { SplitPool, type SplitPoolState } from './split-pool.ts';
import { SplitReader } from './split-reader.ts';
import type { OnUndecodable } from './undecodable.ts';

/** Where the server is, and what to do when it is not there. */
export interface SocketSourceOptions extends HostPort {
  /**
   * How often in a row a connection is tried again, when it cannot be made, breaks or is closed by the server. Then
   * the job fails. Default 0, and then the source ends when the server closes the connection. -1 for without end.
   */
  readonly maxRetries?: number;
  /** Milliseconds between two tries. Default 500. */
  readonly retryDelayMs?: number;
  /** What to do with a record that cannot be decoded. Default `'fail'`. */
  readonly onUndecodable?: OnUndecodable;
}

/**
 * What a TCP server sends, as lines of text or in another format. One subtask connects, and reads no faster than the
 * job can take. A server does not send again what was lost: from this source on a job is at most once.
 *
 * @example
 * ```ts
 * const lines = socketSource({ host: 'localhost', port: 9999, maxRetries: 10 });
 * const clicks = socketSource({ host: 'localhost', port: 9998, format: json<{ user: string }>() });
 * ```
 */
export function socketSource<T>(
  options: SocketSourceOptions & { readonly format: Format<T, never> },
): Source<T, SocketSplit, SplitPoolState<SocketSplit>>;
export function socketSource(options: SocketSourceOptions): Source<string, SocketSplit, SplitPoolState<SocketSplit>>;
export function socketSource(
  options: SocketSourceOptions & { readonly format?: Format<unknown, never> },
): Source<unknown, SocketSplit, SplitPoolState<SocketSplit>> {
  const { host, port, maxRetries = 0, retryDelayMs = 500, onUndecodable = 'fail', format = text() } = options;
  assertHostPort('socket source', options);
  if (maxRetries !== Number.POSITIVE_INFINITY) assertCount('socket source', 'maxRetries', maxRetries, -1);
  assertCount('socket source', 'retryDelayMs', retryDelayMs, 0);
  const settings = {
    host,
    port,
    format,
    maxRetries: maxRetries === -1 ? Number.POSITIVE_INFINITY : maxRetries,
    retryDelayMs,
    onUndecodable,
  };
  return {
    name: 'socket',
    boundedness: 'unbounded',
    replayable: false,
    parallelism: 1,
    createEnumerator: (context, restored) => new SplitPool(context, restored, { splits: () => [{ id: 'socket' }] }),
    createReader: (context) =>
      new SplitReader(context, {
        splitId,
        open: () => new SocketCursor(settings, context.world),
        order: 'one-by-one',
      }),
    splitId,
  };
}

function splitId(split: SocketSplit): string {
  return split.id;
}
