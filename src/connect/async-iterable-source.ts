/** Async iterables as sources: async generators, Node.js streams, Web streams, event emitters' `on`. */

import { describeThrown, MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { Clock } from '../base/world.ts';
import type { PollResult, ReaderOutput, Source } from './source.ts';
import { SplitPool, type SplitPoolState } from './split-pool.ts';
import { SplitReader, type SplitCursor } from './split-reader.ts';

/** Values taken from the iterable that the job has not taken yet. The iterable waits beyond that. */
const BUFFERED_VALUES_MAX = 256;

/** How long an iterator may take to clean up when the job ends before it. */
const RETURN_TIMEOUT_MS = 1000;

/** The iterable has no position: its one split says only that it has not ended. */
export interface IterableSplit {
  readonly id: 'iterable';
}

/** What is read: opened once for each attempt of the job, and only where the subtask runs that reads it. */
export type OpenIterable<T> = () => AsyncIterable<T> | Iterable<T> | Promise<AsyncIterable<T> | Iterable<T>>;

/** How an iterable is read. */
export interface AsyncIterableOptions {
  /** Whether the iterable ends by itself. Default `'unbounded'`, which is always right. */
  readonly boundedness?: 'bounded' | 'unbounded';
}

/**
 * The values of an async iterable, read by one subtask. The iterable is asked for no more than the job can take.
 *
 * Give a function where you can: it is called in the subtask that reads, so a job module opens a stream in one worker
 * only, and a job that restarts opens it anew. An iterable given directly can be read by one attempt only.
 *
 * What was read before a failure is not read again: from this source on a job is at most once.
 *
 * @example
 * ```ts
 * async function* ticks() {
 *   for (let tick = 0; tick < 3; tick++) yield { tick };
 * }
 * const source = asyncIterableSource(() => ticks());
 * ```
 */
export function asyncIterableSource<T>(
  iterable: AsyncIterable<T> | OpenIterable<T>,
  options: AsyncIterableOptions = {},
): Source<T, IterableSplit, SplitPoolState<IterableSplit>> {
  const open = typeof iterable === 'function' ? iterable : openOnce(iterable);
  return {
    name: 'iterable',
    boundedness: options.boundedness ?? 'unbounded',
    replayable: false,
    parallelism: 1,
    createEnumerator: (context, restored) => new SplitPool(context, restored, { splits: () => [{ id: 'iterable' }] }),
    createReader: (context) =>
      new SplitReader(context, {
        splitId,
        open: () => new IterableCursor(open, context.world.clock),
        order: 'one-by-one',
      }),
    splitId,
  };
}

function splitId(split: IterableSplit): string {
  return split.id;
}

/** An iterable that was read would look as if it had ended, or go on where nobody knows. */
function openOnce<T>(iterable: AsyncIterable<T>): OpenIterable<T> {
  let opened = false;
  return () => {
    if (opened) {
      throw new MillstreamError(
        'SOURCE_CONSUMED',
        'The iterable of this source has been read before, and can be read once only. Give the source a function that opens it anew: () => iterable.',
      );
    }
    opened = true;
    return iterable;
  };
}

/** How a stream is left before its end. Streams that wait for data hold back `return` until some comes. */
interface Destroyable {
  destroy(): unknown;
}

function isDestroyable(value: object): value is Destroyable {
  return 'destroy' in value && typeof value.destroy === 'function';
}

type State =
  | { readonly kind: 'opening' | 'reading' | 'ended' | 'closed' }
  | { readonly kind: 'failed'; readonly error: unknown };

class IterableCursor<T> implements SplitCursor<T, IterableSplit> {
  readonly #clock: Clock;
  readonly #buffer = new RingBuffer<T>();
  #state: State = { kind: 'opening' };
  #iterator: AsyncIterator<T> | Iterator<T> | undefined;
  #stream: Destroyable | undefined;
  #wake: (() => void) | undefined;
  /** Lets the pump go on when there is room again. */
  #room: (() => void) | undefined;

  constructor(open: OpenIterable<T>, clock: Clock) {
    this.#clock = clock;
    void this.#pump(open);
  }

  poll(output: ReaderOutput<T>): PollResult {
    while (this.#buffer.size > 0) {
      output.collect(this.#buffer.shift() as T);
      this.#makeRoom();
      if (!output.proceed()) return 'more';
    }
    switch (this.#state.kind) {
      case 'failed':
        throw failure(this.#state.error);
      case 'ended':
        return 'finished';
      default:
        return 'waiting';
    }
  }

  available(): Promise<void> {
    if (this.#buffer.size > 0 || this.#state.kind === 'ended' || this.#state.kind === 'failed')
      return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  split(): IterableSplit {
    return { id: 'iterable' };
  }

  async close(): Promise<void> {
    const reading = this.#state.kind === 'reading';
    this.#moveTo({ kind: 'closed' });
    this.#room?.();
    if (!reading) return;
    this.#stream?.destroy();
    const returned = Promise.resolve(this.#iterator?.return?.()).catch(() => {});
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const alarm = this.#clock.after(RETURN_TIMEOUT_MS, resolve);
    await Promise.race([returned, late]);
    alarm.cancel();
  }

  async #pump(open: OpenIterable<T>): Promise<void> {
    try {
      const iterable = await open();
      if (isDestroyable(iterable)) this.#stream = iterable;
      if (this.#state.kind === 'closed') {
        this.#stream?.destroy();
        return;
      }
      const iterator = iterate(iterable);
      this.#iterator = iterator;
      this.#state = { kind: 'reading' };
      while (this.#state.kind === 'reading') {
        const next = await iterator.next();
        if (next.done === true) {
          this.#moveTo({ kind: 'ended' });
          return;
        }
        this.#buffer.push(next.value);
        if (this.#buffer.size === 1) this.#wakeReader();
        if (this.#buffer.size >= BUFFERED_VALUES_MAX) await this.#waitForRoom();
      }
    } catch (error) {
      this.#moveTo({ kind: 'failed', error });
    }
  }

  #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    return promise;
  }

  #makeRoom(): void {
    if (this.#room === undefined || this.#buffer.size > BUFFERED_VALUES_MAX / 2) return;
    this.#room();
    this.#room = undefined;
  }

  #moveTo(state: State): void {
    if (this.#state.kind !== 'closed') this.#state = state;
    this.#wakeReader();
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function iterate<T>(iterable: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  if (iterable instanceof ReadableStream) return iterateWebStream(iterable as ReadableStream<T>);
  return Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
}

/** A Web stream's own iterator would leave only after the value that it waits for. */
function iterateWebStream<T>(stream: ReadableStream<T>): AsyncIterator<T> {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

function failure(error: unknown): MillstreamError {
  if (error instanceof MillstreamError) return error;
  return new MillstreamError('SOURCE_FAILED', `The iterable that the source reads failed: ${describeThrown(error)}.`, {
    cause: error,
  });
}
