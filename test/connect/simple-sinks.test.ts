import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { callbackSink } from '../../src/connect/callback-sink.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';
import { printSink } from '../../src/connect/print-sink.ts';
import { socketSink } from '../../src/connect/socket-sink.ts';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { runSink } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const world = createRealWorld();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Printed {
  readonly line: string;
  readonly stream: 'out' | 'error';
}

function printingWorld(): { readonly world: typeof world; readonly printed: Printed[] } {
  const printed: Printed[] = [];
  return { world: { ...world, print: (line, stream) => void printed.push({ line, stream }) }, printed };
}

test('print shows strings as they are and everything else on one line', async () => {
  const { world: printing, printed } = printingWorld();
  const run = await runSink(printSink<unknown>(), { world: printing });
  for (const value of ['text', 42, { a: [1, { b: 'c' }] }, undefined, 10n]) await run.write(value);
  await run.close();
  assert.deepEqual(
    printed.map(({ line }) => line),
    ['text', '42', "{ a: [ 1, { b: 'c' } ] }", 'undefined', '10n'],
  );
  assert.ok(printed.every(({ stream }) => stream === 'out'));
});

test('print puts label and subtask in front as Flink does, and shows what kind a row is', async () => {
  const { world: printing, printed } = printingWorld();
  const labelled = await runSink(printSink<string>({ label: 'words', stream: 'error' }), {
    world: printing,
    parallelism: 2,
  });
  await labelled.write('a', { subtask: 1 });
  await labelled.write('b', { rowKind: 3 });
  await labelled.close();
  const bare = await runSink(printSink<string>(), { world: printing, parallelism: 2 });
  await bare.write('c');
  await bare.close();
  const alone = await runSink(printSink<string>({ label: 'one' }), { world: printing });
  await alone.write('d');
  await alone.close();
  assert.deepEqual(
    printed.map(({ line }) => line),
    ['words:2> a', 'words:1> -D b', '1> c', 'one> d'],
  );
  assert.deepEqual(
    printed.map(({ stream }) => stream),
    ['error', 'error', 'out', 'out'],
  );
});

test('a discarding sink takes everything and keeps nothing', async () => {
  const run = await runSink(discardSink<number>(), { world });
  await run.write(1);
  const snapshot = await run.checkpoint();
  assert.deepEqual(snapshot.committables, []);
  await run.close();
});

test('a callback is told value, time, kind and subtask', async () => {
  const seen: unknown[] = [];
  const sink = callbackSink(
    (value: string, { timestamp, watermark, rowKind, subtask }) =>
      void seen.push({ value, timestamp, watermark, rowKind, subtask }),
  );
  const run = await runSink(sink, { world, parallelism: 2 });
  await run.watermark(7);
  await run.write('x', { subtask: 1, timestamp: 9, rowKind: 2 });
  await run.finish();
  await run.close();
  assert.deepEqual(seen, [{ value: 'x', timestamp: 9, watermark: 7, rowKind: 2, subtask: 1 }]);
});

test('no more promises of a callback are under way than it allows, and a checkpoint waits for all', async () => {
  let underWay = 0;
  let most = 0;
  let done = 0;
  const sink = callbackSink(
    async (_value: number) => {
      most = Math.max(most, ++underWay);
      await turn();
      await turn();
      underWay--;
      done++;
    },
    { concurrency: 3 },
  );
  const run = await runSink(sink, { world });
  for (let value = 0; value < 10; value++) await run.write(value);
  assert.equal(most, 3);
  assert.ok(done < 10);
  await run.checkpoint();
  assert.equal(done, 10);
  await run.close();
});

test('one at a time, a callback sees the records in order', async () => {
  const seen: string[] = [];
  const run = await runSink(
    callbackSink(async (value: number) => {
      seen.push(`begin ${value}`);
      await turn();
      seen.push(`end ${value}`);
    }),
    { world },
  );
  await run.write(1);
  await run.write(2);
  await run.finish();
  await run.close();
  assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('a callback that throws or rejects fails the sink with what it threw', async () => {
  const thrown = await runSink(
    callbackSink(() => {
      throw new Error('at once');
    }),
    { world },
  );
  await assert.rejects(thrown.write(1), /at once/);
  await thrown.close();
  const rejected = await runSink(
    callbackSink(() => Promise.reject(new Error('later')), { concurrency: 2 }),
    { world },
  );
  await rejected.write(1);
  await assert.rejects(rejected.checkpoint(), /later/);
  await rejected.close();
  assert.throws(() => callbackSink(() => {}, { concurrency: 0 }), { code: 'OPTION_INVALID' });
});

interface Receiver {
  readonly server: Server;
  readonly port: number;
  readonly received: string[];
  readonly sockets: Socket[];
  close(): Promise<void>;
}

/** A server that keeps what each connection sends. */
async function receiver(port = 0): Promise<Receiver> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const index = sockets.push(socket) - 1;
    received.push('');
    socket.setEncoding('utf8').on('data', (data: string) => (received[index] += data));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    received,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('a socket sink sends every record, each subtask on its own connection', async () => {
  const server = await receiver();
  const run = await runSink(socketSink<unknown>({ host: '127.0.0.1', port: server.port, format: json() }), {
    world,
    parallelism: 2,
  });
  await run.write({ a: 1 });
  await run.write({ b: 2 }, { subtask: 1 });
  await run.write({ a: 3 });
  await run.finish();
  await run.close();
  await until(() => server.received.join('').length === 24);
  assert.deepEqual(server.received.toSorted(), ['{"a":1}\n{"a":3}\n', '{"b":2}\n']);
  await server.close();
});

test('a socket sink sends a lone record without waiting for a checkpoint', async () => {
  const server = await receiver();
  const run = await runSink(socketSink<string>({ host: '127.0.0.1', port: server.port, format: text() }), { world });
  await run.write('hello');
  await until(() => server.received[0] === 'hello\n');
  await run.close();
  await server.close();
});

test('a socket sink carries a lot of data in order', async () => {
  const server = await receiver();
  const run = await runSink(socketSink<string>({ host: '127.0.0.1', port: server.port, format: text() }), { world });
  const lines = Array.from({ length: 50_000 }, (_, index) => `line number ${index}`);
  for (const line of lines) await run.write(line);
  await run.finish();
  await run.close();
  const whole = `${lines.join('\n')}\n`;
  await until(() => (server.received[0] ?? '').length >= whole.length);
  assert.equal(server.received[0], whole);
  await server.close();
});

test('a server that is not there fails the socket sink with its address, after the retries', async () => {
  const server = await receiver();
  await server.close();
  const sink = socketSink<string>({
    host: '127.0.0.1',
    port: server.port,
    format: text(),
    maxRetries: 2,
    retryDelayMs: 1,
  });
  const run = await runSink(sink, { world });
  await run.write('lost');
  await assert.rejects(run.checkpoint(), {
    code: 'SINK_UNREACHABLE',
    message: new RegExp(`127\\.0\\.0\\.1:${server.port} after 2 retries.*ECONNREFUSED`),
  });
  await run.close();
});

test('a socket sink connects again when the server comes back', async () => {
  const first = await receiver();
  const { port } = first;
  const sink = socketSink<string>({ host: '127.0.0.1', port, format: text(), maxRetries: 200, retryDelayMs: 5 });
  const run = await runSink(sink, { world });
  await run.write('one');
  await run.checkpoint();
  await until(() => first.received[0] === 'one\n');
  await first.close();
  const second = await receiver(port);
  await turn();
  // What is written before the break is noticed goes lost: the sink is at most once, and says so.
  for (let tries = 0; second.received.length === 0; tries++) {
    await run.write(`again ${tries}`);
    await run.checkpoint();
    await turn();
  }
  await until(() => second.received[0] !== '');
  assert.match(second.received[0] ?? '', /^again \d+\n/);
  await run.close();
  await second.close();
});

test('a record that a format cannot write fails the sink with the record', async () => {
  const server = await receiver();
  const run = await runSink(socketSink<unknown>({ host: '127.0.0.1', port: server.port, format: json() }), { world });
  await assert.rejects(run.write({ big: 10n }), { code: 'RECORD_UNENCODABLE', message: /big: 10n/ });
  await run.close();
  await server.close();
});

test('a socket sink refuses an address that makes no sense', () => {
  assert.throws(() => socketSink({ host: '', port: 1, format: text() }), { code: 'OPTION_INVALID' });
  assert.throws(() => socketSink({ host: 'h', port: 70_000, format: text() }), {
    code: 'OPTION_INVALID',
    message: /port/,
  });
});
