/**
 * Counts words as they arrive on a socket: the hello world of stream processing.
 *
 * Without options the example serves its own text. To type the text yourself, run `nc -lk 9999` in one terminal and
 * `npm run node -- examples/word-count.ts --port 9999` in another.
 */

import { createServer, type AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createEnvironment, socketSource } from 'millstream';

const TEXT = 'to be, or not to be, that is the question\nwhether it is nobler in the mind to suffer\n';

const { values } = parseArgs({ options: { port: { type: 'string' } } });
const port = values.port === undefined ? await serve(TEXT) : Number(values.port);

const env = createEnvironment();

env
  .fromSource(socketSource({ host: '127.0.0.1', port }))
  .flatMap((line) => line.toLowerCase().match(/\w+/g) ?? [])
  .map((word) => ({ word, count: 1 }))
  .keyBy((pair) => pair.word)
  .sum('count')
  .map(({ word, count }) => `${word} ${count}`)
  .print();

// The job ends when the server closes the connection.
await env.execute('word count');

/** Sends the text to whoever connects first, and closes. Returns the port. */
async function serve(text: string): Promise<number> {
  const server = createServer((socket) => {
    socket.end(text);
    server.close();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
}
