/** The inside of a worker thread: its input, and the messages between it and its owner. */

import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { MillstreamError } from '../base/error.ts';
import type { ThreadHost } from '../base/world.ts';
import { watchHeap } from './heap-watch.ts';
import type { ThreadStart } from './threads.ts';

/** The host of the current thread, which from now on ends when it holds more heap than it was promised. Throws on the main thread, which has none. */
export function threadHost(): ThreadHost {
  if (parentPort === null) {
    throw new MillstreamError('INTERNAL_INVARIANT', 'a thread host exists only inside a worker thread');
  }
  const start = workerData as ThreadStart;
  watchHeap(start.heapMegabytesMax, (usedMegabytes) => {
    Atomics.store(start.exhausted, 0, usedMegabytes);
    // In a worker this ends the thread, not the process.
    process.exit(1);
  });
  return new RealThreadHost(parentPort, start.input);
}

class RealThreadHost implements ThreadHost {
  readonly input: unknown;
  readonly #port: MessagePort;

  constructor(port: MessagePort, input: unknown) {
    this.#port = port;
    this.input = input;
  }

  post(message: unknown): void {
    this.#port.postMessage(message);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#port.on('message', listener);
  }

  poll(): { readonly message: unknown } | undefined {
    return receiveMessageOnPort(this.#port);
  }
}
