/** The operators of streams without keys, run end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Collector, MapFunction } from '../../src/operator/functions.ts';
import type { RuntimeContext } from '../../src/operator/runtime-context.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import { environment, sorted, WAYS } from './environments.ts';

for (const { name, options } of WAYS) {
  test(`map, filter, flatMap and project give their results with ${name}`, async () => {
    const results = await environment(options)
      .fromSequence(1, 50)
      .map((n) => ({ n, square: n * n, odd: n % 2 === 1 }))
      .filter((row) => row.odd)
      .project('n', 'square')
      .flatMap((row) => [row, { n: -row.n, square: row.square }])
      .executeAndCollect();
    const expected = Array.from({ length: 25 }, (_, i) => 2 * i + 1).flatMap((n) => [
      { n, square: n * n },
      { n: -n, square: n * n },
    ]);
    assert.deepEqual(sorted(results), sorted(expected));
  });
}

test('flatMap takes arrays, generators, sets, the collector, and nothing at all', async () => {
  const results = await environment()
    .fromData(1, 2, 3, 4, 5)
    .flatMap((n, out: Collector<string>) => {
      if (n === 1) return ['array', 'of', 'three'];
      if (n === 2) return new Set(['set']);
      if (n === 3)
        return (function* () {
          yield 'generated';
          yield 'twice';
        })();
      if (n === 4) {
        out.collect('collected');
        out.collect('too');
      }
      return undefined;
    })
    .executeAndCollect();
  assert.deepEqual(results, ['array', 'of', 'three', 'set', 'generated', 'twice', 'collected', 'too']);
});

test('a generator that never ends is stopped between two of its results', async () => {
  const endless = environment()
    .fromData('go')
    .flatMap(function* () {
      for (let i = 0; ; i++) yield i;
    })
    .flatMap((i) => [i, -i]);
  assert.deepEqual(
    await endless.executeAndCollect({ limit: 1000 }),
    Array.from({ length: 500 }, (_, i) => [i, -i]).flat(),
  );
});

test('results of generators keep their order when an operator before them collects directly', async () => {
  const results = await environment()
    .fromSequence(1, 20)
    .flatMap((n, out: Collector<number>) => {
      for (let i = 0; i < 100; i++) out.collect(100 * n + i);
    })
    .flatMap(function* (n) {
      for (let i = 0; i < 20; i++) yield 20 * n + i;
    })
    .executeAndCollect();
  assert.deepEqual(
    results,
    Array.from({ length: 20 * 100 * 20 }, (_, i) => 2000 + i),
  );
});

test('a function object gets its lifecycle, a copy of its own in each subtask, and the runtime context', async () => {
  const closed: number[] = [];
  class Numbering implements MapFunction<number, { subtask: number; seen: number; parameter: unknown }> {
    readonly seen = new Map<number, number>();
    context: RuntimeContext | undefined;

    open(context: RuntimeContext): void {
      assert.equal(this.context, undefined, 'opened once');
      this.context = context;
    }

    map(value: number): { subtask: number; seen: number; parameter: unknown } {
      this.seen.set(value, 1);
      const { task, parameters } = this.context as RuntimeContext;
      return { subtask: task.subtask, seen: this.seen.size, parameter: parameters['p'] };
    }

    close(): void {
      closed.push((this.context as RuntimeContext).task.subtask);
    }
  }
  const pattern = new Numbering();
  const env = environment({ settings: { parallelism: 2 }, parameters: { p: 7 } });
  const results = await env.fromSequence(1, 10).map(pattern).executeAndCollect();
  for (const subtask of [0, 1]) {
    const own = results.filter((result) => result.subtask === subtask);
    assert.deepEqual(
      own.map((result) => result.seen),
      [1, 2, 3, 4, 5],
    );
    assert.ok(own.every((result) => result.parameter === 7));
  }
  assert.deepEqual(closed.toSorted(), [0, 1]);
  assert.equal(pattern.context, undefined, 'the pattern itself is never run');
});

test('a class with private fields is given as a class, and each subtask makes its own', async () => {
  class Counting implements MapFunction<number, number> {
    #count = 0;
    map(): number {
      return ++this.#count;
    }
  }
  const results = await environment({ settings: { parallelism: 2 } })
    .fromSequence(1, 10)
    .map(Counting)
    .executeAndCollect();
  assert.deepEqual(
    results.toSorted((a, b) => a - b),
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
  );
  assert.throws(
    () => environment().fromData(1).map(new Counting()),
    /Counting, whose #private fields cannot be copied.*Give the class itself/,
  );
});

test('process emits to its outputs with the timestamps of its elements', async () => {
  const odd = new OutputTag<number>('odd');
  const env = environment();
  const even = env.fromSequence(1, 6).process({
    processElement(n, ctx, out: Collector<number>) {
      assert.equal(ctx.timestamp(), undefined);
      if (n % 2 === 1) ctx.output(odd, n);
      else out.collect(n);
    },
  });
  even
    .getSideOutput(odd)
    .map((n) => -n)
    .collect('odd');
  even.collect('even');
  const client = await env.executeAsync();
  const [evens, odds] = await Promise.all([
    Array.fromAsync(client.collected<number>('even')),
    Array.fromAsync(client.collected<number>('odd')),
  ]);
  assert.deepEqual(evens, [2, 4, 6]);
  assert.deepEqual(odds, [-1, -3, -5]);
});

test('a union has the records of all its streams', async () => {
  const env = environment({ settings: { parallelism: 2 } });
  const [a, b, c] = [env.fromData(1, 2), env.fromSequence(3, 4), env.fromData(5)];
  const results = await a
    .union(b, c)
    .map((n) => n * 10)
    .executeAndCollect();
  assert.deepEqual(
    results.toSorted((x, y) => x - y),
    [10, 20, 30, 40, 50],
  );
});

test('records are dealt out as the partitioning says', async () => {
  const counts = async (
    partition: (env: ReturnType<typeof environment>) => AsyncIterable<{ subtask: number; n: number }>,
  ): Promise<number[][]> => {
    const subtasks: number[][] = [[], [], []];
    for await (const { subtask, n } of partition(environment({ settings: { parallelism: 3 } })))
      (subtasks[subtask] as number[]).push(n);
    return subtasks;
  };
  class Where implements MapFunction<number, { subtask: number; n: number }> {
    subtask = -1;
    open(context: RuntimeContext): void {
      this.subtask = context.task.subtask;
    }
    map(n: number): { subtask: number; n: number } {
      return { subtask: this.subtask, n };
    }
  }
  const numbers = (env: ReturnType<typeof environment>) => env.fromData(0, 1, 2, 3, 4, 5);
  const lengths = (subtasks: number[][]) => subtasks.map((own) => own.length);

  assert.deepEqual(lengths(await counts((env) => numbers(env).rebalance().map(Where))), [2, 2, 2]);
  assert.deepEqual(lengths(await counts((env) => numbers(env).global().map(Where))), [6, 0, 0]);
  assert.deepEqual(
    await counts((env) => numbers(env).broadcast().map(Where)),
    [0, 1, 2].map(() => [0, 1, 2, 3, 4, 5]),
  );
  assert.deepEqual(
    await counts((env) =>
      numbers(env)
        .partitionCustom(
          (n) => n,
          (n, partitions) => (n + 1) % partitions,
        )
        .map(Where),
    ),
    [
      [2, 5],
      [0, 3],
      [1, 4],
    ],
  );
  const shuffled = await counts((env) => numbers(env).shuffle().map(Where));
  assert.deepEqual(shuffled.flat().toSorted(), [0, 1, 2, 3, 4, 5]);
  const forwarded = await counts((env) =>
    env
      .fromSequence(0, 5)
      .map((n) => n)
      .disableChaining()
      .forward()
      .map(Where),
  );
  assert.deepEqual(forwarded, [
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
});

test('an operator of the user joins a chain by the operator contract', async () => {
  const results = await environment()
    .fromData(1, 2, 3)
    .transform<number>('Triple', {
      kind: 'triple',
      input: 'records',
      output: 'records',
      inline: (code) => {
        const result = code.fresh('tripled');
        code.line(`const ${result} = 3 * ${code.value};`);
        code.emit(result);
      },
    })
    .executeAndCollect();
  assert.deepEqual(results, [3, 6, 9]);
});

test("a function that throws fails the job with the operator, the record and the user's error", async () => {
  const cause = new Error('no such page');
  const failing = environment()
    .fromData({ page: 1 }, { page: 2 })
    .map((click) => {
      if (click.page === 2) throw cause;
      return click;
    })
    .name('Render')
    .uid('render')
    .executeAndCollect();
  await assert.rejects(failing, (error: Error & { code?: string; details?: Record<string, unknown> }) => {
    assert.equal(error.code, 'USER_CODE');
    assert.match(error.message, /Operator "Render".*\{ page: 2 \}.*no such page/s);
    assert.equal(error.details?.['uid'], 'render');
    assert.match(String((error.cause as Error).stack), /data-stream\.test/);
    return true;
  });
});

test('a promise that a function returns fails the job and names asyncMap', async () => {
  const later = Promise.resolve(1);
  const stream = environment().fromData(1);
  for (const failing of [
    stream.map((): unknown => later).executeAndCollect(),
    environment()
      .fromData(1)
      .filter((() => later) as unknown as () => boolean)
      .executeAndCollect(),
    environment()
      .fromData(1)
      .flatMap((() => later) as unknown as () => number[])
      .executeAndCollect(),
  ]) {
    await assert.rejects(
      failing,
      (error: Error & { code?: string }) => error.code === 'USER_CODE_ASYNC' && /asyncMap/.test(error.message),
    );
  }
  const reducing = environment()
    .fromData(1, 2)
    .keyBy(() => 'k')
    .reduce((() => later) as unknown as () => number);
  await assert.rejects(reducing.executeAndCollect(), { code: 'USER_CODE_ASYNC' });
});
