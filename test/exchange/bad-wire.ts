/**
 * A TCP proxy between two ends of a connection that treats the bytes as a bad network does: it cuts them anywhere,
 * holds them up, and at a chosen byte loses the rest.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Dice } from './dice.ts';

/** How the connection ends: both ends closed politely in mid-stream, both reset, or the second half of it reset only. */
export type Ending = 'end' | 'reset' | 'half-reset';

export interface BadWireOptions {
  readonly dice: Dice;
  /** Bytes, both directions together, after which the connection breaks; Infinity for never. */
  readonly cutAfter: number;
  readonly ending: Ending;
  /** One in so many pieces is held up for some turns of the event loop; 0 for none. */
  readonly delayOnceIn: number;
  /** Bytes of a piece, at most. */
  readonly pieceMax: number;
}

export class BadWire {
  /** Where to connect to, instead of the target. */
  readonly address: string;
  /** Bytes that passed. */
  passed = 0;
  readonly #server: Server;
  readonly #options: BadWireOptions;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  static async open(targetPort: number, options: BadWireOptions): Promise<BadWire> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new BadWire(server, targetPort, options);
  }

  private constructor(server: Server, targetPort: number, options: BadWireOptions) {
    this.#server = server;
    this.#options = options;
    const address = server.address();
    this.address = `tcp:127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    server.on('connection', (client) => {
      const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const socket of [client, target]) {
        this.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
      void this.#pass(client, target);
      void this.#pass(target, client);
    });
  }

  async #pass(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from) await this.#pieces(chunk as Buffer, from, to);
      to.end();
    } catch {
      to.destroy();
    }
  }

  async #pieces(chunk: Buffer, from: Socket, to: Socket): Promise<void> {
    const { dice, cutAfter, pieceMax, delayOnceIn } = this.#options;
    for (let at = 0; at < chunk.length && !this.#cut;) {
      const length = Math.min(1 + dice.below(pieceMax), chunk.length - at, cutAfter - this.passed);
      const piece = chunk.subarray(at, at + length);
      at += length;
      this.passed += length;
      if (!to.write(piece)) await new Promise<void>((resolve) => void to.once('drain', resolve).once('close', resolve));
      if (this.passed >= cutAfter) return this.#break(from, to);
      if (delayOnceIn > 0 && dice.once(delayOnceIn)) await new Promise((resolve) => setTimeout(resolve, dice.below(3)));
    }
  }

  #break(from: Socket, to: Socket): void {
    this.#cut = true;
    switch (this.#options.ending) {
      case 'end':
        from.end();
        to.end();
        from.resume();
        break;
      case 'reset':
        from.resetAndDestroy();
        to.resetAndDestroy();
        break;
      case 'half-reset':
        to.resetAndDestroy();
        from.end();
        from.resume();
        break;
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
