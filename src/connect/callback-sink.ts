/** Hands records to a function. */

import { assertCount } from './option.ts';
import type { Sink, SinkWriter, WriteContext, WriterContext } from './sink.ts';

/** How a callback is called. */
export interface CallbackOptions {
  /**
   * How many promises that the function returned may be under way, in each subtask, before further records wait.
   * Default 1: a record is handed over when the one before it is done.
   */
  readonly concurrency?: number;
}

/** Where the record comes from. Valid during the call only. */
export interface CallbackContext extends WriteContext {
  readonly subtask: number;
}

/**
 * Calls `callback` for each record, in the subtask where the record is. When it returns a promise, checkpoints and
 * the end of the input wait for it, so that each record was dealt with at least once; after a restart, records since
 * the last checkpoint come again.
 *
 * @example
 * ```ts
 * const seen: number[] = [];
 * const sink = callbackSink((value: number) => {
 *   seen.push(value);
 * });
 * ```
 */
export function callbackSink<T>(
  callback: (value: T, context: CallbackContext) => unknown,
  options: CallbackOptions = {},
): Sink<T, never, never> {
  const { concurrency = 1 } = options;
  assertCount('callback sink', 'concurrency', concurrency, 1);
  return {
    name: 'callback',
    guarantee: 'at-least-once',
    changelog: true,
    createWriter: (context) => new CallbackWriter(callback, concurrency, context),
  };
}

class CallbackWriter<T> implements SinkWriter<T> {
  readonly #callback: (value: T, context: CallbackContext) => unknown;
  readonly #concurrency: number;
  readonly #context: WriterContext;
  readonly #underWay = new Set<Promise<void>>();
  /** One object for all records. */
  readonly #about: { -readonly [Fact in keyof CallbackContext]: CallbackContext[Fact] };
  #failure: { readonly error: unknown } | undefined;

  constructor(callback: (value: T, context: CallbackContext) => unknown, concurrency: number, context: WriterContext) {
    this.#callback = callback;
    this.#concurrency = concurrency;
    this.#context = context;
    this.#about = { subtask: context.subtask, timestamp: 0, watermark: 0, rowKind: 0 };
  }

  write(value: T, context: WriteContext): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const about = this.#about;
    about.timestamp = context.timestamp;
    about.watermark = context.watermark;
    about.rowKind = context.rowKind;
    const result = this.#callback(value, about);
    if (!isPromise(result)) return;
    this.#follow(result);
    if (this.#underWay.size >= this.#concurrency) return Promise.race(this.#underWay);
  }

  #follow(result: PromiseLike<unknown>): void {
    const followed: Promise<void> = Promise.resolve(result).then(
      () => void this.#underWay.delete(followed),
      (error: unknown) => {
        this.#underWay.delete(followed);
        if (this.#failure === undefined) this.#context.fail(error);
        this.#failure ??= { error };
      },
    );
    this.#underWay.add(followed);
  }

  flush(): void | Promise<void> {
    if (this.#underWay.size > 0) return this.#settled();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  close(): void {}
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
