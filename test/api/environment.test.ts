/** The environment: sources, one execution, clients, job modules, classes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { MillstreamError } from '../../src/base/error.ts';
import { job } from '../../src/api/job.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';
import { csv } from '../../src/format/csv.ts';
import { DEFAULT_SETTINGS } from '../../src/graph/settings.ts';
import { environment } from './environments.ts';

test('collections, sequences and generators are sources', async () => {
  assert.deepEqual(await environment().fromData('a', 'b').executeAndCollect(), ['a', 'b']);
  assert.deepEqual(
    await environment()
      .fromCollection(new Set([1, 2]))
      .executeAndCollect(),
    [1, 2],
  );
  assert.deepEqual(
    (
      await environment({ settings: { parallelism: 2 } })
        .fromCollection([1, 2, 3, 4], { parallel: true })
        .executeAndCollect()
    ).toSorted(),
    [1, 2, 3, 4],
  );
  assert.deepEqual(
    (
      await environment({ settings: { parallelism: 3 } })
        .fromSequence(5, 9)
        .executeAndCollect()
    ).toSorted(),
    [5, 6, 7, 8, 9],
  );
  assert.deepEqual(
    await environment()
      .fromGenerator((i) => i * i, { count: 4 })
      .executeAndCollect(),
    [0, 1, 4, 9],
  );
});

test('async iterables, Node.js streams and Web streams are sources', async () => {
  const generated = environment().fromAsyncIterable(async function* () {
    yield 1;
    await new Promise((resolve) => setImmediate(resolve));
    yield 2;
  });
  assert.deepEqual(await generated.executeAndCollect(), [1, 2]);
  assert.deepEqual(
    await environment()
      .fromStream<string>(() => Readable.from(['a', 'b']))
      .executeAndCollect(),
    ['a', 'b'],
  );
  assert.deepEqual(
    await environment()
      .fromStream(() => ReadableStream.from([7, 8]))
      .executeAndCollect(),
    [7, 8],
  );
});

test('text and other files are sources', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millstream-api-'));
  try {
    await writeFile(join(directory, 'a.txt'), 'to be\nor not\n');
    await writeFile(join(directory, 'b.csv'), 'name,n\nann,1\nbob,2\n');
    assert.deepEqual(await environment().readTextFile(join(directory, 'a.txt')).executeAndCollect(), [
      'to be',
      'or not',
    ]);
    const rows = await environment()
      .readFile({ path: join(directory, 'b.csv'), format: csv({ header: true }) })
      .executeAndCollect();
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [
        { name: 'ann', n: '1' },
        { name: 'bob', n: '2' },
      ],
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the lines of a socket are a source', async () => {
  const server = createServer((socket) => socket.end('to be\nor not'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    assert.deepEqual(await environment().socketTextStream('127.0.0.1', port).executeAndCollect(), ['to be', 'or not']);
  } finally {
    server.close();
  }
});

test('an environment executes once, and says what it has executed', async () => {
  const env = environment();
  const stream = env.fromData(1);
  stream.sinkTo(discardSink());
  const { jobName, status } = await env.execute('once');
  assert.deepEqual([jobName, status], ['once', 'finished']);
  const closed = (error: unknown): boolean => {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'ENVIRONMENT_CLOSED');
    assert.match(error.message, /has executed the job "once"/);
    return true;
  };
  await assert.rejects(env.execute(), closed);
  assert.throws(() => stream.map((n) => n), closed);
  assert.throws(() => stream.name('other'), closed);
  assert.throws(() => stream.collect('more'), closed);
});

test('a graph that cannot run leaves the environment open', async () => {
  const env = environment();
  const stream = env.fromData(1);
  await assert.rejects(env.execute(), { code: 'GRAPH_INVALID' });
  assert.deepEqual(await stream.executeAndCollect(), [1]);
});

test('the name of a job comes from execute, else from the options', async () => {
  const named = environment().configure({ 'pipeline.name': 'by option' });
  named.fromData(1).sinkTo(discardSink());
  assert.equal(named.buildGraph().jobName, 'by option');
  assert.equal(named.buildGraph('by call').jobName, 'by call');
  assert.equal((await named.execute()).jobName, 'by option');
});

test("settings come from options, methods and Flink's keys, and wrong ones change nothing", () => {
  const env = environment({ settings: { batchRows: 64 } });
  env
    .setParallelism(3)
    .setMaxParallelism(64)
    .setBufferTimeout(0)
    .disableOperatorChaining()
    .setRuntimeMode('automatic')
    .enableCheckpointing(500, { timeoutMs: 9 });
  env.setAutoWatermarkInterval('1 s').set({ sortMemoryMegabytes: 8 }).configure({ 'restart-strategy.type': 'none' });
  env.fromGenerator((i) => i).sinkTo(discardSink());
  const { settings } = env.buildGraph();
  assert.deepEqual(
    [
      settings.batchRows,
      settings.parallelism,
      settings.maxParallelism,
      settings.bufferTimeoutMs,
      settings.chaining,
      settings.runtimeMode,
      settings.autoWatermarkIntervalMs,
      settings.sortMemoryMegabytes,
      settings.restart,
    ],
    [64, 3, 64, 0, false, 'streaming', 1_000, 8, { kind: 'none' }],
  );
  assert.deepEqual(
    [settings.checkpoint.intervalMs, settings.checkpoint.timeoutMs, settings.checkpoint.mode],
    [500, 9, 'exactly-once'],
  );
  assert.throws(() => env.configure({ 'parallelism.default': 0 }), { code: 'OPTION_INVALID' });
  assert.throws(() => env.set({ batchRows: -1 }), { code: 'OPTION_INVALID' });
  const misspelt = (part: object, message: RegExp): void =>
    assert.throws(() => env.set(part), { code: 'OPTION_INVALID', message });
  misspelt({ paralelism: 2 }, /no setting paralelism\. Did you mean parallelism\?/);
  misspelt({ checkpoint: { interval: 5 } }, /no setting checkpoint\.interval\. Did you mean checkpoint\.intervalMs\?/);
  assert.equal(env.getParallelism(), 3);
});

test('a part of the checkpoint settings leaves the others as they are', () => {
  const env = environment({
    settings: { checkpoint: { timeoutMs: 9 } },
    overrides: { checkpoint: { maxConcurrent: 3 } },
  }).set({ checkpoint: { intervalMs: 500, maxConcurrent: 2 } });
  env.set({ checkpoint: { tolerableFailures: 4 } });
  env.fromData(1).print();
  assert.deepEqual(env.buildGraph().settings.checkpoint, {
    ...DEFAULT_SETTINGS.checkpoint,
    intervalMs: 500,
    timeoutMs: 9,
    maxConcurrent: 3,
    tolerableFailures: 4,
  });
  for (const wrong of [{ minPauseMs: -1 }, { maxConcurrent: 0 }, { tolerableFailures: 0.5 }])
    assert.throws(() => env.set({ checkpoint: wrong }), { code: 'OPTION_INVALID' });
});

test('a job can be watched, and several of its streams collected', async () => {
  const env = environment();
  const numbers = env.fromSequence(1, 5);
  numbers.map((n) => -n).collect('negative');
  numbers.filter((n) => n % 2 === 0).collect('even');
  const client = await env.executeAsync('collecting');
  const [negative, even] = await Promise.all([
    Array.fromAsync(client.collected<number>('negative')),
    Array.fromAsync(client.collected<number>('even')),
  ]);
  const result = await client.result();
  assert.deepEqual(negative, [-1, -2, -3, -4, -5]);
  assert.deepEqual(even, [2, 4]);
  assert.equal(result.status, 'finished');
  assert.equal(await client.status(), 'finished');
});

test('leaving the results of a stream early ends its job', async () => {
  const seen: number[] = [];
  for await (const n of environment().fromGenerator((i) => i)) {
    seen.push(n);
    if (n === 3) break;
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.deepEqual(
    await environment()
      .fromGenerator((i) => i)
      .executeAndCollect({ limit: 3 }),
    [0, 1, 2],
  );
});

test('the failure of a job reaches whoever reads its results', async () => {
  const failing = environment()
    .fromSequence(1, 5)
    .map((n) => {
      if (n === 4) throw new Error('four');
      return n;
    });
  await assert.rejects(async () => {
    for await (const n of failing) assert.ok(n < 4);
  }, /four/);
});

test('registered classes cross threads and come back', async () => {
  class Point {
    x: number;
    constructor(x: number) {
      this.x = x;
    }
    get twice(): number {
      return 2 * this.x;
    }
  }
  const env = environment({ settings: { parallelism: 2, localChannels: 'bytes', chaining: false } });
  env.registerType('Point', Point);
  const points = await env
    .fromSequence(1, 3)
    .map((n) => new Point(n))
    .keyBy((point) => point.x)
    .sum('x')
    .map((point) => point.twice)
    .executeAndCollect();
  assert.deepEqual(points.toSorted(), [2, 4, 6]);
});

test('a job module describes the same job for each set of parameters', () => {
  const program = job('counting', (env, parameters) => env.fromSequence(1, Number(parameters['to'])).map((n) => n));
  assert.deepEqual([program.kind, program.name], ['millstream-job', 'counting']);
  const graph = program.build({ to: 3 }, { parallelism: 2 });
  assert.equal(graph.jobName, 'counting');
  assert.deepEqual(
    graph.nodes.map((node) => [node.name, node.parallelism]),
    [
      ['Source: Sequence Source', 2],
      ['Map', 2],
      ['Collect result', 2],
    ],
  );
  assert.equal(graph.nodes[2]?.uid, 'result');
  const ending = job('ending', (env) => void env.fromData(1).print());
  assert.equal(ending.build({}, {}).nodes.length, 2);
});

test('an async job program is refused', () => {
  const asynchronous = (async () => {}) as unknown as () => void;
  assert.throws(() => job('later', asynchronous), { code: 'JOB_MODULE_INVALID' });
  const promising = job('later', (() => Promise.resolve()) as unknown as () => void);
  assert.throws(() => promising.build({}, {}), { code: 'JOB_MODULE_INVALID' });
  assert.throws(() => job('executing', (env) => void env.execute()).build({}, {}), { code: 'JOB_MODULE_INVALID' });
});

test('listeners hear of the submission and the end of a job, and of the failure of either', async () => {
  const heard: string[] = [];
  const told = (env: ReturnType<typeof environment>): typeof env =>
    env
      .registerJobListener({
        onJobSubmitted: (client, error) =>
          void heard.push(`submitted ${client?.jobName ?? (error as MillstreamError).code}`),
        onJobExecuted: (result, error) =>
          void heard.push(`executed ${result?.status ?? (error as MillstreamError).code}`),
      })
      .registerJobListener({});

  const good = told(environment());
  good.fromData(1).sinkTo(discardSink());
  await good.execute('good');
  await assert.rejects(good.execute('again'), { code: 'ENVIRONMENT_CLOSED' });

  const bad = told(environment());
  bad
    .fromData(1)
    .map((): number => {
      throw new Error('no');
    })
    .sinkTo(discardSink());
  await assert.rejects(bad.execute('bad'), { code: 'USER_CODE' });

  const apart = told(environment());
  apart.fromData(1).sinkTo(discardSink());
  await (await apart.executeAsync('apart')).result();

  assert.deepEqual(heard, [
    'submitted good',
    'executed finished',
    'submitted ENVIRONMENT_CLOSED',
    'submitted bad',
    'executed USER_CODE',
    'submitted apart',
  ]);
});

test('metric variables are shown with the metrics of the operator that has them', async () => {
  const env = environment();
  env
    .fromData(1)
    .map((n) => n)
    .uid('map')
    .addMetricVariable('team', 'search')
    .addMetricVariable('tier', '1')
    .sinkTo(discardSink())
    .addMetricVariable('team', 'storage');
  const client = await env.executeAsync();
  await client.result();
  const { operators } = await client.metrics();
  assert.deepEqual(
    operators.map(({ variables }) => variables),
    [undefined, { team: 'search', tier: '1' }, { team: 'storage' }],
  );
});

test('savepoints go to the default directory', () => {
  const env = environment().setDefaultSavepointDirectory('savepoints');
  assert.equal(env.buildGraph().settings.checkpoint.savepointDirectory, 'savepoints');
});
