import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BELL_IDLE, BELL_RUNG } from '../../src/base/doorbell.ts';
import { MillstreamError } from '../../src/base/error.ts';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { NO_TIMESTAMP, RecordBatch } from '../../src/data/record-batch.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { FLAG_MORE, FrameKind, frameKindAt, payloadBytesAt, writeFrameHeader } from '../../src/exchange/frame.ts';
import { createRing, RING_BYTES_MAX, RingConsumer, RingProducer, type RingMemory } from '../../src/exchange/ring.ts';
import { RingReader, RingWriter } from '../../src/exchange/ring-channel.ts';
import { TextCodec } from './text-codec.ts';

const corrupt = (error: unknown): boolean => error instanceof MillstreamError && error.code === 'FRAME_CORRUPT';

/** Where cursors change their sign, where they wrap, and the plain beginning. */
const POSITIONS = [0, 2 ** 31 - 512, 2 ** 32 - 512];

function bell(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Whether the bell was rung since the last look. */
function rung(cell: Int32Array): boolean {
  return Atomics.exchange(cell, 0, BELL_IDLE) === BELL_RUNG;
}

function ends(memory: RingMemory) {
  const readerBell = bell();
  const writerBell = bell();
  return {
    producer: new RingProducer(memory, readerBell),
    consumer: new RingConsumer(memory, writerBell),
    readerBell,
    writerBell,
  };
}

/** Writes a frame whose payload is `length` times `fill`. */
function put(producer: RingProducer, length: number, fill: number): boolean {
  if (!producer.reserve(length)) return false;
  const { bytes, offset } = producer.target;
  bytes.fill(fill, offset, offset + length);
  producer.commit(FrameKind.RECORDS, 0, length);
  return true;
}

/** Takes a frame; every byte of its payload must be the same. Returns that byte and the length. */
function take(consumer: RingConsumer): { readonly length: number; readonly fill: number } | undefined {
  const at = consumer.peek();
  if (at < 0) return undefined;
  const length = payloadBytesAt(consumer.bytes, at);
  const payload = consumer.bytes.slice(at + 8, at + 8 + length);
  const fill = payload[0] ?? 0;
  assert.ok(payload.every((byte) => byte === fill));
  consumer.release();
  return { length, fill };
}

test('the size of a ring is checked and rounded up to a power of two', () => {
  assert.equal(createRing(1000).byteLength - createRing(1024).byteLength, 0);
  for (const bytes of [0, 255, Number.NaN, RING_BYTES_MAX + 1]) {
    assert.throws(
      () => createRing(bytes),
      (error) => error instanceof MillstreamError && error.code === 'OPTION_INVALID',
    );
  }
});

test('a frame is seen once it is published, with one ring of the bell', () => {
  const { producer, consumer, readerBell } = ends(createRing(256));
  put(producer, 10, 1);
  put(producer, 20, 2);
  assert.equal(consumer.peek(), -1);
  assert.equal(rung(readerBell), false);
  producer.publish();
  assert.equal(rung(readerBell), true);
  assert.deepEqual(take(consumer), { length: 10, fill: 1 });
  assert.deepEqual(take(consumer), { length: 20, fill: 2 });
  assert.equal(take(consumer), undefined);
  producer.publish();
  assert.equal(rung(readerBell), false, 'nothing new, nothing to ring for');
});

for (const position of POSITIONS) {
  test(`frames of any size pass in order around the ring, from position ${position} on`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(256, 1024),
        fc.array(fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 3 })), { minLength: 20, maxLength: 200 }),
        (bytes, plan) => {
          const { producer, consumer } = ends(createRing(bytes, 0, position));
          let sent = 0;
          let received = 0;
          const expected: { length: number; fill: number }[] = [];
          for (const [length, reads] of plan) {
            const fill = length === 0 ? 0 : sent % 251;
            if (put(producer, length, fill)) {
              expected.push({ length, fill });
              sent++;
            }
            producer.publish();
            for (let read = 0; read < reads; read++) {
              const frame = take(consumer);
              if (frame === undefined) break;
              assert.deepEqual(frame, expected[received++]);
            }
          }
          for (let frame = take(consumer); frame !== undefined; frame = take(consumer))
            assert.deepEqual(frame, expected[received++]);
          assert.equal(received, sent);
          assert.ok(put(producer, bytes / 2 - 8, 9), 'an empty ring takes half its size in one piece');
        },
      ),
    );
  });
}

test('more than 2^32 bytes pass a ring', () => {
  const { producer, consumer } = ends(createRing(1024 * 1024));
  const payload = 300_000;
  let bytes = 0;
  for (let n = 0; bytes < 2 ** 32 + 2 ** 20; n++) {
    assert.ok(producer.reserve(payload));
    const { bytes: memory, offset } = producer.target;
    memory[offset] = n;
    memory[offset + payload - 1] = n;
    producer.commit(FrameKind.RECORDS, 0, payload);
    producer.publish();
    const at = consumer.peek();
    assert.equal(payloadBytesAt(consumer.bytes, at), payload);
    assert.equal(consumer.bytes[at + 8], n & 0xff);
    assert.equal(consumer.bytes[at + 8 + payload - 1], n & 0xff);
    consumer.release();
    bytes += 8 + payload;
  }
  assert.equal(producer.bytesWritten, bytes);
  assert.equal(consumer.peek(), -1);
});

test('the writer is rung once half the ring is free, if it asked for it', () => {
  const { producer, consumer, writerBell } = ends(createRing(256));
  const frames = 256 / 32;
  for (let n = 0; n < frames; n++) assert.ok(put(producer, 24, n));
  producer.publish();
  take(consumer);
  assert.equal(rung(writerBell), false, 'nobody has asked');
  assert.ok(put(producer, 24, 99));
  producer.publish();
  assert.equal(producer.reserve(24), false);
  assert.equal(producer.awaitRoom(), false);
  for (let n = 1; n < frames / 2; n++) take(consumer);
  assert.equal(rung(writerBell), false, 'less than half is free');
  take(consumer);
  assert.equal(rung(writerBell), true);
  take(consumer);
  assert.equal(rung(writerBell), false, 'rung once for each time of asking');
});

test('a writer that asks for room after the reader has moved is sent to try again', () => {
  const { producer, consumer } = ends(createRing(256));
  while (put(producer, 24, 0));
  producer.publish();
  take(consumer);
  assert.equal(producer.awaitRoom(), true);
  assert.ok(put(producer, 24, 0));
});

test('the writer learns that its reader has closed', () => {
  const { producer, consumer, writerBell } = ends(createRing(256));
  assert.equal(producer.abandoned, false);
  consumer.close();
  assert.equal(producer.abandoned, true);
  assert.equal(rung(writerBell), true);
});

test('damaged memory is a corrupt frame', () => {
  const memory = createRing(256);
  const { producer, consumer } = ends(memory);
  put(producer, 24, 1);
  producer.publish();
  new Uint8Array(memory)[2048] = 0xff;
  assert.throws(() => consumer.peek(), corrupt);
});

function channel(bytes: number, position = 0) {
  const memory = createRing(bytes, 0, position);
  const codec = new TextCodec();
  const writer = new RingWriter({ ring: memory, attempt: 0, readerBell: bell(), encoder: codec, batchRows: 64 });
  const reader = new RingReader({ ring: memory, attempt: 0, writerBell: bell(), decoder: codec });
  return { memory, codec, writer, reader };
}

type Step = { readonly rows: readonly number[] } | { readonly watermark: number } | { readonly read: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      rows: fc.array(
        fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 30 }) }, { weight: 1, arbitrary: fc.nat({ max: 1500 }) }),
        { maxLength: 64 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer() }) },
  { weight: 4, arbitrary: fc.record({ read: fc.nat({ max: 8 }) }) },
);

test('batches of any size arrive whole and in order, cut and joined as the ring demands', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(256, 512, 4096),
      fc.constantFrom(...POSITIONS),
      fc.array(anyStep, { maxLength: 40 }),
      (bytes, position, steps) => {
        const { writer, reader } = channel(bytes, position);
        const sent: unknown[] = [];
        const seen: unknown[] = [];
        const read = (): boolean => {
          const element = reader.poll();
          if (element === undefined) return false;
          if (!(element instanceof RecordBatch)) seen.push(element);
          else {
            for (let row = 0; row < element.count; row++)
              seen.push([element.values[row], element.timestamps[row], element.kinds?.[row] ?? 0]);
            reader.recycle(element);
          }
          return true;
        };
        for (const step of steps) {
          if ('rows' in step) {
            const batch = writer.batch();
            step.rows.forEach((length, row) => {
              const value = String(sent.length).padEnd(length, '.');
              const timestamp = length % 3 === 0 ? NO_TIMESTAMP : length;
              batch.push(value, timestamp, row % 4);
              sent.push([value, timestamp, row % 4]);
            });
            writer.send(batch);
          } else if ('watermark' in step) {
            const element = { kind: 'watermark', timestamp: step.watermark } as const;
            writer.send(element);
            sent.push(element);
          } else {
            for (let count = 0; count < step.read && read(); count++);
            writer.pump();
          }
        }
        while (read() || !writer.pump());
        while (read());
        assert.deepEqual(seen, sent);
        assert.equal(reader.queued, 0);
      },
    ),
    { numRuns: 200 },
  );
});

const NUMBERED = Schema.of({ n: LogicalType.int(), text: LogicalType.string() });

test('column batches of any size arrive whole and in order, with the rows of their selection', () => {
  const anyBatch = fc.record({
    rows: fc.array(
      fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 20 }) }, { weight: 1, arbitrary: fc.nat({ max: 6000 }) }),
      {
        maxLength: 60,
      },
    ),
    selectOneIn: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.constantFrom(512, 4096), fc.array(anyBatch, { maxLength: 12 }), (bytes, batches) => {
      const { writer, reader } = channel(bytes);
      const sent: unknown[] = [];
      const seen: unknown[] = [];
      const read = (): void => {
        for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
          if (element instanceof ColumnBatch) seen.push(...rowsOf(element));
        }
      };
      batches.forEach(({ rows, selectOneIn }, number) => {
        const values = rows.map((length, n) => ({ n: number * 100 + n, text: '-'.repeat(length) }));
        const batch = columnsFromRows(NUMBERED, values);
        const selection = Int32Array.from(values.keys()).filter((n) => n % selectOneIn === 0);
        writer.send(selectOneIn === 1 ? batch : batch.select(selection, selection.length));
        sent.push(...values.filter((_, n) => n % selectOneIn === 0));
        if (number % 2 === 0) read();
      });
      while (!writer.pump()) read();
      read();
      assert.deepEqual(seen, sent);
    }),
  );
});

test('most batches are encoded once', () => {
  const { writer, reader, codec } = channel(4096);
  for (let n = 0; n < 500; n++) {
    const batch = writer.batch();
    for (let row = 0; row < 20; row++) batch.push(n * 20 + row, NO_TIMESTAMP, 0);
    writer.send(batch);
    for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
      if (element instanceof RecordBatch) reader.recycle(element);
    }
  }
  assert.ok(codec.misfits < 20, `${codec.misfits} of ${codec.attempts} attempts did not fit`);
});

test('kinds from 128 on are skipped, in one frame or in several', () => {
  const { memory, writer, reader } = channel(1024);
  const { producer } = ends(memory);
  for (const flags of [FLAG_MORE, FLAG_MORE, 0, 0]) {
    producer.reserve(8);
    producer.commit(200, flags, 8);
  }
  producer.publish();
  assert.equal(reader.readable, false);
  // The ends of this ring were made before the frames above: the writer goes on behind them.
  const later = new RingWriter({ ring: memory, attempt: 0, readerBell: bell(), encoder: new TextCodec() });
  later.send({ kind: 'status', idle: true });
  assert.deepEqual(reader.poll(), { kind: 'status', idle: true });
  writer.close();
});

test('an unknown kind below 128 fails the channel, for good', () => {
  const { memory, reader } = channel(1024);
  const { producer } = ends(memory);
  producer.reserve(8);
  producer.commit(99, 0, 8);
  producer.publish();
  assert.equal(reader.readable, true);
  assert.throws(() => reader.poll(), corrupt);
  assert.throws(() => reader.poll(), corrupt);
});

test('a frame that continues one of another kind fails the channel', () => {
  const { memory, reader } = channel(1024);
  const { producer } = ends(memory);
  producer.reserve(8);
  producer.commit(FrameKind.RECORDS, FLAG_MORE, 8);
  producer.reserve(8);
  producer.commit(FrameKind.WATERMARK, 0, 8);
  producer.publish();
  assert.equal(reader.readable, true);
  assert.throws(() => reader.poll(), corrupt);
});

test('a frame of another version fails the channel', () => {
  const { memory, writer, reader } = channel(1024);
  writer.send({ kind: 'status', idle: true });
  const bytes = new Uint8Array(memory);
  assert.equal(frameKindAt(bytes, 2048), FrameKind.STATUS);
  writeFrameHeader(bytes, 2048, FrameKind.STATUS, 0, 1);
  bytes[2048 + 5] = 9;
  assert.throws(() => reader.poll(), corrupt);
});
