import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, MillstreamError, valueState, type JobClient } from 'millstream';

/** Runs until the job fails, and returns what it failed with. */
async function failureOf(client: Promise<JobClient> | JobClient): Promise<MillstreamError> {
  try {
    await (await client).result();
  } catch (error) {
    assert.ok(error instanceof MillstreamError, `a typed error, not ${String(error)}`);
    return error;
  }
  throw new Error('the job did not fail');
}

test('a throwing lambda fails the job with operator, uid, record and the stack of the user', async () => {
  const env = createEnvironment();
  env
    .fromSequence(1, 100)
    .map(function divide(n) {
      if (n === 42) throw new TypeError('no 42 please');
      return { n };
    })
    .name('divider')
    .uid('divider-uid')
    .filter(() => false)
    .print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.code, 'USER_CODE');
  assert.equal(failure.details.operator, 'divider');
  assert.equal(failure.details.uid, 'divider-uid');
  assert.match(failure.message, /record 42/);
  assert.match(failure.message, /no 42 please/);
  assert.match(String((failure.cause as Error).stack), /divide.*failures\.test\.ts/);
});

test('an error behind several chained operators names the one that threw', async () => {
  const env = createEnvironment();
  env
    .fromData(1, 2, 3)
    .map((n) => n + 1)
    .name('first')
    .flatMap((n) => [n, n])
    .name('second')
    .filter((n) => {
      if (n === 4) throw new Error('not four');
      return true;
    })
    .name('third')
    .print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.details.operator, 'third');
});

test('a failed job restarts by its strategy from the last checkpoint, and counts nothing twice', async () => {
  const env = createEnvironment();
  env.setParallelism(2).enableCheckpointing(10).setRestartStrategy({ kind: 'fixed-delay', attempts: 3, delayMs: 5 });
  let failures = 0;
  const counts = env
    .fromGenerator((i) => i, { count: 2000, recordsPerSecond: 8000 })
    .map((i) => {
      if (i === 1200 && failures++ === 0) throw new Error('once');
      return { key: i % 10, n: 1 };
    })
    .keyBy((value) => value.key)
    .sum('n');
  const last = new Map<number, number>();
  let records = 0;
  for await (const { key, n } of counts) {
    records++;
    assert.equal(n, (last.get(key) ?? 0) + 1, 'counts of a key follow each other without gap or repetition');
    last.set(key, n);
  }
  assert.equal(records, 2000);
  assert.equal(failures, 2, 'the record that failed was met again after the restart');
});

test('without a strategy the first failure is the end', async () => {
  const env = createEnvironment();
  let seen = 0;
  env
    .fromData(1)
    .map(() => {
      seen++;
      throw new Error('always');
    })
    .print();
  await failureOf(env.executeAsync());
  assert.equal(seen, 1);
});

test('a code that says so is never restarted', async () => {
  const env = createEnvironment();
  env.setRestartStrategy({ kind: 'fixed-delay', attempts: 3, delayMs: 1 });
  let seen = 0;
  env
    .fromData(1)
    .keyBy(() => {
      seen++;
      return Symbol('no key') as unknown as string;
    })
    .sum((value) => value)
    .print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.code, 'KEY_INVALID');
  assert.equal(seen, 1);
});

test('a function that returns a promise is told to use asyncMap', async () => {
  const env = createEnvironment();
  const sneaky = ((value: number) => Promise.resolve(value)) as unknown as (value: number) => number;
  env.fromData(1, 2).map(sneaky).name('sneaky').print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.code, 'USER_CODE_ASYNC');
  assert.equal(failure.details.operator, 'sneaky');
  assert.match(failure.message, /asyncMap/);
});

test('cancel ends an unbounded job, and nothing of it goes on', async () => {
  const env = createEnvironment();
  let calls = 0;
  env
    .fromGenerator((i) => i, { recordsPerSecond: 10_000 })
    .map((value) => {
      calls++;
      return value;
    })
    .filter(() => false)
    .print();
  const client = await env.executeAsync();
  while (calls < 10) await new Promise((resolve) => setTimeout(resolve, 5));
  await client.cancel();
  assert.equal(await client.status(), 'cancelled');
  const after = calls;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(calls, after);
  assert.equal((await client.result()).status, 'cancelled');
  await client.cancel();
});

test('cancel is seen within a batch of slow records', async () => {
  const env = createEnvironment();
  let records = 0;
  env
    .fromSequence(1, 1_000_000)
    .rebalance()
    .map((value) => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      records++;
      return value;
    })
    .filter(() => false)
    .print();
  const client = await env.executeAsync();
  while (records < 20) await new Promise((resolve) => setTimeout(resolve, 1));
  await client.cancel();
  assert.ok(records < 512, `a batch of 512 records was not finished first, but ${records} were`);
});

test('leaving the loop over results early cancels the job', async () => {
  const env = createEnvironment();
  const seen: number[] = [];
  for await (const value of env.fromGenerator((i) => i, { recordsPerSecond: 5000 })) {
    seen.push(value);
    if (seen.length === 10) break;
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a reader that does not read holds the job back', async () => {
  const env = createEnvironment();
  let made = 0;
  const stream = env.fromGenerator((i) => (made++, i), {});
  const results = stream[Symbol.asyncIterator]();
  await results.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = made;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(made, before, 'the source stands still while nobody reads');
  assert.ok(made < 100_000, `what was made ahead is bounded, but it was ${made}`);
  await results.return?.();
});

test('stop with drain fires what is open, and the result comes complete', async () => {
  const env = createEnvironment();
  let made = 0;
  const client = await (() => {
    env
      .fromGenerator((i) => (made++, i), { recordsPerSecond: 2000 })
      .keyBy((value) => value % 3)
      .reduce((a, b) => Math.max(a, b))
      .collect('out');
    return env.executeAsync();
  })();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const value of client.collected<number>('out')) seen.push(value);
  })();
  while (made < 100) await new Promise((resolve) => setTimeout(resolve, 5));
  const savepoint = await client.stopWithSavepoint({ drain: true });
  await reading;
  assert.ok((savepoint.bytes?.length ?? 0) > 0);
  assert.equal(await client.status(), 'finished');
  assert.equal(seen.length, made, 'every record that was read came out');
});

test('a job continues from the savepoint that another one stopped with', async () => {
  const build = () => {
    const env = createEnvironment();
    env
      .fromGenerator((i) => i, { count: 1000, recordsPerSecond: 4000 })
      .uid('source')
      .map((value) => ({ key: value % 4, n: 1 }))
      .keyBy((value) => value.key)
      .sum('n')
      .uid('count')
      .collect('out');
    return env;
  };
  const read = async (client: JobClient, values: { key: number; n: number }[] = []) => {
    for await (const value of client.collected<{ key: number; n: number }>('out')) values.push(value);
    return values;
  };
  const first = await build().executeAsync();
  const seen: { key: number; n: number }[] = [];
  const reading = read(first, seen);
  while (seen.length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  const savepoint = await first.stopWithSavepoint();
  await reading;
  assert.ok(seen.length > 0 && seen.length < 1000);
  const second = await build().executeAsync('continued', { fromSavepoint: savepoint });
  const all = [...seen, ...(await read(second))];
  assert.equal(all.length, 1000);
  const last = new Map<number, number>();
  for (const { key, n } of all) {
    assert.equal(n, (last.get(key) ?? 0) + 1);
    last.set(key, n);
  }
});

test('state without an operator is refused by name, unless it may be dropped', async () => {
  const env = createEnvironment();
  env
    .fromGenerator((i) => i, { recordsPerSecond: 1000, count: 200 })
    .uid('source')
    .keyBy((v) => v % 2)
    .reduce((a, b) => a + b)
    .uid('old')
    .filter(() => false)
    .print();
  const client = await env.executeAsync();
  for (let counted = 0; counted === 0;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { operators } = await client.metrics();
    counted = operators.find((operator) => operator.operatorId === 'old')?.values['stateKeys'] ?? 0;
  }
  const savepoint = await client.stopWithSavepoint();
  const changed = () => {
    const other = createEnvironment();
    other
      .fromGenerator((i) => i, { recordsPerSecond: 1000, count: 200 })
      .uid('source')
      .filter(() => false)
      .print();
    return other;
  };
  await assert.rejects(
    changed().execute('refused', { fromSavepoint: savepoint }),
    (error: MillstreamError) => error.code === 'STATE_INCOMPATIBLE' && /old/.test(error.message),
  );
  await changed().execute('allowed', { fromSavepoint: savepoint, allowNonRestoredState: true });
});

test('an environment executes once', async () => {
  const env = createEnvironment();
  env
    .fromData(1)
    .filter(() => false)
    .print();
  await env.execute();
  await assert.rejects(env.execute(), (error: MillstreamError) => error.code === 'ENVIRONMENT_CLOSED');
});

test('metrics can be asked for before the job runs', async () => {
  const env = createEnvironment();
  env
    .fromGenerator((i) => i, { count: 100, recordsPerSecond: 5000 })
    .keyBy((value) => value % 2)
    .reduce((a, b) => a + b)
    .filter(() => false)
    .print();
  const client = await env.executeAsync();
  const early = await client.metrics();
  await client.result();
  const late = await client.metrics();
  assert.ok(early.operators.every((operator) => operator.values['numRecordsIn'] !== undefined));
  assert.ok(late.operators.some((operator) => operator.values['numRecordsIn'] === 100));
  assert.ok(late.slots.every((slot) => slot.heapLimitMegabytes > 0));
  assert.ok(late.slots.every((slot) => slot.refusedConnections === 0));
});

test('an abort signal cancels', async () => {
  const env = createEnvironment();
  env
    .fromGenerator((i) => i, { recordsPerSecond: 1000 })
    .filter(() => false)
    .print();
  const controller = new AbortController();
  const client = await env.executeAsync('aborted', { signal: controller.signal });
  controller.abort();
  assert.equal((await client.result()).status, 'cancelled');
});

test('the check mode names who changed a value after it was emitted', async () => {
  const env = createEnvironment();
  env.set({ mutationCheck: true });
  const values = env
    .fromData({ n: 1 }, { n: 2 })
    .map((value) => ({ n: value.n }))
    .name('maker');
  values
    .map((value) => {
      value.n = 99;
      return value.n;
    })
    .name('spoiler')
    .filter(() => false)
    .print();
  values
    .map((value) => value.n)
    .name('reader')
    .filter(() => false)
    .print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.code, 'MUTATED_AFTER_EMIT');
  assert.match(failure.message, /maker/);
  assert.match(failure.message, /spoiler/);
});

test('a job that restarts says so, with the reason, each time', async (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string | Uint8Array) => {
    said.push(String(text));
    return true;
  });
  const env = createEnvironment();
  env.setRestartStrategy({ kind: 'fixed-delay', attempts: 2, delayMs: 1 });
  env
    .fromData(1)
    .map((): number => {
      throw new TypeError('never works');
    })
    .print();
  await failureOf(env.executeAsync('stubborn'));
  const lines = said.filter((text) => text.includes('"stubborn"'));
  assert.equal(lines.length, 2);
  assert.match(String(lines[0]), /^Job "stubborn" restarts in 1 ms \(restart 1\): \[USER_CODE\].*never works/);
});

test('a key that cannot be had fails the job with its own record, also where keys are asked for ahead', async () => {
  const env = createEnvironment();
  env.setParallelism(1);
  const count = 40_000;
  let got = 0;
  env
    .fromGenerator((i) => ({ i }), { count: count + 100 })
    .keyBy(({ i }) => {
      if (i === count) throw new TypeError('no key');
      return i;
    })
    .process({
      state: { n: valueState<number>('n') },
      processElement(_value, ctx) {
        ctx.state.n.update(1);
        got++;
      },
    })
    .print();
  const failure = await failureOf(env.executeAsync());
  assert.equal(failure.code, 'USER_CODE');
  assert.match(failure.message, /no key/);
  assert.match(failure.message, /i: 40000/);
  assert.equal(got, count);
});
