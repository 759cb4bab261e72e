/** Reads records from one TCP connection after the other. */

import { describeThrown, MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { ByteStream, Cancellation } from '../base/world.ts';
import { FormatError, NO_RECORD, type Format } from '../format/format.ts';
import type { HostPort } from './host-port.ts';
import { endless, RecordWindow } from './record-window.ts';
import type { ConnectorWorld, PollResult, ReaderOutput } from './source.ts';
import type { SplitCursor } from './split-reader.ts';
import {
  handleUndecodable,
  undecodable,
  type OnUndecodable,
  type RecordOrigin,
  type Undecodable,
} from './undecodable.ts';

/** A server has no position: the one split says only that the source has not ended. */
export interface SocketSplit {
  readonly id: 'socket';
}

export interface SocketCursorOptions<T> extends HostPort {
  readonly format: Format<T, never>;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly onUndecodable: OnUndecodable;
}

/** What came from the network, in order. A connection ends, or breaks in the middle. */
type Arrival = Uint8Array | 'opened' | 'ended' | 'broken';

/** Bytes that wait to be decoded before no more are read. */
const WAITING_BYTES_MAX = 1024 * 1024;

export class SocketCursor<T> implements SplitCursor<T, SocketSplit> {
  readonly #options: SocketCursorOptions<T>;
  readonly #world: ConnectorWorld;
  readonly #arrivals = new RingBuffer<Arrival>();
  #waitingBytes = 0;
  #state: 'running' | 'ended' | 'failed' | 'closed' = 'running';
  #failure: MillstreamError | undefined;
  readonly #connecting = new AbortController();
  #window: RecordWindow<T>;
  #prologueRead = false;
  #stream: ByteStream | undefined;
  #pause: Cancellation | undefined;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;
  readonly #done: Promise<void>;

  constructor(options: SocketCursorOptions<T>, world: ConnectorWorld) {
    this.#options = options;
    this.#world = world;
    this.#window = new RecordWindow(options.format.decoder(), 0, 0);
    this.#done = this.#run();
  }

  get #address(): string {
    return `tcp:${this.#options.host}:${this.#options.port}`;
  }

  // The task's side: arrivals become records.

  poll(output: ReaderOutput<T>): PollResult {
    for (;;) {
      if (!this.#readRecords(output)) return 'more';
      const arrival = this.#arrivals.shift();
      if (arrival === undefined) break;
      this.#take(arrival, output);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#state === 'ended' ? 'finished' : 'waiting';
  }

  /** Emits the records at hand; false when told to stop. */
  #readRecords(output: ReaderOutput<T>): boolean {
    const window = this.#window;
    if (!this.#prologueRead) {
      this.#prologueRead = this.#readPrologue();
      if (!this.#prologueRead) return true;
    }
    while (window.find()) {
      const value = this.#decode(output);
      window.advance();
      if (value !== NO_RECORD) output.collect(value);
      if (!output.proceed()) return false;
    }
    return true;
  }

  #take(arrival: Arrival, output: ReaderOutput<T>): void {
    if (arrival === 'opened') {
      this.#window = new RecordWindow(this.#options.format.decoder(), 0, 0);
      this.#prologueRead = false;
    } else if (arrival === 'ended') this.#window.atEnd = true;
    else if (arrival === 'broken') this.#dropPartial(output);
    else {
      this.#window.append(Buffer.from(arrival.buffer, arrival.byteOffset, arrival.length));
      this.#waitingBytes -= arrival.length;
      if (this.#waitingBytes <= WAITING_BYTES_MAX / 2) this.#room?.();
    }
  }

  /** The beginning of a record whose end went lost with its connection. */
  #dropPartial(output: ReaderOutput<T>): void {
    const { record } = this.#window;
    if (record.length === 0) return;
    const error = 'the connection broke in the middle of it';
    output.dropped({ bytes: Uint8Array.from(record), origin: this.#origin(), error } satisfies Undecodable);
  }

  #readPrologue(): boolean {
    try {
      return this.#window.passPrologue();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw undecodable(this.#window.record, this.#origin(), error);
    }
  }

  #decode(output: ReaderOutput<T>): T | typeof NO_RECORD {
    const window = this.#window;
    try {
      if (window.endless) throw endless();
      return window.decode();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (window.endless) throw undecodable(window.record, this.#origin(), error);
      handleUndecodable(this.#options.onUndecodable, output, window.record, this.#origin(), error);
      return NO_RECORD;
    }
  }

  /** Lines and bytes are those of the connection. */
  #origin(): RecordOrigin {
    return { file: this.#address, line: this.#window.lines + 1, offset: this.#window.position };
  }

  available(): Promise<void> {
    if (this.#arrivals.size > 0 || this.#state !== 'running') return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  split(): SocketSplit {
    return { id: 'socket' };
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#connecting.abort();
    this.#stream?.close();
    this.#pause?.cancel();
    this.#room?.();
    await this.#done;
  }

  // The network's side.

  async #run(): Promise<void> {
    const { maxRetries, retryDelayMs } = this.#options;
    for (let tries = 0; this.#state === 'running'; tries++) {
      const outcome = await this.#readConnection(() => {
        tries = 0;
      });
      if (this.#state !== 'running') return;
      if (outcome === 'ended' && maxRetries === 0) this.#leave('ended');
      else if (tries >= maxRetries) {
        this.#failure = this.#unreachable(outcome, tries);
        this.#leave('failed');
      } else await this.#waitBeforeRetry(retryDelayMs);
    }
  }

  /** Reads one connection to its end; `heard` is called for what comes. Returns how it ended: an error broke it. */
  async #readConnection(heard: () => void): Promise<'ended' | { readonly error: unknown }> {
    let opened = false;
    try {
      const { host, port } = this.#options;
      const stream = await this.#world.network.openStream(host, port, this.#connecting.signal);
      this.#stream = stream;
      if (this.#state !== 'running') {
        stream.close();
        return 'ended';
      }
      opened = true;
      this.#arrive('opened');
      for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
        heard();
        this.#waitingBytes += bytes.length;
        this.#arrive(bytes);
        if (this.#waitingBytes > WAITING_BYTES_MAX) await this.#waitForRoom();
      }
      this.#arrive('ended');
      return 'ended';
    } catch (error) {
      if (opened) this.#arrive('broken');
      return { error };
    } finally {
      this.#stream?.close();
      this.#stream = undefined;
    }
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#wakeReader();
  }

  #leave(state: 'ended' | 'failed'): void {
    this.#state = state;
    this.#wakeReader();
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = () => {
      this.#room = undefined;
      resolve();
    };
    return promise;
  }

  #waitBeforeRetry(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const alarm = this.#world.clock.after(delayMs, resolve);
    this.#pause = {
      cancel: () => {
        alarm.cancel();
        resolve();
      },
    };
    return promise;
  }

  #unreachable(outcome: 'ended' | { readonly error: unknown }, retries: number): MillstreamError {
    const { host, port } = this.#options;
    const after = retries === 0 ? '' : ` after ${retries} ${retries === 1 ? 'retry' : 'retries'}`;
    const reason = outcome === 'ended' ? 'the server closes the connection.' : describeThrown(outcome.error);
    return new MillstreamError(
      'SOURCE_UNREACHABLE',
      `The socket source cannot read from ${host}:${port}${after}: ${reason} Start the server there, or raise maxRetries.`,
      { ...(outcome === 'ended' ? {} : { cause: outcome.error }), details: { host, port } },
    );
  }
}
