import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { MillstreamError } from '../../src/base/error.ts';
import {
  decodeKey,
  defaultMaxParallelism,
  encodeKey,
  hashOfEncoding,
  keyGroup,
  keyGroupRange,
  keyHash,
  keyHashUtf8,
  keysEqual,
  mapKey,
  subtaskOfKeyGroup,
} from '../../src/data/key.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { fromNotation } from './notation.ts';

interface Vector {
  readonly value: unknown;
  readonly encoding: string;
  readonly hash: number;
  readonly group: number;
}

const VECTORS = JSON.parse(readFileSync(new URL('key-vectors.json', import.meta.url), 'utf8')) as Vector[];

function encoded(key: unknown, types?: TypeRegistry): string {
  const writer = new ByteWriter();
  encodeKey(key, writer, types);
  return Buffer.from(writer.view()).toString('hex');
}

function refusal(key: unknown): string {
  try {
    encoded(key);
  } catch (error) {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'KEY_INVALID');
    return error.message;
  }
  return assert.fail('the key was accepted');
}

/** Values that can be keys, with many that are nearly equal. */
const scalar = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    1,
    1n,
    2 ** 31,
    2n ** 31n,
    -(2 ** 31),
    2 ** 53,
    2n ** 53n,
    2n ** 53n + 1n,
    2 ** 62,
    2n ** 62n,
    2 ** 63,
    2n ** 63n,
    -(2 ** 63),
    -(2n ** 63n),
    -(2n ** 63n) - 1n,
    Number.NaN,
    Infinity,
  ),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', '\udc00', '\ud800\udc00', '\u0000', '\u0000s', '\u0000ss', '\u0000\u0004', 'é'),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 5 }),
);
const { key: anyKey } = fc.letrec<{ key: unknown; nested: unknown }>((tie) => ({
  key: fc.oneof(scalar, tie('nested')),
  nested: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(fc.option(tie('nested'), { nil: undefined }), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__', '\ud800', '1'), tie('nested'), { maxKeys: 3 }),
  ),
}));

test('the golden vectors of keys hold: bytes, hash and key group', () => {
  assert.ok(VECTORS.length > 60);
  for (const { value, encoding, hash, group } of VECTORS) {
    const key = fromNotation(value);
    assert.equal(encoded(key), encoding, `encoding of ${JSON.stringify(value)}`);
    assert.equal(keyHash(key), hash, `hash of ${JSON.stringify(value)}`);
    assert.equal(keyGroup(key, 128), group, `key group of ${JSON.stringify(value)}`);
    assert.equal(hashOfEncoding(Buffer.from(encoding, 'hex')), hash, `hash over the bytes of ${JSON.stringify(value)}`);
  }
});

test('keys come back from their encoding as equal keys', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      const hex = encoded(key);
      assert.equal(encoded(decodeKey(new ByteReader(Buffer.from(hex, 'hex')))), hex);
    }),
  );
});

test('1, 1n and INT or BIGINT 1 are one key, and so at the borders of 32 and 53 bits', () => {
  for (const value of [
    0,
    1,
    -1,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 60,
    -(2 ** 63),
  ]) {
    assert.equal(encoded(value), encoded(BigInt(value)));
    assert.equal(mapKey(value), mapKey(BigInt(value)));
    assert.equal(keyHash(value), keyHash(BigInt(value)));
    const bigints = new BigInt64Array([BigInt(value)]);
    assert.ok(keysEqual(new Float64Array([value])[0], bigints[0]));
  }
  assert.ok(!keysEqual(2 ** 53, 2n ** 53n + 1n));
});

test('0 and -0 are one key, all NaNs are one key, and the order of fields does not matter', () => {
  assert.equal(encoded(0), encoded(-0));
  assert.ok(Object.is(mapKey(-0), 0));
  const otherNaN = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0];
  assert.equal(encoded(Number.NaN), encoded(otherNaN));
  assert.ok(keysEqual(Number.NaN, otherNaN));
  assert.ok(keysEqual({ a: 1, b: [2n] }, { b: [2], a: 1 }));
  assert.ok(keysEqual({ a: 1, b: undefined }, { a: 1 }));
  for (const count of [3, 16, 17, 40]) {
    const fields = Array.from({ length: count }, (_, i) => [`f${i}`, i % 5 === 0 ? undefined : i]);
    assert.ok(keysEqual(Object.fromEntries(fields), Object.fromEntries(fields.toReversed())));
    assert.equal(keyHash(Object.fromEntries(fields)), keyHash(Object.fromEntries(fields.toReversed())));
  }
  assert.ok(!keysEqual([undefined], []));
  assert.ok(!keysEqual([undefined], [null]));
  assert.ok(!keysEqual({ a: null }, {}));
  assert.ok(keysEqual(new Date(5), new Date(5)));
  assert.ok(keysEqual(new Date(Number.NaN), new Date(Number.NaN)));
  assert.ok(!keysEqual(new Date(5), 5));
  assert.ok(keysEqual(new Uint8Array([1, 2]), Buffer.from([1, 2])));
  assert.ok(keysEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2]).buffer));
  assert.ok(!keysEqual('1', 1));
});

test('lone surrogates stay apart from each other and from the replacement character', () => {
  const texts = ['\ud800', '\ud801', '\udc00', '\ufffd', '\ud800\udc00', '\udc00\ud800'];
  assert.equal(new Set(texts.map((text) => encoded(text))).size, texts.length);
});

test('Map keys are equal exactly when encodings are', () => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      const table = new Map([[mapKey(a), true]]);
      assert.equal(table.has(mapKey(b)), encoded(a) === encoded(b));
      assert.equal(keysEqual(a, b), encoded(a) === encoded(b));
    }),
    { numRuns: 2000 },
  );
});

test('Map keys are equal exactly when encodings are, among values that are nearly the same', () => {
  const near = fc.constantFrom<unknown>(
    0,
    -0,
    0n,
    1,
    1n,
    '1',
    '',
    '\u0000',
    '\u0000s',
    2 ** 53,
    2n ** 53n,
    2n ** 53n + 1n,
    2 ** 63,
    2n ** 63n,
    Number.NaN,
    null,
    false,
    new Date(1),
    [],
    {},
    [1],
    [1n],
    { a: 1 },
    { a: 1n },
    new Uint8Array([1]),
    mapKey([]),
  );
  const nested = fc.oneof(near, fc.array(near, { maxLength: 1 }), fc.dictionary(fc.constantFrom('a'), near));
  fc.assert(
    fc.property(nested, nested, (a, b) => {
      assert.equal(new Set([mapKey(a), mapKey(b)]).size === 1, encoded(a) === encoded(b));
    }),
    { numRuns: 5000 },
  );
});

test('text that looks like the stand-in of another key is told from it', () => {
  const standIn = mapKey([1]) as string;
  assert.notEqual(mapKey(standIn), standIn);
  assert.notEqual(mapKey(mapKey(standIn)), mapKey(standIn));
});

test('the fast hashes agree with the hash over the encoding', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      assert.equal(keyHash(key), hashOfEncoding(Buffer.from(encoded(key), 'hex')));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = Buffer.from(text, 'utf8');
      assert.equal(keyHashUtf8(Buffer.concat([Buffer.from([9]), bytes]), 1, bytes.length + 1), keyHash(text));
    }),
  );
});

test('what has no canonical encoding is refused with its path', () => {
  assert.match(refusal(undefined), /`key` is undefined/);
  assert.match(
    refusal(() => 1),
    /`key` is a function/,
  );
  assert.match(refusal({ user: { callback: () => 1 } }), /`key\.user\.callback` is a function/);
  assert.match(refusal([1, { id: Symbol('x') }]), /`key\[1\]\.id` is a symbol/);
  assert.match(refusal({ when: Promise.resolve() }), /`key\.when` is a promise/);
  assert.match(refusal({ seen: new Map() }), /`key\.seen` is an instance of Map/);
  assert.match(refusal({ url: new URL('http://localhost') }), /`key\.url` is an instance of URL/);
  assert.match(refusal(new Int32Array(1)), /`key` is an instance of Int32Array/);
  const cycle: Record<string, unknown> = {};
  cycle['self'] = { again: cycle };
  assert.match(refusal(cycle), /`key\.self\.again` is an object that contains itself/);
  let deep: unknown = 1;
  for (let i = 0; i < 70; i++) deep = [deep];
  assert.match(refusal(deep), /nested more than 64 levels deep/);
});

test('a key that was refused leaves nothing behind that changes the next', () => {
  const before = keyHash({ a: [1] });
  assert.throws(() => keyHash({ a: [Symbol('x')] }));
  assert.equal(keyHash({ a: [1] }), before);
});

test('the same object twice in a key is no cycle', () => {
  const part = { x: 1 };
  assert.ok(keysEqual([part, part], [{ x: 1 }, { x: 1 }]));
});

test('instances of registered classes are keys by name and content', () => {
  class Point {
    x: number;
    y: number;
    constructor(x: number, y: number) {
      this.x = x;
      this.y = y;
    }
  }
  const types = new TypeRegistry();
  types.register('Point', Point);
  types.register('URL', URL, { encode: (url) => url.href, decode: (href) => new URL(String(href)) });
  assert.ok(keysEqual(new Point(1, 2), new Point(1, 2), types));
  assert.ok(!keysEqual(new Point(1, 2), { x: 1, y: 2 }, types));
  const hex = encoded([new Point(1, 2), new URL('http://localhost/a')], types);
  const [point, url] = decodeKey(new ByteReader(Buffer.from(hex, 'hex')), types) as [Point, URL];
  assert.ok(point instanceof Point);
  assert.deepEqual(point, new Point(1, 2));
  assert.equal(url.href, 'http://localhost/a');
  assert.throws(() => decodeKey(new ByteReader(Buffer.from(hex, 'hex'))), /"Point", which is not registered here/);
});

test('damaged keys are refused as corrupt', () => {
  assert.throws(() => decodeKey(new ByteReader(new Uint8Array([0x77]))), { code: 'FRAME_CORRUPT' });
  assert.throws(() => decodeKey(new ByteReader(new Uint8Array([0x04, 1]))), { code: 'FRAME_CORRUPT' });
});

test('key group ranges are contiguous, complete, and agree with the owner of each group', () => {
  for (const maxParallelism of [1, 2, 7, 128, 1000, 32_768]) {
    for (const parallelism of [1, 2, 3, 7, 64, 127, 128].filter((p) => p <= maxParallelism)) {
      let next = 0;
      for (let subtask = 0; subtask < parallelism; subtask++) {
        const { start, end } = keyGroupRange(maxParallelism, parallelism, subtask);
        assert.equal(start, next);
        next = end + 1;
        for (const group of [start, end]) assert.equal(subtaskOfKeyGroup(group, maxParallelism, parallelism), subtask);
      }
      assert.equal(next, maxParallelism);
    }
  }
  // The ranges that Flink's KeyGroupRangeAssignment gives for 10 groups on 3 subtasks.
  assert.deepEqual(
    [0, 1, 2].map((subtask) => keyGroupRange(10, 3, subtask)),
    [
      { start: 0, end: 3 },
      { start: 4, end: 6 },
      { start: 7, end: 9 },
    ],
  );
});

test('the default maximum parallelism follows the rule of Flink', () => {
  assert.deepEqual(
    [1, 2, 85, 86, 100, 170, 171, 1000, 21_845, 21_846, 40_000].map(defaultMaxParallelism),
    [128, 128, 128, 256, 256, 256, 256, 2048, 32_768, 32_768, 32_768],
  );
});
