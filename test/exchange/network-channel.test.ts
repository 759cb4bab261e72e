import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError, type ErrorCode } from '../../src/base/error.ts';
import { NO_TIMESTAMP, RecordBatch } from '../../src/data/record-batch.ts';
import { RecordDecoder, RecordEncoder } from '../../src/data/record-codec.ts';
import {
  NETWORK_CREDIT_FRAMES,
  type ChannelReader,
  type ChannelWriter,
  type Element,
} from '../../src/exchange/channel.ts';
import { FRAME_HEADER_BYTES } from '../../src/exchange/frame.ts';
import { ChannelMultiplexer } from '../../src/exchange/network-channel.ts';
import { MESSAGE_HEADER_BYTES, type ChannelId } from '../../src/exchange/network-message.ts';
import { TextCodec } from './text-codec.ts';
import { Wire } from './wire.ts';

const CODEC = new TextCodec();
const END = { kind: 'end', drained: true } as const;

function is(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof MillstreamError && error.code === code;
}

/** Two multiplexers and the wire between them. */
class Net {
  readonly wire = new Wire();
  readonly here = new ChannelMultiplexer(this.wire.near);
  readonly there = new ChannelMultiplexer(this.wire.far);
  writerWakes = 0;
  readerWakes = 0;

  writer(id: ChannelId, from: ChannelMultiplexer = this.here): ChannelWriter {
    const writer = from.openWriter({
      id,
      encoder: CODEC,
      wake: () => {
        this.writerWakes++;
        // As a task does in its next turn.
        writer.pump();
      },
    });
    return writer;
  }

  reader(id: ChannelId, at: ChannelMultiplexer = this.there): ChannelReader {
    return at.openReader({ id, decoder: CODEC, wake: () => void this.readerWakes++ });
  }
}

function sendRows(writer: ChannelWriter, ...values: unknown[]): void {
  const batch = writer.batch();
  for (const value of values) batch.push(value, NO_TIMESTAMP, 0);
  writer.send(batch);
}

function drain(reader: ChannelReader): unknown[] {
  const seen: unknown[] = [];
  for (let element = reader.poll(); element !== undefined; element = reader.poll()) seen.push(...contents(element));
  return seen;
}

function contents(element: Element): unknown[] {
  return element instanceof RecordBatch ? element.values.slice(0, element.count) : [element];
}

test('many channels share a connection, in both directions, and keep their own order', () => {
  const net = new Net();
  const ids = Array.from({ length: 20 }, (_, channel) => ({ channel, attempt: 1 }));
  const forth = ids.map((id) => ({ writer: net.writer(id), reader: net.reader(id) }));
  const back = ids.map((id) => ({ writer: net.writer(id, net.there), reader: net.reader(id, net.here) }));
  for (let round = 0; round < 10; round++) {
    forth.forEach(({ writer }, n) => sendRows(writer, `forth ${n} ${round}`));
    back.forEach(({ writer }, n) => sendRows(writer, `back ${n} ${round}`));
  }
  net.wire.settle();
  forth.forEach(({ reader }, n) =>
    assert.deepEqual(
      drain(reader),
      Array.from({ length: 10 }, (_, round) => `forth ${n} ${round}`),
    ),
  );
  back.forEach(({ reader }, n) =>
    assert.deepEqual(
      drain(reader),
      Array.from({ length: 10 }, (_, round) => `back ${n} ${round}`),
    ),
  );
  assert.equal(net.here.dropped + net.there.dropped, 0);
});

test('nothing leaves before the reader is there, whichever end opens first', () => {
  for (const first of ['writer', 'reader'] as const) {
    const net = new Net();
    const id = { channel: 1, attempt: 4 };
    let reader = first === 'reader' ? net.reader(id) : undefined;
    net.wire.settle();
    const writer = net.writer(id);
    writer.send({ kind: 'watermark', timestamp: 1 });
    sendRows(writer, 'a');
    net.wire.settle();
    if (reader === undefined) {
      assert.equal(writer.hasRoom, false);
      assert.equal(writer.bytesSent, 0);
      reader = net.reader(id);
    }
    net.wire.settle();
    assert.deepEqual(drain(reader), [{ kind: 'watermark', timestamp: 1 }, 'a']);
    assert.equal(writer.hasRoom, true);
    assert.equal(net.here.dropped + net.there.dropped, 0);
  }
});

test('a writer sends as many data frames as it has credit, and control elements without any', () => {
  const net = new Net();
  const writer = net.writer({ channel: 1, attempt: 1 });
  const reader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  for (let n = 0; n < NETWORK_CREDIT_FRAMES; n++) sendRows(writer, n);
  assert.equal(writer.hasRoom, true);
  writer.send({ kind: 'watermark', timestamp: 1 });
  assert.equal(writer.hasRoom, true);
  sendRows(writer, 'waits');
  writer.send({ kind: 'watermark', timestamp: 2 });
  net.wire.settle();
  assert.equal(reader.queued, NETWORK_CREDIT_FRAMES);
  assert.equal(writer.hasRoom, false);
  assert.equal(net.writerWakes, 0);
  const first = drain(reader);
  assert.equal(first.length, NETWORK_CREDIT_FRAMES + 1);
  assert.deepEqual(first.at(-1), { kind: 'watermark', timestamp: 1 });
  net.wire.settle();
  assert.equal(writer.hasRoom, true);
  assert.equal(net.writerWakes, 1);
  assert.deepEqual(drain(reader), ['waits', { kind: 'watermark', timestamp: 2 }]);
});

test('credit comes back in portions while the reader keeps up', () => {
  const net = new Net();
  const writer = net.writer({ channel: 1, attempt: 1 });
  const reader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  const before = net.wire.far.sent;
  for (let n = 0; n < 100; n++) {
    sendRows(writer, n);
    net.wire.settle();
    assert.deepEqual(drain(reader), [n]);
    assert.equal(writer.hasRoom, true);
  }
  assert.equal(net.wire.far.sent - before, 100 / (NETWORK_CREDIT_FRAMES / 4));
});

test('frames of another attempt are dropped and counted', () => {
  const net = new Net();
  const stale = net.writer({ channel: 1, attempt: 1 });
  const staleReader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  sendRows(stale, 'old');
  stale.send(END);
  // The receiver restarts while these are under way.
  staleReader.close();
  const reader = net.reader({ channel: 1, attempt: 2 });
  net.wire.settle();
  assert.equal(net.there.dropped, 2);
  assert.equal(reader.readable, false);
  sendRows(stale, 'older still');
  const writer = net.writer({ channel: 1, attempt: 2 });
  sendRows(writer, 'new');
  net.wire.settle();
  assert.deepEqual(drain(reader), ['new']);
  stale.close();
  sendRows(writer, 'newer');
  net.wire.settle();
  assert.deepEqual(drain(reader), ['newer']);
});

test('frames of an unknown channel are dropped and counted', () => {
  const net = new Net();
  const writer = net.writer({ channel: 1, attempt: 1 });
  const reader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  sendRows(writer, 'a');
  reader.close();
  net.wire.settle();
  assert.equal(net.there.dropped, 1);
});

test('the reader of an older attempt fails when a newer one opens its channel', () => {
  const net = new Net();
  const older = net.reader({ channel: 1, attempt: 1 });
  net.reader({ channel: 1, attempt: 2 });
  assert.throws(() => older.poll(), is('CHANNEL_LOST'));
  older.close();
  const writer = net.writer({ channel: 1, attempt: 2 });
  net.wire.settle();
  sendRows(writer, 'a');
  assert.equal(writer.hasRoom, true, 'closing the older reader did not close the newer');
});

test('a grant that comes late does not reach the writer of a newer attempt', () => {
  const net = new Net();
  const first = net.writer({ channel: 1, attempt: 1 });
  const reader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  for (let n = 0; n < NETWORK_CREDIT_FRAMES; n++) sendRows(first, n);
  net.wire.settle();
  drain(reader);
  // The credit is under way; the sender restarts, and there is no reader for the new attempt yet.
  first.close();
  const second = net.writer({ channel: 1, attempt: 2 });
  net.wire.settle();
  sendRows(second, 'waits');
  net.wire.settle();
  assert.equal(second.hasRoom, false);
  assert.equal(net.here.dropped, 4);
});

test('a lost connection fails every reader after what had arrived', () => {
  const net = new Net();
  const [a, b, c] = [1, 2, 3].map((channel) => ({
    writer: net.writer({ channel, attempt: 1 }),
    reader: net.reader({ channel, attempt: 1 }),
  })) as [
    { writer: ChannelWriter; reader: ChannelReader },
    { writer: ChannelWriter; reader: ChannelReader },
    { writer: ChannelWriter; reader: ChannelReader },
  ];
  net.wire.settle();
  sendRows(a.writer, 'arrived');
  sendRows(c.writer, 'all');
  c.writer.send(END);
  net.wire.settle();
  sendRows(a.writer, 'under way');
  const wakes = net.readerWakes;
  net.wire.cut(new Error('reset by peer'));
  assert.ok(net.readerWakes > wakes);
  assert.deepEqual(contents(a.reader.poll() as Element), ['arrived']);
  assert.equal(a.reader.readable, true);
  assert.throws(() => a.reader.poll(), is('CHANNEL_LOST'));
  assert.throws(() => a.reader.poll(), is('CHANNEL_LOST'));
  assert.equal(b.reader.readable, true);
  assert.throws(
    () => b.reader.poll(),
    (error) => error instanceof MillstreamError && String((error.cause as Error).cause).includes('reset by peer'),
  );
  assert.deepEqual(drain(c.reader), ['all', END]);
  assert.equal(c.reader.readable, false, 'whose stream had ended has lost nothing');
  assert.throws(() => net.reader({ channel: 9, attempt: 1 }).poll(), is('CHANNEL_LOST'));
});

test('a writer whose connection is lost has no room, and blocks nobody', () => {
  const net = new Net();
  const writer = net.writer({ channel: 1, attempt: 1 });
  net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  net.wire.cut();
  sendRows(writer, 'nowhere');
  assert.equal(writer.hasRoom, false);
  assert.equal(writer.pump(), false);
  writer.close();
  assert.equal(writer.hasRoom, true);
});

test('a reader of a row that was cut off by the loss never sees a part of it', () => {
  const net = new Net();
  const writer = net.writer({ channel: 1, attempt: 1 });
  const reader = net.reader({ channel: 1, attempt: 1 });
  net.wire.settle();
  sendRows(writer, 'x'.repeat(500_000));
  net.wire.far.deliver(3);
  assert.equal(reader.readable, false);
  net.wire.cut();
  assert.throws(() => reader.poll(), is('CHANNEL_LOST'));
});

test('closing a multiplexer fails the readers at both ends', () => {
  const net = new Net();
  const there = net.reader({ channel: 1, attempt: 1 });
  const here = net.reader({ channel: 2, attempt: 1 }, net.here);
  net.here.close();
  assert.throws(() => here.poll(), is('CHANNEL_LOST'));
  assert.throws(() => there.poll(), is('CHANNEL_LOST'));
  assert.ok(net.there.loss instanceof MillstreamError);
});

test('writers share a congested connection in turn', () => {
  const net = new Net();
  net.wire.near.waitingMax = 4;
  const pairs = [1, 2, 3].map((channel) => ({
    writer: net.writer({ channel, attempt: 1 }),
    reader: net.reader({ channel, attempt: 1 }),
  }));
  net.wire.settle();
  for (let n = 0; n < 8; n++) for (const { writer } of pairs) sendRows(writer, n);
  assert.equal(net.wire.far.inbox.length, 4, 'the rest waits at the writers');
  assert.ok(pairs.every(({ writer }) => !writer.hasRoom));
  pairs[0]?.writer.send({ kind: 'status', idle: true });
  assert.equal(net.wire.far.inbox.length, 4, 'a control element stays behind data of its channel');
  net.wire.settle();
  assert.ok(pairs.every(({ writer }) => writer.hasRoom));
  const rows = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual(
    pairs.map(({ reader }) => drain(reader)),
    [[...rows, { kind: 'status', idle: true }], rows, rows],
  );
});

test('frames that were repeated, left out or damaged on the way fail the connection', () => {
  const damages: readonly ((inbox: Uint8Array[]) => void)[] = [
    (inbox) => inbox.push((inbox[0] as Uint8Array).slice()),
    (inbox) => inbox.shift(),
    (inbox) => inbox.push(inbox.shift() as Uint8Array),
    (inbox) => inbox.push(new Uint8Array(3)),
    (inbox) => inbox.push(new Uint8Array(MESSAGE_HEADER_BYTES).fill(77)),
    (inbox) => void ((inbox[0] as Uint8Array)[MESSAGE_HEADER_BYTES] = 0xff),
    (inbox) => void (inbox[0] = (inbox[0] as Uint8Array).subarray(0, MESSAGE_HEADER_BYTES + FRAME_HEADER_BYTES - 1)),
  ];
  for (const damage of damages) {
    const net = new Net();
    const writer = net.writer({ channel: 1, attempt: 1 });
    const reader = net.reader({ channel: 1, attempt: 1 });
    const other = net.reader({ channel: 2, attempt: 1 });
    net.wire.settle();
    sendRows(writer, 'a');
    sendRows(writer, 'b');
    damage(net.wire.far.inbox);
    net.wire.settle();
    const seen: unknown[] = [];
    assert.throws(() => {
      for (let element = reader.poll(); element !== undefined; element = reader.poll()) seen.push(...contents(element));
    }, is('FRAME_CORRUPT'));
    assert.ok(['', 'a', 'ab'].includes(seen.join('')), `nothing wrong was delivered (${seen.join(' ')})`);
    assert.throws(() => other.poll(), is('FRAME_CORRUPT'));
    assert.throws(() => net.reader({ channel: 3, attempt: 1 }, net.here).poll(), is('CHANNEL_LOST'));
  }
});

test('a value that cannot travel fails the task that sent it, not the connection that made room for it', () => {
  const net = new Net();
  const id = { channel: 1, attempt: 1 };
  let wakes = 0;
  const writer = net.here.openWriter({
    id,
    encoder: new RecordEncoder({ types: CODEC.types }),
    wake: () => void wakes++,
  });
  sendRows(writer, () => 'a function');
  const reader = net.there.openReader({ id, decoder: new RecordDecoder({ types: CODEC.types }), wake: () => {} });
  net.wire.settle();
  assert.equal(wakes, 1);
  assert.equal(net.here.loss, undefined);
  assert.throws(() => writer.pump(), is('VALUE_UNSUPPORTED'));
  assert.equal(reader.readable, false);
});

test('opening an end twice in one attempt is a broken law', () => {
  const net = new Net();
  net.writer({ channel: 1, attempt: 2 });
  net.reader({ channel: 1, attempt: 2 });
  assert.throws(() => net.writer({ channel: 1, attempt: 2 }), is('INTERNAL_INVARIANT'));
  assert.throws(() => net.reader({ channel: 1, attempt: 1 }), is('INTERNAL_INVARIANT'));
});

interface Act {
  readonly act: 'send' | 'control' | 'read' | 'deliver';
  readonly channel: number;
  readonly size: number;
}

const anyAct: fc.Arbitrary<Act> = fc.record({
  act: fc.constantFrom('send' as const, 'send' as const, 'control' as const, 'read' as const, 'deliver' as const),
  channel: fc.nat({ max: 2 }),
  size: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 40 }) }, { weight: 1, arbitrary: fc.nat({ max: 200_000 }) }),
});

test('whatever is sent, read and delivered when, each channel keeps its elements and their order', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 120 }), fc.integer({ min: 1, max: 12 }), (acts, waitingMax) => {
      const net = new Net();
      net.wire.near.waitingMax = waitingMax;
      const channels = [0, 1, 2].map((channel) => ({
        writer: net.writer({ channel, attempt: 1 }),
        reader: net.reader({ channel, attempt: 1 }),
        sent: [] as unknown[],
        seen: [] as unknown[],
      }));
      let count = 0;
      for (const { act, channel, size } of acts) {
        const { writer, reader, sent, seen } = channels[channel] as (typeof channels)[0];
        if (act === 'send') {
          const value = String(count++).padEnd(size, '.');
          sendRows(writer, value);
          sent.push(value);
        } else if (act === 'control') {
          const element = { kind: 'watermark', timestamp: count++ } as const;
          writer.send(element);
          sent.push(element);
        } else if (act === 'read') {
          const element = reader.poll();
          if (element !== undefined) seen.push(...contents(element));
          assert.ok(reader.queued <= NETWORK_CREDIT_FRAMES, 'no more arrives than was granted');
        } else {
          net.wire.near.deliver(size);
          net.wire.far.deliver(size);
        }
      }
      for (let quiet = 0; quiet < 3; quiet++) {
        if (net.wire.deliver() > 0) quiet = 0;
        for (const { reader, seen } of channels) seen.push(...drain(reader));
      }
      for (const { writer, sent, seen } of channels) {
        assert.deepEqual(seen, sent);
        assert.equal(writer.hasRoom, true);
      }
    }),
  );
});
