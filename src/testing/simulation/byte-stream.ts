/** A plain connection in the simulation: bytes come in pieces of any size, and only while somebody asks. */

import { MillstreamError } from '../../base/error.ts';
import type { ByteStream, Connection } from '../../base/world.ts';
import type { SeededRandom } from './random.ts';

/** One end of a connection that can be told to hold back what has arrived. */
export interface PausableEnd extends Omit<Connection, 'onMessage'> {
  /** Without a listener nothing is handed over. */
  onMessage(listener: ((message: Uint8Array) => void) | undefined): void;
}

export class SimulatedByteStream implements ByteStream {
  readonly #end: PausableEnd;
  readonly #address: string;
  readonly #random: SeededRandom;
  #state:
    | { readonly name: 'open' }
    | { readonly name: 'ended'; readonly reason: Error | undefined }
    | { readonly name: 'closed' } = { name: 'open' };
  #roomLeft = true;
  #readWaiter:
    | { readonly resolve: (bytes: Uint8Array | undefined) => void; readonly reject: (error: Error) => void }
    | undefined;
  #writeWaiter: (() => void) | undefined;

  constructor(end: PausableEnd, address: string, random: SeededRandom) {
    this.#end = end;
    this.#address = address;
    this.#random = random;
    end.onDrain(() => {
      this.#roomLeft = true;
      this.#wakeWriter();
    });
    end.onClose((reason) => this.#closed(reason));
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#readWaiter = { resolve, reject };
      if (this.#state.name !== 'open') this.#settleReader();
      else this.#end.onMessage((bytes) => this.#arrived(bytes));
    });
  }

  #arrived(bytes: Uint8Array): void {
    this.#end.onMessage(undefined);
    this.#readWaiter?.resolve(bytes);
    this.#readWaiter = undefined;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#state.name !== 'open') throw this.#broken();
    for (let from = 0; from < bytes.length;) {
      // Nobody promises that bytes written together arrive together.
      const to = this.#random.chance(0.7) ? bytes.length : from + 1 + this.#random.below(bytes.length - from);
      this.#roomLeft = this.#end.send(bytes.subarray(from, to));
      from = to;
    }
    while (!this.#roomLeft && this.#state.name === 'open')
      await new Promise<void>((resolve) => (this.#writeWaiter = resolve));
    if (this.#state.name !== 'open') throw this.#broken();
  }

  close(): void {
    if (this.#state.name === 'closed') return;
    this.#state = { name: 'closed' };
    this.#end.close();
    this.#settleReader();
    this.#wakeWriter();
  }

  #closed(reason: Error | undefined): void {
    if (this.#state.name === 'open') this.#state = { name: 'ended', reason };
    this.#settleReader();
    this.#wakeWriter();
  }

  #settleReader(): void {
    const waiter = this.#readWaiter;
    this.#readWaiter = undefined;
    if (this.#state.name === 'ended' && this.#state.reason !== undefined) waiter?.reject(this.#broken());
    else waiter?.resolve(undefined);
  }

  #wakeWriter(): void {
    const waiter = this.#writeWaiter;
    this.#writeWaiter = undefined;
    waiter?.();
  }

  #broken(): MillstreamError {
    const reason =
      this.#state.name === 'ended' && this.#state.reason !== undefined
        ? this.#state.reason.message
        : 'the other end closed it';
    return new MillstreamError('CHANNEL_LOST', `The connection with ${this.#address} broke (${reason}).`, {
      details: { address: this.#address },
    });
  }
}
