/** A plain TCP connection, read on demand. */

import { connect, type Socket } from 'node:net';
import { MillstreamError } from '../base/error.ts';
import type { ByteStream } from '../base/world.ts';
import { formatTcp } from './address.ts';
import { connectFailure, CONNECT_TIMEOUT_MS, NO_ANSWER } from './tcp-network.ts';

/** How long a closed connection may take to send what was written before. */
const LINGER_MS = 5_000;

export function openStream(host: string, port: number, signal: AbortSignal | undefined): Promise<ByteStream> {
  const address = formatTcp(host, port);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const abort = (): void => void socket.destroy(new Error('it was given up'));
    const timer = setTimeout(() => socket.destroy(new Error(NO_ANSWER)), CONNECT_TIMEOUT_MS);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const failed = (error: Error): void => {
      settle();
      reject(connectFailure(address, error));
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort);
    socket.once('error', failed);
    socket.once('connect', () => {
      settle();
      socket.off('error', failed);
      resolve(new RealByteStream(socket, address));
    });
  });
}

class RealByteStream implements ByteStream {
  readonly #socket: Socket;
  readonly #address: string;
  #state: 'open' | 'ended' | 'broken' | 'closed' = 'open';
  #failure: Error | undefined;
  /** Called when there may be something new: bytes, room, the end. */
  #readWaiter: (() => void) | undefined;
  #writeWaiter: (() => void) | undefined;

  constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.#address = address;
    socket.on('readable', () => this.#wakeReader());
    socket.on('end', () => this.#moveTo('ended'));
    socket.on('drain', () => this.#wakeWriter());
    socket.on('error', (error) => {
      this.#failure ??= error;
      this.#moveTo('broken');
    });
    socket.on('close', () => this.#moveTo('ended'));
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#state === 'closed') return undefined;
      const bytes = this.#socket.read() as Buffer | null;
      if (bytes !== null) return bytes;
      if (this.#state === 'ended') return undefined;
      if (this.#state === 'broken') throw this.#broken();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#readWaiter = resolve;
      await promise;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#state !== 'open') throw this.#broken();
    // The socket keeps what it is given until it is sent, and the caller wants its memory back.
    if (this.#socket.write(Buffer.from(bytes))) return;
    while (this.#state === 'open' && this.#socket.writableNeedDrain) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#writeWaiter = resolve;
      await promise;
    }
    if (this.#state !== 'open') throw this.#broken();
  }

  close(): void {
    if (this.#state === 'closed') return;
    const sending = this.#state === 'open';
    this.#state = 'closed';
    this.#wakeReader();
    this.#wakeWriter();
    if (!sending) {
      this.#socket.destroy();
      return;
    }
    // What still arrives is thrown away, so that the end behind it is seen.
    this.#socket.removeAllListeners('readable').resume();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #moveTo(state: 'ended' | 'broken'): void {
    if (this.#state === 'open') this.#state = state;
    this.#wakeReader();
    this.#wakeWriter();
  }

  #wakeReader(): void {
    const waiter = this.#readWaiter;
    this.#readWaiter = undefined;
    waiter?.();
  }

  #wakeWriter(): void {
    const waiter = this.#writeWaiter;
    this.#writeWaiter = undefined;
    waiter?.();
  }

  #broken(): MillstreamError {
    const cause = this.#failure;
    const reason = cause === undefined ? 'the other end closed it' : cause.message;
    const message = `The connection with ${this.#address} broke (${reason}).`;
    return new MillstreamError('CHANNEL_LOST', message, { cause, details: { address: this.#address } });
  }
}
