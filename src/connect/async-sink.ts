/**
 * Sends records to a service in batches, several at a time: Flink's AsyncSinkBase.
 *
 * Records wait in a buffer until a batch is full or has waited for long enough. What the service turns away goes back
 * to the front of the buffer, and fewer records are then under way at once (`CongestionControl`). A checkpoint waits for
 * the requests under way and holds what is still in the buffer, so every record is sent at least once.
 */

import { describeThrown, MillstreamError } from '../base/error.ts';
import { CongestionControl } from './congestion-control.ts';
import { assertCount, invalidOption } from './option.ts';
import type { Sink, SinkWriter, WriteContext, WriterContext } from './sink.ts';

/** How records are sent. The defaults are those of Flink's Kinesis sink; all limits are those of one subtask. */
export interface AsyncSinkOptions<T, Request> {
  /** What plans and errors call the sink. Default `async`. */
  readonly name?: string;
  /**
   * Sends a batch. Resolves with those of its requests that are to be sent again, if any. What it rejects with fails the
   * job. `signal` is aborted when the request has timed out or the task ends.
   */
  readonly submit: (
    requests: readonly Request[],
    signal: AbortSignal,
  ) => PromiseLike<readonly Request[] | void | undefined>;
  /** Makes a request of a record: plain data, which checkpoints hold. Default: the record itself. */
  readonly convert?: (value: T, context: WriteContext) => Request;
  /** Bytes of a request. Without it, the limits in bytes mean nothing. */
  readonly sizeInBytes?: (request: Request) => number;
  /** Requests of a full batch. Default 500. */
  readonly maxBatchSize?: number;
  /** Bytes of a full batch. Default 5 MiB. */
  readonly maxBatchSizeInBytes?: number;
  /** Bytes of the largest request; a larger one fails the job. Default 1 MiB. */
  readonly maxRecordSizeInBytes?: number;
  /** Batches under way at once. Default 50. */
  readonly maxInFlightRequests?: number;
  /** Requests in the buffer above which records wait. Default 10,000, at least `maxBatchSize`. */
  readonly maxBufferedRequests?: number;
  /** Milliseconds that a request may wait for its batch to fill. Default 5,000. */
  readonly maxTimeInBufferMs?: number;
  /** Milliseconds after which a batch that was not answered is sent again. Default 600,000. */
  readonly requestTimeoutMs?: number;
}

const MEBIBYTE = 1024 * 1024;

type Settings<T, Request> = Required<Omit<AsyncSinkOptions<T, Request>, 'sizeInBytes'>> &
  Pick<AsyncSinkOptions<T, Request>, 'sizeInBytes'>;

/**
 * A sink that sends records to a service in batches: at least once, in no certain order.
 *
 * @throws OPTION_INVALID when a limit is no whole number above 0, or the buffer is smaller than a batch.
 *
 * @example
 * ```ts
 * const sent: (readonly string[])[] = [];
 * const sink = asyncSink<{ id: number }, string>({
 *   name: 'events API',
 *   convert: (event) => JSON.stringify(event),
 *   sizeInBytes: (text) => Buffer.byteLength(text),
 *   maxBatchSize: 100,
 *   submit: async (texts) => {
 *     // Stands for `await fetch('https://…', { method: 'POST', body: texts.join('\n'), signal })`.
 *     sent.push(texts);
 *     return []; // Those that the service has turned away.
 *   },
 * });
 * ```
 */
export function asyncSink<T, Request = T>(options: AsyncSinkOptions<T, Request>): Sink<T, never, Request> {
  const settings: Settings<T, Request> = {
    name: 'async',
    convert: (value) => value as unknown as Request,
    maxBatchSize: 500,
    maxBatchSizeInBytes: 5 * MEBIBYTE,
    maxRecordSizeInBytes: MEBIBYTE,
    maxInFlightRequests: 50,
    maxBufferedRequests: 10_000,
    maxTimeInBufferMs: 5_000,
    requestTimeoutMs: 600_000,
    ...options,
  };
  for (const limit of [
    'maxBatchSize',
    'maxBatchSizeInBytes',
    'maxRecordSizeInBytes',
    'maxInFlightRequests',
    'maxBufferedRequests',
    'maxTimeInBufferMs',
    'requestTimeoutMs',
  ] as const)
    assertCount(`${settings.name} sink`, limit, settings[limit], 1);
  if (settings.maxBufferedRequests < settings.maxBatchSize)
    throw invalidOption(
      `${settings.name} sink`,
      `maxBufferedRequests is ${settings.maxBufferedRequests}, and a batch of ${settings.maxBatchSize} would never fill`,
    );
  return {
    name: settings.name,
    guarantee: 'at-least-once',
    // What a row does to those before it is for `convert` to say.
    changelog: options.convert !== undefined,
    createWriter: (context, restored) => new AsyncWriter(settings, context, restored),
  };
}

/** A request that waits or is under way. */
interface Entry<Request> {
  readonly request: Request;
  readonly bytes: number;
}

interface Batch<Request> {
  readonly entries: readonly Entry<Request>[];
  readonly sentAt: number;
  readonly abort: AbortController;
}

class AsyncWriter<T, Request> implements SinkWriter<T, never, Request> {
  readonly #settings: Settings<T, Request>;
  readonly #context: WriterContext;
  readonly #congestion: CongestionControl;
  #buffer: Entry<Request>[] = [];
  #bufferedBytes = 0;
  /** In the order in which they were sent. */
  readonly #underWay = new Set<Batch<Request>>();
  /** What waits in the buffer is sent in batches of any size, until it is empty. */
  #overdue = false;
  #endOfInput = false;
  /** A checkpoint is being taken: what it holds stays in the buffer. */
  #paused = false;
  #timesBuffer = false;
  #timesRequests = false;
  /** Milliseconds that the last answer took. */
  #sendTimeMs = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Settles when a batch has come back. */
  #progress = Promise.withResolvers<void>();

  constructor(settings: Settings<T, Request>, context: WriterContext, restored: readonly Request[]) {
    this.#settings = settings;
    this.#context = context;
    const { maxBatchSize, maxInFlightRequests } = settings;
    this.#congestion = new CongestionControl(maxBatchSize, maxBatchSize * maxInFlightRequests);
    for (const request of restored) this.#add(this.#entry(request));
    context.metrics.gauge('numRequestsBuffered', () => this.#buffer.length);
    context.metrics.gauge('numRequestsInFlight', () => this.#underWay.size);
    context.metrics.gauge('currentSendTime', () => this.#sendTimeMs);
  }

  write(value: T, context: WriteContext): void | Promise<void> {
    this.#check();
    this.#paused = false;
    const { convert, maxBufferedRequests } = this.#settings;
    this.#add(this.#entry(convert(value, context)));
    this.#send();
    if (this.#buffer.length >= maxBufferedRequests) return this.#until(() => this.#buffer.length < maxBufferedRequests);
  }

  #entry(request: Request): Entry<Request> {
    const { name, sizeInBytes, maxRecordSizeInBytes } = this.#settings;
    const bytes = sizeInBytes?.(request) ?? 0;
    if (bytes > maxRecordSizeInBytes)
      throw new MillstreamError(
        'SINK_FAILED',
        `A request of the ${name} sink has ${bytes} bytes, above its maxRecordSizeInBytes of ${maxRecordSizeInBytes}. Make it smaller in convert(), leave it out before the sink, or raise the limit if the service takes it.`,
      );
    return { request, bytes };
  }

  #add(entry: Entry<Request>): void {
    this.#buffer.push(entry);
    this.#bufferedBytes += entry.bytes;
    this.#timeBuffer();
  }

  #timeBuffer(): void {
    if (this.#timesBuffer || this.#buffer.length === 0) return;
    this.#timesBuffer = true;
    this.#context.after(this.#settings.maxTimeInBufferMs, () => {
      this.#timesBuffer = false;
      this.#overdue = true;
      this.#send();
      this.#timeBuffer();
    });
  }

  /** Sends what may go now. */
  #send(): void {
    const { maxBatchSize, maxBatchSizeInBytes, maxInFlightRequests } = this.#settings;
    while (this.#buffer.length > 0 && this.#underWay.size < maxInFlightRequests && !this.#paused) {
      const most = Math.min(this.#congestion.limit, maxBatchSize);
      const size = Math.min(most, this.#buffer.length);
      const goes = size === most || this.#overdue || this.#endOfInput || this.#bufferedBytes >= maxBatchSizeInBytes;
      if (!goes || size > this.#congestion.room) return;
      this.#submit(this.#take(size));
    }
    if (this.#buffer.length === 0) this.#overdue = false;
  }

  /** The first requests of the buffer, as many as a batch may have. */
  #take(most: number): readonly Entry<Request>[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#buffer) {
      if (count === most || (count > 0 && bytes + entry.bytes > this.#settings.maxBatchSizeInBytes)) break;
      bytes += entry.bytes;
      count++;
    }
    this.#bufferedBytes -= bytes;
    this.#context.metrics.counter('numBytesSend').inc(bytes);
    this.#context.metrics.counter('numRecordsSend').inc(count);
    return this.#buffer.splice(0, count);
  }

  #submit(entries: readonly Entry<Request>[]): void {
    const batch: Batch<Request> = { entries, sentAt: this.#context.now(), abort: new AbortController() };
    this.#underWay.add(batch);
    this.#congestion.sent(entries.length);
    this.#timeRequests(this.#settings.requestTimeoutMs);
    const requests = entries.map(({ request }) => request);
    // What is thrown at once is a rejection like any other.
    void new Promise<readonly Request[] | void | undefined>((resolve) => {
      resolve(this.#settings.submit(requests, batch.abort.signal));
    })
      .then((again) =>
        this.#answered(
          batch,
          (again ?? []).map((request) => this.#entry(request)),
        ),
      )
      .catch((error: unknown) => this.#fail(batch, error));
  }

  /** One timer for all: they time out in the order in which they were sent. */
  #timeRequests(delayMs: number): void {
    if (this.#timesRequests) return;
    this.#timesRequests = true;
    this.#context.after(delayMs, () => {
      this.#timesRequests = false;
      const sentBefore = this.#context.now() - this.#settings.requestTimeoutMs;
      for (const batch of this.#underWay) {
        if (batch.sentAt > sentBefore) break;
        this.#answered(batch, batch.entries);
      }
      const [next] = this.#underWay;
      if (next !== undefined) this.#timeRequests(Math.max(1, next.sentAt - sentBefore));
    });
  }

  /** What is to be sent again comes first. Answers after the timeout are not listened to. */
  #answered(batch: Batch<Request>, again: readonly Entry<Request>[]): void {
    if (!this.#underWay.delete(batch)) return;
    this.#sendTimeMs = this.#context.now() - batch.sentAt;
    batch.abort.abort();
    this.#congestion.answered(batch.entries.length, again.length);
    this.#context.metrics.counter('numRecordsSendErrors').inc(again.length);
    this.#buffer.unshift(...again);
    for (const { bytes } of again) this.#bufferedBytes += bytes;
    this.#moved();
  }

  #fail(batch: Batch<Request>, cause: unknown): void {
    if (!this.#underWay.has(batch) || this.#failure !== undefined) return;
    const error = new MillstreamError(
      'SINK_FAILED',
      `The ${this.#settings.name} sink could not send ${batch.entries.length} requests: ${describeThrown(cause)}. Where sending again may help, resolve submit() with the requests instead of rejecting it.`,
      { cause },
    );
    this.#failure = { error };
    this.#context.fail(error);
    this.#moved();
  }

  #moved(): void {
    if (this.#failure === undefined) this.#send();
    const { resolve } = this.#progress;
    this.#progress = Promise.withResolvers();
    resolve();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) {
      await this.#progress.promise;
      this.#check();
    }
  }

  /** A checkpoint holds what waits, and waits for what is under way; at the end of the input everything goes. */
  flush(endOfInput: boolean): void | Promise<void> {
    this.#check();
    this.#paused = !endOfInput;
    this.#endOfInput ||= endOfInput;
    this.#send();
    const done = (): boolean => this.#underWay.size === 0 && !(endOfInput && this.#buffer.length > 0);
    if (!done()) return this.#until(done);
  }

  snapshot(): readonly Request[] {
    const held = this.#buffer.map(({ request }) => request);
    this.#paused = false;
    this.#send();
    return held;
  }

  close(): void {
    for (const { abort } of this.#underWay) abort.abort();
    this.#underWay.clear();
  }
}
