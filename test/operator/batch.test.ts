/** BATCH mode: sorting by key, one key at a time, timers at the end of the key, spilling far beyond the budget. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { StorageError, type Storage } from '../../src/base/world.ts';
import { MAX_WATERMARK } from '../../src/data/element.ts';
import { ExternalSorter, NOT_READ_YET } from '../../src/operator/async-sorter.ts';
import { batchKeyedInput } from '../../src/operator/batch-keyed-input.ts';
import { keyedCoProcess } from '../../src/operator/co-process.ts';
import { keyedProcess } from '../../src/operator/keyed-process.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { reduce } from '../../src/operator/reduce.ts';
import type { SpillCodec } from '../../src/operator/spill-file.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const { storage } = createRealWorld();

const numbers: SpillCodec<number> = {
  write: (n, writer: ByteWriter) => writer.f64(n),
  read: (reader: ByteReader) => reader.f64(),
};

async function drain<T>(sorter: ExternalSorter<T>): Promise<T[]> {
  const merge = sorter.merge();
  const all: T[] = [];
  for (;;) {
    const next = merge.next();
    if (next === undefined) break;
    if (next === NOT_READ_YET) await merge.ready();
    else all.push(next.value);
  }
  await merge.close();
  return all;
}

test('a sorter gives everything back in order, from memory and from disk', async () => {
  const sorter = new ExternalSorter({
    compare: (a: number, b: number) => a - b,
    codec: numbers,
    memoryBytes: 256 * 1024,
    storage,
  });
  const given: number[] = [];
  for (let i = 0; i < 100_000; i++) {
    const n = (i * 7919) % 100_003;
    given.push(n);
    sorter.add(n);
    if (sorter.full) await sorter.spill();
  }
  assert.ok(sorter.runs > 5, `${sorter.runs} runs`);
  assert.deepEqual(
    await drain(sorter),
    given.toSorted((a, b) => a - b),
  );
  await sorter.close();
});

test("a disk that is full fails as the environment's failure", async () => {
  const full: Storage = Object.assign(Object.create(storage) as Storage, {
    temporaryDirectory: () => Promise.resolve('/nowhere'),
    openAppend: () => Promise.reject(new StorageError('ENOSPC', '/nowhere/run-0')),
  });
  const sorter = new ExternalSorter({
    compare: (a: number, b: number) => a - b,
    codec: numbers,
    memoryBytes: 1,
    storage: full,
  });
  sorter.add(1);
  assert.ok(sorter.full);
  await assert.rejects(
    sorter.spill(),
    (error: Error & { code?: string }) => error.code === 'SPILL_FAILED' && /ENOSPC/.test(error.message),
  );
});

test('sorting is stable across memory and disk', async () => {
  type Pair = readonly [rank: number, order: number];
  const codec: SpillCodec<Pair> = {
    write: ([rank, order], writer) => {
      writer.f64(rank);
      writer.f64(order);
    },
    read: (reader) => [reader.f64(), reader.f64()],
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 60 }), async (items) => {
      const sorter = new ExternalSorter<Pair>({ compare: (a, b) => a[0] - b[0], codec, memoryBytes: 1, storage });
      for (const [order, [rank, spill]] of items.entries()) {
        sorter.add([rank, order]);
        if (spill) await sorter.spill();
      }
      const expected = items.map(([rank], order): Pair => [rank, order]).toSorted((a, b) => a[0] - b[0]);
      assert.deepEqual(await drain(sorter), expected);
      await sorter.close();
    }),
    { numRuns: 30 },
  );
});

interface Row {
  readonly key: string;
  readonly n: number;
}

const key = (row: Row): string => row.key;
const values = (harness: OperatorHarness): unknown[] => harness.values;

async function end(harness: OperatorHarness): Promise<void> {
  harness.watermark(MAX_WATERMARK);
  while (!harness.output.some((seen) => seen.kind === 'watermark')) await harness.settled();
}

test('a key emits its last value once, when its records are over', async () => {
  const harness = new OperatorHarness(
    batchKeyedInput(
      reduce(key, (a: Row, b: Row) => ({ key: a.key, n: a.n + b.n }), true),
      1,
    ),
    { mode: 'batch' },
  );
  for (const [k, n] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
    ['b', 5],
  ] as const)
    harness.element({ key: k, n });
  assert.deepEqual(values(harness), []);
  await end(harness);
  assert.deepEqual(
    (values(harness) as Row[]).toSorted((x, y) => (x.key < y.key ? -1 : 1)),
    [
      { key: 'a', n: 4 },
      { key: 'b', n: 7 },
      { key: 'c', n: 4 },
    ],
  );
  assert.deepEqual(harness.output.at(-1), { kind: 'watermark', timestamp: MAX_WATERMARK });
});

for (const stopAlways of [false, true]) {
  test(`a key's records come in the order of time, then its timers fire, then its state is gone${stopAlways ? ', also when interrupted everywhere' : ''}`, async () => {
    const states: number[] = [];
    const keysAtOnce: number[] = [];
    const definition: OperatorDefinition = keyedProcess<
      string,
      Row,
      string,
      { count: ReturnType<typeof valueState<number>> }
    >(key, {
      state: { count: valueState<number>('count') },
      *processElement(row, ctx) {
        assert.equal(ctx.currentWatermark(), -Infinity);
        const count = (ctx.state.count.value() ?? 0) + 1;
        ctx.state.count.update(count);
        ctx.timerService().registerEventTimeTimer(100 - row.n);
        ctx.timerService().registerEventTimeTimer(100 - row.n);
        if (row.n === 1) ctx.timerService().registerProcessingTimeTimer(5);
        yield `${row.key}${row.n}`;
      },
      *onTimer(time, ctx) {
        states.push(ctx.state.count.value() ?? 0);
        keysAtOnce.push(harness.stateKeys);
        if (time === 98) ctx.timerService().registerEventTimeTimer(98.5);
        yield `${ctx.getCurrentKey()} ${ctx.timeDomain()} ${time}`;
      },
    });
    const harness = new OperatorHarness(batchKeyedInput(definition, 1), { mode: 'batch', stopAlways });
    for (const [k, n] of [
      ['a', 3],
      ['b', 2],
      ['a', 1],
      ['b', 1],
    ] as const)
      harness.element({ key: k, n }, n);
    harness.watermark(50);
    await end(harness);
    const of = (k: string): unknown[] => values(harness).filter((value) => String(value).startsWith(k));
    assert.deepEqual(of('a'), ['a1', 'a3', 'a event 97', 'a event 99', 'a processing 5']);
    assert.deepEqual(of('b'), ['b1', 'b2', 'b event 98', 'b event 98.5', 'b event 99', 'b processing 5']);
    assert.deepEqual(new Set(states), new Set([2]));
    assert.deepEqual(new Set(keysAtOnce), new Set([1]));
    assert.equal(harness.stateKeys, 0);
    // Each key is over before the next begins.
    const all = values(harness).map((value) => String(value)[0]);
    assert.equal(all.filter((k, i) => k !== all[i - 1]).length, 2);
    assert.deepEqual(
      harness.output.filter((seen) => seen.kind === 'watermark'),
      [{ kind: 'watermark', timestamp: MAX_WATERMARK }],
    );
  });
}

test('two inputs are sorted together', async () => {
  const definition = keyedCoProcess<string, Row, Row, string, { sum: ReturnType<typeof valueState<number>> }>(
    key,
    key,
    {
      state: { sum: valueState<number>('sum') },
      processElement1(row, ctx) {
        ctx.state.sum.update((ctx.state.sum.value() ?? 0) + row.n);
      },
      *processElement2(row, ctx) {
        yield `${row.key} ${ctx.state.sum.value() ?? 'nothing'}`;
      },
    },
  );
  const harness = new OperatorHarness(batchKeyedInput(definition, 1), { mode: 'batch', inputs: 2 });
  harness.element({ key: 'a', n: 9 }, 5, 0, 1);
  harness.element({ key: 'b', n: 1 }, 1);
  harness.element({ key: 'a', n: 2 }, 3);
  harness.element({ key: 'a', n: 3 }, 4);
  harness.element({ key: 'b', n: 9 }, 0, 0, 1);
  await end(harness);
  assert.deepEqual(values(harness).toSorted(), ['a 5', 'b nothing']);
});

test('random batches give what a map of keys gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ key: fc.oneof(fc.string(), fc.integer(), fc.constantFrom(null, NaN, -0, 0, 1n)), n: fc.integer() }),
      ),
      async (rows) => {
        const define = () =>
          batchKeyedInput(
            reduce(
              (row: { key: unknown; n: number }) => row.key,
              (a, b) => ({ key: a.key, n: a.n + b.n }),
              true,
            ),
            1,
          );
        const harness = new OperatorHarness(define(), { mode: 'batch' });
        for (const row of rows) harness.element(row);
        await end(harness);
        const sums = new Map<unknown, number>();
        for (const row of rows) {
          const id = typeof row.key === 'bigint' || row.key === 0 ? Number(row.key) + 0 : row.key;
          sums.set(id, (sums.get(id) ?? 0) + row.n);
        }
        const got = (harness.values as { n: number }[]).map((row) => row.n).toSorted((a, b) => a - b);
        assert.deepEqual(
          got,
          [...sums.values()].toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('a checkpoint in BATCH mode is refused', () => {
  const harness = new OperatorHarness(
    batchKeyedInput(
      reduce(key, (a: Row) => a, true),
      1,
    ),
    { mode: 'batch' },
  );
  assert.throws(
    () => harness.snapshot(),
    (error: Error & { code?: string }) => error.code === 'CHECKPOINT_FAILED' && /BATCH/.test(error.message),
  );
});
