/** Channels belong to an attempt: what another one sends, early or late, never reaches them. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { createRing } from '../../src/exchange/ring.ts';
import { RingReader, RingWriter } from '../../src/exchange/ring-channel.ts';
import { NO_RINGS, SlotChannels, type ChannelRequest } from '../../src/cluster/slot-channels.ts';
import { DEFAULT_SETTINGS } from '../../src/graph/settings.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { TextCodec } from '../exchange/text-codec.ts';

const world = createRealWorld();

async function channelsOf(t: TestContext, taskManager: string): Promise<{ channels: SlotChannels; address: string }> {
  const channels = new SlotChannels({
    world,
    taskManager,
    slots: [0],
    doorbell: new RealDoorbell(),
    listenAddress: `local:${taskManager}-${world.random.id()}`,
  });
  const address = (await channels.listen()) as string;
  t.after(() => channels.close());
  return { channels, address };
}

/** A request for the one channel between two slots, and what closes the end that it was given. */
function request(
  attempt: number,
  from: string,
  to: string,
  addresses: Readonly<Record<string, string>>,
): { request: ChannelRequest; end: () => void } {
  const closing: (() => void)[] = [];
  const place = (taskManager: string) => ({ vertex: 0, subtask: 0, taskManager, slot: 0 });
  return {
    end: () => closing.splice(0).forEach((close) => close()),
    request: {
      id: '0/0/0',
      number: 0,
      attempt,
      owner: `job/${attempt}`,
      edge: `job/${attempt}/edge-0`,
      from: place(from),
      to: place(to),
      settings: DEFAULT_SETTINGS,
      types: new TypeRegistry(),
      batchRows: 8,
      operator: 'test',
      dataAddresses: addresses,
      rings: NO_RINGS,
      wakeReader: () => {},
      wakeWriter: () => {},
      defer: (close) => void closing.push(close),
    },
  };
}

test('a connection of an attempt that is over is refused, with the reason, and counted', async (t) => {
  const sender = await channelsOf(t, 'sender');
  const receiver = await channelsOf(t, 'receiver');
  const ask = (attempt: number) => request(attempt, 'sender', 'receiver', { 'receiver/0': receiver.address });
  const [read, write] = [ask(1), ask(1)];
  await Promise.all([receiver.channels.reader(read.request), sender.channels.writer(write.request)]);
  read.end();
  write.end();
  await assert.rejects(sender.channels.writer(ask(1).request), { code: 'ATTEMPT_STALE' });
  assert.equal(receiver.channels.refused, 1);
  // The next attempt is welcome, whichever end comes first.
  const [nextRead, nextWrite] = [ask(2), ask(2)];
  const writing = sender.channels.writer(nextWrite.request);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([receiver.channels.reader(nextRead.request), writing]);
  assert.equal(receiver.channels.refused, 1);
  nextRead.end();
  nextWrite.end();
});

test('the two ends of a channel on one thread find each other only within an attempt', async (t) => {
  const { channels } = await channelsOf(t, 'both');
  const [old, young] = [request(1, 'both', 'both', {}), request(2, 'both', 'both', {})];
  const oldWriter = await channels.writer(old.request);
  const youngReader = await channels.reader(young.request);
  oldWriter.send({ kind: 'status', idle: true });
  assert.equal(youngReader.poll(), undefined);
  const youngWriter = await channels.writer(young.request);
  youngWriter.send({ kind: 'status', idle: false });
  assert.deepEqual(youngReader.poll(), { kind: 'status', idle: false });
  old.end();
  young.end();
});

test('a ring of another attempt is refused by both ends', () => {
  const ring = createRing(1024, 3);
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const codec = new TextCodec();
  const refused = { code: 'CHANNEL_LOST' };
  assert.throws(() => new RingWriter({ ring, attempt: 2, readerBell: bell, encoder: codec }), refused);
  assert.throws(() => new RingReader({ ring, attempt: 4, writerBell: bell, decoder: codec }), refused);
  assert.ok(new RingReader({ ring, attempt: 3, writerBell: bell, decoder: codec }));
});
