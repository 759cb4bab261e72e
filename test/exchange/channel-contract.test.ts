/** What holds for every kind of channel alike. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ColumnBatch } from '../../src/data/column-batch.ts';
import { columnsFromRows, rowsOf as rowsOfColumns } from '../../src/data/column-rows.ts';
import type { BarrierElement } from '../../src/data/element.ts';
import { NO_TIMESTAMP, RecordBatch } from '../../src/data/record-batch.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import type { ChannelReader, ChannelWriter, Element } from '../../src/exchange/channel.ts';
import { ChannelStateWriter, StateFrames } from '../../src/exchange/channel-state.ts';
import { FrameReader } from '../../src/exchange/frame-reader.ts';
import { TextCodec } from './text-codec.ts';
import { CHANNEL_KINDS, type Ends } from './channel-kinds.ts';

const BARRIER: BarrierElement = {
  kind: 'barrier',
  checkpoint: 3,
  triggeredAt: 1_700_000_000_000.5,
  type: 'savepoint',
  epoch: 2,
};

/** A barrier that overtakes. */
const AHEAD: BarrierElement = {
  kind: 'barrier',
  checkpoint: 4,
  triggeredAt: 5,
  type: 'checkpoint',
  epoch: 2,
  unalignedAt: 0,
};

const codec = new TextCodec();

function stateWriter(): ChannelStateWriter {
  return new ChannelStateWriter(() => codec);
}

/** Values and control elements of the state of a channel. */
function rowsOfState(state: ChannelStateWriter): unknown[] {
  return drain(new FrameReader(new StateFrames(state.finish()), codec));
}

const COLUMNS = Schema.of({ n: LogicalType.int(), name: LogicalType.string(), odd: LogicalType.boolean() });

/** No kind of channel holds as many batches of the size that these tests send. */
const MANY = 1_000;

function sendRows(writer: ChannelWriter, ...values: unknown[]): void {
  const batch = writer.batch();
  for (const value of values) batch.push(value, NO_TIMESTAMP, 0);
  writer.send(batch);
}

/** A row that fills a noticeable part of every small ring. */
function bigRow(n: number): { readonly n: number; readonly text: string } {
  return { n, text: 'x'.repeat(500) };
}

function rowsOf(element: Element | undefined): unknown[] {
  assert.ok(element instanceof RecordBatch, 'a record batch was expected');
  return element.values.slice(0, element.count);
}

/** Reads everything that can be read, as one list of values and control elements. */
function drain(reader: ChannelReader): unknown[] {
  const seen: unknown[] = [];
  for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
    if (!(element instanceof RecordBatch)) seen.push(element);
    else {
      seen.push(...rowsOf(element));
      reader.recycle(element);
    }
  }
  return seen;
}

/** Sends rows 0, 1, … until there is no room; returns how many. */
async function fill({ writer, settle }: Ends): Promise<number> {
  let sent = 0;
  while (writer.hasRoom) {
    assert.ok(sent < MANY, 'a channel holds a bounded number of batches');
    sendRows(writer, bigRow(sent++));
    await settle();
  }
  return sent;
}

for (const kind of CHANNEL_KINDS) {
  describe(`a ${kind.name} channel`, () => {
    test('delivers data and control elements in the order in which they were sent', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      sendRows(writer, 1, 2);
      writer.send({ kind: 'watermark', timestamp: 10.5 });
      sendRows(writer, 3);
      writer.send(BARRIER);
      writer.send({ kind: 'status', idle: true });
      writer.send({ kind: 'watermark', timestamp: Infinity });
      writer.send({ kind: 'end', drained: true });
      const seen: unknown[] = [];
      await until(() => seen.push(...drain(reader)) >= 8);
      assert.deepEqual(seen, [
        1,
        2,
        { kind: 'watermark', timestamp: 10.5 },
        3,
        BARRIER,
        { kind: 'status', idle: true },
        { kind: 'watermark', timestamp: Infinity },
        { kind: 'end', drained: true },
      ]);
    });

    test('carries timestamps and row kinds beside the values', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      const batch = writer.batch();
      batch.push('a', 5, 0);
      batch.push('b', NO_TIMESTAMP, 1);
      batch.push('c', -7.5, 3);
      writer.send(batch);
      sendRows(writer, 'd');
      await until(() => reader.queued === 2);
      const first = reader.poll() as RecordBatch;
      assert.deepEqual(rowsOf(first), ['a', 'b', 'c']);
      assert.deepEqual([...first.timestamps.subarray(0, 3)], [5, NO_TIMESTAMP, -7.5]);
      assert.deepEqual([...(first.kinds ?? [])].slice(0, 3), [0, 1, 3]);
      assert.equal(first.cursor, 0);
      const second = reader.poll() as RecordBatch;
      assert.deepEqual(rowsOf(second), ['d']);
      assert.equal(second.timestamps[0], NO_TIMESTAMP);
      assert.equal(second.kinds, undefined);
    });

    test('carries the rows of a column batch that count, between records and control elements', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      const rows = Array.from({ length: 100 }, (_, n) => ({
        n,
        name: n % 7 === 0 ? null : `name ${n}`,
        odd: n % 2 === 1,
      }));
      const timestamps = Float64Array.from(rows, ({ n }) => n * 10);
      const kinds = Uint8Array.from(rows, ({ n }) => n % 4);
      const batch = columnsFromRows(COLUMNS, rows, { timestamps, kinds });
      const selection = Int32Array.from({ length: 50 }, (_, row) => row * 2 + 1);
      sendRows(writer, 'before');
      writer.send(batch);
      writer.send({ kind: 'watermark', timestamp: 1 });
      writer.send(batch.select(selection, 50));
      const seen: Element[] = [];
      await until(() => {
        for (let element = reader.poll(); element !== undefined; element = reader.poll()) seen.push(element);
        return seen.length >= 4;
      });
      assert.deepEqual(rowsOf(seen[0]), ['before']);
      assert.deepEqual(seen[2], { kind: 'watermark', timestamp: 1 });
      const [all, odd] = [seen[1], seen[3]] as [ColumnBatch, ColumnBatch];
      assert.deepEqual(rowsOfColumns(all), rows);
      assert.deepEqual([...(all.timestamps ?? [])], [...timestamps]);
      assert.deepEqual([...(all.kinds ?? [])], [...kinds]);
      assert.deepEqual(
        rowsOfColumns(odd),
        rows.filter((row) => row.odd),
      );
      assert.ok(all.schema.equals(COLUMNS));
    });

    test(kind.byReference ? 'hands values over by reference' : 'hands out copies of the values', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      const value = { nested: { list: [1, 2] } };
      sendRows(writer, value);
      await until(() => reader.readable);
      const [received] = rowsOf(reader.poll());
      assert.deepEqual(received, value);
      assert.equal(received === value, kind.byReference);
    });

    test('has room for a bounded number of batches, and gets it back when they are read', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      const sent = await fill(ends);
      assert.ok(sent >= 2, 'both sides can be busy');
      assert.equal(writer.pump(), false);
      assert.equal(writer.overdrawn, 0);
      const wakes = ends.writerWakes();
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        writer.pump();
        return seen.length === sent;
      });
      await until(() => writer.hasRoom);
      assert.ok(ends.writerWakes() > wakes, 'the writer is told');
      assert.deepEqual(
        seen,
        Array.from({ length: sent }, (_, n) => bigRow(n)),
      );
    });

    test('counts what is sent without room, and keeps its order', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      const sent = await fill(ends);
      sendRows(writer, 'late 1');
      writer.send({ kind: 'watermark', timestamp: 1 });
      sendRows(writer, 'late 2');
      assert.equal(writer.overdrawn, 2);
      assert.equal(writer.hasRoom, false);
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        writer.pump();
        seen.push(...drain(reader));
        return seen.length === sent + 3;
      });
      assert.deepEqual(seen.slice(sent), ['late 1', { kind: 'watermark', timestamp: 1 }, 'late 2']);
      assert.equal(writer.overdrawn, 2);
    });

    test('shows a barrier at its head without taking it, and none behind data', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      sendRows(writer, 1);
      writer.send(BARRIER);
      await until(() => reader.queued === 1);
      assert.equal(reader.peekBarrier(), undefined);
      reader.poll();
      await until(() => reader.readable);
      assert.deepEqual(reader.peekBarrier(), BARRIER);
      assert.deepEqual(reader.peekBarrier(), BARRIER);
      assert.deepEqual(reader.poll(), BARRIER);
      assert.equal(reader.peekBarrier(), undefined);
      assert.equal(reader.poll(), undefined);
    });

    test('shows a barrier that was sent ahead to a reader that reads nothing', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      const sent = await fill(ends);
      sendRows(writer, 'waits');
      const overtaken = stateWriter();
      writer.overtake(AHEAD, overtaken);
      await until(() => reader.takeAnnouncement());
      assert.equal(reader.takeAnnouncement(), false, 'it is announced once');
      assert.deepEqual(reader.barriers(), [AHEAD]);
      const before = stateWriter();
      assert.equal(reader.capture(AHEAD.checkpoint + 1, before), false);
      assert.ok(before.empty, 'nothing is written for a barrier that has not come');
      assert.equal(reader.capture(AHEAD.checkpoint, before), true);
      const expected = [...Array.from({ length: sent }, (_, n) => bigRow(n)), 'waits'];
      assert.deepEqual([...rowsOfState(before), ...rowsOfState(overtaken)], expected);
      assert.deepEqual(reader.barriers(), []);
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        writer.pump();
        return seen.length >= expected.length;
      });
      assert.deepEqual(seen, expected, 'nothing is taken but the barrier');
    });

    test('hands a barrier that was sent ahead out at its place, unless it was taken out', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      const sent = await fill(ends);
      sendRows(writer, 'waits');
      const overtaken = stateWriter();
      writer.overtake(AHEAD, overtaken);
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        writer.pump();
        return seen.length >= sent + 2;
      });
      const place = seen.indexOf(seen.find((one) => (one as { kind?: unknown }).kind === 'barrier'));
      assert.deepEqual(seen[place], AHEAD);
      assert.deepEqual(seen.slice(place + 1), rowsOfState(overtaken));
    });

    test('lets a barrier that waits in its place be sent ahead after all', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      await fill(ends);
      sendRows(writer, 'before');
      writer.send(AHEAD);
      sendRows(writer, 'after');
      const waits = writer.awaits(AHEAD.checkpoint);
      assert.equal(waits, !kind.byReference, 'only a channel by reference keeps nothing at its writer');
      if (!waits) return;
      const overtaken = stateWriter();
      writer.overtake(AHEAD, overtaken);
      assert.equal(writer.awaits(AHEAD.checkpoint), false);
      await until(() => reader.takeAnnouncement());
      assert.ok(reader.capture(AHEAD.checkpoint, stateWriter()));
      const state = rowsOfState(overtaken);
      assert.equal(state.at(-1), 'before', 'what is behind the barrier is not before it');
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        writer.pump();
        return seen.at(-1) === 'after';
      });
      assert.equal(seen.filter((one) => (one as { kind?: unknown }).kind === 'barrier').length, 0);
    });

    test('loses no barrier that is sent ahead, however many there are', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until, settle } = ends;
      await fill(ends);
      for (let checkpoint = 1; checkpoint <= 40; checkpoint++) {
        writer.overtake({ ...AHEAD, checkpoint }, stateWriter());
        await settle();
      }
      let taken = 0;
      await until(() => {
        reader.takeAnnouncement();
        while (reader.capture(taken + 1, stateWriter())) taken++;
        writer.pump();
        return taken === 40;
      });
      assert.equal(reader.capture(41, stateWriter()), false);
    });

    test('captures an element of several frames that is put together already', async (t) => {
      const { writer, reader, until, settle } = await kind.open(t);
      // More than one frame, and no more than all that the channel takes.
      const large = { text: 'x'.repeat(kind.name === 'ring' ? 6_000 : 100_000) };
      sendRows(writer, large);
      sendRows(writer, 'behind');
      await until(() => {
        writer.pump();
        return reader.readable;
      });
      await settle();
      const overtaken = stateWriter();
      writer.overtake(AHEAD, overtaken);
      const state = stateWriter();
      await until(() => reader.capture(AHEAD.checkpoint, state));
      assert.deepEqual(rowsOfState(state)[0], large);
      assert.deepEqual([...rowsOfState(state), ...rowsOfState(overtaken)], [large, 'behind']);
      const seen: unknown[] = [];
      await until(() => {
        writer.pump();
        return seen.push(...drain(reader)) >= 2;
      });
      assert.deepEqual(seen, [large, 'behind']);
    });

    test('captures up to a barrier that came ahead, though the end has come behind it', async (t) => {
      const { writer, reader, until, settle } = await kind.open(t);
      sendRows(writer, 'before');
      writer.overtake(AHEAD, stateWriter());
      sendRows(writer, 'behind');
      writer.send({ kind: 'end', drained: true });
      await settle();
      const state = stateWriter();
      await until(() => reader.capture(AHEAD.checkpoint, state));
      assert.deepEqual(rowsOfState(state), ['before']);
    });

    test('has an end to what can be captured', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      sendRows(writer, 1, 2);
      writer.send({ kind: 'watermark', timestamp: 7 });
      const state = stateWriter();
      await until(() => reader.queued === 1);
      assert.equal(reader.capture(1, state), false);
      writer.send({ kind: 'end', drained: true });
      writer.overtake(AHEAD, stateWriter());
      await until(() => reader.capture(AHEAD.checkpoint, state));
      assert.deepEqual(rowsOfState(state), [1, 2, { kind: 'watermark', timestamp: 7 }]);
      assert.deepEqual(drain(reader), [1, 2, { kind: 'watermark', timestamp: 7 }, { kind: 'end', drained: true }]);
    });

    test('is readable exactly while something can be polled', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      assert.equal(reader.readable, false);
      assert.equal(reader.poll(), undefined);
      sendRows(writer, 1);
      writer.send({ kind: 'status', idle: true });
      await until(() => reader.readable);
      assert.ok(reader.poll() instanceof RecordBatch);
      await until(() => reader.readable);
      assert.deepEqual(reader.poll(), { kind: 'status', idle: true });
      assert.equal(reader.readable, false);
      assert.equal(reader.poll(), undefined);
    });

    test('wakes its reader for data and for control elements', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      sendRows(writer, 1);
      await until(() => ends.readerWakes() === 1);
      assert.deepEqual(drain(reader), [1]);
      writer.send({ kind: 'end', drained: false });
      await until(() => ends.readerWakes() === 2);
      assert.deepEqual(drain(reader), [{ kind: 'end', drained: false }]);
    });

    test('counts the batches that wait to be read, and no control elements', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      assert.equal(reader.queued, 0);
      sendRows(writer, 1);
      writer.send({ kind: 'watermark', timestamp: 0 });
      sendRows(writer, 2);
      await until(() => reader.queued === 2);
      reader.poll();
      assert.equal(reader.queued, 1);
      reader.poll();
      assert.equal(reader.queued, 1);
      reader.poll();
      assert.equal(reader.queued, 0);
    });

    test('gives out empty batches of the size asked for, used ones too', async (t) => {
      const ends = await kind.open(t, 3);
      const { writer, reader, until } = ends;
      for (let round = 0; round < 20; round++) {
        const batch = writer.batch();
        assert.equal(batch.count, 0);
        assert.equal(batch.cursor, 0);
        assert.equal(batch.kinds, undefined);
        assert.equal(batch.capacity, 3);
        assert.deepEqual([...batch.values], [undefined, undefined, undefined]);
        for (let row = 0; row < 3; row++) batch.push({ round, row }, round, row);
        writer.send(batch);
        await until(() => reader.readable);
        const received = reader.poll() as RecordBatch;
        assert.deepEqual(rowsOf(received), [
          { round, row: 0 },
          { round, row: 1 },
          { round, row: 2 },
        ]);
        received.cursor = 3;
        reader.recycle(received);
      }
    });

    test('counts bytes where there are any', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      const before = writer.bytesSent;
      sendRows(writer, 'x'.repeat(100));
      await until(() => reader.readable);
      const bytes = writer.bytesSent - before;
      assert.ok(kind.byReference ? bytes === 0 : bytes > 100 && bytes < 300, `${bytes} bytes`);
    });

    test('has nothing to read once it is closed, and may be closed twice', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      sendRows(writer, 1);
      await until(() => reader.readable);
      reader.close();
      reader.close();
      assert.equal(reader.readable, false);
      assert.equal(reader.poll(), undefined);
      assert.equal(reader.peekBarrier(), undefined);
      writer.close();
      writer.close();
    });

    test('keeps what was sent when its writer closes', async (t) => {
      const { writer, reader, until } = await kind.open(t);
      sendRows(writer, 1, 2);
      writer.send({ kind: 'end', drained: true });
      writer.close();
      const seen: unknown[] = [];
      await until(() => {
        seen.push(...drain(reader));
        return seen.length >= 3;
      });
      assert.deepEqual(seen, [1, 2, { kind: 'end', drained: true }]);
    });

    test('takes nothing any more from a writer that has closed', async (t) => {
      const { writer, reader, settle } = await kind.open(t);
      writer.close();
      sendRows(writer, 1);
      await settle();
      assert.equal(reader.readable, false);
    });

    test('lets a writer go on whose reader has closed', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      await fill(ends);
      sendRows(writer, 'waits');
      reader.close();
      await until(() => writer.pump());
      for (let n = 0; n < MANY; n++) sendRows(writer, bigRow(n));
      assert.equal(writer.hasRoom, true);
    });

    if (kind.byReference) return;

    test('carries a row that is larger than all the room there is', async (t) => {
      const ends = await kind.open(t);
      const { writer, reader, until } = ends;
      const huge = 'h'.repeat(3_000_000);
      sendRows(writer, 'before', huge, 'after');
      writer.send(BARRIER);
      const seen: unknown[] = [];
      await until(() => {
        // On one thread neither end can wait for the other: both take turns.
        for (let turns = 0; turns < MANY && seen.length < 4; turns++) {
          seen.push(...drain(reader));
          writer.pump();
        }
        return seen.length === 4;
      });
      assert.deepEqual(seen, ['before', huge, 'after', BARRIER]);
    });
  });
}
