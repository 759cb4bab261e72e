import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { MillstreamError } from '../../src/base/error.ts';
import { RecordDecoder, RecordEncoder } from '../../src/data/record-codec.ts';
import { readValue, writeValue } from '../../src/data/structured-codec.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { portrait } from './portrait.ts';

/** A row of the table in docs/internals/values.md: what it is about, an example, and what becomes of it. */
interface Row {
  readonly what: string;
  readonly value: unknown;
  /** What comes back, where that is not the same. */
  readonly becomes?: unknown;
  /** What the refusal says. */
  readonly refused?: RegExp;
}

class Point {
  readonly x: number;
  readonly y: number;
  constructor(x: number, y: number) {
    this.x = x;
    this.y = y;
  }
}

class Secret {
  readonly #word: string;
  constructor(word: string) {
    this.#word = word;
  }
  get word(): string {
    return this.#word;
  }
}

class Unknown {
  readonly a = 1;
}

class SpecialMap extends Map<string, number> {}

const types = new TypeRegistry();
types.register('Point', Point);
types.register('Secret', Secret, { encode: (secret) => secret.word, decode: (word) => new Secret(word as string) });

const shared = { n: 1 };
const cycle: Record<string, unknown> = { id: 1 };
cycle['self'] = { again: cycle };
const sparse: unknown[] = ['a', undefined, 'c', 'd'];
Reflect.deleteProperty(sparse, 2);
const regexp = /a(b)/gu;
regexp.lastIndex = 3;
const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
const sharedBytes = new Uint8Array(new SharedArrayBuffer(2)).fill(7);
const error = Object.assign(new TypeError('inner', { cause: new RangeError('deepest') }), { code: 'E_X' });
error.name = 'Renamed';

const ROWS: readonly Row[] = [
  { what: '`undefined`', value: undefined },
  { what: '`null`', value: null },
  { what: 'booleans', value: [true, false] },
  { what: 'numbers', value: [0, 1, -1, 0.1, 2 ** 31, 2 ** 53, 5e-324, Infinity, -Infinity] },
  { what: '`-0`', value: -0 },
  { what: '`NaN`', value: Number.NaN },
  { what: 'bigints of any size', value: [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 200n)] },
  { what: 'strings', value: ['', 'a', 'ü', '漢字', '😀', '\u0000', 'x'.repeat(1000)] },
  { what: 'lone surrogates in strings', value: ['\ud800', 'a\udc00b'] },
  { what: '`Date`', value: new Date(1_700_000_000_123) },
  { what: 'invalid `Date`', value: new Date(Number.NaN) },
  { what: 'plain objects', value: { b: 1, a: { c: 'x' }, 7: true } },
  { what: 'order of fields', value: { z: 1, a: 2, m: 3 } },
  { what: 'fields that are undefined', value: { a: undefined, b: 1 } },
  { what: 'fields that are missing', value: { b: 1 } },
  { what: 'fields with the names of JavaScript', value: JSON.parse('{"__proto__": 1, "constructor": 2}') },
  { what: 'objects without a prototype', value: Object.assign(Object.create(null) as object, { a: 1 }) },
  { what: 'arrays', value: [1, 'a', null, [2, [3]]] },
  { what: 'holes in arrays', value: sparse },
  {
    what: '`Map`',
    value: new Map<unknown, unknown>([
      ['a', 1],
      [{ k: 1 }, new Map([[1, 2]])],
    ]),
  },
  { what: '`Set`', value: new Set([1, 'a', shared]) },
  {
    what: 'typed arrays',
    value: [new Uint8Array([1]), new Float64Array([-0]), new BigInt64Array([5n]), new Float16Array([1.5])],
  },
  { what: '`DataView`', value: new DataView(new Uint8Array([1, 2]).buffer) },
  { what: '`ArrayBuffer`', value: new Uint8Array([1, 2]).buffer },
  { what: '`Buffer`', value: Buffer.from('abc') },
  { what: '`RegExp`', value: regexp },
  { what: 'errors of JavaScript', value: error },
  { what: '`AggregateError`', value: new AggregateError([new Error('one'), 'two'], 'both') },
  {
    what: 'errors of the engine',
    value: new MillstreamError('USER_CODE', 'it threw', { details: { operator: 'map' } }),
  },
  { what: 'instances of registered classes', value: new Point(1, 2) },
  { what: 'instances of classes registered with a codec', value: new Secret('word') },
  { what: 'an object that occurs twice in a value', value: { a: shared, b: [shared] } },
  { what: 'cycles', value: cycle },

  { what: 'frozen and sealed objects', value: Object.freeze({ a: 1 }), becomes: { a: 1 } },
  {
    what: 'accessors',
    value: {
      get a() {
        return 5;
      },
    },
    becomes: { a: 5 },
  },
  { what: 'properties under symbols', value: { a: 1, [Symbol('s')]: 2 }, becomes: { a: 1 } },
  {
    what: 'properties that are not enumerable',
    value: Object.defineProperty({ a: 1 }, 'b', { value: 2 }),
    becomes: { a: 1 },
  },
  {
    what: 'extra properties of arrays, Maps and the like',
    value: [Object.assign([1], { extra: 2 }), Object.assign(new Map(), { extra: 2 })],
    becomes: [[1], new Map()],
  },
  { what: 'views on a part of a buffer', value: new Uint8Array(buffer, 1, 2), becomes: new Uint8Array([2, 3]) },
  {
    what: 'several views on one buffer',
    value: [new Uint8Array(buffer), new Uint16Array(buffer)],
    becomes: [new Uint8Array([1, 2, 3, 4]), new Uint16Array(new Uint8Array([1, 2, 3, 4]).buffer)],
  },
  { what: 'views on shared memory', value: sharedBytes, becomes: new Uint8Array([7, 7]) },

  {
    what: 'functions',
    value: { user: { callback: (): number => 1 } },
    refused: /`value\.user\.callback`.* is a function/,
  },
  { what: 'symbols', value: { a: [Symbol('s')] }, refused: /`value\.a\[0\]`.* is a symbol/ },
  { what: 'promises', value: { done: Promise.resolve() }, refused: /`value\.done`.* is a promise/ },
  { what: '`WeakMap`, `WeakSet`, `WeakRef`', value: { a: new WeakMap() }, refused: /`value\.a`.* is a WeakMap/ },
  { what: 'boxed primitives', value: { a: Object(1) }, refused: /`value\.a`.* is a boxed Number/ },
  {
    what: '`SharedArrayBuffer`',
    value: { a: new SharedArrayBuffer(1) },
    refused: /`value\.a`.* is a SharedArrayBuffer/,
  },
  {
    what: 'instances of other classes',
    value: { a: new Unknown() },
    refused: /`value\.a`.* is an instance of Unknown/,
  },
  {
    what: 'subclasses of built-in classes',
    value: { a: new SpecialMap() },
    refused: /`value\.a`.* is an instance of SpecialMap/,
  },
  { what: 'generators and iterators', value: { a: [1].values() }, refused: /`value\.a`.* is an instance of/ },
  {
    what: 'values nested more than 1000 levels deep',
    value: nested(1100),
    refused: /nested more than 1000 levels deep/,
  },
];

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** Every way of a value into bytes and back. */
const WAYS: Readonly<Record<string, (value: unknown) => unknown>> = {
  'the structured codec': (value) => {
    const writer = new ByteWriter();
    writeValue(value, writer, types);
    return readValue(new ByteReader(writer.take()), types);
  },
  'the record codec, as a record': (value) => overEdge([value])[0],
  'the record codec, as a field': (value) => (overEdge([{ id: 1, field: value }])[0] as { field: unknown }).field,
  'the record codec, as a field of another kind before': (value) =>
    (overEdge([{ field: 1 }], [{ field: value }, { field: value }])[1] as { field: unknown }).field,
  'the record codec, among records of other shapes': (value) => overEdge([1, 'a', { b: 1 }, value, null])[3],
};

/** Sends batches over one edge; what came out of the last. */
function overEdge(...batches: unknown[][]): unknown[] {
  const encoder = new RecordEncoder({ types, operator: 'test' });
  const decoder = new RecordDecoder({ types });
  const bytes = new Uint8Array(100_000);
  let last: unknown[] = [];
  for (const batch of batches) {
    const length = encoder.encode(batch, 0, batch.length, undefined, undefined, {
      bytes,
      offset: 0,
      capacity: bytes.length,
    });
    last = decoder.decode(bytes, 0, length).values;
  }
  return last;
}

for (const [way, send] of Object.entries(WAYS)) {
  test(`what survives, by ${way}`, () => {
    for (const row of ROWS) {
      if (row.refused === undefined) {
        assert.equal(portrait(send(row.value)), portrait('becomes' in row ? row.becomes : row.value), row.what);
        continue;
      }
      assert.throws(
        () => send(row.value),
        (thrown: MillstreamError) => {
          assert.equal(thrown.code, 'VALUE_UNSUPPORTED', row.what);
          assert.match(thrown.message.replace('value.field', 'value'), row.refused as RegExp, row.what);
          return true;
        },
        row.what,
      );
    }
  });
}

test('what comes back is a copy: changing it leaves the original alone', () => {
  const original = { list: [1], map: new Map([['a', { n: 1 }]]), bytes: new Uint8Array([1]) };
  const copy = overEdge([original])[0] as typeof original;
  copy.list.push(2);
  copy.map.clear();
  copy.bytes[0] = 9;
  assert.deepEqual(original, { list: [1], map: new Map([['a', { n: 1 }]]), bytes: new Uint8Array([1]) });
});

test('the private fields of a class survive by its codec', () => {
  const copy = overEdge([{ secret: new Secret('word') }])[0] as { secret: Secret };
  assert.equal(copy.secret.word, 'word');
  assert.ok(copy.secret instanceof Secret);
});

test('the table in docs/internals/values.md has exactly these rows', () => {
  const text = readFileSync(new URL('../../docs/internals/values.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| (.+?) \|/gm)]
    .map((match) => match[1])
    .filter(
      (cell) => cell !== 'value' && cell !== 'tag' && !cell?.startsWith('-') && !/^`[0-9a-f]{2}/.test(cell ?? ''),
    );
  assert.deepEqual(
    documented,
    ROWS.map((row) => row.what),
  );
});
