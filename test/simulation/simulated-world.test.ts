import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Connection, World } from '../../src/base/world.ts';
import { createSimulation, type Simulation } from '../../src/testing/simulated-world.ts';

const SEEDS = Array.from({ length: 30 }, (_, seed) => seed);

function bytes(letters: string): Uint8Array {
  return new TextEncoder().encode(letters);
}

function text(message: Uint8Array | undefined): string {
  return new TextDecoder().decode(message);
}

/** Two processes, `a` and `b`, with a connection that a opened to b; what each heard is kept. */
async function connected(simulation: Simulation): Promise<{ near: Connection; far: Connection; heard: string[] }> {
  const heard: string[] = [];
  const accepted = Promise.withResolvers<Connection>();
  const listener = await simulation.settle(simulation.world('b').network.listen('tcp:b:0', accepted.resolve));
  const near = await simulation.settle(simulation.world('a').network.connect(listener.address));
  const far = await simulation.settle(accepted.promise);
  far.onMessage((message) => heard.push(text(message)));
  far.onClose((reason) => heard.push(`closed: ${reason?.message ?? 'properly'}`));
  return { near, far, heard };
}

/** Everything a process can do, in two processes that talk to each other, with a crash in between. */
async function eventfulRun(seed: number): Promise<{ hash: string; log: string[] }> {
  const simulation = createSimulation(seed);
  const log: string[] = [];
  const ticking = (world: World, name: string, left: number): void => {
    log.push(`${name} ${left} at ${world.clock.monotonic()} ${world.random.next()}`);
    if (left > 0) world.clock.after(world.random.next() * 10, () => ticking(world, name, left - 1));
  };
  ticking(simulation.world('a'), 'a', 20);
  ticking(simulation.world('b'), 'b', 20);
  const { near, far, heard } = await connected(simulation);
  far.onMessage((message) => {
    heard.push(text(message));
    far.send(message);
  });
  for (let i = 0; i < 10; i++) near.send(bytes(`message ${i}`));
  const file = await simulation.settle(simulation.world('a').storage.openAppend('/file'));
  void file.append(bytes('0123456789'));
  simulation.after(30, () => simulation.crash('a'));
  await simulation.run();
  log.push(...heard, text(simulation.disk.read('/file')), String(simulation.now));
  simulation.close();
  return { hash: simulation.traceHash, log };
}

describe('a simulation', () => {
  test('takes the same course, to the last event, whenever it has the same seed', async () => {
    for (const seed of SEEDS) {
      const first = await eventfulRun(seed);
      const second = await eventfulRun(seed);
      assert.deepEqual(second, first);
    }
  });

  test('takes another course with another seed', async () => {
    const hashes = await Promise.all(SEEDS.map(async (seed) => (await eventfulRun(seed)).hash));
    assert.equal(new Set(hashes).size, SEEDS.length);
  });

  test('lets the promises of an event run to their end before the next event', async () => {
    const simulation = createSimulation(1);
    const log: string[] = [];
    const { clock } = simulation.world('a');
    clock.nextTurn(() => {
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve();
        log.push('promise');
      })();
    });
    clock.nextTurn(() => log.push('event'));
    await simulation.run();
    assert.deepEqual(log, ['promise', 'event']);
  });

  test('ends when nothing is left to happen, and says so when it was to go on', async () => {
    const simulation = createSimulation(1);
    await simulation.run();
    await assert.rejects(
      simulation.run(() => false),
      { code: 'SIMULATION_STUCK' },
    );
    await assert.rejects(simulation.settle(new Promise(() => {})), { code: 'SIMULATION_STUCK' });
  });

  test('stops at its limits', async () => {
    const simulation = createSimulation(1);
    const { clock } = simulation.world('a');
    const again = (): void => void clock.after(1, again);
    again();
    await assert.rejects(
      simulation.run(() => false, { events: 100 }),
      { code: 'SIMULATION_STUCK' },
    );
    assert.equal(simulation.events, 100);
    await assert.rejects(
      simulation.run(() => false, { virtualMs: 50 }),
      { code: 'SIMULATION_STUCK' },
    );
    assert.ok(simulation.now < 160);
  });

  test('passes on what is thrown in an event that nobody owns', async () => {
    const simulation = createSimulation(1);
    simulation.world('a').clock.nextTurn(() => {
      throw new Error('a mistake');
    });
    await assert.rejects(simulation.run(), /a mistake/);
  });
});

describe('the simulated clock', () => {
  test('jumps to the next event, however far it is', async () => {
    const simulation = createSimulation(1);
    const { clock } = simulation.world('a');
    const started = clock.now();
    let rang = 0;
    clock.after(10_000_000, () => (rang = clock.now()));
    await simulation.run();
    assert.equal(rang - started, 10_000_000);
  });

  test('calls timers in the order of their times, and cancelled ones not at all', async () => {
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      const { clock } = simulation.world('a');
      const log: number[] = [];
      for (const delay of [5, 3, 9, 1, 7, 3]) clock.after(delay, () => log.push(delay));
      clock.after(4, () => log.push(-1)).cancel();
      await simulation.run();
      assert.deepEqual(log, [1, 3, 3, 5, 7, 9]);
    }
  });

  test('creeps on when it is looked at, so that a loop until a time comes to its end', () => {
    const { clock } = createSimulation(1).world('a');
    const until = clock.monotonic() + 2;
    let looks = 0;
    while (clock.monotonic() < until) looks++;
    assert.ok(looks > 2);
  });

  test('lets processes overtake each other, but keeps the turns of each in order', async () => {
    const orders = new Set<string>();
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      let order = '';
      for (const name of ['a', 'b'])
        for (const turn of ['1', '2', '3']) simulation.world(name).clock.nextTurn(() => (order += name + turn));
      await simulation.run();
      assert.equal(order.replaceAll(/b./g, ''), 'a1a2a3');
      assert.equal(order.replaceAll(/a./g, ''), 'b1b2b3');
      orders.add(order);
    }
    assert.ok(orders.size > 5);
  });
});

describe('a simulated connection', () => {
  test('delivers copies in order, and its end behind them', async () => {
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      const { near, heard } = await connected(simulation);
      const message = bytes('0');
      for (let i = 0; i < 5; i++) {
        message[0] = 0x30 + i;
        near.send(message);
      }
      near.close();
      await simulation.run();
      assert.deepEqual(heard, ['0', '1', '2', '3', '4', 'closed: properly']);
    }
  });

  test('asks the sender to hold back when much is waiting, and tells when there is room', async () => {
    const simulation = createSimulation(1, { waitingBytesMax: 100 });
    const { near, heard } = await connected(simulation);
    let drained = 0;
    near.onDrain(() => drained++);
    const accepted = Array.from({ length: 20 }, () => near.send(new Uint8Array(10)));
    assert.deepEqual(accepted, [...Array<boolean>(10).fill(true), ...Array<boolean>(10).fill(false)]);
    await simulation.run();
    assert.equal(heard.length, 20);
    assert.equal(drained, 1);
    assert.equal(near.send(bytes('more')), true);
  });

  test('keeps what arrives until somebody listens', async () => {
    const simulation = createSimulation(3);
    const { near, far } = await connected(simulation);
    far.send(bytes('early'));
    far.close();
    await simulation.run();
    const heard: string[] = [];
    near.onClose(() => heard.push('closed'));
    near.onMessage((message) => heard.push(text(message)));
    await simulation.run();
    assert.deepEqual(heard, ['early', 'closed']);
  });

  test('breaks when a process crashes, after a part of what was on its way', async () => {
    const lengths = new Set<number>();
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      const { near, heard } = await connected(simulation);
      for (let i = 0; i < 5; i++) near.send(bytes(String(i)));
      simulation.crash('a');
      await simulation.run();
      assert.equal(heard.at(-1), 'closed: the other process is gone');
      assert.deepEqual(heard.slice(0, -1), ['0', '1', '2', '3', '4'].slice(0, heard.length - 1));
      lengths.add(heard.length);
    }
    assert.ok(lengths.size > 2);
  });

  test('can be reset without anybody crashing', async () => {
    const simulation = createSimulation(1);
    const { near, heard } = await connected(simulation);
    let reason: Error | undefined;
    near.onClose((why) => (reason = why));
    simulation.breakConnections('b', 'a');
    await simulation.run();
    assert.equal(reason?.message, 'connection reset');
    assert.deepEqual(heard, ['closed: connection reset']);
  });

  test('carries nothing across a partition, and everything once that is healed', async () => {
    const simulation = createSimulation(1, { partitionMs: [1_000, 2_000] });
    const { near, heard } = await connected(simulation);
    simulation.partition('a', 'b');
    near.send(bytes('hello'));
    simulation.after(500, () => heard.push('healing'));
    simulation.after(500, () => simulation.heal('a', 'b'));
    await simulation.run();
    assert.deepEqual(heard, ['healing', 'hello']);
  });

  test('breaks when a partition lasts, and cannot be made anew before it is healed', async () => {
    const simulation = createSimulation(1, { partitionMs: [1_000, 2_000] });
    const { near, heard } = await connected(simulation);
    simulation.partition('a', 'b');
    near.send(bytes('hello'));
    await simulation.run();
    assert.deepEqual(heard, ['closed: no answer']);
    const listener = await simulation.settle(simulation.world('b').network.listen('tcp:b:0', () => {}));
    await assert.rejects(simulation.settle(simulation.world('a').network.connect(listener.address)), {
      code: 'CHANNEL_LOST',
    });
    simulation.heal('a', 'b');
    await simulation.settle(simulation.world('a').network.connect(listener.address));
  });

  test('needs somebody who listens, and an address that is free', async () => {
    const simulation = createSimulation(1);
    const { network } = simulation.world('a');
    await assert.rejects(simulation.settle(network.connect('tcp:b:1234')), { code: 'CHANNEL_LOST' });
    const listener = await simulation.settle(network.listen('tcp:b:1234', () => {}));
    await assert.rejects(simulation.settle(network.listen('tcp:b:1234', () => {})), { code: 'PORT_IN_USE' });
    await listener.close();
    await simulation.settle(network.listen('tcp:b:1234', () => {}));
  });

  test('by a local name reaches its own process only', async () => {
    const simulation = createSimulation(1);
    await simulation.settle(simulation.world('a').network.listen('local:here', () => {}));
    await simulation.settle(simulation.world('a').network.connect('local:here'));
    await assert.rejects(simulation.settle(simulation.world('b').network.connect('local:here')), {
      code: 'CHANNEL_LOST',
    });
  });

  test('as a plain stream brings bytes in pieces, in order, up to the end', async () => {
    const pieces = new Set<number>();
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed, { waitingBytesMax: 8 });
      simulation.serve('server', 99, (stream) => {
        void (async () => {
          for (const part of ['hello ', 'simulated ', 'world']) await stream.write(bytes(part));
          stream.close();
        })();
      });
      const stream = await simulation.settle(simulation.world('a').network.openStream('server', 99));
      let all = '';
      let count = 0;
      for (;;) {
        const piece = await simulation.settle(stream.read());
        if (piece === undefined) break;
        all += text(piece);
        count++;
      }
      assert.equal(all, 'hello simulated world');
      pieces.add(count);
    }
    assert.ok(pieces.size > 2);
  });

  test('as a plain stream fails its reader when it breaks', async () => {
    const simulation = createSimulation(1);
    simulation.serve('server', 99, () => {});
    const stream = await simulation.settle(simulation.world('a').network.openStream('server', 99));
    const reading = stream.read();
    simulation.crash('server');
    await assert.rejects(simulation.settle(reading), { code: 'CHANNEL_LOST' });
    await assert.rejects(stream.write(bytes('x')), { code: 'CHANNEL_LOST' });
    await assert.rejects(simulation.settle(simulation.world('a').network.openStream('server', 99)), {
      code: 'CHANNEL_LOST',
    });
  });
});

describe('a process that crashes', () => {
  test('does nothing any more: no timer, no turn, no promise of its World', async () => {
    const simulation = createSimulation(1);
    const { clock, storage, network } = simulation.world('a');
    const log: string[] = [];
    clock.after(1, () => log.push('timer'));
    clock.nextTurn(() => log.push('turn'));
    void storage.makeDirectory('/somewhere').then(() => log.push('storage'));
    void network.listen('tcp:a:1', () => {}).then(() => log.push('network'));
    simulation.crash('a');
    clock.nextTurn(() => log.push('turn after death'));
    await simulation.run();
    assert.deepEqual(log, []);
    assert.equal(simulation.isAlive('a'), false);
  });

  test('starts anew with other randomness, and gets its address back', async () => {
    const simulation = createSimulation(1);
    const first = simulation.world('a');
    await simulation.settle(first.network.listen('tcp:a:1', () => {}));
    simulation.crash('a');
    const second = simulation.world('a');
    assert.notEqual(second, first);
    assert.notEqual(second.random.id(), first.random.id());
    await simulation.settle(second.network.listen('tcp:a:1', () => {}));
  });
});

describe('the simulated disk', () => {
  async function write(simulation: Simulation, path: string, synced: string, unsynced: string): Promise<void> {
    const file = await simulation.settle(simulation.world('a').storage.openAppend(path));
    await simulation.settle(file.append(bytes(synced)));
    if (synced !== '') await simulation.settle(file.sync());
    await simulation.settle(file.append(bytes(unsynced)));
    assert.equal(file.length, synced.length + unsynced.length);
  }

  test('keeps what was synced over a crash, and loses or tears what was not', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const simulation = createSimulation(seed);
      await write(simulation, '/file', 'safe', 'unsafe');
      simulation.crash('a');
      const left = text(simulation.disk.read('/file'));
      assert.match(left, /^safe(?:u|un|uns|unsa|unsaf|unsafe)?\0*$/);
      outcomes.add(left.includes('\0') ? 'zeros' : left);
    }
    for (const outcome of ['safe', 'safeun', 'safeunsafe', 'zeros']) assert.ok(outcomes.has(outcome), outcome);
  });

  test('may lose a file that was never synced, and does not otherwise', async () => {
    const found = new Set<boolean>();
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      await write(simulation, '/unsynced', '', 'unsafe');
      await write(simulation, '/synced', 'safe', '');
      simulation.crash('a');
      found.add(simulation.disk.files().includes('/unsynced'));
      assert.equal(text(simulation.disk.read('/synced')), 'safe');
    }
    assert.equal(found.size, 2);
  });

  test('leaves an operation that a crash interrupts done or not done', async () => {
    const found = new Set<boolean>();
    for (const seed of SEEDS) {
      const simulation = createSimulation(seed);
      void simulation.world('a').storage.makeDirectory('/made');
      simulation.after(1, () => simulation.crash('a'));
      await simulation.run();
      found.add((await simulation.settle(simulation.world('b').storage.status('/made'))) !== undefined);
    }
    assert.equal(found.size, 2);
  });

  test('fails with ENOSPC when it is full, after the bytes that had room', async () => {
    const simulation = createSimulation(1);
    const { storage } = simulation.world('a');
    simulation.disk.freeBytes = 6;
    const file = await simulation.settle(storage.openAppend('/file'));
    await assert.rejects(simulation.settle(file.append(bytes('0123456789'))), {
      name: 'StorageError',
      system: 'ENOSPC',
    });
    assert.equal(file.length, 6);
    await simulation.settle(storage.remove('/file'));
    assert.equal(simulation.disk.freeBytes, 6);
  });

  test('behaves as a file system does', async () => {
    const simulation = createSimulation(1);
    const { storage } = simulation.world('a');
    const does = <T>(promise: Promise<T>): Promise<T> => simulation.settle(promise);
    const fails = (system: string, promise: Promise<unknown>): Promise<void> =>
      assert.rejects(simulation.settle(promise), { name: 'StorageError', system });

    await does(storage.makeDirectory('/a/b/c'));
    simulation.disk.write('/a/b/one', 'content');
    assert.deepEqual(await does(storage.list('/a/b')), ['c', 'one']);
    assert.equal((await does(storage.status('/a/b')))?.kind, 'directory');
    assert.equal((await does(storage.status('/a/b/one')))?.bytes, 7);
    assert.equal(await does(storage.status('/a/missing')), undefined);
    await fails('ENOENT', storage.openRead('/a/missing'));
    await fails('ENOENT', storage.openAppend('/missing/file'));
    await fails('EISDIR', storage.openRead('/a/b'));
    await fails('ENOTDIR', storage.list('/a/b/one'));
    await fails('ENOTDIR', storage.openRead('/a/b/one/inside'));
    await fails('EEXIST', storage.openAppend('/a/b/one'));
    await fails('EEXIST', storage.makeDirectory('/a/b/one'));

    const file = await does(storage.openAppend('/a/b/one', { truncateTo: 4 }));
    await does(file.append(bytes('inue')));
    await fails('ENODATA', storage.openAppend('/a/b/one', { truncateTo: 100 }));
    const reader = await does(storage.openRead('/a/b/one'));
    const into = new Uint8Array(6);
    assert.equal(await does(reader.read(into, 0)), 6);
    assert.equal(text(into), 'contin');
    assert.equal(await does(reader.read(into, 6)), 2);
    assert.equal(await does(reader.read(into, 8)), 0);

    await does(storage.rename('/a/b', '/a/d'));
    assert.deepEqual(simulation.disk.files(), ['/a/d/one']);
    await fails('ENOENT', storage.rename('/a/b', '/a/e'));
    await does(storage.remove('/a/d'));
    await does(storage.remove('/a/d'));
    assert.deepEqual(await does(storage.list('/a')), []);
    const [first, second] = [await does(storage.temporaryDirectory()), await does(storage.temporaryDirectory())];
    assert.notEqual(first, second);
    assert.deepEqual(await does(storage.list(first)), []);
  });
});

test('failures of owned code go to its owner however they come about, and those of the dead to nobody', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...process.execArgv.filter((flag) => !flag.startsWith('--test')),
      fileURLToPath(new URL('./strays.ts', import.meta.url)),
    ],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, 'job: rejected\njob: rejected later\njob: thrown\nover\n', stderr);
});

test('a doorbell wakes who waits when it was rung, and after its timeout', async () => {
  const simulation = createSimulation(1);
  const bell = simulation.newDoorbell('a');
  const log: string[] = [];
  void bell.wait(1_000_000).then(() => log.push(`rung at ${Math.round(simulation.now / 100)}`));
  simulation.world('a').clock.after(500, () => Atomics.store(bell.cell, 0, 1));
  await simulation.run();
  void bell.wait(1_000).then(() => log.push('timeout'));
  await simulation.run();
  assert.deepEqual(log, ['rung at 5', 'timeout']);
});

test('threads are refused, and what is printed is kept', () => {
  const simulation = createSimulation(1);
  const world = simulation.world('a');
  assert.throws(
    () => world.threads.spawn({ name: 't', entry: new URL('file:///t.ts'), input: undefined, heapMegabytesMax: 1 }),
    { code: 'OPTION_INVALID' },
  );
  world.print('hello', 'out');
  assert.deepEqual(simulation.printed, [{ process: 'a', line: 'hello', stream: 'out' }]);
  assert.equal(world.cpuMicroseconds(), 0);
});
