/** Worker threads: spawning them, and telling how they ended. */

import { Worker } from 'node:worker_threads';
import type { Thread, ThreadExit, ThreadOptions, Threads } from '../base/world.ts';

export class RealThreads implements Threads {
  spawn(options: ThreadOptions): Thread {
    return new RealThread(options);
  }
}

class RealThread implements Thread {
  readonly #name: string;
  readonly #worker: Worker;
  readonly #exitListeners: ((exit: ThreadExit) => void)[] = [];
  #error: Error | undefined;
  #exit: ThreadExit | undefined;
  #terminated = false;

  constructor(options: ThreadOptions) {
    this.#name = options.name;
    // The process's own `execArgv` is inherited, and with it how modules are resolved.
    this.#worker = new Worker(options.entry, {
      name: options.name,
      workerData: options.input,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytesMax },
    });
    this.#worker.on('error', (thrown: unknown) => {
      this.#error ??= thrown instanceof Error ? thrown : new Error(`thrown value ${String(thrown)}`);
    });
    this.#worker.on('messageerror', (error) => {
      this.#error ??= error;
      void this.terminate();
    });
    this.#worker.on('exit', (code) => this.#ended(code));
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#worker.on('message', listener);
  }

  onExit(listener: (exit: ThreadExit) => void): void {
    const exit = this.#exit;
    if (exit === undefined) this.#exitListeners.push(listener);
    else queueMicrotask(() => listener(exit));
  }

  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#worker.terminate();
  }

  #ended(code: number): void {
    const error = this.#error ?? this.#unexplained(code);
    const outOfMemory = error !== undefined && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.#exit = { outOfMemory, error };
    for (const listener of this.#exitListeners.splice(0)) listener(this.#exit);
  }

  #unexplained(code: number): Error | undefined {
    if (code === 0 || this.#terminated) return undefined;
    return new Error(`The thread ${this.#name} ended itself with exit code ${code}.`);
  }
}
