/** Where a socket connector connects to. */

import { invalidOption } from './option.ts';

const PORT_MAX = 65_535;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function assertHostPort(connector: string, { host, port }: HostPort): void {
  if (host === '') throw invalidOption(connector, 'host must not be empty');
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) {
    throw invalidOption(connector, `port must be a whole number from 1 to ${PORT_MAX}, and is ${String(port)}`);
  }
}
