/** A TCP proxy that a test stands between clients and a broker, to cut what goes through it. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Proxy {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** The broker's port. */
  target = 0;
  #refusing = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server);
    server.on('connection', (socket) => proxy.#pass(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  #pass(socket: Socket): void {
    if (this.#refusing) {
      socket.destroy();
      return;
    }
    const broker = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [socket, broker],
      [broker, socket],
    ] as const) {
      this.#open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#open.delete(from);
        to.destroy();
      });
    }
  }

  /** Cuts all connections in the middle of whatever they carry. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** As a network that is down: cuts, and takes no new connections. */
  set down(down: boolean) {
    this.#refusing = down;
    if (down) this.cut();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
