import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MillstreamError } from '../../src/base/error.ts';
import { FRAME_FULL } from '../../src/data/frame-target.ts';
import { RecordDecoder, RecordEncoder, type RecordBatchData } from '../../src/data/record-codec.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { anyValue, bigint, name, number, primitive, text } from './any-value.ts';
import { portrait } from './portrait.ts';

const types = new TypeRegistry();

/** All channels write to it, one at a time. */
const MEMORY = new Uint8Array(new SharedArrayBuffer(4 << 20));

/** One channel: encodes batches into shared memory at changing addresses, and decodes them. */
class Channel {
  readonly encoder: RecordEncoder;
  readonly decoder: RecordDecoder;
  readonly #memory = MEMORY;
  bytes = 0;

  constructor(registry = types) {
    this.encoder = new RecordEncoder({ types: registry, operator: 'test' });
    this.decoder = new RecordDecoder({ types: registry });
  }

  send(values: readonly unknown[], timestamps?: Float64Array, kinds?: Uint8Array): RecordBatchData {
    const offset = 8 * (1 + (values.length % 7));
    this.bytes = this.encoder.encode(values, 0, values.length, timestamps, kinds, {
      bytes: this.#memory,
      offset,
      capacity: this.#memory.length - offset,
    });
    assert.ok(this.bytes > 0 && this.bytes % 8 === 0);
    const data = this.decoder.decode(this.#memory, offset, this.bytes);
    // The frame's memory is reused: nothing that was decoded may look into it.
    this.#memory.fill(0xee, 0, offset + this.bytes);
    return data;
  }
}

function same(values: readonly unknown[], channel = new Channel()): void {
  const data = channel.send(values);
  assert.equal(data.count, values.length);
  assert.equal(data.values.length, values.length);
  values.forEach((value, i) => assert.equal(portrait(data.values[i]), portrait(value)));
}

/** The array without the element at `index`. */
function hole(index: number, items: unknown[]): unknown[] {
  Reflect.deleteProperty(items, index);
  return items;
}

/** Batches that go by columns alone. */
function columnar(values: readonly unknown[], registry = types): void {
  const channel = new Channel(registry);
  same(values, channel);
  same(values, channel);
  assert.equal(channel.encoder.fallbackValues, 0);
}

test('numbers, text, booleans, bigints and dates go by columns', () => {
  columnar([1, 2, -5]);
  columnar([1, -0, Number.NaN, 2 ** 31, 0.1, -Infinity]);
  columnar(['a', '', 'äöü', '漢字', '😀']);
  columnar([true, false, true]);
  columnar([1n, -5n, 2n ** 63n - 1n, -(2n ** 63n)]);
  columnar([new Date(0), new Date(Number.NaN), new Date(1e15)]);
});

test('objects go by columns, nested ones, tuples and lists included', () => {
  columnar(Array.from({ length: 100 }, (_, i) => ({ k: i, v: i * 2 })));
  columnar(Array.from({ length: 100 }, (_, i) => ({ id: i, price: i + 0.5, ok: i % 3 === 0, name: `n${i}` })));
  columnar(
    Array.from({ length: 100 }, (_, i) => ({ at: { x: i, y: { z: `deep${i}` } }, when: new Date(i), big: BigInt(i) })),
  );
  columnar(Array.from({ length: 100 }, (_, i) => [`key${i}`, i]));
  columnar(
    Array.from({ length: 100 }, (_, i) => ({
      tags: ['a', `b${i}`].slice(i % 3),
      xs: [i, i + 1, i + 2, i + 3, i + 4, i + 5],
      ds: [i / 2, -0],
    })),
  );
  columnar(Array.from({ length: 100 }, (_, i) => Array.from({ length: i % 12 }, (_item, j) => j)));
  columnar([{}, {}, {}]);
});

test('null, undefined and missing fields go by columns and stay apart', () => {
  columnar([{ a: 1, b: null }, { a: 2, b: undefined }, { a: 3 }, { a: 4, b: 'x' }]);
  columnar([null, undefined, null]);
  columnar([null, 5, undefined, 6]);
  columnar([{ a: null }, { a: { b: 1 } }, { a: undefined }, {}]);
  columnar([
    [1, null],
    [2, undefined],
    [3, 'x'],
  ]);
  columnar([{ a: { b: [1, 2, 3, 4, 5] } }, { a: null }, { a: { b: null } }, { a: {} }]);
});

test('the order of fields is kept, record by record', () => {
  same([
    { a: 1, b: 2 },
    { b: 2, a: 1 },
    { a: 3, b: 4 },
    { b: 5, a: 6 },
  ]);
  same([{ a: 1, c: 3 }, { a: 1, b: 2, c: 3 }, { b: 2, c: 3 }, { b: 2 }, { c: 3 }]);
});

test('records of several shapes go by columns, each shape by its own', () => {
  columnar(
    Array.from({ length: 100 }, (_, i) =>
      i % 2 === 0 ? { kind: 'open', id: i, by: 'x' } : { kind: 'close', reason: null, at: new Date(i), code: i },
    ),
  );
  columnar([1, 'a', 2, 'b', true, { a: 1 }, [1, 2], null]);
});

test('a column widens when values change, and never loses one', () => {
  const channel = new Channel();
  same([{ x: 1 }, { x: 2 }], channel);
  same([{ x: 1 }, { x: 2 ** 31 }], channel);
  same([{ x: 1.5 }, { x: -0 }], channel);
  same([{ x: null }, { x: 3 }], channel);
  same([{ x: 'text' }, { x: 3 }], channel);
  same([{ x: 3, y: 1 }, { x: 3 }], channel);
  same([{ w: 1, x: 3, y: 1 }, { x: 3 }], channel);
  same([{ x: [1] }, { x: { y: 2 } }], channel);
  same(
    [
      { x: 1, y: 2 },
      { y: 2, x: 1 },
    ],
    channel,
  );
  same([5, 'a', { x: 1 }], channel);
});

test('lists widen from integers to numbers, and give way to anything', () => {
  const channel = new Channel();
  same([{ l: [1, 2, 3, 4, 5] }, { l: [] }], channel);
  same([{ l: [1, 2.5] }, { l: [-0] }], channel);
  same([{ l: ['a', '\ud800'] }, { l: ['ü'] }], channel);
  same([{ l: [1, 'a'] }, { l: [null] }, { l: [undefined] }], channel);
  same([{ l: hole(1, [1, 0, 2]) }, { l: hole(0, [0]) }, { l: [1, 2] }], channel);
  same([{ l: [[1], [2]] }], channel);
});

test('a hole in a tuple is neither undefined nor null', () => {
  const channel = new Channel();
  same([['a', 1], ['b', undefined], hole(1, ['c', 0]), ['d', null]], channel);
  same([['a', new Map()], hole(1, ['c', 0])], channel);
});

test('one object twice in a record stays one object, wherever it occurs', () => {
  const channel = new Channel();
  const part = { n: 1 };
  const day = new Date(5);
  const list = [1, 2, 3, 4, 5];
  same(
    [
      { a: { n: 1 }, b: { n: 1 } },
      { a: part, b: part },
      { a: { n: 2 }, b: { n: 3 } },
    ],
    channel,
  );
  same(
    [
      { from: new Date(5), to: new Date(5) },
      { from: day, to: day },
    ],
    channel,
  );
  same(
    [
      { p: [1, 2, 3, 4, 5], q: [1, 2, 3, 4, 5] },
      { p: list, q: list },
    ],
    channel,
  );
  same(
    [
      { a: part, m: new Map([['p', part]]) },
      { a: { n: 1 }, m: new Map([['p', { n: 1 }]]) },
    ],
    channel,
  );
  same([{ m: new Set([part]), n: new Set([part]) }], channel);
  same([{ a: part, b: part, x: 1n << 100n }], channel);
});

test('a record that contains itself comes back so', () => {
  const channel = new Channel();
  const node: Record<string, unknown> = { id: 1, next: null };
  node['next'] = node;
  const list: unknown[] = [1, 2];
  list[1] = list;
  const pair: Record<string, unknown> = { a: { up: null } };
  (pair['a'] as Record<string, unknown>)['up'] = pair;
  same([{ id: 0, next: null }, node, { id: 0, next: { id: 2, next: null } }], channel);
  same([list, pair], channel);
  same([pair, pair, { a: { up: null } }], channel);
});

test('a record that contains itself inside of what fits no column comes back so', () => {
  const holder = (): { id: number; m: Map<string, unknown> } => ({ id: 1, m: new Map() });
  const self = holder();
  self.m.set('self', self);
  same([holder(), self, holder()]);
  const pair: unknown[] = ['a', new Map()];
  (pair[1] as Map<string, unknown>).set('self', pair);
  same([['b', new Map()], pair]);
});

test('a record that leaves the columns takes back what it had put into lists', () => {
  const part = { n: 1 };
  const plain = (i: number): object => ({
    xs: [i, 1, 2, 3, 4],
    ds: [i / 2, 1, 2, 3, 4],
    ts: ['a', 'b', 'c', 'd', `${i}`],
    a: { n: i },
    b: { n: i },
  });
  same([plain(1), { ...plain(2), a: part, b: part }, plain(3), { ...plain(4), a: part, b: part }, plain(5)]);
});

test('the same object in two records is two objects', () => {
  const part = { n: 1 };
  const { values } = new Channel().send([{ part }, { part }]) as unknown as {
    values: [{ part: object }, { part: object }];
  };
  assert.notEqual(values[0].part, values[1].part);
});

test('names that mean something to JavaScript are fields like others', () => {
  const odd = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3, "hasOwnProperty": 4}') as object;
  same([odd, odd]);
  columnar([{ constructor: 1, toString: 'x', 'a"b': 1, '\u2028': 2, '\ud800': 3, 7: 4, '': 5 }]);
  same([Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }]);
});

test('text of every kind survives in columns, also where strings meet between the halves of a pair', () => {
  columnar(['\ud83d', '\ude00', 'x']);
  columnar(['a\ud83d', '\ude00b']);
  columnar(Array.from({ length: 300 }, (_, i) => `${'ü'.repeat(i % 40)}${i}`));
  columnar(Array.from({ length: 300 }, (_, i) => (i === 299 ? '\udfff' : 'plain')));
  columnar(['x'.repeat(5000), '', 'y'.repeat(512), 'z'.repeat(511), 'z']);
  columnar(Array.from({ length: 64 }, () => ''));
});

test('text that repeats goes by a dictionary, and comes back as the same strings in every batch', () => {
  const channel = new Channel();
  const batch = (n: number): { city: string; n: number }[] =>
    Array.from({ length: n }, (_, i) => ({ city: ['Zürich', 'Wien', 'Roma', '\ud800'][i % 4] as string, n: i }));
  for (const size of [500, 500, 3, 500, 1]) same(batch(size), channel);
  const plain = channel.send(Array.from({ length: 500 }, (_, i) => ({ city: `${i}-unlike-any-other`, n: i })));
  assert.equal(plain.count, 500);
  same(batch(500), channel);
  assert.equal(channel.encoder.fallbackValues, 0);
});

test('a dictionary takes fewer bytes than the text, and gives way when there are too many texts', () => {
  const channel = new Channel();
  const cities = Array.from({ length: 1000 }, (_, i) => `a rather long name of a city number ${i % 10}`);
  channel.send(cities);
  channel.send(cities);
  assert.ok(channel.bytes < 5000, `${channel.bytes} bytes`);
  for (let round = 0; round < 5; round++)
    same(
      Array.from({ length: 1000 }, (_, i) => `user-${round}-${i}`),
      channel,
    );
  assert.equal(channel.encoder.fallbackValues, 0);
});

test('timestamps and row kinds travel when they are there, for the rows that were asked for', () => {
  const { encoder, decoder } = new Channel();
  const bytes = new Uint8Array(10_000);
  const timestamps = new Float64Array([1, 2, -Infinity, 4, 5]);
  const kinds = new Uint8Array([0, 1, 2, 3, 0]);
  const length = encoder.encode(['a', 'b', 'c', 'd', 'e'], 1, 4, timestamps, kinds, {
    bytes,
    offset: 16,
    capacity: 5000,
  });
  const data = decoder.decode(bytes, 16, length);
  assert.deepEqual(data, {
    values: ['b', 'c', 'd'],
    timestamps: timestamps.slice(1, 4),
    kinds: kinds.slice(1, 4),
    count: 3,
  });
  const bare = encoder.encode(['a'], 0, 1, undefined, undefined, { bytes, offset: 16, capacity: 5000 });
  assert.deepEqual(decoder.decode(bytes, 16, bare), {
    values: ['a'],
    timestamps: undefined,
    kinds: undefined,
    count: 1,
  });
});

test('a target that is too small is refused, and nothing beyond it is touched', () => {
  const rows: unknown[] = Array.from({ length: 50 }, (_, i) => ({
    id: i,
    name: `name ${i}`,
    list: [i, i, i, i, i, i],
    text: 'ü'.repeat(i),
    other: i % 2 === 0 ? new Map([[i, i]]) : null,
    words: ['a', `${i}`],
  }));
  rows.push('another shape', 5);
  const encoder = new RecordEncoder({ types });
  const room = new Uint8Array(100_000);
  const needed = encoder.encode(rows, 0, rows.length, new Float64Array(52), new Uint8Array(52), {
    bytes: room,
    offset: 0,
    capacity: room.length,
  });
  for (let capacity = 0; capacity <= needed; capacity += 8) {
    const bytes = new Uint8Array(needed + 64).fill(0xaa);
    const written = encoder.encode(rows, 0, rows.length, new Float64Array(52), new Uint8Array(52), {
      bytes,
      offset: 8,
      capacity,
    });
    assert.equal(written, capacity < needed ? FRAME_FULL : needed);
    assert.ok(bytes.subarray(0, 8).every((byte) => byte === 0xaa));
    assert.ok(
      bytes.subarray(8 + capacity).every((byte) => byte === 0xaa),
      `capacity ${capacity}`,
    );
  }
});

test('a frame can be read alone, by a decoder that has seen none before', () => {
  const encoder = new RecordEncoder({ types });
  for (let round = 0; round < 6; round++) {
    const rows = Array.from({ length: 200 }, (_, i) => ({
      city: `city ${i % (3 + round)}`,
      at: { n: i },
      extra: i === 7 ? new Set([1]) : null,
    }));
    const bytes = new Uint8Array(100_000);
    const length = encoder.encode(rows, 0, rows.length, undefined, undefined, {
      bytes,
      offset: 0,
      capacity: bytes.length,
    });
    // Also from an address that is not aligned.
    const moved = Buffer.alloc(length + 3);
    moved.set(bytes.subarray(0, length), 3);
    assert.deepEqual(new RecordDecoder({ types }).decode(moved, 3, length).values, rows);
  }
});

test('equal batches give equal bytes, whatever was in the memory before', () => {
  const rows = Array.from({ length: 99 }, (_, i) => ({
    a: i % 2 === 0 ? null : 'x',
    b: i % 3 === 0 ? null : { c: i, d: [i] },
    e: i % 5 === 0 ? null : 1n,
  }));
  const frames = [0x00, 0xff].map((filler) => {
    const bytes = new Uint8Array(50_000).fill(filler);
    const length = new RecordEncoder({ types }).encode(rows, 0, rows.length, undefined, new Uint8Array(99), {
      bytes,
      offset: 0,
      capacity: bytes.length,
    });
    return Buffer.from(bytes.subarray(0, length)).toString('hex');
  });
  assert.ok(frames[0] === frames[1]);
});

test('instances of registered classes go by columns and keep their prototype', () => {
  const registry = new TypeRegistry();
  class Trade {
    symbol: string;
    price: number;
    constructor(symbol: string, price: number) {
      this.symbol = symbol;
      this.price = price;
    }
    get cost(): number {
      return this.price * 2;
    }
  }
  registry.register('Trade', Trade);
  const trades = Array.from({ length: 50 }, (_, i) => new Trade(`s${i}`, i));
  columnar(trades, registry);
  columnar(
    trades.map((trade) => ({ trade, n: 1 })),
    registry,
  );
  const copy = new Channel(registry).send(trades).values[3] as Trade;
  assert.ok(copy instanceof Trade);
  assert.equal(copy.cost, 6);
  same(
    [...trades, { symbol: 's', price: 1 }, Object.assign(new Trade('x', 1), { extra: true })],
    new Channel(registry),
  );
});

test('what cannot survive fails with its path and the operator, and the channel goes on', () => {
  const channel = new Channel();
  const good = { id: 1, user: { name: 'a', callback: null as unknown } };
  same([good, good], channel);
  assert.throws(
    () => channel.send([good, { id: 1, user: { name: 'a', callback: (): number => 1 } }]),
    (error: MillstreamError) => {
      assert.equal(error.code, 'VALUE_UNSUPPORTED');
      assert.match(error.message, /`value\.user\.callback` in what operator "test" emitted is a function/);
      return true;
    },
  );
  assert.throws(() => channel.send([good, Symbol('x')]), { code: 'VALUE_UNSUPPORTED' });
  same([good, good], channel);
});

test('what fits no column is counted', () => {
  const channel = new Channel();
  same([{ a: new Map() }, { a: new Map() }], channel);
  assert.equal(channel.encoder.fallbackValues, 2);
  same([1n << 70n], channel);
  assert.equal(channel.encoder.fallbackValues, 3);
});

test('a column whose kind has changed for good is given the new kind', () => {
  const channel = new Channel();
  same(
    Array.from({ length: 100 }, () => ({ a: null, b: 1 })),
    channel,
  );
  same(
    [
      { a: 1, b: 1 },
      { a: 'x', b: 1 },
    ],
    channel,
  );
  for (let round = 0; round < 20; round++) channel.send(Array.from({ length: 100 }, (_, i) => ({ a: `x${i}`, b: 1 })));
  const before = channel.encoder.fallbackValues;
  for (let round = 0; round < 5; round++) channel.send(Array.from({ length: 100 }, (_, i) => ({ a: `x${i}`, b: 1 })));
  assert.equal(channel.encoder.fallbackValues, before);
});

test('records without any stable shape still come through, and layouts are not made without end', () => {
  const channel = new Channel();
  fc.assert(
    fc.property(
      fc.array(
        fc.dictionary(name, fc.oneof(primitive, fc.array(number, { maxLength: 6 })), {
          maxKeys: 6,
          noNullPrototype: true,
        }),
        { maxLength: 20 },
      ),
      (values) => same(values, channel),
    ),
    { numRuns: 400 },
  );
  assert.ok(channel.encoder.layoutsMade < 120, `${channel.encoder.layoutsMade} layouts`);
});

test('batches of arbitrary values come back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyValue, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), (batches) => {
      const channel = new Channel();
      for (const batch of batches) same(batch, channel);
    }),
    { numRuns: 300 },
  );
});

/** Batches of one shape, whose fields are mostly of one kind each. */
const column: fc.Arbitrary<fc.Arbitrary<unknown>> = fc.oneof<fc.Arbitrary<fc.Arbitrary<unknown>>[]>(
  fc.constant(fc.integer()),
  fc.constant(number),
  fc.constant(text),
  fc.constant(fc.constantFrom('a', 'b', '\ud800', 'ü')),
  fc.constant(bigint),
  fc.constant(fc.boolean()),
  fc.constant(fc.date({ noInvalidDate: false })),
  fc.constant(fc.array(number, { maxLength: 8 })),
  fc.constant(fc.array(text, { maxLength: 8 })),
  fc.constant(fc.tuple(text, number)),
  fc.constant(fc.record({ x: number, y: fc.record({ z: text }) }, { noNullPrototype: true })),
  fc.constant(fc.record({ x: number, y: text }, { noNullPrototype: true, requiredKeys: ['x'] })),
);
const uniformBatch = fc
  .array(
    fc.tuple(
      name.filter((field) => field !== '__proto__'),
      column,
      fc.constantFrom('always', 'nullable', 'optional', 'anything'),
    ),
    { maxLength: 5 },
  )
  .chain((fields) => {
    const model: Record<string, fc.Arbitrary<unknown>> = {};
    const required: string[] = [];
    for (const [field, arbitrary, presence] of fields) {
      const options = {
        always: arbitrary,
        nullable: fc.option(arbitrary),
        optional: arbitrary,
        anything: fc.oneof({ arbitrary, weight: 5 }, { arbitrary: anyValue, weight: 1 }),
      };
      model[field] = options[presence];
      if (presence !== 'optional') required.push(field);
    }
    return fc.array(fc.record(model, { noNullPrototype: true, requiredKeys: [...new Set(required)] as never[] }), {
      maxLength: 40,
    });
  });

test('batches of records that are much alike come back as they were', () => {
  fc.assert(
    fc.property(fc.array(uniformBatch, { minLength: 1, maxLength: 3 }), fc.boolean(), (batches, mixed) => {
      const channel = new Channel();
      if (mixed) same(batches.flat(), channel);
      else for (const batch of batches) same(batch, channel);
    }),
    { numRuns: 500 },
  );
});

test('damaged frames are refused as corrupt or read as something, never beyond their end', () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    id: i,
    name: `name ${i}`,
    list: [i, i, i, i, i],
    other: i % 2 === 0 ? 'ü' : null,
    city: 'x',
  }));
  const bytes = new Uint8Array(10_000);
  const length = new RecordEncoder({ types }).encode(rows, 0, rows.length, undefined, undefined, {
    bytes,
    offset: 0,
    capacity: bytes.length,
  });
  for (let cut = 0; cut < length; cut += 8) {
    assert.throws(() => new RecordDecoder({ types }).decode(bytes.slice(0, cut), 0, cut), { code: 'FRAME_CORRUPT' });
  }
  assert.throws(() => new RecordDecoder({ types }).decode(new Uint8Array(64).fill(9), 0, 64), {
    code: 'FRAME_CORRUPT',
  });
});

test('frames beyond the second gigabyte of a buffer are written and read like others', () => {
  // Only what is touched takes memory.
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 31 + 2 ** 20));
  const rows = Array.from({ length: 100 }, (_, i) => ({
    id: i,
    x: i / 2,
    ok: i % 2 === 0,
    name: `ü${i}`,
    city: `c${i % 3}`,
    list: [i, i, i, i, i],
    day: i % 2 === 0 ? null : new Date(i),
    set: i === 5 ? new Set([1]) : 0,
  }));
  const encoder = new RecordEncoder({ types });
  const decoder = new RecordDecoder({ types });
  for (const offset of [2 ** 31 - 4096, 2 ** 31 + 4096]) {
    const length = encoder.encode(rows, 0, rows.length, new Float64Array(100), new Uint8Array(100), {
      bytes,
      offset,
      capacity: 65_536,
    });
    assert.deepEqual(decoder.decode(bytes, offset, length).values, rows);
  }
});
