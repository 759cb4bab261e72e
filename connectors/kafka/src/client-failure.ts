/** What the client library throws, as {@link KafkaFailure}. */

import { KafkaFailure } from './client.ts';
import { messageOf, protocolFailure } from './failure.ts';

interface Thrown {
  readonly code?: unknown;
  readonly apiCode?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly errors?: readonly unknown[];
  readonly cause?: unknown;
  readonly message?: unknown;
}

/** How deep causes are searched for one that says more. */
const DEPTH_MAX = 6;

/** `where` is the address that was talked to. */
export function failureOf(error: unknown, where: string): KafkaFailure {
  if (error instanceof KafkaFailure) return error;
  const code = find(error, DEPTH_MAX, (thrown) => typeof thrown.apiCode === 'number');
  if (code !== undefined) {
    const detail = typeof code.serverErrorMessage === 'string' ? code.serverErrorMessage : null;
    const failure = protocolFailure(code.apiCode as number, detail);
    if (failure !== undefined) return failure;
  }
  if (find(error, DEPTH_MAX, (thrown) => thrown.code === 'PLT_KFK_AUTHENTICATION') !== undefined)
    return new KafkaFailure('unauthenticated', `${where} refuses the credentials`, { cause: error });
  const certificate = find(error, DEPTH_MAX, (thrown) => CERTIFICATE.test(String(thrown.code)));
  if (certificate !== undefined) {
    const why = String(certificate.message);
    return new KafkaFailure('unauthenticated', `the certificate of ${where} is refused: ${why}`, { cause: error });
  }
  const user = find(error, DEPTH_MAX, (thrown) => thrown.code === 'PLT_KFK_USER');
  if (user !== undefined) return new KafkaFailure('unauthenticated', String(user.message), { cause: error });
  return new KafkaFailure('unreachable', `${where}: ${messageOf(error)}`, { cause: error });
}

/** The codes of Node.js for a certificate that it does not accept. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;

function find(error: unknown, depth: number, wanted: (thrown: Thrown) => boolean): Thrown | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const thrown = error as Thrown;
  if (wanted(thrown)) return thrown;
  for (const inner of [...(thrown.errors ?? []), thrown.cause]) {
    const found = find(inner, depth - 1, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
