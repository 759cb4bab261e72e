/** One end of a ring on a thread of its own, for the stress test: random batches, random stalls, everything checked. */

import { BELL_AWAITED, BELL_IDLE, BELL_RUNG } from '../../src/base/doorbell.ts';
import type { Doorbell, ThreadHost } from '../../src/base/world.ts';
import { RecordDecoder, RecordEncoder } from '../../src/data/record-codec.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import type { RingMemory } from '../../src/exchange/ring.ts';
import { RingReader, RingWriter } from '../../src/exchange/ring-channel.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';
import { threadHost } from '../../src/world/thread-host.ts';
import { Dice } from './dice.ts';
import { NumberedReader, NumberedWriter } from './numbered.ts';

export interface RingThreadInput {
  readonly role: 'writer' | 'reader';
  /** One ring per pair of ends; all ends of a thread share its bell. */
  readonly rings: readonly RingMemory[];
  readonly writerBell: Int32Array<SharedArrayBuffer>;
  readonly readerBell: Int32Array<SharedArrayBuffer>;
  readonly rows: number;
  readonly batchRows: number;
  readonly seed: number;
  /** Stalls once in so many turns; 0 never. */
  readonly stallOnceIn: number;
  readonly stallMs: number;
  /** How the thread sleeps: in its event loop, or wholly. */
  readonly sleep: 'event-loop' | 'thread';
  /** Per ring: rows sent, rows seen. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

export interface RingThreadResult {
  readonly checksums: readonly number[];
  /** Rows that were under way at most, over all turns and rings. */
  readonly underWayMax: number;
  readonly overdrawn: number;
}

const NAP = new Int32Array(new SharedArrayBuffer(4));

/** A bell that never rings would be a hang of the test; with this it is a failure. */
const WAIT_MS = 20_000;

/** Sleeps with the event loop stopped. Returns false when nobody rang. */
function sleepWholly(bell: Int32Array): boolean {
  const rung =
    Atomics.compareExchange(bell, 0, BELL_IDLE, BELL_AWAITED) === BELL_RUNG ||
    Atomics.wait(bell, 0, BELL_AWAITED, WAIT_MS) !== 'timed-out';
  Atomics.store(bell, 0, BELL_IDLE);
  return rung;
}

async function sleepInEventLoop(doorbell: Doorbell): Promise<boolean> {
  const started = performance.now();
  await doorbell.wait(WAIT_MS);
  return performance.now() - started < WAIT_MS;
}

async function run(host: ThreadHost): Promise<void> {
  const input = host.input as RingThreadInput;
  const dice = new Dice(input.seed);
  const bell = input.role === 'writer' ? input.writerBell : input.readerBell;
  const doorbell = new RealDoorbell(bell);
  const turn = input.role === 'writer' ? writing(input, dice) : reading(input, dice);
  for (let state = turn(); ; state = turn()) {
    if (typeof state === 'object') return host.post(state);
    if (input.stallOnceIn > 0 && dice.once(input.stallOnceIn)) Atomics.wait(NAP, 0, 0, dice.next() * input.stallMs);
    if (state === 'busy') continue;
    const rung = input.sleep === 'thread' ? sleepWholly(bell) : await sleepInEventLoop(doorbell);
    if (!rung) throw new Error(`nobody rang for the ${input.role}`);
  }
}

type Turn = () => 'busy' | 'sleep' | RingThreadResult;

function writing(input: RingThreadInput, dice: Dice): Turn {
  const types = new TypeRegistry();
  const ends = input.rings.map((ring) => {
    const writer = new RingWriter({
      ring,
      attempt: 0,
      readerBell: input.readerBell,
      encoder: new RecordEncoder({ types }),
      batchRows: input.batchRows,
    });
    return { writer, numbered: new NumberedWriter(writer, dice, input.rows) };
  });
  return () => {
    let busy = false;
    ends.forEach(({ writer, numbered }, n) => {
      if (!writer.pump() || numbered.done) return;
      numbered.sendOne();
      Atomics.store(input.progress, n * 2, numbered.sent);
      busy = true;
    });
    if (busy) return 'busy';
    if (!ends.every(({ numbered }) => numbered.done)) return 'sleep';
    return { checksums: [], underWayMax: 0, overdrawn: ends.reduce((sum, { writer }) => sum + writer.overdrawn, 0) };
  };
}

function reading(input: RingThreadInput, dice: Dice): Turn {
  const types = new TypeRegistry();
  const readers = input.rings.map(
    (ring) =>
      new NumberedReader(
        new RingReader({ ring, attempt: 0, writerBell: input.writerBell, decoder: new RecordDecoder({ types }) }),
      ),
  );
  let underWayMax = 0;
  return () => {
    let busy = false;
    readers.forEach((reader, n) => {
      underWayMax = Math.max(underWayMax, Atomics.load(input.progress, n * 2) - reader.seen);
      if (reader.read(1 + dice.below(5))) busy = true;
      Atomics.store(input.progress, n * 2 + 1, reader.seen);
    });
    if (busy) return 'busy';
    if (!readers.every((reader) => reader.ended)) return 'sleep';
    return { checksums: readers.map((reader) => reader.checksum), underWayMax, overdrawn: 0 };
  };
}

await run(threadHost());
