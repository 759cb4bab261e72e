/** How a cluster is reached: the options that source, sink and janitor share, checked where they enter. */

import { MillstreamError } from 'millstream';
import type { KafkaClientFactory } from './client.ts';

/** How a client proves who it is. */
export interface SaslOptions {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/** How a connection is encrypted. Certificates and keys are PEM text. */
export interface TlsOptions {
  /** The authorities that may have signed the brokers' certificates. Default: those that Node.js trusts. */
  readonly ca?: string | readonly string[];
  /** The client's own certificate and key, where the brokers ask for them. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the brokers' certificates must carry. Default: the host that is connected to. */
  readonly serverName?: string;
}

/** How a cluster is reached. */
export interface KafkaConnectionOptions {
  /** Where to begin: `'host:9092'`, several with commas between them or as an array. */
  readonly brokers: string | readonly string[];
  /** Default: no authentication. */
  readonly sasl?: SaslOptions;
  /** `true` for encryption with the defaults. Default: none. */
  readonly tls?: boolean | TlsOptions;
  /** What the brokers' logs and quotas call this client. Default `'millstream'`, with the part that it plays behind it. */
  readonly clientId?: string;
  /**
   * How long the cluster may be out of reach before the job fails with SOURCE_UNREACHABLE or SINK_UNREACHABLE and
   * restarts by its strategy. Milliseconds; default 120000.
   */
  readonly unreachableTimeoutMs?: number;
  /** Another way to the cluster, for tests: a model of one, say. Default: connections to `brokers`. */
  readonly client?: KafkaClientFactory;
}

/** The same, checked and complete. */
export interface ConnectionSettings {
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  readonly sasl: SaslOptions | undefined;
  readonly tls: TlsOptions | undefined;
  readonly clientId: string;
  readonly unreachableTimeoutMs: number;
  readonly client: KafkaClientFactory | undefined;
}

const UNREACHABLE_TIMEOUT_MS = 120_000;

/** Kafka's own. */
const PORT = 9092;

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** `owner` is what cannot be built when an option is wrong: `Kafka source`. */
export function connectionSettings(owner: string, options: KafkaConnectionOptions): ConnectionSettings {
  const { sasl, tls, unreachableTimeoutMs = UNREACHABLE_TIMEOUT_MS } = options;
  const list: readonly unknown[] =
    typeof options.brokers === 'string'
      ? options.brokers.split(',')
      : Array.isArray(options.brokers)
        ? options.brokers
        : [];
  const brokers = list.map((address) => parseAddress(owner, address));
  if (brokers.length === 0) throw invalid(owner, "brokers must name at least one, as in 'localhost:9092'");
  if (sasl !== undefined) {
    if (!MECHANISMS.includes(sasl.mechanism))
      throw invalid(owner, `sasl.mechanism must be one of ${MECHANISMS.join(', ')}, and is ${sasl.mechanism}`);
    if (typeof sasl.username !== 'string' || typeof sasl.password !== 'string')
      throw invalid(owner, 'sasl.username and sasl.password must be strings');
  }
  assertCount(owner, 'unreachableTimeoutMs', unreachableTimeoutMs, 1);
  return {
    brokers,
    sasl,
    tls: tls === true ? {} : tls === false ? undefined : tls,
    clientId: options.clientId ?? 'millstream',
    unreachableTimeoutMs,
    client: options.client,
  };
}

function parseAddress(owner: string, address: unknown): { host: string; port: number } {
  const text = typeof address === 'string' ? address.trim() : '';
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d+))?$/.exec(text);
  const port = match?.[3] === undefined ? PORT : Number(match[3]);
  if (match === null || port < 1 || port > 65_535)
    throw invalid(owner, `brokers must be addresses such as 'localhost:9092', and ${JSON.stringify(address)} is none`);
  return { host: match[1] ?? match[2] ?? '', port };
}

export function invalid(owner: string, problem: string): MillstreamError {
  return new MillstreamError('OPTION_INVALID', `The ${owner} cannot be built: ${problem}.`);
}

export function assertCount(owner: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw invalid(owner, `${name} must be a whole number of at least ${least}, and is ${String(value)}`);
}

export function assertChoice(owner: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw invalid(owner, `${name} must be one of ${choices.join(', ')}, and is ${value}`);
}
