/** Channels through real sockets and a network that cuts, tears and resets connections. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MillstreamError } from '../../src/base/error.ts';
import type { Connection } from '../../src/base/world.ts';
import { RecordDecoder, RecordEncoder } from '../../src/data/record-codec.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { NETWORK_CREDIT_FRAMES } from '../../src/exchange/channel.ts';
import { ChannelMultiplexer, NETWORK_PAYLOAD_BYTES } from '../../src/exchange/network-channel.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { BadWire, type BadWireOptions } from './bad-wire.ts';
import { Dice } from './dice.ts';
import { NumberedReader, NumberedWriter } from './numbered.ts';

const TYPES = new TypeRegistry();
const CHANNELS = 4;
const BATCH_ROWS = 128;

/** Turns of the event loop after which a test gives up waiting. */
const TURNS_MAX = 2_000_000;

interface Stream {
  readonly writer: NumberedWriter;
  readonly reader: NumberedReader;
  lost: MillstreamError | undefined;
}

interface Net {
  readonly wire: BadWire;
  readonly ends: readonly [ChannelMultiplexer, ChannelMultiplexer];
  readonly streams: readonly Stream[];
}

/** Two multiplexers with a bad wire between them, and streams in both directions. */
async function open(t: TestContext, dice: Dice, rows: number, options: Omit<BadWireOptions, 'dice'>): Promise<Net> {
  const { network } = createRealWorld();
  const accepted = Promise.withResolvers<Connection>();
  const listener = await network.listen('tcp:127.0.0.1:0', accepted.resolve);
  const wire = await BadWire.open(Number(listener.address.split(':').at(-1)), { ...options, dice });
  const near = new ChannelMultiplexer(await network.connect(wire.address));
  const far = new ChannelMultiplexer(await accepted.promise);
  t.after(async () => {
    near.close();
    far.close();
    await wire.close();
    await listener.close();
  });
  const streams = Array.from({ length: CHANNELS }, (_, channel): Stream => {
    const [from, to] = channel % 2 === 0 ? [near, far] : [far, near];
    const id = { channel, attempt: 3 };
    const writer = from.openWriter({
      id,
      encoder: new RecordEncoder({ types: TYPES }),
      wake: () => {},
      batchRows: BATCH_ROWS,
    });
    const reader = to.openReader({ id, decoder: new RecordDecoder({ types: TYPES }), wake: () => {} });
    return { writer: new NumberedWriter(writer, dice, rows), reader: new NumberedReader(reader), lost: undefined };
  });
  return { wire, ends: [near, far], streams };
}

/** Sends and reads in turns of the event loop until every reader has its end or has failed. */
async function run({ streams }: Net, dice: Dice): Promise<void> {
  for (let turns = 0; streams.some(({ reader, lost }) => !reader.ended && lost === undefined); turns++) {
    assert.ok(turns < TURNS_MAX, 'every stream ends or fails');
    for (const stream of streams) {
      if (dice.once(2)) stream.writer.send();
      if (dice.once(3)) read(stream, 1 + dice.below(20));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function read(stream: Stream, elements: number): void {
  if (stream.lost !== undefined) return;
  try {
    stream.reader.read(elements);
  } catch (error) {
    if (!(error instanceof MillstreamError)) throw error;
    stream.lost = error;
  }
}

test('a connection that delays and splits everything carries all streams, once and in order', async (t) => {
  const dice = new Dice(7);
  const rows = 8_000;
  const net = await open(t, dice, rows, { cutAfter: Infinity, ending: 'end', delayOnceIn: 100, pieceMax: 3_000 });
  await run(net, dice);
  for (const { reader, lost } of net.streams) {
    assert.equal(lost, undefined);
    assert.equal(reader.seen, rows);
  }
  assert.equal(net.ends[0].dropped + net.ends[1].dropped, 0);
});

test('a connection that breaks at any byte fails its readers, and nothing arrives twice, changed or out of order', async (t) => {
  const rows = 4_000;
  let lost = 0;
  for (let seed = 1; seed <= 45; seed++) {
    const dice = new Dice(seed);
    const cutAfter = 1 + dice.below(seed % 3 === 0 ? 2_000 : 400_000);
    const ending = (['end', 'reset', 'half-reset'] as const)[seed % 3] ?? 'end';
    const net = await open(t, dice, rows, { cutAfter, ending, delayOnceIn: 200, pieceMax: 20_000 });
    await run(net, dice);
    for (const { reader, writer, lost: error } of net.streams) {
      assert.ok(reader.seen <= writer.sent);
      if (error === undefined) continue;
      lost++;
      assert.equal(error.code, 'CHANNEL_LOST', `seed ${seed}: ${error.message}`);
      assert.equal(error.details['attempt'], 3);
      assert.equal(reader.ended, false);
    }
  }
  assert.ok(lost > 45, `${lost} streams were cut off`);
});

test('a reader that does not read holds its writer back, whatever the network buffers', async (t) => {
  const dice = new Dice(11);
  const rows = 200_000;
  const net = await open(t, dice, rows, { cutAfter: Infinity, ending: 'end', delayOnceIn: 0, pieceMax: 60_000 });
  const slow = net.streams[0] as Stream;
  for (let turns = 0; turns < 2_000; turns++) {
    slow.writer.send();
    await new Promise((resolve) => setImmediate(resolve));
  }
  // What was granted, and the batch that found no room.
  assert.ok(slow.writer.sent <= (NETWORK_CREDIT_FRAMES + 1) * BATCH_ROWS, `${slow.writer.sent} rows were sent`);
  assert.ok(net.wire.passed < NETWORK_CREDIT_FRAMES * NETWORK_PAYLOAD_BYTES);
  while (!slow.reader.ended) {
    slow.writer.send();
    slow.reader.read();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(slow.reader.seen, rows);
});
