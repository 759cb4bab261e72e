/** Worker threads: spawning them, and telling how they ended. */

import { Worker } from 'node:worker_threads';
import type { Thread, ThreadExit, ThreadOptions, Threads } from '../base/world.ts';
import { v8LimitMegabytes, youngLimit } from './heap-watch.ts';

/** What a thread is started with; read by `thread-host.ts`. */
export interface ThreadStart {
  readonly input: unknown;
  readonly heapMegabytesMax: number;
  /** One cell, where a thread that ends for want of heap leaves how many megabytes it used. */
  readonly exhausted: Int32Array<SharedArrayBuffer>;
}

export class RealThreads implements Threads {
  spawn(options: ThreadOptions): Thread {
    return new RealThread(options);
  }
}

class RealThread implements Thread {
  readonly #name: string;
  readonly #exhausted = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #heapMegabytesMax: number;
  readonly #worker: Worker;
  readonly #exitListeners: ((exit: ThreadExit) => void)[] = [];
  #error: Error | undefined;
  #exit: ThreadExit | undefined;
  #terminated = false;

  constructor(options: ThreadOptions) {
    const { heapMegabytesMax } = options;
    this.#name = options.name;
    this.#heapMegabytesMax = heapMegabytesMax;
    const start: ThreadStart = { input: options.input, heapMegabytesMax, exhausted: this.#exhausted };
    // The process's own `execArgv` is inherited, and with it how modules are resolved.
    this.#worker = new Worker(options.entry, {
      name: options.name,
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: v8LimitMegabytes(heapMegabytesMax), ...youngLimit(heapMegabytesMax) },
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
    this.#exit = this.#explain(code);
    for (const listener of this.#exitListeners.splice(0)) listener(this.#exit);
  }

  #explain(code: number): ThreadExit {
    const used = Atomics.load(this.#exhausted, 0);
    if (used > 0) {
      const message = `The thread ${this.#name} holds ${used} MB of heap; its limit is ${this.#heapMegabytesMax} MB.`;
      return { outOfMemory: true, error: new Error(message) };
    }
    const error = this.#error;
    if (error !== undefined) {
      return { outOfMemory: 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY', error };
    }
    if (code === 0 || this.#terminated) return { outOfMemory: false, error: undefined };
    const message = `The thread ${this.#name} ended itself with exit code ${code}.`;
    return { outOfMemory: false, error: new Error(message) };
  }
}
