/** A scope owns what was opened in it and closes it once, in reverse order, also after a failure. */

type Close = () => void | Promise<void>;

export class Scope implements AsyncDisposable {
  readonly #closers: Close[] = [];
  #closing: Promise<void> | undefined;

  /** Registers how to close something that has just been opened. */
  defer(close: Close): void {
    this.#closers.push(close);
  }

  /** Closes everything, the last opened first. Failures are collected; all closers run. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'several things failed to close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
