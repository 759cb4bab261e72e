/** Sends records to a TCP server: Flink's `writeToSocket`. */

import { describeThrown, MillstreamError } from '../base/error.ts';
import type { ByteStream } from '../base/world.ts';
import { ByteAppender } from '../format/byte-appender.ts';
import type { Encoder, Format } from '../format/format.ts';
import { encodeRecord } from './encode-record.ts';
import { assertHostPort, type HostPort } from './host-port.ts';
import { assertCount } from './option.ts';
import type { Sink, SinkWriter, WriterContext } from './sink.ts';

/** Where the server is, and what is sent to it. */
export interface SocketSinkOptions<T> extends HostPort {
  /** How records are written, for example `text()` or `json()`. */
  readonly format: Format<unknown, T>;
  /** How often a connection that cannot be made or that breaks is tried again before the job fails. Default 0. */
  readonly maxRetries?: number;
  /** Milliseconds between two tries. Default 500. */
  readonly retryDelayMs?: number;
}

/** Encoded bytes that are gathered before they are sent. */
const SEND_BYTES = 64 * 1024;

/**
 * Writes each record to a socket, every subtask on a connection of its own. Nobody confirms what arrived: what was
 * under way when a connection broke may be lost, and records after the last checkpoint are sent again after a restart.
 *
 * @example
 * ```ts
 * const sink = socketSink<string>({ host: 'localhost', port: 9999, format: text() });
 * ```
 */
export function socketSink<T>(options: SocketSinkOptions<T>): Sink<T, never, never> {
  const { maxRetries = 0, retryDelayMs = 500 } = options;
  assertHostPort('socket sink', options);
  assertCount('socket sink', 'maxRetries', maxRetries, 0);
  assertCount('socket sink', 'retryDelayMs', retryDelayMs, 0);
  return {
    name: 'socket',
    guarantee: 'at-most-once',
    createWriter: (context) => new SocketWriter({ ...options, maxRetries, retryDelayMs }, context),
  };
}

class SocketWriter<T> implements SinkWriter<T> {
  readonly #options: Required<SocketSinkOptions<T>>;
  readonly #context: WriterContext;
  readonly #encoder: Encoder<T>;
  readonly #buffer = new ByteAppender();
  #stream: ByteStream | undefined;
  readonly #connecting = new AbortController();
  #begun = false;
  #sendPlanned = false;
  #endPause: (() => void) | undefined;
  #closed = false;
  /** Sends run one after the other; this is the last. */
  #sending: Promise<void> = Promise.resolve();

  constructor(options: Required<SocketSinkOptions<T>>, context: WriterContext) {
    this.#options = options;
    this.#context = context;
    this.#encoder = options.format.encoder();
  }

  write(value: T): void | Promise<void> {
    if (!this.#begun) {
      this.#begun = true;
      this.#encoder.prologue?.(value, this.#buffer);
    }
    encodeRecord(this.#encoder, value, this.#buffer, `tcp:${this.#options.host}:${this.#options.port}`);
    if (this.#buffer.length >= SEND_BYTES) return this.flush();
    if (this.#sendPlanned) return;
    // Records of one turn leave together, and none waits longer.
    this.#sendPlanned = true;
    this.#context.world.clock.nextTurn(() => {
      this.#sendPlanned = false;
      if (!this.#closed) this.flush().catch((error: unknown) => this.#context.fail(error));
    });
  }

  flush(): Promise<void> {
    if (this.#buffer.length > 0) {
      const bytes = this.#buffer.take();
      this.#sending = this.#sending.then(() => this.#send(bytes));
    }
    return this.#sending;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connecting.abort();
    this.#endPause?.();
    await this.#sending.catch(() => {});
    this.#stream?.close();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { host, port, maxRetries, retryDelayMs } = this.#options;
    for (let tries = 0; !this.#closed; tries++) {
      try {
        this.#stream ??= await this.#context.world.network.openStream(host, port, this.#connecting.signal);
        await this.#stream.write(bytes);
        return;
      } catch (error) {
        this.#stream?.close();
        this.#stream = undefined;
        if (tries >= maxRetries) throw this.#unreachable(error, tries);
      }
      await this.#pause(retryDelayMs);
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const alarm = this.#context.world.clock.after(delayMs, resolve);
    this.#endPause = () => {
      alarm.cancel();
      resolve();
    };
    return promise;
  }

  #unreachable(error: unknown, retries: number): MillstreamError {
    const { host, port } = this.#options;
    const after = retries === 0 ? '' : ` after ${retries} ${retries === 1 ? 'retry' : 'retries'}`;
    return new MillstreamError(
      'SINK_UNREACHABLE',
      `The socket sink cannot write to ${host}:${port}${after}: ${describeThrown(error)} Start the server there, or raise maxRetries.`,
      { cause: error, details: { host, port } },
    );
  }
}
