/** Record batches and their filter, without a broker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@platformatic/kafka';
import fc from 'fast-check';
import { KafkaRecord, type AbortedTransaction, type KafkaMessage } from '@millstream/kafka';
import { BatchBuilder } from '../../src/batch-builder.ts';
import { BatchCursor } from '../../src/batch-cursor.ts';
import type { Compression } from '../../src/compression.ts';
import {
  ABORT_MARKER,
  COMMIT_MARKER,
  CONTROL,
  endOffset,
  HEADER_BYTES,
  readBatchHeader,
  TRANSACTIONAL,
  writeBatchHeader,
} from '../../src/record-batch.ts';
import { varintBytes, VarintReader, writeVarint } from '../../src/varint.ts';

const CODECS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

test('every safe integer survives as a varint, in the bytes that were reckoned', () => {
  const edges = [0, 1, -1, 63, 64, -64, -65, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 52, -(2 ** 52)];
  const check = (value: number): void => {
    const bytes = Buffer.alloc(16);
    const end = writeVarint(bytes, 2, value);
    assert.equal(end - 2, varintBytes(value));
    const reader = new VarintReader(bytes, 2);
    assert.equal(reader.next(), value);
    assert.equal(reader.offset, end);
  };
  edges.forEach(check);
  const most = 2 ** 52;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.integer(),
        fc.maxSafeInteger().map((n) => n % most),
      ),
      check,
    ),
  );
});

interface Given {
  readonly timestamp: number;
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
}

const bytes: fc.Arbitrary<Uint8Array | string | null> = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ maxLength: 300 }),
);
const given: fc.Arbitrary<Given> = fc.record({
  timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.tuple(fc.string(), fc.option(fc.uint8Array({ maxLength: 20 }), { nil: null })), {
    maxLength: 3,
  }),
});

function build(records: readonly Given[], compression: Compression = 'none'): Buffer {
  const builder = new BatchBuilder();
  for (const { timestamp, key, value, headers } of records) builder.append(timestamp, key, value, headers);
  const producer = { producerId: 77, epoch: 3 };
  return builder.finish({ producer, baseSequence: 11, transactional: false, compression });
}

function readAll(
  batches: Buffer,
  from = 0,
  aborted: readonly AbortedTransaction[] = [],
): { readonly messages: KafkaMessage[]; readonly position: number } {
  const cursor = new BatchCursor(batches, from, aborted);
  const record = new KafkaRecord();
  const messages: KafkaMessage[] = [];
  while (cursor.next(record)) messages.push(record.copy());
  return { messages, position: cursor.position };
}

const bufferOf = (part: Uint8Array | string | null): Buffer | null =>
  part === null ? null : Buffer.from(part as string);

test('records come out of a batch as they went in, whatever the codec', () => {
  fc.assert(
    fc.property(fc.array(given, { minLength: 1, maxLength: 20 }), fc.constantFrom(...CODECS), (records, codec) => {
      const { messages, position } = readAll(build(records, codec));
      assert.equal(position, records.length);
      assert.deepEqual(
        messages.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers })),
        records.map(({ timestamp, key, value, headers }) => ({
          timestamp,
          key: bufferOf(key),
          value: bufferOf(value),
          headers: headers.map(([name, part]) => ({ name: Buffer.from(name).toString(), value: bufferOf(part) })),
        })),
      );
    }),
    { numRuns: 200 },
  );
});

test('a byte that was flipped in a batch is found', () => {
  const batch = build([{ timestamp: 1, key: 'k', value: 'some value', headers: [] }]);
  for (let at = 21; at < batch.length; at++) {
    const torn = Buffer.from(batch);
    torn[at] = (torn[at] as number) ^ 0x40;
    let seen: readonly KafkaMessage[];
    try {
      seen = readAll(torn).messages;
    } catch {
      continue;
    }
    // A flipped attribute may make it a control batch, which shows nothing.
    assert.deepEqual(seen, [], `byte ${at}`);
  }
});

test('a batch that is cut short is left for the next fetch', () => {
  const batch = build([{ timestamp: 1, key: null, value: 'v', headers: [] }]);
  const two = Buffer.concat([batch, moved(batch, 1)]);
  assert.equal(endOffset(two), 2);
  for (let length = batch.length; length < two.length; length++) {
    assert.equal(endOffset(two.subarray(0, length)), 1);
    assert.equal(readAll(two.subarray(0, length)).messages.length, 1);
  }
  assert.equal(endOffset(batch.subarray(0, batch.length - 1)), undefined);
});

/** The same batch at another offset. */
function moved(batch: Buffer, baseOffset: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(baseOffset), 0);
  return copy;
}

function transactional(baseOffset: number, producerId: number, value: string): Buffer {
  const builder = new BatchBuilder();
  builder.append(0, null, value, undefined);
  const producer = { producerId, epoch: 0 };
  return moved(builder.finish({ producer, baseSequence: 0, transactional: true, compression: 'none' }), baseOffset);
}

function marker(offset: number, producerId: number, type: number): Buffer {
  // Length, attributes, two deltas, the key (version, type), a value, no headers.
  const record = Buffer.from([32, 0, 0, 0, 8, 0, 0, 0, type, 12, 0, 0, 0, 0, 0, 0, 0]);
  const batch = Buffer.concat([Buffer.alloc(HEADER_BYTES), record]);
  writeBatchHeader(
    batch,
    {
      baseOffset: offset,
      lastOffset: offset,
      attributes: TRANSACTIONAL | CONTROL,
      baseTimestamp: 0,
      maxTimestamp: 0,
      producerId,
      epoch: 0,
      baseSequence: -1,
      count: 1,
    },
    crc32c,
  );
  return batch;
}

/** What producers do, one after the other: each of three writes in its transaction, or ends it. */
const script = fc.array(
  fc.record({ producer: fc.integer({ min: 0, max: 2 }), does: fc.constantFrom('write', 'write', 'commit', 'abort') }),
  { maxLength: 30 },
);

interface Log {
  readonly batches: readonly Buffer[];
  readonly aborted: readonly {
    readonly producerId: number;
    readonly firstOffset: number;
    readonly lastOffset: number;
  }[];
  readonly committed: readonly string[];
}

/** The log that a script leaves behind; what is open at its end is aborted. */
function logOf(steps: readonly { readonly producer: number; readonly does: string }[]): Log {
  const batches: Buffer[] = [];
  const aborted: { producerId: number; firstOffset: number; lastOffset: number }[] = [];
  const committed: { offset: number; value: string }[] = [];
  const open = new Map<number, { firstOffset: number; values: { offset: number; value: string }[] }>();
  const end = (producer: number, how: 'commit' | 'abort'): void => {
    const transaction = open.get(producer);
    if (transaction === undefined) return;
    open.delete(producer);
    const offset = batches.length;
    batches.push(marker(offset, producer, how === 'commit' ? COMMIT_MARKER : ABORT_MARKER));
    if (how === 'commit') committed.push(...transaction.values);
    else aborted.push({ producerId: producer, firstOffset: transaction.firstOffset, lastOffset: offset });
  };
  for (const { producer, does } of steps) {
    if (does !== 'write') {
      end(producer, does as 'commit' | 'abort');
      continue;
    }
    const offset = batches.length;
    const value = `${producer}@${offset}`;
    batches.push(transactional(offset, producer, value));
    const transaction = open.get(producer) ?? { firstOffset: offset, values: [] };
    transaction.values.push({ offset, value });
    open.set(producer, transaction);
  }
  for (const producer of [...open.keys()]) end(producer, 'abort');
  return { batches, aborted, committed: committed.toSorted((a, b) => a.offset - b.offset).map(({ value }) => value) };
}

test('whatever transactions do, and wherever fetches cut, what is committed is seen and nothing else', () => {
  fc.assert(
    fc.property(script, fc.infiniteStream(fc.integer({ min: 1, max: 4 })), (steps, sizes) => {
      const log = logOf(steps);
      const seen: string[] = [];
      for (let from = 0; from < log.batches.length;) {
        const size = sizes.next().value as number;
        const to = Math.min(log.batches.length, from + size);
        // As the broker: all aborted transactions that touch what it sends, in the order of their ends.
        const aborted = log.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to);
        const { messages, position } = readAll(Buffer.concat(log.batches.slice(from, to)), from, aborted);
        seen.push(...messages.map(({ value }) => String(value)));
        assert.equal(position, to);
        from = to;
      }
      assert.deepEqual(seen, log.committed);
    }),
    { numRuns: 500 },
  );
});

test('a fetch that begins in the middle of a batch passes over what lies before', () => {
  const batch = build(
    ['a', 'b', 'c'].map((value) => ({ timestamp: 0, key: null, value, headers: [] })),
    'zstd',
  );
  const { messages } = readAll(moved(batch, 10), 12);
  assert.deepEqual(
    messages.map(({ offset, value }) => [offset, String(value)]),
    [[12, 'c']],
  );
  assert.equal(readBatchHeader(moved(batch, 10), 0)?.lastOffset, 12);
});
