import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Connection, Listener } from '../../src/base/world.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const { network } = createRealWorld();

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

interface End {
  readonly connection: Connection;
  readonly messages: Uint8Array[];
  /** `undefined` while it is open. */
  closed: { readonly reason: Error | undefined } | undefined;
}

function watch(connection: Connection): End {
  const end: End = { connection, messages: [], closed: undefined };
  connection.onMessage((message) => void end.messages.push(message));
  connection.onClose((reason) => {
    assert.equal(end.closed, undefined, 'told once');
    end.closed = { reason };
  });
  return end;
}

async function pair(t: TestContext, address: string): Promise<{ listener: Listener; near: End; far: End }> {
  const far: End[] = [];
  const listener = await network.listen(address, (connection) => void far.push(watch(connection)));
  t.after(() => listener.close());
  const near = watch(await network.connect(listener.address));
  await until(() => far.length === 1);
  return { listener, near, far: far[0] as End };
}

const text = (message: Uint8Array): string => Buffer.from(message).toString();

let names = 0;
const KINDS = { local: () => `local:test-${names++}`, tcp: () => 'tcp:127.0.0.1:0' } as const;

for (const [kind, address] of Object.entries(KINDS)) {
  test(`${kind}: messages arrive whole, in order, both ways, whatever their size`, async (t) => {
    const { near, far } = await pair(t, address());
    const sizes = [0, 1, 3, 4096, 4097, 65_532, 65_536, 70_000, 2_000_000, 5];
    for (const size of sizes) near.connection.send(new Uint8Array(size).fill(size % 251));
    far.connection.send(Buffer.from('and back'));
    await until(() => far.messages.length === sizes.length && near.messages.length === 1);
    far.messages.forEach((message, index) => {
      const size = sizes[index] as number;
      assert.equal(message.length, size);
      assert.ok(message.every((byte) => byte === size % 251));
      assert.equal(message.byteOffset % 8, 0, 'typed arrays can be laid over it');
    });
    assert.equal(text(near.messages[0] as Uint8Array), 'and back');
    near.connection.close();
    await until(() => near.closed !== undefined && far.closed !== undefined);
    assert.deepEqual([near.closed, far.closed], [{ reason: undefined }, { reason: undefined }]);
  });

  test(`${kind}: what is sent is a copy, and arrives in a later turn`, async (t) => {
    const { near, far } = await pair(t, address());
    const message = Buffer.from('one');
    near.connection.send(message);
    message.write('two');
    assert.equal(far.messages.length, 0);
    await until(() => far.messages.length === 1);
    assert.equal(text(far.messages[0] as Uint8Array), 'one');
    near.connection.close();
  });

  test(`${kind}: a sender that is told to hold back is told when there is room again`, async (t) => {
    const arrived: number[] = [];
    let receive: (() => void) | undefined;
    const listener = await network.listen(address(), (connection) => {
      receive = () => connection.onMessage((message) => void arrived.push(message.length));
    });
    t.after(() => listener.close());
    const near = await network.connect(listener.address);
    let drained = 0;
    near.onDrain(() => drained++);
    let sent = 0;
    while (near.send(new Uint8Array(100_000))) {
      sent++;
      await turn();
    }
    assert.ok(sent > 3, 'some fit');
    assert.ok(sent < 2000, 'and not all');
    assert.equal(drained, 0);
    await until(() => receive !== undefined);
    receive?.();
    await until(() => drained === 1 && arrived.length === sent + 1);
    assert.equal(near.send(new Uint8Array(10)), true);
    near.close();
  });

  test(`${kind}: messages that were sent before the close still arrive, none that were sent after it`, async (t) => {
    const { near, far } = await pair(t, address());
    near.connection.send(Buffer.from('last'));
    near.connection.close();
    near.connection.send(Buffer.from('too late'));
    near.connection.close();
    await until(() => far.closed !== undefined && near.closed !== undefined);
    assert.deepEqual(far.messages.map(text), ['last']);
    far.connection.send(Buffer.from('nobody hears'));
    far.connection.close();
    await turn();
    assert.deepEqual(near.messages, []);
  });

  test(`${kind}: messages wait for whoever listens late`, async (t) => {
    const connections: Connection[] = [];
    const listener = await network.listen(address(), (connection) => void connections.push(connection));
    t.after(() => listener.close());
    const near = await network.connect(listener.address);
    near.send(Buffer.from('early'));
    near.close();
    await until(() => connections.length === 1);
    for (let wait = 0; wait < 10; wait++) await turn();
    const far = watch(connections[0] as Connection);
    await until(() => far.closed !== undefined);
    assert.deepEqual(far.messages.map(text), ['early']);
  });

  test(`${kind}: an address that is taken, and one where nobody listens, are typed errors`, async () => {
    const listener = await network.listen(address(), () => {});
    await assert.rejects(
      network.listen(listener.address, () => {}),
      (error: Error & { code?: string }) => error.code === 'PORT_IN_USE' && error.message.includes(listener.address),
    );
    await listener.close();
    await assert.rejects(
      network.connect(listener.address),
      (error: Error & { code?: string }) => error.code === 'CHANNEL_LOST' && error.message.includes(listener.address),
    );
    const again = await network.listen(listener.address, () => {});
    await again.close();
  });
}

test('addresses that cannot be read are refused', async () => {
  for (const address of ['', 'local:', 'tcp:host', 'tcp:host:99999', 'tcp:::1:80', 'http:host:80']) {
    await assert.rejects(network.connect(address), { code: 'OPTION_INVALID' }, address);
  }
  await assert.rejects(
    network.listen('tcp:203.0.113.1:0', () => {}),
    { code: 'OPTION_INVALID', message: /EADDRNOTAVAIL/ },
  );
});

test('tcp: an IPv6 address is written in brackets', async (t) => {
  let listener: Listener;
  try {
    listener = await network.listen('tcp:[::1]:0', (connection) =>
      connection.onMessage((message) => connection.send(message)),
    );
  } catch {
    t.diagnostic('this machine has no IPv6');
    return;
  }
  assert.match(listener.address, /^tcp:\[::1\]:\d+$/);
  const near = watch(await network.connect(listener.address));
  near.connection.send(Buffer.from('six'));
  await until(() => near.messages.length === 1);
  await listener.close();
});

test('tcp: a listener that closes ends its connections in an orderly way', async (t) => {
  const { listener, near, far } = await pair(t, 'tcp:127.0.0.1:0');
  far.connection.send(Buffer.from('goodbye'));
  await listener.close();
  await until(() => near.closed !== undefined);
  assert.deepEqual(near.messages.map(text), ['goodbye']);
  assert.deepEqual(near.closed, { reason: undefined });
});

/** A listener and a bare socket that speaks to it. */
async function bareClient(t: TestContext): Promise<{ socket: Socket; far: End }> {
  const far: End[] = [];
  const listener = await network.listen('tcp:127.0.0.1:0', (connection) => void far.push(watch(connection)));
  t.after(() => listener.close());
  const socket = connect(Number(listener.address.split(':').at(-1)), '127.0.0.1');
  socket.on('error', () => {});
  await until(() => far.length === 1);
  return { socket, far: far[0] as End };
}

const framed = (content: string): Buffer => {
  const frame = Buffer.alloc(4 + content.length);
  frame.writeUInt32LE(content.length, 0);
  frame.write(content, 4);
  return frame;
};

test('tcp: an end that dies, between two messages, in the middle of one, or by a reset, is told from one that closes', async (t) => {
  const deaths: readonly ((socket: Socket) => void)[] = [
    (socket) => void socket.end(framed('whole')),
    (socket) => void socket.end(Buffer.concat([framed('whole'), framed('torn').subarray(0, 6)])),
    (socket) => void socket.end(Buffer.concat([framed('whole'), Buffer.from([1, 0])])),
    (socket) => void socket.write(framed('whole'), () => setTimeout(() => socket.resetAndDestroy(), 10)),
  ];
  for (const die of deaths) {
    const { socket, far } = await bareClient(t);
    die(socket);
    await until(() => far.closed !== undefined);
    assert.deepEqual(far.messages.map(text), ['whole']);
    assert.match(far.closed?.reason?.message ?? '', /^\[CHANNEL_LOST\] The connection with tcp:127\.0\.0\.1:\d+ broke/);
  }
});

test('tcp: a message that comes byte by byte is put together, and bytes that are no message break the connection', async (t) => {
  const { socket, far } = await bareClient(t);
  socket.setNoDelay(true);
  for (const byte of framed('slow')) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
  await until(() => far.messages.length === 1);
  assert.equal(text(far.messages[0] as Uint8Array), 'slow');
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await until(() => far.closed !== undefined);
  assert.match(far.closed?.reason?.message ?? '', /no message/);
});

async function plainServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

test('a byte stream carries bytes both ways, to the end', async (t) => {
  const port = await plainServer(t, (socket) => socket.pipe(socket));
  const stream = await network.openStream('127.0.0.1', port);
  const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
  const received: Uint8Array[] = [];
  const reading = (async () => {
    let length = 0;
    while (length < sent.length) {
      const bytes = await stream.read();
      assert.ok(bytes !== undefined);
      received.push(bytes);
      length += bytes.length;
    }
  })();
  const chunk = Buffer.alloc(100_000);
  for (let at = 0; at < sent.length; at += chunk.length) {
    sent.copy(chunk, 0, at);
    await stream.write(chunk);
  }
  await reading;
  assert.ok(Buffer.concat(received).equals(sent));
  const last = stream.read();
  stream.close();
  assert.equal(await last, undefined);
  assert.equal(await stream.read(), undefined);
  await assert.rejects(stream.write(chunk), { code: 'CHANNEL_LOST' });
});

test('a byte stream tells the end from a break, and can be given up before it stands', async (t) => {
  const ending = await plainServer(t, (socket) => void socket.end('bye'));
  const ended = await network.openStream('127.0.0.1', ending);
  assert.equal(Buffer.from((await ended.read()) ?? []).toString(), 'bye');
  assert.equal(await ended.read(), undefined);
  ended.close();
  const breaking = await plainServer(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()));
  const broken = await network.openStream('127.0.0.1', breaking);
  await broken.write(Buffer.from('break'));
  await assert.rejects(broken.read(), { code: 'CHANNEL_LOST', message: /broke/ });
  broken.close();
  const abort = new AbortController();
  const never = network.openStream('192.0.2.1', 9, abort.signal);
  abort.abort();
  await assert.rejects(never, { code: 'CHANNEL_LOST' });
});
