/** Connected and broadcast streams, run end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentOptions } from '../../src/api/environment.ts';
import { mapState, valueState } from '../../src/state/descriptor.ts';
import { environment, sorted, WAYS } from './environments.ts';

for (const { name, options } of WAYS) {
  test(`two keyed streams share the state of a key, with ${name}`, async () => {
    const env = environment(options);
    const names = env.fromData({ id: 1, name: 'ann' }, { id: 2, name: 'bob' });
    const clicks = env.fromSequence(1, 2);
    const joined = clicks
      .connect(names)
      .keyBy(
        (click) => click,
        (name) => name.id,
      )
      .process({
        state: { click: valueState<number>('click'), name: valueState<string>('name') },
        *processElement1(click, ctx) {
          ctx.state.click.update(click);
          const known = ctx.state.name.value();
          if (known !== undefined) yield `${click} ${known}`;
        },
        *processElement2(row, ctx) {
          ctx.state.name.update(row.name);
          const click = ctx.state.click.value();
          if (click !== undefined) yield `${click} ${row.name}`;
        },
      });
    assert.deepEqual(sorted(await joined.executeAndCollect()), ['1 ann', '2 bob']);
  });
}

test('connected streams are mapped and flat-mapped by a function each', async () => {
  const streams = () => {
    const env = environment();
    return env.fromData(1, 2).connect(env.fromData('a', 'b'));
  };
  const mapped = await streams()
    .map(
      (n) => `n${n}`,
      (word) => `w${word}`,
    )
    .executeAndCollect();
  assert.deepEqual(sorted(mapped), ['n1', 'n2', 'wa', 'wb']);
  const object = await streams()
    .map({ map1: (n: number) => n, map2: (word: string) => word.length })
    .executeAndCollect();
  assert.deepEqual(sorted(object), [1, 1, 1, 2]);
  const flat = await streams()
    .flatMap(
      function* (n) {
        for (let i = 0; i < n; i++) yield `n${i}`;
      },
      (word) => [word, word],
    )
    .executeAndCollect();
  assert.deepEqual(sorted(flat), ['a', 'a', 'b', 'b', 'n0', 'n0', 'n1']);
});

test('a plain co-process function reads both streams', async () => {
  const env = environment();
  const results = await env
    .fromData(1)
    .connect(env.fromData('a'))
    .process<number | string>({
      *processElement1(n) {
        yield n;
      },
      *processElement2(word) {
        yield word;
      },
    })
    .executeAndCollect();
  assert.deepEqual(sorted(results), ['a', 1]);
});

/** Emits the rule, and the values only when every subtask has seen it and called `seen`. */
function ruled(options: EnvironmentOptions) {
  const env = environment(options);
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = env.getParallelism();
  const seen = (): void => {
    if (--missing === 0) resolve();
  };
  const limits = env.fromData({ name: 'limit', value: 3 });
  const values = env.fromAsyncIterable(
    async function* () {
      await promise;
      for (let n = 1; n <= 6; n++) yield n;
    },
    { boundedness: 'bounded' },
  );
  return { values, limits, seen };
}

const LIMITS = mapState<string, number>('limits');

for (const { name, options } of WAYS) {
  test(`every subtask has the broadcast state, with ${name}`, async () => {
    const { values, limits, seen } = ruled(options);
    const results = await values
      .rebalance()
      .connect(limits.broadcast(LIMITS))
      .process({
        processBroadcastElement(limit, ctx) {
          ctx.getBroadcastState(LIMITS).put(limit.name, limit.value);
          seen();
        },
        *processElement(n, ctx) {
          if (n > (ctx.getBroadcastState(LIMITS).get('limit') ?? Infinity)) yield n;
        },
      })
      .executeAndCollect();
    assert.deepEqual(results.toSorted(), [4, 5, 6]);
  });

  test(`a keyed function reads broadcast state beside its own, with ${name}`, async () => {
    const { values, limits, seen } = ruled(options);
    const results = await values
      .keyBy((n) => n % 2)
      .connect(limits.broadcast(LIMITS))
      .process({
        state: { sum: valueState<number>('sum', { initial: () => 0 }) },
        processBroadcastElement(limit, ctx) {
          ctx.getBroadcastState(LIMITS).put(limit.name, limit.value);
          seen();
        },
        *processElement(n, ctx) {
          const sum = (ctx.state.sum.value() ?? 0) + n;
          ctx.state.sum.update(sum);
          if (sum > (ctx.getBroadcastState(LIMITS).get('limit') ?? Infinity)) yield { key: ctx.getCurrentKey(), sum };
        },
      })
      .executeAndCollect();
    assert.deepEqual(
      sorted(results),
      sorted([
        { key: 0, sum: 6 },
        { key: 0, sum: 12 },
        { key: 1, sum: 4 },
        { key: 1, sum: 9 },
      ]),
    );
  });
}

test('the broadcast side visits the keyed state of every key', async () => {
  const env = environment();
  const sum = valueState<number>('sum');
  const { promise, resolve } = Promise.withResolvers<void>();
  const values = env.fromData({ key: 'a', n: 1 }, { key: 'b', n: 2 }, { key: 'a', n: 5 });
  const questions = env.fromAsyncIterable(
    async function* () {
      await promise;
      yield 'how much?';
      yield 'and now?';
    },
    { boundedness: 'bounded' },
  );
  const results = await values
    .keyBy((row) => row.key)
    .connect(questions.broadcast(LIMITS))
    .process({
      state: { sum },
      processElement(row, ctx) {
        ctx.state.sum.update((ctx.state.sum.value() ?? 0) + row.n);
        if (row.n === 5) resolve();
      },
      processBroadcastElement(question, ctx) {
        const answers: string[] = [];
        ctx.applyToKeyedState(sum, (key, state) => {
          answers.push(`${question} ${key} ${state.value()}`);
          state.clear();
        });
        return answers.toSorted();
      },
    })
    .executeAndCollect();
  assert.deepEqual(results, ['how much? a 6', 'how much? b 2']);
});

test('broadcast state that was not declared is refused by name', async () => {
  const env = environment();
  const failing = env
    .fromData(1)
    .connect(env.fromData(1).broadcast(LIMITS))
    .process({
      processBroadcastElement() {},
      processElement(_n, ctx) {
        ctx.getBroadcastState(mapState<string, string>('other'));
      },
    })
    .executeAndCollect();
  await assert.rejects(
    failing,
    (error: Error & { code?: string }) => error.code === 'STATE_INVALID' && /"other"/.test(error.message),
  );
});
