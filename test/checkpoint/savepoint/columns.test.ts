import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ObjectWriter } from '../../../src/checkpoint/storage/object-store.ts';
import { loadArrow } from '../../../src/checkpoint/savepoint/arrow.ts';
import { ArrowFileWriter, batchesOf, columnNamed } from '../../../src/checkpoint/savepoint/arrow-file.ts';
import { columnReader } from '../../../src/checkpoint/savepoint/column-values.ts';
import { valueColumn } from '../../../src/checkpoint/savepoint/value-columns.ts';
import { isTree, ValueShape } from '../../../src/checkpoint/savepoint/value-shape.ts';
import { TypeRegistry } from '../../../src/data/type-registry.ts';
import { anyValue } from '../../data/any-value.ts';
import { portrait } from '../../data/portrait.ts';

const arrow = await loadArrow();

class Point {
  readonly x: number;
  readonly y: number | undefined;
  constructor(x: number, y?: number) {
    this.x = x;
    this.y = y;
  }
}

const types = new TypeRegistry();
types.register('Point', Point);
types.register('URL', URL, { encode: (url) => url.href, decode: (href) => new URL(String(href)) });

class Bytes implements ObjectWriter {
  readonly #pieces: Uint8Array[] = [];
  length = 0;

  async write(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  async finish(): Promise<void> {}
  async abort(): Promise<void> {}

  get all(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}

/** Through a file, in batches of two. */
async function through(values: readonly unknown[]): Promise<{ readonly values: unknown[]; readonly shape: string }> {
  const shape = new ValueShape();
  for (const value of values) shape.add(value, types);
  const column = valueColumn('value', shape, arrow, types, { bytes: 0 });
  const out = new Bytes();
  const file = new ArrowFileWriter(arrow, new arrow.Schema([column.field]), 'file:///x.arrow', out);
  for (let i = 0; i < values.length; i += 2) {
    for (const value of values.slice(i, i + 2)) column.builder.append(value);
    await file.batch([column.builder.take()]);
  }
  const stretch = file.endStretch();
  const schema = await file.finish();
  const bytes = out.all;
  const part = ({ offset, length }: typeof stretch): Uint8Array => bytes.subarray(offset, offset + length);
  const batches = batchesOf(arrow, part(schema), part(stretch));
  assert.equal(arrow.tableFromIPC(bytes).numRows, values.length, 'the whole file is one that Arrow reads');
  const read = batches.flatMap((batch) => {
    const { field, data } = columnNamed(batch, 'value') as NonNullable<ReturnType<typeof columnNamed>>;
    const row = columnReader(field, data, types);
    return Array.from({ length: batch.numRows }, (_, i) => row(i));
  });
  return { values: read, shape: String(shape) };
}

const SAMPLES: Readonly<Record<string, readonly [readonly unknown[], string]>> = {
  'small integers': [[1, -1, 2 ** 31 - 1], 'number'],
  'large integers': [[1, -(2 ** 53) + 1, 2 ** 40, -(2 ** 40)], 'number'],
  'negative zero': [[1, -0], 'number'],
  doubles: [[0.1, Number.NaN, -Infinity], 'number'],
  bigints: [[1n, 2n ** 63n - 1n, -(2n ** 63n)], 'bigint'],
  'long bigints': [[1n, -(2n ** 100n)], 'bigint | bigint'],
  text: [['', 'é😀', 'a'], 'string'],
  dates: [[new Date(0), new Date(-8.64e15), new Date(8.64e15)], 'Date'],
  'nulls and numbers': [[null, 1], 'number | null'],
  'undefined and null': [[undefined, null, undefined], 'null | undefined'],
  'undefined and null and values': [[undefined, null, 'a', 1], 'string | number | null | undefined'],
  objects: [
    [
      { a: 1, b: { c: 'x' } },
      { a: 2, b: { c: 'y' } },
    ],
    '{ a: number, b: { c: string } }',
  ],
  'missing, undefined and null fields': [
    [{ a: 1 }, {}, { a: undefined }, { a: null }, { b: 2 }],
    '{ a?: number | null | undefined, b?: number }',
  ],
  'empty objects': [[{}, {}], '{}'],
  'arrays of arrays': [[[[1], []], []], 'Array<Array<number>>'],
  maps: [[new Map([['a', 1]]), new Map()], 'Map<string, number>'],
  'maps of mixed keys': [
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [1, null],
      ]),
    ],
    'Map<string | number, number | null>',
  ],
  sets: [[new Set([1n]), new Set()], 'Set<bigint>'],
  'typed arrays': [[new Float32Array([1.5]), new Float32Array()], 'Float32Array'],
  'all typed arrays': [
    [
      new Int8Array([-1]),
      new Uint8Array([1, 2]),
      new Uint8ClampedArray([255]),
      new Int16Array([-2]),
      new Uint16Array([2]),
      new Int32Array([-3]),
      new Uint32Array([2 ** 31]),
      new Float16Array([0.5]),
      new Float64Array([0.1]),
      new BigInt64Array([-5n]),
      new BigUint64Array([2n ** 63n]),
      new DataView(new ArrayBuffer(2)),
      Buffer.from('x'),
      new ArrayBuffer(1),
    ],
    'Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | Float16Array | Float64Array | BigInt64Array | BigUint64Array | DataView | Buffer | ArrayBuffer',
  ],
  instances: [[new Point(1, 2), new Point(3)], 'Point { x: number, y: number | undefined }'],
  'coded instances': [[new URL('http://a/'), null], 'URL | null'],
  booleans: [[true, false, true], 'boolean'],
  tables: [
    Array.from({ length: 3 }, (_, i) => Object.fromEntries(Array.from({ length: 60 }, (_, j) => [`${i}-"${j}`, j]))),
    '{ [name]: number }',
  ],
};

for (const [name, [values, shape]] of Object.entries(SAMPLES)) {
  test(`${name} go through columns and come back as they were`, async () => {
    const read = await through(values);
    assert.deepStrictEqual(read.values, values);
    assert.equal(read.shape, shape);
  });
}

test('what no column can hold is bytes, and comes back too', async () => {
  const shared = { a: 1 };
  const sparse: number[] = [1];
  sparse[2] = 3;
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const values = [[shared, shared], circle, /a/gu, 'x\ud800', new Date(Number.NaN), sparse, { ok: true }];
  const read = await through(values);
  assert.deepEqual(read.values.map(portrait), values.map(portrait));
});

test('any values go through columns and come back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyValue, { minLength: 1, maxLength: 8 }), async (values) => {
      const read = await through(values);
      assert.deepStrictEqual(read.values, values);
      for (const [i, value] of values.entries())
        if (!isTree(value, types)) assert.equal(portrait(read.values[i]), portrait(value));
    }),
    { numRuns: 150 },
  );
});
