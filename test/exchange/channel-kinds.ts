/** Every kind of channel behind one door, for the tests that hold for all of them. */

import type { TestContext } from 'node:test';
import type { Connection, Network } from '../../src/base/world.ts';
import type { ChannelReader, ChannelWriter } from '../../src/exchange/channel.ts';
import { BytesChannel } from '../../src/exchange/bytes-channel.ts';
import { LocalChannel } from '../../src/exchange/local-channel.ts';
import { ChannelMultiplexer } from '../../src/exchange/network-channel.ts';
import { createRing } from '../../src/exchange/ring.ts';
import { RingReader, RingWriter } from '../../src/exchange/ring-channel.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { TextCodec } from './text-codec.ts';
import { Wire } from './wire.ts';

export interface Ends {
  readonly writer: ChannelWriter;
  readonly reader: ChannelReader;
  /** How often each end was woken. */
  readonly readerWakes: () => number;
  readonly writerWakes: () => number;
  /** Lets time pass until `condition` holds; fails after a while. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Lets everything arrive that can arrive. */
  readonly settle: () => Promise<void>;
}

export interface ChannelKind {
  readonly name: string;
  /** Values arrive as the same objects. */
  readonly byReference: boolean;
  readonly open: (t: TestContext, batchRows?: number) => Promise<Ends>;
}

/** Small, so that tests fill it. */
const RING_BYTES = 8 * 1024;

const TURNS_MAX = 100_000;
const LOOKS_MAX = 100;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function byTurns(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === TURNS_MAX) throw new Error('what was waited for did not happen');
    await turn();
  }
}

/** For channels that need no event loop: a look or two must do. */
function atOnce(condition: () => boolean, move: () => void = () => {}): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    move();
    if (condition()) return Promise.resolve();
  }
  throw new Error('what was waited for did not happen');
}

class Wakes {
  reader = 0;
  writer = 0;
  readonly counts: Pick<Ends, 'readerWakes' | 'writerWakes'> = {
    readerWakes: () => this.reader,
    writerWakes: () => this.writer,
  };
  readonly wakeReader = (): void => void this.reader++;
  readonly wakeWriter = (): void => void this.writer++;
}

const local: ChannelKind = {
  name: 'local',
  byReference: true,
  open: (t, batchRows) => {
    const wakes = new Wakes();
    const channel = new LocalChannel({ ...wakes, ...(batchRows === undefined ? {} : { batchRows }) });
    t.after(() => {
      channel.writer.close();
      channel.reader.close();
    });
    return Promise.resolve({
      writer: channel.writer,
      reader: channel.reader,
      ...wakes.counts,
      until: (condition) => atOnce(condition),
      settle: () => Promise.resolve(),
    });
  },
};

const bytes: ChannelKind = {
  name: 'bytes',
  byReference: false,
  open: (t, batchRows) => {
    const wakes = new Wakes();
    const codec = new TextCodec();
    const channel = new BytesChannel({
      ...wakes,
      encoder: codec,
      decoder: codec,
      ...(batchRows === undefined ? {} : { batchRows }),
    });
    t.after(() => {
      channel.writer.close();
      channel.reader.close();
    });
    return Promise.resolve({
      writer: channel.writer,
      reader: channel.reader,
      ...wakes.counts,
      until: (condition) => atOnce(condition),
      settle: () => Promise.resolve(),
    });
  },
};

const ring: ChannelKind = {
  name: 'ring',
  byReference: false,
  open: (t, batchRows) => {
    const codec = new TextCodec();
    const memory = createRing(RING_BYTES);
    const readerBell = new CountingBell();
    const writerBell = new CountingBell();
    const writer = new RingWriter({
      ring: memory,
      attempt: 0,
      readerBell: readerBell.cell,
      encoder: codec,
      ...(batchRows === undefined ? {} : { batchRows }),
    });
    const reader = new RingReader({ ring: memory, attempt: 0, writerBell: writerBell.cell, decoder: codec });
    t.after(() => {
      writer.close();
      reader.close();
    });
    return Promise.resolve({
      writer,
      reader,
      readerWakes: () => readerBell.rung(),
      writerWakes: () => writerBell.rung(),
      until: (condition) => atOnce(condition),
      settle: () => Promise.resolve(),
    });
  },
};

/** A bell at which nobody sleeps. Counts how often it was found rung. */
class CountingBell {
  readonly cell = new Int32Array(new SharedArrayBuffer(4));
  #rung = 0;

  rung(): number {
    if (Atomics.exchange(this.cell, 0, 0) !== 0) this.#rung++;
    return this.#rung;
  }
}

async function overConnection(
  t: TestContext,
  near: Connection,
  far: Connection,
  until: Ends['until'],
  settle: Ends['settle'],
  batchRows?: number,
): Promise<Ends> {
  const wakes = new Wakes();
  const codec = new TextCodec();
  const here = new ChannelMultiplexer(near);
  const there = new ChannelMultiplexer(far);
  t.after(() => {
    here.close();
    there.close();
  });
  const id = { channel: 7, attempt: 1 };
  const writer = here.openWriter({
    id,
    encoder: codec,
    // As a task does in its next turn.
    wake: () => {
      wakes.wakeWriter();
      writer.pump();
    },
    ...(batchRows === undefined ? {} : { batchRows }),
  });
  const reader = there.openReader({ id, decoder: codec, wake: wakes.wakeReader });
  // Once this has come through, the writer has its credit.
  writer.send({ kind: 'status', idle: false });
  await until(() => reader.readable && writer.hasRoom);
  reader.poll();
  wakes.reader = 0;
  wakes.writer = 0;
  return { writer, reader, ...wakes.counts, until, settle };
}

async function connected(
  t: TestContext,
  network: Network,
  address: string,
): Promise<{ readonly near: Connection; readonly far: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await network.listen(address, accepted.resolve);
  t.after(() => listener.close());
  const near = await network.connect(listener.address);
  return { near, far: await accepted.promise };
}

function overNetwork(name: string, address: string): ChannelKind {
  return {
    name,
    byReference: false,
    open: async (t, batchRows) => {
      const { near, far } = await connected(t, createRealWorld().network, address);
      const settle = async (): Promise<void> => {
        for (let turns = 0; turns < 50; turns++) await turn();
      };
      return overConnection(t, near, far, byTurns, settle, batchRows);
    },
  };
}

const wire: ChannelKind = {
  name: 'network (wire)',
  byReference: false,
  open: (t, batchRows) => {
    const { near, far, ...rest } = wired();
    return overConnection(t, near, far, rest.until, rest.settle, batchRows);
  },
};

function wired(): {
  readonly near: Connection;
  readonly far: Connection;
  readonly until: Ends['until'];
  readonly settle: Ends['settle'];
} {
  const pair = new Wire();
  const settle = (): Promise<void> => {
    pair.settle();
    return Promise.resolve();
  };
  return { near: pair.near, far: pair.far, until: (condition) => atOnce(condition, () => pair.settle()), settle };
}

export const CHANNEL_KINDS: readonly ChannelKind[] = [
  local,
  bytes,
  ring,
  wire,
  overNetwork('network (local)', 'local:contract'),
  overNetwork('network (tcp)', 'tcp:127.0.0.1:0'),
];
