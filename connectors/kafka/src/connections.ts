/**
 * Connections to the brokers of one cluster, one for each broker and lane, opened when they are first needed and
 * forgotten when they break. A broker answers the requests of a connection in their order, so a fetch that waits for
 * records has a lane of its own.
 */

import { Connection, type SASLOptions } from '@platformatic/kafka';
import { KafkaFailure } from './client.ts';
import type { ConnectionSettings } from './connection-options.ts';
import { failureOf } from './client-failure.ts';
import { CONNECT_TIMEOUT_MS, IN_FLIGHT_MAX, REQUEST_TIMEOUT_MS } from './limits.ts';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** Requests of different lanes do not wait for each other. */
export type Lane = 'control' | 'fetch' | 'produce';

export class Connections {
  readonly #settings: ConnectionSettings;
  readonly #clientId: string;
  readonly #open = new Map<string, Promise<Connection>>();
  readonly #all = new Set<Connection>();
  #closed = false;

  constructor(settings: ConnectionSettings, clientId: string) {
    this.#settings = settings;
    this.#clientId = clientId;
  }

  /** A connection that stands. Rejects with {@link KafkaFailure}. */
  to({ host, port }: BrokerAddress, lane: Lane): Promise<Connection> {
    if (this.#closed) return Promise.reject(new KafkaFailure('closed', 'the connector was closed'));
    const key = `${lane} ${host}:${port}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#connect(host, port, () => {
      if (this.#open.get(key) === opening) this.#open.delete(key);
    });
    this.#open.set(key, opening);
    return opening;
  }

  async #connect(host: string, port: number, lost: () => void): Promise<Connection> {
    const { sasl, tls } = this.#settings;
    const connection = new Connection(this.#clientId, {
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxInflights: IN_FLIGHT_MAX,
      ...(sasl === undefined ? {} : { sasl: { ...sasl } satisfies SASLOptions }),
      ...(tls === undefined ? {} : tlsOf(tls)),
    });
    this.#all.add(connection);
    const forget = (): void => {
      this.#all.delete(connection);
      lost();
    };
    // What breaks a connection is told to the requests on it.
    connection.on('error', forget);
    connection.on('close', forget);
    try {
      await connection.connect(host, port);
    } catch (error) {
      forget();
      throw failureOf(error, `${host}:${port}`);
    }
    if (this.#closed) {
      await connection.close();
      throw new KafkaFailure('closed', 'the connector was closed');
    }
    return connection;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open.clear();
    const all = [...this.#all];
    this.#all.clear();
    // One that is still being opened has a socket, but cannot be closed by its own means.
    for (const connection of all) connection.socket?.destroy();
    await Promise.all(all.map((connection) => connection.close()));
  }
}

function tlsOf(tls: NonNullable<ConnectionSettings['tls']>): { tls: object; tlsServerName: string | true } {
  const { ca, cert, key, serverName } = tls;
  return {
    tls: {
      ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    tlsServerName: serverName ?? true,
  };
}
