import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, outputTag, type DataStream, type OperatorDefinition } from 'millstream';
import { Gate } from '../../src/base/gate.ts';
import { filter } from '../../src/operator/filter.ts';
import { map } from '../../src/operator/map.ts';
import { PlainOperator } from '../../src/operator/plain-operator.ts';
import { generateChain, type ChainNode } from '../../src/runtime/chain-code.ts';
import { ManualClock } from 'millstream/testing';

class Keep extends PlainOperator<never> {
  readonly values: unknown[] = [];

  element(value: unknown): void {
    this.values.push(value);
  }
}

function chain(definitions: readonly OperatorDefinition[], tag: string) {
  const keep = new Keep();
  const nodes: ChainNode[] = [...definitions, { kind: 'keep', input: 'records', output: 'none' } as const].map(
    (definition, index, all) => ({
      name: `${definition.kind}-${index}`,
      definition,
      instance: index === all.length - 1 ? keep : undefined,
      children: index === all.length - 1 ? [] : [{ index: index + 1, side: undefined }],
      edges: [],
    }),
  );
  const gate = new Gate(new ManualClock(), new Int32Array(1));
  const frame = { at: 0, failed: undefined, counts: new Float64Array(2 * nodes.length) };
  const code = generateChain(nodes, 1, gate, frame, tag);
  return { code, keep, frame };
}

const add = (n: number): OperatorDefinition => map((value: number) => value + n);

test('the text of a chain is its own for each job and vertex', () => {
  const a = chain([add(1)], 'job-1/vertex-0').code.text;
  const b = chain([add(1)], 'job-1/vertex-1').code.text;
  assert.notEqual(a, b);
  assert.match(a, /sourceURL=millstream\/job-1\/vertex-0$/);
});

test('inline operators are one flat body, and user lambdas are called in it', () => {
  const { code, keep } = chain([add(1), filter((value: number) => value > 2), add(10)], 'flat');
  for (const value of [0, 1, 2, 3]) code.element[0]?.(value, 0, 0);
  assert.deepEqual(keep.values, [13, 14]);
  assert.equal(code.text.match(/function enter/g), null);
});

test('a chain beyond the flat limit goes on in functions of its own, with the same result', () => {
  const { code, keep, frame } = chain(
    Array.from({ length: 40 }, (_, i) => add(i)),
    'long',
  );
  code.element[0]?.(0, 0, 0);
  assert.deepEqual(keep.values, [(39 * 40) / 2]);
  assert.ok((code.text.match(/function enter/g) ?? []).length >= 2);
  assert.deepEqual([...frame.counts.slice(0, 41)], new Array(41).fill(1), 'each operator counted one record in');
});

test('the frame says which operator threw', () => {
  const { code, frame } = chain(
    [
      add(1),
      map(() => {
        throw new Error('second');
      }),
      add(1),
    ],
    'blame',
  );
  assert.throws(() => code.element[0]?.(1, 0, 0), /second/);
  assert.equal(frame.at, 1);
});

const PARITY = outputTag<number>('odd');

/** A tree: fan-out, a side output, a union and a keyed edge. */
function tree(numbers: DataStream<number>): DataStream<string> {
  const even = numbers.process({
    processElement(n, ctx, out: { collect(n: number): void }) {
      if (n % 2 === 0) out.collect(n);
      else ctx.output(PARITY, n);
    },
  });
  const squares = even.map((n) => `square ${n * n}`);
  const halves = even.filter((n) => n % 4 === 0).map((n) => `half ${n / 2}`);
  const odd = even.getSideOutput(PARITY).flatMap((n) => [`odd ${n}`, `again ${n}`]);
  return squares.union(halves, odd);
}

async function results(configure: (env: ReturnType<typeof createEnvironment>) => void): Promise<string[]> {
  const env = createEnvironment();
  configure(env);
  const all: string[] = [];
  for await (const line of tree(env.fromSequence(1, 200))) all.push(line);
  return all.sort();
}

test('a tree of operators computes the same however it is chained, batched and buffered', async () => {
  const expected = await results(() => {});
  assert.equal(expected.length, 100 + 50 + 200);
  const ways: ((env: ReturnType<typeof createEnvironment>) => void)[] = [
    (env) => env.disableOperatorChaining(),
    (env) => env.setBufferTimeout(0),
    (env) => env.setBufferTimeout(-1),
    (env) => env.set({ batchRows: 1 }),
    (env) => env.setParallelism(3),
    (env) => env.setParallelism(2).disableOperatorChaining().set({ localChannels: 'bytes', batchRows: 3 }),
    (env) => env.set({ mutationCheck: true }),
  ];
  for (const way of ways) assert.deepEqual(await results(way), expected, String(way));
});
