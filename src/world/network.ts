/** The real network: `local:` inside this World, `tcp:` between processes. */

import type { ByteStream, Clock, Connection, Listener, Network } from '../base/world.ts';
import { parseAddress } from './address.ts';
import { openStream } from './byte-stream.ts';
import { LocalNetwork } from './local-network.ts';
import { connectTcp, listenTcp } from './tcp-network.ts';

export class RealNetwork implements Network {
  readonly #local: LocalNetwork;

  constructor(clock: Clock) {
    this.#local = new LocalNetwork(clock);
  }

  async listen(address: string, onConnection: (connection: Connection) => void): Promise<Listener> {
    const parsed = parseAddress(address);
    if (parsed.kind === 'local') return this.#local.listen(parsed.name, onConnection);
    return await listenTcp(parsed.host, parsed.port, onConnection);
  }

  async connect(address: string): Promise<Connection> {
    const parsed = parseAddress(address);
    if (parsed.kind === 'local') return this.#local.connect(parsed.name);
    return await connectTcp(parsed.host, parsed.port);
  }

  async openStream(host: string, port: number, signal?: AbortSignal): Promise<ByteStream> {
    return await openStream(host, port, signal);
  }
}
