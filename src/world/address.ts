/** The two forms of an address: `local:NAME` inside the process, `tcp:HOST:PORT` between processes. */

import { MillstreamError } from '../base/error.ts';

const PORT_MAX = 65_535;

export type Address =
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Reads an address. An IPv6 host stands in brackets: `tcp:[::1]:6123`. */
export function parseAddress(text: string): Address {
  if (text.startsWith('local:') && text.length > 'local:'.length) {
    return { kind: 'local', name: text.slice('local:'.length) };
  }
  const tcp = /^tcp:(?:\[(?<six>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  const host = tcp?.['six'] ?? tcp?.['host'];
  const port = Number(tcp?.['port']);
  if (host === undefined || port > PORT_MAX) {
    throw new MillstreamError(
      'OPTION_INVALID',
      `The address "${text}" cannot be read. Write local:NAME, tcp:HOST:PORT or tcp:[IPV6]:PORT, with a port up to ${PORT_MAX}.`,
    );
  }
  return { kind: 'tcp', host, port };
}

export function formatTcp(host: string, port: number): string {
  return host.includes(':') ? `tcp:[${host}]:${port}` : `tcp:${host}:${port}`;
}
