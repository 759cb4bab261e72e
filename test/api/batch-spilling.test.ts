/** BATCH mode far beyond its memory: everything that keeps a partition keeps the rest of it on disk, and clears up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamEnvironment } from '../../src/api/environment.ts';
import type { DataStream } from '../../src/api/data-stream.ts';
import type { Collector } from '../../src/operator/functions.ts';
import { spilling } from './spilling.ts';

/** Ten times what fits into a megabyte: on the heap, a row takes well over 100 bytes. */
const ROWS = 100_000;

const MEGABYTE = 1024 * 1024;

interface Row {
  readonly n: number;
  readonly key: number;
  readonly text: string;
}

/** Rows in an order of their own, under `keys` keys. */
function rows(env: StreamEnvironment, keys: number, count = ROWS): DataStream<Row> {
  return env.fromGenerator((i) => row(i, keys), { count });
}

function row(i: number, keys: number): Row {
  const n = (i * 7_919) % ROWS;
  return { n, key: n % keys, text: 'some text that takes room in memory' };
}

/** The numbers of the rows as they come. */
function numbers(): number[] {
  return Array.from({ length: ROWS }, (_, i) => row(i, 1).n);
}

test('an input of ten times the sort memory is spilled, sorted and cleaned up', async () => {
  const { env, storage } = spilling();
  const [records, keys] = [120_000, 20_000];
  const results = await env
    .fromGenerator(
      (i) => ({ key: `key-${(i * 7_919) % keys}`, count: 1, text: 'some text that takes room in memory' }),
      { count: records },
    )
    .keyBy((row) => row.key)
    .reduce((a, b) => ({ ...a, count: a.count + b.count }))
    .map((row) => row.count)
    .executeAndCollect();
  assert.equal(results.length, keys);
  assert.ok(results.every((count) => count === records / keys));
  assert.ok(storage.files >= 10, `${storage.files} runs`);
  await storage.assertClean();
});

test('sortPartition gives what is larger than its memory in order', async () => {
  const count = 100_000;
  const { env, storage } = spilling();
  const results = await env
    .fromGenerator((i) => ({ n: (i * 7_919) % count }), { count })
    .fullWindowPartition()
    .sortPartition((row) => row.n, 'descending')
    .map((row) => row.n)
    .executeAndCollect();
  assert.ok(storage.files > 1);
  await storage.assertClean();
  assert.deepEqual(
    results,
    Array.from({ length: count }, (_, i) => count - 1 - i),
  );
});

test('sortPartition of keys gives what is larger than its memory key by key in order', async () => {
  const { env, storage } = spilling();
  const keys = 3;
  const results = await rows(env, keys)
    .keyBy(({ key }) => key)
    .fullWindowPartition()
    .sortPartition(({ n }) => n)
    .map(({ n }) => n)
    .executeAndCollect();
  assert.ok(storage.files > 1 && storage.bytesWritten > 2 * MEGABYTE);
  await storage.assertClean();
  const order = [...new Set(results.map((n) => n % keys))];
  assert.equal(order.length, keys);
  const expected = order.flatMap((key) => Array.from({ length: ROWS }, (_, n) => n).filter((n) => n % keys === key));
  assert.deepEqual(results, expected);
});

test('mapPartition reads what is larger than its memory from disk as it is asked for', async () => {
  const { env, storage } = spilling();
  const pulled: number[] = [];
  const results = await rows(env, 1)
    .fullWindowPartition()
    .mapPartition(function* (values) {
      let seen = 0;
      for (const { n } of values) {
        if (seen++ % 1_000 === 0) pulled.push(storage.blocksPulled);
        yield n;
      }
    })
    .executeAndCollect();
  assert.deepEqual(results, numbers());
  assert.ok(storage.bytesWritten > 2 * MEGABYTE);
  assert.equal(pulled[0], 1, 'one block is enough for the first row');
  assert.ok(new Set(pulled).size > 20, 'the others are read one after the other');
  await storage.assertClean();
});

test('mapPartition may read its partition more than once, and only in part', async () => {
  const { env, storage } = spilling();
  const [first, count, last] = await rows(env, 1)
    .fullWindowPartition()
    .mapPartition((values) => {
      const [first] = values;
      let count = 0;
      let last = -1;
      for (const { n } of values) {
        count++;
        last = n;
      }
      return [first?.n, count, last];
    })
    .executeAndCollect();
  const all = numbers();
  assert.deepEqual([first, count, last], [all[0], ROWS, all.at(-1)]);
  await storage.assertClean();
});

test('mapPartition of keys has a large key on disk and the small ones in memory', async () => {
  const { env, storage } = spilling();
  const results = await rows(env, 1_000)
    .map((row) => (row.key < 3 ? row : { ...row, key: 1_000 }))
    .keyBy(({ key }) => key)
    .fullWindowPartition()
    .mapPartition({
      mapPartition(values: Iterable<Row>, out: Collector<{ key: number; count: number; sum: number }>) {
        let [key, count, sum] = [-1, 0, 0];
        for (const row of values) {
          key = row.key;
          count++;
          sum += row.n;
        }
        out.collect({ key, count, sum });
      },
    })
    .executeAndCollect();
  const expected = [0, 1, 2].map((key) => ({ key, count: 100, sum: 100 * key + 1_000 * ((99 * 100) / 2) }));
  assert.deepEqual(
    results.filter(({ key }) => key < 3).toSorted((a, b) => a.key - b.key),
    expected,
  );
  const rest = (ROWS * (ROWS - 1)) / 2 - expected.reduce((total, { sum }) => total + sum, 0);
  assert.deepEqual(
    results.filter(({ key }) => key >= 3),
    [{ key: 1_000, count: ROWS - 300, sum: rest }],
  );
  assert.ok(storage.blocksPulled > 20, 'the large key was read from disk');
  await storage.assertClean();
});

test('the values of a partition cannot be read once its results are through', async () => {
  const { env, storage } = spilling();
  let kept: Iterable<Row> = [];
  await rows(env, 1)
    .fullWindowPartition()
    .mapPartition((values) => {
      kept = values;
      return [1];
    })
    .executeAndCollect();
  assert.throws(() => [...kept], { code: 'USER_CODE', message: /mapPartition/ });
  await storage.assertClean();
});

/** Everything that spills, as a job of more rows than anybody waits for. */
const SPILLING: Readonly<Record<string, (rows: DataStream<Row>) => DataStream<Row>>> = {
  'a keyed operator': (all) => all.keyBy(({ n }) => n).reduce((a) => a),
  sortPartition: (all) => all.fullWindowPartition().sortPartition(({ n }) => n),
  'sortPartition of keys': (all) =>
    all
      .keyBy(({ key }) => key)
      .fullWindowPartition()
      .sortPartition(({ n }) => n),
  mapPartition: (all) => all.fullWindowPartition().mapPartition((values) => values),
  'mapPartition of keys': (all) =>
    all
      .keyBy(({ key }) => key)
      .fullWindowPartition()
      .mapPartition((values) => values),
};

for (const [name, job] of Object.entries(SPILLING)) {
  test(`${name} that is cancelled while it spills leaves nothing behind`, async () => {
    // At the first directory, in the midst of the first file, and further on.
    for (const moment of [1, 3, 40]) {
      const { env, storage } = spilling();
      const there = Promise.withResolvers<void>();
      let writes = 0;
      storage.before = async () => {
        if (++writes !== moment) return;
        there.resolve();
        await new Promise((resolve) => setTimeout(resolve, 20));
      };
      job(rows(env, 2, 1e12)).print();
      const client = await env.executeAsync();
      await there.promise;
      await client.cancel();
      await storage.assertClean();
    }
  });

  test(`${name} that is cancelled while its results leave leaves nothing behind`, async () => {
    const { env, storage } = spilling();
    const results = job(rows(env, 2))[Symbol.asyncIterator]();
    await results.next();
    await results.return?.();
    await storage.assertClean();
  });

  test(`${name} leaves nothing behind when the disk is full`, async () => {
    const { env, storage } = spilling();
    let writes = 0;
    storage.before = () => {
      if (++writes === 25) throw new Error('ENOSPC: no space left on device');
    };
    await assert.rejects(job(rows(env, 2)).executeAndCollect(), { code: 'SPILL_FAILED', message: /no space left/ });
    await storage.assertClean();
  });
}
