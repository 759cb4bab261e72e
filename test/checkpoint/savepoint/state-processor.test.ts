import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { job, TimeWindow, valueState, type DataStream, type StreamEnvironment } from 'millstream';
import {
  createSavepoint,
  disposeSavepoint,
  editSavepoint,
  readSavepoint,
  rewriteSavepoint,
} from 'millstream/savepoints';
import { buildStateful, course, HALF, inScratch, SALES, totals, type Sale } from './stateful-job.ts';

/** One savepoint for all tests that only read it. */
let path = '';
const scratch = Promise.withResolvers<void>();
let scratched: Promise<void>;

before(async () => {
  const written = Promise.withResolvers<void>();
  scratched = inScratch(async (directory) => {
    ({ path } = await course(SALES.slice(0, HALF), { stop: { directory } }));
    written.resolve();
    await scratch.promise;
  });
  await Promise.race([written.promise, scratched]);
});

after(async () => {
  scratch.resolve();
  await scratched;
});

const sumOf = (sales: readonly Sale[]): number => sales.reduce((sum, { amount }) => sum + amount, 0);

const byShop = (sales: readonly Sale[]): Map<string, Sale[]> => Map.groupBy(sales, ({ shop }) => shop);

test('a savepoint lists its operators and their state', async () => {
  await using savepoint = await readSavepoint(path);
  const uids = savepoint.operators.map(({ uid }) => uid).toSorted();
  assert.deepEqual(uids, ['lines', 'sales', 'sessions', 'states', 'sums', 'timestamps-1', 'tumbling']);
  const { states, maxParallelism } = savepoint.operator('states');
  assert.equal(maxParallelism, 64);
  const found = states.find(({ name }) => name === 'totals');
  assert.equal(found?.shape, 'string → { sum: number, exact: bigint, last: Date, note?: null | undefined }');
  assert.equal(found?.entries, 7);
  assert.throws(() => savepoint.operator('nobody'), { code: 'STATE_INVALID', message: /states/ });
});

test('keyed state is read entry by entry, typed, with its timers', async () => {
  await using savepoint = await readSavepoint(path);
  const operator = savepoint.operator('states');
  const shops = byShop(SALES.slice(0, HALF));
  let entries = 0;
  for await (const { key, value, timers, window } of operator.keyed<string, typeof totals>(totals)) {
    entries++;
    const sales = shops.get(key) ?? [];
    assert.equal(value.sum, sumOf(sales));
    assert.equal(value.exact, BigInt(sales.length) * 2n ** 40n);
    assert.deepEqual(value.last, new Date(sales.at(-1)?.time as number));
    assert.equal(window, undefined);
    for (const { domain, timestamp } of timers) {
      assert.equal(domain, 'event');
      assert.ok(sales.some(({ time }) => time + 200 === timestamp));
    }
  }
  assert.equal(entries, 7);
  const perAmount = await Array.fromAsync(operator.keyed<string, ReadonlyMap<number, { count: number }>>('per-amount'));
  assert.equal(
    perAmount.every(({ value }) => value instanceof Map),
    true,
  );
  const fresh = await Array.fromAsync(operator.keyed('fresh'));
  assert.equal(typeof fresh[0]?.lastWrite, 'number');
  await assert.rejects(async () => await operator.keyed('nothing').next(), { code: 'STATE_INVALID' });
});

test('windows are read with their bounds, sessions with those that they have grown to', async () => {
  await using savepoint = await readSavepoint(path);
  for await (const { window, value, timers } of savepoint
    .operator('tumbling')
    .windows<string, { sum: number; count: number }>()) {
    assert.ok(window instanceof TimeWindow);
    assert.equal(window.end - window.start, 100);
    assert.ok(value.count >= 1);
    assert.ok(timers.length >= 1);
  }
  const sessions = await Array.fromAsync(savepoint.operator('sessions').windows<string, Sale>());
  assert.equal(sessions.length > 0, true);
  for (const { key, window, value } of sessions) {
    assert.equal(value.shop, key);
    assert.equal((window as TimeWindow).end, value.time + 75);
  }
});

test('a savepoint is edited, and the job goes on from what it has become', async () => {
  await inScratch(async (directory) => {
    const to = join(directory, 'edited');
    const edited = await editSavepoint(path);
    edited.edit('states', totals, ({ key, value }) =>
      key === 'shop-0' ? undefined : { ...value, sum: value.sum + 1000 },
    );
    await edited.write(to);
    const { lines } = await course([SALES[HALF] as Sale, SALES[HALF + 5] as Sale], { launch: { fromSavepoint: to } });
    const [first, second] = [SALES[HALF] as Sale, SALES[HALF + 5] as Sale];
    assert.equal(second.shop, 'shop-0');
    const seen = (sale: Sale): string | undefined => lines.find((line) => line.startsWith(`${sale.shop} [[`));
    const past = sumOf(byShop(SALES.slice(0, HALF)).get(first.shop) ?? []);
    assert.match(seen(first) ?? '', new RegExp(`^${first.shop} \\[\\[${past + 1000 + first.amount},`));
    assert.match(seen(second) ?? '', new RegExp(`^shop-0 \\[\\[${second.amount},"1099511627776"`));
  });
});

test('state is bootstrapped from nothing: entries, timers and windows', async () => {
  await inScratch(async (directory) => {
    const graph = job('sales', (env: StreamEnvironment) => {
      buildStateful(env, env.fromData<Sale>().uid('sales') as DataStream<Sale>);
    });
    const past = SALES.slice(0, HALF);
    const writer = createSavepoint({ maxParallelism: 64 });
    async function* entries() {
      for (const [key, sales] of byShop(past)) {
        const last = new Date(sales.at(-1)?.time as number);
        const state = { totals: { sum: sumOf(sales), exact: BigInt(sales.length) * 2n ** 40n, last } };
        yield { key, state, timers: [{ timestamp: 5_000 }] };
      }
    }
    writer.keyed('states', { totals }, entries());
    const elements = past.map((value) => ({ value, timestamp: value.time }));
    await writer.bootstrap('tumbling', graph, elements);
    await writer.bootstrap('sessions', graph, elements);
    await writer.bootstrap('sums', graph, elements);
    const from = await writer.write(join(directory, 'made'));
    const { lines } = await course(SALES.slice(HALF), { launch: { fromSavepoint: from } });
    const whole = (await course(SALES, {})).lines;
    const comparable = (all: readonly string[]): string[] =>
      all.filter((line) => /^(session|sum|shop-\d \d)/.test(line));
    const before = (await course(past, {})).lines.filter((line) => line.startsWith('sum'));
    assert.deepEqual([...comparable(lines), ...before].toSorted(), comparable(whole).toSorted());
    assert.equal(lines.filter((line) => line.startsWith('timer') && line.includes(' 5000 ')).length, 7);
    const [exact] = lines.filter((line) => line.startsWith('shop-2 [['));
    assert.match(exact ?? '', /"6597069766656"|"5497558138880"/);
  });
});

test('keys are rewritten; two that become one are an error that names both, or are merged', async () => {
  await inScratch(async (directory) => {
    const to = join(directory, 'merged');
    const migrate = (key: string): string => (key === 'shop-1' ? 'shop-0' : key);
    const rewrite = { from: path, to, operators: { states: { keys: { migrate } } } };
    await assert.rejects(rewriteSavepoint(rewrite), {
      code: 'STATE_INCOMPATIBLE',
      message: /the keys "shop-[01]" and "shop-[01]" become one, "shop-0"/,
    });
    assert.equal(existsSync(to), false);
    const merge = (a: unknown, b: unknown, { state }: { state: string }): unknown => {
      if (state === 'totals') return { ...(a as object), sum: (a as { sum: number }).sum + (b as { sum: number }).sum };
      return Array.isArray(a) ? [...a, ...(b as unknown[])] : b;
    };
    await rewriteSavepoint({
      ...rewrite,
      operators: { states: { keys: { migrate, merge }, uid: 'shops' }, sums: { drop: true } },
    });
    await using savepoint = await readSavepoint(to);
    assert.equal(
      savepoint.operators.some(({ uid }) => uid === 'states' || uid === 'sums'),
      false,
    );
    const values = await Array.fromAsync(savepoint.operator('shops').keyed<string, typeof totals>(totals));
    assert.equal(values.length, 6);
    const shops = byShop(SALES.slice(0, HALF));
    const both = [...(shops.get('shop-0') ?? []), ...(shops.get('shop-1') ?? [])];
    assert.equal(values.find(({ key }) => key === 'shop-0')?.value.sum, sumOf(both));
    const amounts = await Array.fromAsync(savepoint.operator('shops').keyed<string, number[]>('amounts'));
    assert.equal(amounts.find(({ key }) => key === 'shop-0')?.value.length, both.length);
  });
});

test('the max parallelism is changed offline, and refused where it differs', async () => {
  await inScratch(async (directory) => {
    const build = (env: StreamEnvironment, sales: DataStream<Sale>): void => {
      buildStateful(env, sales);
      env.setMaxParallelism(200);
    };
    const rest = SALES.slice(HALF);
    await assert.rejects(course(rest, { build, launch: { fromSavepoint: path } }), {
      code: 'STATE_INCOMPATIBLE',
      message: /keys are in 64 key groups, and the job has 200/,
    });
    const to = join(directory, 'wider');
    await rewriteSavepoint({ from: path, to, maxParallelism: 200 });
    const { lines } = await course(rest, { build, settings: { parallelism: 2 }, launch: { fromSavepoint: to } });
    const { lines: expected } = await course(rest, { launch: { fromSavepoint: path } });
    assert.deepEqual(lines.toSorted(), expected.toSorted());
  });
});

test('a job that sets no max parallelism keeps that of the savepoint, also beyond a further one', async () => {
  await inScratch(async (directory) => {
    const build = (env: StreamEnvironment, sales: DataStream<Sale>): void => {
      buildStateful(env, sales);
      env.configure({ 'pipeline.max-parallelism': -1 });
    };
    const [first, ...rest] = SALES.slice(HALF) as [Sale, ...Sale[]];
    const between = await course([first], { build, launch: { fromSavepoint: path }, stop: { directory } });
    await using savepoint = await readSavepoint(between.path);
    assert.equal(savepoint.operator('states').maxParallelism, 64);
    const after = await course(rest, { build, launch: { fromSavepoint: between.path } });
    const { lines: expected } = await course([first, ...rest], { launch: { fromSavepoint: path } });
    assert.deepEqual([...between.lines, ...after.lines].toSorted(), expected.toSorted());
  });
});

test('lists and broadcast state are made, read and disposed of', async () => {
  await inScratch(async (directory) => {
    const to = join(directory, 'lists');
    const writer = createSavepoint();
    await writer
      .list('source', 'offsets', [1, 2n, 'three'])
      .broadcast('rules', 'limits', new Map([['a', { limit: 1 }]]))
      .write(to);
    await assert.rejects(createSavepoint().list('source', 'offsets', [1]).write(to), { code: 'CHECKPOINT_FAILED' });
    {
      await using savepoint = await readSavepoint(to);
      assert.deepEqual(await Array.fromAsync(savepoint.operator('source').list('offsets')), [1, 2n, 'three']);
      assert.deepEqual(await Array.fromAsync(savepoint.operator('rules').broadcast('limits')), [['a', { limit: 1 }]]);
    }
    await disposeSavepoint(to);
    assert.equal(existsSync(to), false);
    await assert.rejects(readSavepoint(to), { code: 'CHECKPOINT_MISSING' });
  });
});

test('instances of classes are read by whoever registers their classes', async () => {
  class Money {
    readonly cents: number;
    constructor(cents: number) {
      this.cents = cents;
    }
  }
  const registerTypes: Parameters<typeof createSavepoint>[0] = {
    registerTypes: (types) => types.register('Money', Money),
  };
  await inScratch(async (directory) => {
    const purse = valueState<Money>('purse');
    const to = await createSavepoint(registerTypes)
      .keyed('purses', { purse }, [{ key: 1, state: { purse: new Money(5) } }])
      .write(join(directory, 'purses'));
    await using known = await readSavepoint(to, registerTypes);
    const [entry] = await Array.fromAsync(known.operator('purses').keyed(purse));
    assert.deepStrictEqual(entry?.value, new Money(5));
    await using unknown = await readSavepoint(to);
    await assert.rejects(Array.fromAsync(unknown.operator('purses').keyed(purse)), { code: 'VALUE_UNSUPPORTED' });
    assert.match(fileURLToPath(to), /purses$/);
  });
});
