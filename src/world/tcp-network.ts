/**
 * Connections between processes: messages over TCP, each behind its length in four bytes, little-endian.
 *
 * An end that closes says farewell first, so that the other end can tell it from a process that died: its system
 * closes the socket just as politely.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { MillstreamError } from '../base/error.ts';
import type { Connection, Listener } from '../base/world.ts';
import { formatTcp } from './address.ts';
import { MESSAGE_BYTES_MAX, MessageReader, FAREWELL, HEADER_BYTES } from './message-framing.ts';

/** How long a host may leave an attempt to connect unanswered. */
export const CONNECT_TIMEOUT_MS = 10_000;

export const NO_ANSWER = `no answer within ${CONNECT_TIMEOUT_MS} ms`;

/** How long a closed connection may take to send what was sent before. */
const LINGER_MS = 5_000;

/** How long a silent connection stays unprobed; a host that vanished is noticed by it. */
const KEEP_ALIVE_MS = 15_000;

/** Bytes that wait to be sent before the sender is asked to hold back. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Messages of one turn of the event loop leave together, in chunks of this size. */
const CHUNK_BYTES = 64 * 1024;

export async function listenTcp(
  host: string,
  port: number,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const open = new Set<TcpConnection>();
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
    const connection = new TcpConnection(socket, `tcp:${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`);
    open.add(connection);
    socket.once('close', () => open.delete(connection));
    onConnection(connection);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(host, port, error)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  // What the server reports later concerns single connections that could not be accepted; their clients see it.
  server.removeAllListeners('error').on('error', () => {});
  return { address: formatTcp(host, portOf(server)), close: () => closeServer(server, open) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Stops listening and closes the connections that came in. */
function closeServer(server: Server, open: ReadonlySet<TcpConnection>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const connection of open) connection.close();
  });
}

function listenFailure(host: string, port: number, error: Error): MillstreamError {
  const system = systemCode(error);
  const address = formatTcp(host, port);
  if (system === 'EADDRINUSE') {
    return new MillstreamError(
      'PORT_IN_USE',
      `The address ${address} cannot be listened on: another process holds port ${port}. Choose another port (0 takes a free one) or stop that process.`,
      { cause: error, details: { address } },
    );
  }
  return new MillstreamError(
    'OPTION_INVALID',
    `The address ${address} cannot be listened on (${system}). Choose an address of this machine and a port that the process may use.`,
    { cause: error, details: { address } },
  );
}

export function connectTcp(host: string, port: number): Promise<Connection> {
  const address = formatTcp(host, port);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    const timer = setTimeout(() => socket.destroy(new Error(NO_ANSWER)), CONNECT_TIMEOUT_MS);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(connectFailure(address, error));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(new TcpConnection(socket, address));
    });
  });
}

export function connectFailure(address: string, error: Error): MillstreamError {
  const reason = systemCode(error);
  return new MillstreamError(
    'CHANNEL_LOST',
    `The address ${address} cannot be connected to (${reason}). Check that the process there runs and can be reached.`,
    { cause: error, details: { address } },
  );
}

function systemCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

class TcpConnection implements Connection {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #reader = new MessageReader();
  #state: 'open' | 'closing' | 'closed' = 'open';
  #farewellHeard = false;
  #failure: Error | undefined;

  /** Messages that were sent in this turn and are not yet handed to the socket. */
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #chunkLength = 0;
  #flushPlanned = false;
  #held = false;

  #message: ((message: Uint8Array) => void) | undefined;
  #drain: (() => void) | undefined;
  #close: ((reason: Error | undefined) => void) | undefined;

  constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.#address = address;
    socket.on('error', (error) => (this.#failure ??= error));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#closed());
  }

  send(message: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    if (message.length > MESSAGE_BYTES_MAX) {
      throw new MillstreamError(
        'INTERNAL_INVARIANT',
        `a message has at most ${MESSAGE_BYTES_MAX} bytes (length = ${message.length})`,
      );
    }
    this.#put(message.length, message);
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#held = true;
    return !this.#held;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    const first = this.#message === undefined;
    this.#message = listener;
    // Nothing is read from the socket before somebody wants it.
    if (first) this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  onClose(listener: (reason: Error | undefined) => void): void {
    this.#close = listener;
    if (this.#state === 'closed') setImmediate(() => this.#tellClosed());
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#put(FAREWELL, undefined);
    this.#state = 'closing';
    this.#flush();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
    // What still arrives is thrown away, so that the end behind it is seen.
    this.#socket.resume();
  }

  get #waitingBytes(): number {
    return this.#socket.writableLength + this.#chunkLength;
  }

  #put(header: number, message: Uint8Array | undefined): void {
    const bytes = HEADER_BYTES + (message?.length ?? 0);
    if (this.#chunkLength + bytes > CHUNK_BYTES) this.#flush();
    if (bytes > CHUNK_BYTES) {
      const own = Buffer.allocUnsafeSlow(bytes);
      own.writeUInt32LE(header, 0);
      if (message !== undefined) own.set(message, HEADER_BYTES);
      this.#socket.write(own);
      return;
    }
    this.#chunk.writeUInt32LE(header, this.#chunkLength);
    if (message !== undefined) this.#chunk.set(message, this.#chunkLength + HEADER_BYTES);
    this.#chunkLength += bytes;
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushPlanned = false;
    if (this.#chunkLength === 0) return;
    const full = this.#chunk.subarray(0, this.#chunkLength);
    // The socket keeps the memory until it is sent. A chunk that is hardly used is copied instead of replaced.
    if (this.#chunkLength * 4 < CHUNK_BYTES) {
      this.#socket.write(Buffer.from(full));
    } else {
      this.#socket.write(full);
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    }
    this.#chunkLength = 0;
  }

  #drained(): void {
    if (!this.#held || this.#state !== 'open') return;
    this.#held = false;
    this.#drain?.();
  }

  #receive(bytes: Buffer): void {
    const reader = this.#reader;
    reader.feed(bytes);
    for (;;) {
      if (this.#state !== 'open' || this.#farewellHeard) return;
      const message = reader.next();
      if (message === undefined) return;
      if (message === 'corrupt') {
        this.#socket.destroy(new Error('bytes that are no message arrived'));
        return;
      }
      if (message === 'farewell') this.#farewellHeard = true;
      else this.#message?.(message);
    }
  }

  #ended(): void {
    if (this.#state !== 'open') return;
    if (this.#farewellHeard) this.#state = 'closing';
    else this.#failure ??= new Error('it ended without a farewell');
    this.#socket.end();
  }

  #closed(): void {
    const orderly = this.#state === 'closing' || this.#farewellHeard;
    if (!orderly) this.#failure ??= new Error('it ended without a farewell');
    else this.#failure = undefined;
    this.#state = 'closed';
    this.#tellClosed();
  }

  #tellClosed(): void {
    const listener = this.#close;
    if (listener === undefined) return;
    this.#close = undefined;
    const cause = this.#failure;
    if (cause === undefined) listener(undefined);
    else {
      const message = `The connection with ${this.#address} broke (${systemCode(cause)}). The process at the other end died, or the network between lost it.`;
      listener(new MillstreamError('CHANNEL_LOST', message, { cause, details: { address: this.#address } }));
    }
  }
}
