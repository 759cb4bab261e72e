/** What a program describes: settings of operators, edges, and everything wrong that is refused before a job starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError, type ErrorCode } from '../../src/base/error.ts';
import type { Sink } from '../../src/connect/sink.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';
import { StreamEnvironment } from '../../src/api/environment.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import type { Source } from '../../src/connect/source.ts';
import { map } from '../../src/operator/map.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { valueState } from '../../src/state/descriptor.ts';

const describe = () => new StreamEnvironment(undefined);

function refuses(code: ErrorCode, pattern: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof MillstreamError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
}

test('an operator has the settings that were made on its stream', () => {
  const env = describe().setParallelism(2);
  env
    .fromSequence(1, 9)
    .map((n) => n)
    .name('Same')
    .uid('same')
    .setDescription('changes nothing')
    .setParallelism(3)
    .setMaxParallelism(12)
    .startNewChain()
    .slotSharingGroup('left')
    .setBufferTimeout(0)
    .filter(() => true)
    .disableChaining()
    .sinkTo(discardSink())
    .name('Nowhere');
  const [source, map, filter, sink] = env.buildGraph().nodes;
  assert.equal(source?.parallelism, 2);
  assert.deepEqual(
    [
      map?.name,
      map?.uid,
      map?.description,
      map?.parallelism,
      map?.maxParallelism,
      map?.chaining,
      map?.slotSharingGroup,
      map?.bufferTimeoutMs,
    ],
    ['Same', 'same', 'changes nothing', 3, 12, 'head', 'left', 0],
  );
  assert.deepEqual([filter?.chaining, filter?.slotSharingGroup], ['never', 'left']);
  assert.deepEqual([sink?.name, sink?.sink, sink?.slotSharingGroup], ['Nowhere', true, 'left']);
});

test('an operator takes the parallelism that the environment has when it is added', () => {
  const env = describe();
  const numbers = env.fromSequence(1, 9);
  env.setParallelism(4);
  numbers.map((n) => n).sinkTo(discardSink());
  assert.deepEqual(
    env.buildGraph().nodes.map((node) => node.parallelism),
    [1, 4, 4],
  );
});

test('whoever starts a job may override its settings', () => {
  const env = new StreamEnvironment(undefined, { overrides: { parallelism: 3, chaining: false } });
  env.setParallelism(5).fromSequence(1, 2).sinkTo(discardSink());
  const { nodes, settings } = env.buildGraph();
  assert.deepEqual(
    nodes.map((node) => node.parallelism),
    [3, 3],
  );
  assert.equal(settings.chaining, false);
});

test('edges say where records go', () => {
  const env = describe().setParallelism(2);
  const numbers = env.fromSequence(1, 9);
  const side = new OutputTag<string>('side');
  numbers
    .rebalance()
    .union(numbers.global(), numbers)
    .map((n) => n)
    .getSideOutput(side)
    .keyBy((text) => text)
    .connect(numbers)
    .map(
      () => 1,
      () => 2,
    )
    .sinkTo(discardSink());
  const [, map, coMap] = env.buildGraph().nodes;
  assert.deepEqual(
    map?.inputs.map((edge) => [edge.source, edge.input, edge.partitioning.kind, edge.side]),
    [
      [0, 0, 'rebalance', undefined],
      [0, 0, 'global', undefined],
      [0, 0, 'forward', undefined],
    ],
  );
  assert.deepEqual(
    coMap?.inputs.map((edge) => [edge.source, edge.input, edge.partitioning.kind, edge.side]),
    [
      [1, 0, 'hash', 'side'],
      [0, 1, 'forward', undefined],
    ],
  );
});

test("wrong settings are refused with the operator's name", () => {
  const stream = describe().fromSequence(1, 2).name('Numbers');
  assert.throws(
    () => stream.setParallelism(0),
    refuses('OPTION_INVALID', /"Numbers".*parallelism must be a whole number from 1 to 32768/),
  );
  assert.throws(() => stream.setMaxParallelism(1.5), refuses('OPTION_INVALID', /maxParallelism/));
  assert.throws(() => stream.setBufferTimeout(-2), refuses('OPTION_INVALID', /bufferTimeout/));
  assert.throws(() => stream.uid(''), refuses('OPTION_INVALID', /uid/));
  assert.throws(() => stream.slotSharingGroup(''), refuses('OPTION_INVALID', /slotSharingGroup/));
  assert.throws(() => describe().setParallelism(-1), refuses('OPTION_INVALID', /parallelism/));
  assert.throws(() => new OutputTag(''), refuses('GRAPH_INVALID', /id/));
});

test('what has one parallelism only keeps it', () => {
  const env = describe().setParallelism(4);
  const one = env.fromData(1, 2);
  assert.throws(
    () => one.setParallelism(2),
    refuses('OPTION_INVALID', /"Source: Collection Source".*only run with parallelism 1/),
  );
  const forced = one.map((n) => n).forceNonParallel();
  assert.throws(() => forced.setParallelism(2), refuses('OPTION_INVALID', /only run with parallelism 1/));
  const sink: Sink<number, never, never> = {
    name: 'single',
    guarantee: 'at-most-once',
    parallelism: 1,
    createWriter: () => {
      throw new Error('unused');
    },
  };
  assert.throws(() => forced.sinkTo(sink).setParallelism(3), refuses('OPTION_INVALID', /"Sink: single"/));
  assert.deepEqual(
    env.buildGraph().nodes.map((node) => node.parallelism),
    [1, 1, 1],
  );
});

test('forward() between different parallelisms is refused, a plain edge is rebalanced', () => {
  const env = describe();
  env
    .fromSequence(1, 9)
    .setParallelism(2)
    .forward()
    .map((n) => n)
    .name('Single')
    .sinkTo(discardSink());
  assert.throws(
    () => env.buildGraph(),
    refuses('GRAPH_INVALID', /"Source: Sequence Source" \(parallelism 2\) forwards to "Single" \(parallelism 1\)/),
  );
  const plain = describe();
  plain
    .fromSequence(1, 9)
    .setParallelism(2)
    .map((n) => n)
    .sinkTo(discardSink());
  assert.deepEqual(plain.getExecutionPlan().toJSON().nodes[1]?.predecessors, [{ id: 1, ship_strategy: 'REBALANCE' }]);
});

test('keys are not torn apart again', () => {
  const keyed = describe()
    .fromSequence(1, 2)
    .keyBy((n) => n);
  for (const method of ['rebalance', 'rescale', 'shuffle', 'forward', 'global', 'broadcast'] as const) {
    assert.throws(
      () => keyed[method](),
      refuses('GRAPH_INVALID', new RegExp(`${method}\\(\\).*keys.*"Source: Sequence Source"`)),
    );
  }
});

test('state and timers without keys are refused', () => {
  const stream = describe().fromSequence(1, 2);
  const withState = { state: { count: valueState<number>('count') }, processElement() {} };
  assert.throws(() => stream.process(withState), refuses('GRAPH_INVALID', /keyed state.*keyBy/));
  class WithTimer {
    processElement(): void {}
    onTimer(): void {}
  }
  assert.throws(() => stream.process(WithTimer), refuses('GRAPH_INVALID', /timers.*keyBy/));
});

test('functions that cannot work are refused where they are given', () => {
  const stream = describe().fromSequence(1, 2);
  const keyed = stream.keyBy((n) => n);
  const async1 = async (n: number): Promise<number> => n;
  const wrong = (f: unknown) => f as never;
  assert.throws(() => stream.map(wrong(async1)), refuses('USER_CODE_ASYNC', /"Map" is async.*asyncMap/));
  assert.throws(() => stream.filter(wrong(async1)), refuses('USER_CODE_ASYNC', /"Filter"/));
  assert.throws(() => stream.flatMap(wrong(async1)), refuses('USER_CODE_ASYNC', /"Flat Map"/));
  assert.throws(() => stream.flatMap(wrong(async function* () {})), refuses('USER_CODE_ASYNC', /"Flat Map"/));
  assert.throws(() => stream.keyBy(wrong(async1)), refuses('USER_CODE_ASYNC', /keyBy/));
  assert.throws(() => keyed.reduce(wrong(async1)), refuses('USER_CODE_ASYNC', /"Keyed Reduce"/));
  assert.throws(
    () => keyed.process(wrong({ async processElement() {} })),
    refuses('USER_CODE_ASYNC', /processElement\(\) given to the operator "KeyedProcess"/),
  );
  assert.throws(() => stream.map(wrong({})), refuses('GRAPH_INVALID', /without the method map\(\)/));
  assert.throws(() => stream.map(wrong(undefined)), refuses('GRAPH_INVALID', /a value of type undefined/));
  assert.throws(() => stream.map(wrong(null)), refuses('GRAPH_INVALID', /null/));
  assert.throws(
    () => keyed.process(wrong(() => 1)),
    refuses('GRAPH_INVALID', /needs an object or a class with processElement\(\)/),
  );
  assert.throws(() => stream.asyncMap(wrong({})), refuses('GRAPH_INVALID', /asyncInvoke/));
  class Client {
    #calls = 0;
    asyncInvoke(n: number): Promise<number> {
      return Promise.resolve(n + this.#calls++);
    }
  }
  stream.asyncMap(Client);
  assert.throws(() => stream.asyncMap(new Client()), refuses('GRAPH_INVALID', /Client.*#private/));
});

test('a job without a sink, and two operators of one uid, are refused', () => {
  const env = describe();
  env.fromSequence(1, 2).map((n) => n);
  assert.throws(() => env.getExecutionPlan(), refuses('GRAPH_INVALID', /no sink/));
  const twice = describe();
  twice
    .fromSequence(1, 2)
    .uid('a')
    .map((n) => n)
    .uid('a')
    .sinkTo(discardSink());
  assert.throws(() => twice.getExecutionPlan(), refuses('GRAPH_INVALID', /uid "a"/));
  const wide = describe();
  wide
    .fromSequence(1, 2)
    .map((n) => n)
    .name('Wide')
    .setParallelism(8)
    .setMaxParallelism(4)
    .sinkTo(discardSink());
  assert.throws(
    () => wide.getExecutionPlan(),
    refuses('GRAPH_INVALID', /parallelism 8 of operator "Wide".*maximum parallelism 4/),
  );
});

test('changelogs are refused by operators that only understand inserts', () => {
  const env = describe();
  const changes = env.fromSequence(1, 2).transform<number>('Changes', {
    kind: 'changes',
    input: 'records',
    output: 'records',
    emitsChangelog: true,
    inline: (code) => code.emit(code.value, code.timestamp, '2'),
  });
  changes
    .map((n) => n)
    .keyBy((n) => n)
    .reduce((a) => a)
    .name('Total')
    .sinkTo(discardSink());
  assert.throws(() => env.buildGraph(), refuses('GRAPH_INVALID', /"Total".*changelog.*"Changes"/));
  const fine = describe();
  fine
    .fromSequence(1, 2)
    .transform<number>('Changes', {
      kind: 'changes',
      input: 'records',
      output: 'records',
      emitsChangelog: true,
      inline: (code) => code.emit(code.value),
    })
    .map((n) => n)
    .print();
  fine.buildGraph();
});

test('the graph is frozen, and an environment without a launcher only describes it', () => {
  const env = describe();
  env.fromSequence(1, 2).sinkTo(discardSink());
  const graph = env.buildGraph();
  assert.ok(
    Object.isFrozen(graph) &&
      Object.isFrozen(graph.nodes) &&
      Object.isFrozen(graph.nodes[0]) &&
      Object.isFrozen(graph.nodes[1]?.inputs),
  );
  assert.throws(() => void env.execute(), refuses('JOB_MODULE_INVALID', /job\(…\)/));
});

test('the source contract says which sources make a job bounded', () => {
  const env = describe().setRuntimeMode('automatic');
  env.fromSequence(1, 2).sinkTo(discardSink());
  assert.equal(env.buildGraph().settings.runtimeMode, 'batch');
  const source = { name: 'endless', boundedness: 'unbounded', replayable: true } as unknown as Source<number>;
  env.fromSource(source).sinkTo(discardSink());
  assert.equal(env.buildGraph().settings.runtimeMode, 'streaming');
});

test('without generated uids every operator needs one of its own', () => {
  const env = describe().set({ autoGenerateUids: false });
  const left = env.fromSequence(1, 9).uid('left');
  const right = env.fromSequence(1, 9).uid('right');
  const joined = left
    .join(right)
    .where((n) => n)
    .equalTo((n) => n)
    .window(TumblingEventTimeWindows.of(10))
    .apply((a, b) => a + b);
  const sink = joined.sinkTo(discardSink()).name('Nowhere');
  assert.throws(() => env.buildGraph(), refuses('GRAPH_INVALID', /Without one: "[^"]+", "Nowhere"\. Call uid\(\)/));
  joined.uid('joined');
  sink.uid('sink');
  assert.equal(env.buildGraph().nodes.length, 6);
});

test('the side outputs of an operator that emits a changelog are no changelog', () => {
  const env = describe();
  const changelog: OperatorDefinition = { ...map((n: number) => n, undefined), emitsChangelog: true };
  const inserts: OperatorDefinition = { ...map((n: number) => n, undefined), changelog: false };
  const counts = env.fromSequence(1, 9).transform<number>('counts', changelog);
  counts.getSideOutput(new OutputTag<number>('late')).transform('inserts', inserts);
  assert.equal(env.buildGraph().nodes.length, 3);
  counts.transform('inserts', inserts);
  assert.throws(() => env.buildGraph(), refuses('GRAPH_INVALID', /only understands inserts/));
});
