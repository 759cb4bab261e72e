import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { socketSource } from '../../src/connect/socket-source.ts';
import type { Undecodable } from '../../src/connect/undecodable.ts';
import { csv } from '../../src/format/csv.ts';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { runSource } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const world = createRealWorld();
const host = '127.0.0.1';

/** A server that does with each connection what the next of `scripts` says; the last one is repeated. */
async function serve(
  t: TestContext,
  ...scripts: ((socket: Socket) => void)[]
): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    scripts[Math.min(connections++, scripts.length - 1)]?.(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

test('lines arrive as they are sent, and the source ends when the server closes', async (t) => {
  const { port } = await serve(t, (socket) => {
    socket.write('one\r\ntw');
    setTimeout(() => socket.end('o\n\nlast'), 5);
  });
  const source = socketSource({ host, port });
  assert.equal(source.parallelism, 1);
  assert.equal(source.replayable, false);
  const run = runSource(source, { world });
  assert.deepEqual(await run.finish(), ['one', 'two', '', 'last']);
  await run.close();
});

test('other delimiters and formats are read too', async (t) => {
  const script = (content: string) => (socket: Socket) => void socket.end(content);
  const { port } = await serve(t, script('a;b;c'), script('{"a":1}\n{"a":2}'), script('id\n7\n8\n'));
  const read = async (source: ReturnType<typeof socketSource<unknown>>): Promise<readonly unknown[]> => {
    const run = runSource(source, { world });
    try {
      return await run.finish();
    } finally {
      await run.close();
    }
  };
  assert.deepEqual(await read(socketSource<unknown>({ host, port, format: text({ delimiter: ';' }) })), [
    'a',
    'b',
    'c',
  ]);
  assert.deepEqual(await read(socketSource<unknown>({ host, port, format: json() })), [{ a: 1 }, { a: 2 }]);
  const rows = csv({ header: true, columns: { id: 'integer' } });
  assert.deepEqual(await read(socketSource<unknown>({ host, port, format: rows })), [{ id: 7 }, { id: 8 }]);
});

test('a source that retries connects again when the server closes or resets the connection', async (t) => {
  let second: Socket | undefined;
  const { port } = await serve(
    t,
    (socket) => void socket.end('first\nunfinished'),
    (socket) => {
      second = socket;
      socket.write('second\npart');
    },
    (socket) => void socket.write('third\n'),
  );
  const run = runSource(socketSource({ host, port, maxRetries: 3, retryDelayMs: 1 }), { world });
  await run.take(3);
  second?.resetAndDestroy();
  await run.take(1);
  assert.deepEqual(
    run.records.map(({ value }) => value),
    ['first', 'unfinished', 'second', 'third'],
  );
  // What a broken connection cut off is no record, and not lost in silence.
  const [dropped] = run.dropped as Undecodable[];
  assert.equal(Buffer.from(dropped?.bytes ?? []).toString(), 'part');
  assert.deepEqual(dropped?.origin, { file: `tcp:${host}:${port}`, line: 2, offset: 7 });
  await run.close();
});

test('a server that is not there fails the source with its address, after the retries', async (t) => {
  const { server, port } = await serve(t);
  await new Promise((resolve) => server.close(resolve));
  for (const [maxRetries, after] of [
    [0, ''],
    [2, ' after 2 retries'],
  ] as const) {
    const run = runSource(socketSource({ host, port, maxRetries, retryDelayMs: 1 }), { world });
    await assert.rejects(run.finish(), {
      code: 'SOURCE_UNREACHABLE',
      message: new RegExp(`127\\.0\\.0\\.1:${port}${after}: .*ECONNREFUSED.*raise maxRetries`),
    });
    await run.close();
  }
});

test('a connection that breaks without retries fails the source after the records before', async (t) => {
  const { port } = await serve(
    t,
    (socket) => void socket.write('one\n', () => setTimeout(() => socket.resetAndDestroy(), 5)),
  );
  const run = runSource(socketSource({ host, port }), { world });
  await assert.rejects(run.finish(), { code: 'SOURCE_UNREACHABLE' });
  assert.deepEqual(
    run.records.map(({ value }) => value),
    ['one'],
  );
  await run.close();
});

test('an undecodable record names the connection, its line and byte, or goes to the side output', async (t) => {
  const { port } = await serve(t, (socket) => void socket.end('1\nnope\n3\n'));
  const failing = runSource(socketSource({ host, port, format: json() }), { world });
  await assert.rejects(failing.finish(), {
    code: 'RECORD_UNDECODABLE',
    message: new RegExp(`line 2, byte 2 of tcp:127\\.0\\.0\\.1:${port}`),
  });
  await failing.close();
  const siding = runSource(socketSource({ host, port, format: json(), onUndecodable: 'side-output' }), { world });
  assert.deepEqual(await siding.finish(), [1, 3]);
  assert.equal(siding.sides.length, 1);
  await siding.close();
});

test('a server that sends faster than the job takes is held back', async (t) => {
  let sent = 0;
  const { port } = await serve(t, (socket) => {
    const chunk = `${'x'.repeat(1023)}\n`.repeat(64);
    const push = (): void => {
      while (sent < 1e9 && socket.write(chunk)) sent += chunk.length;
      sent += chunk.length;
    };
    socket.on('drain', push);
    push();
  });
  const run = runSource(socketSource({ host, port }), { world });
  await run.take(10);
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  // Buffers of the source, of both sockets and of the system.
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were sent for 10 kB that were taken`);
  await run.take(100_000);
  await run.close();
});

test('a source that waits, connects or pauses between tries closes at once', async (t) => {
  const { port } = await serve(t, () => {});
  const waiting = runSource(socketSource({ host, port }), { world });
  waiting.poll();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await waiting.close();
  // An address that is reserved for documentation: nobody answers.
  const connecting = runSource(socketSource({ host: '192.0.2.1', port: 9 }), { world });
  connecting.poll();
  await connecting.close();
  const pausing = runSource(socketSource({ host, port: 1, maxRetries: -1, retryDelayMs: 1_000_000 }), { world });
  pausing.poll();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await pausing.close();
});

test('a socket source refuses options that make no sense', () => {
  assert.throws(() => socketSource({ host: '', port: 1 }), { code: 'OPTION_INVALID' });
  assert.throws(() => socketSource({ host, port: 0 }), { code: 'OPTION_INVALID', message: /port/ });
  assert.throws(() => socketSource({ host, port: 1, maxRetries: -2 }), {
    code: 'OPTION_INVALID',
    message: /maxRetries/,
  });
});
