import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { MillstreamError } from '../../src/base/error.ts';
import { readValue, writeValue } from '../../src/data/structured-codec.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { ValueReader } from '../../src/data/value-reader.ts';
import { ValueWriter } from '../../src/data/value-writer.ts';
import { portrait } from './portrait.ts';
import { anyValue } from './any-value.ts';

const types = new TypeRegistry();

function bytesOf(value: unknown, registry = types): Uint8Array {
  const writer = new ByteWriter();
  writeValue(value, writer, registry);
  return writer.take();
}

function there<T>(value: T, registry = types): T {
  return readValue(new ByteReader(bytesOf(value, registry)), registry) as T;
}

function refusal(value: unknown): string {
  try {
    bytesOf(value);
  } catch (error) {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'VALUE_UNSUPPORTED');
    return error.message;
  }
  return assert.fail('the value was accepted');
}

test('any value comes back as it was', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      assert.equal(portrait(there(value)), portrait(value));
    }),
    { numRuns: 500 },
  );
});

test('many values in one batch share their shapes and nothing else', () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 20 }), (values) => {
      const bytes = new ByteWriter();
      const writer = new ValueWriter(types);
      writer.begin(bytes);
      for (const value of values) writer.write(value);
      const reader = new ValueReader(types);
      reader.begin(new ByteReader(bytes.take()));
      for (const value of values) assert.equal(portrait(reader.read()), portrait(value));
    }),
  );
});

test('objects of one shape write their names once in a batch, and again in the next', () => {
  const bytes = new ByteWriter();
  const writer = new ValueWriter(types);
  writer.begin(bytes);
  writer.write({ temperature: 1, humidity: 2 });
  const first = bytes.length;
  writer.write({ temperature: 3, humidity: 4 });
  assert.equal(bytes.length - first, 4);
  writer.begin(bytes);
  const second = bytes.length;
  writer.write({ temperature: 1, humidity: 2 });
  assert.equal(bytes.length - second, first);
});

test('an object that occurs twice in a value is one object again, in another value another', () => {
  const shared = { n: 1 };
  const [a, b] = there([shared, { inner: shared }]) as [object, { inner: object }];
  assert.equal(a, b.inner);
});

test('cycles close again, through every kind of container', () => {
  const root: Record<string, unknown> = {};
  root['self'] = root;
  root['list'] = [root];
  root['map'] = new Map([[root, root]]);
  root['set'] = new Set([root]);
  root['error'] = new Error('with a cause', { cause: root });
  const copy = there(root);
  assert.equal(portrait(copy), portrait(root));
  assert.equal(copy['self'], copy);
});

test('more objects than fit the short list keep their identities', () => {
  const items = Array.from({ length: 50 }, (_, i) => ({ i }));
  const value = [...items, ...items];
  assert.equal(portrait(there(value)), portrait(value));
});

test('a part with a foreign object is taken back, shapes included', () => {
  const bytes = new ByteWriter();
  const writer = new ValueWriter(types);
  writer.begin(bytes);
  const root = { id: 1 };
  writer.startValue();
  writer.foreign(root);
  assert.equal(writer.writePart({ fresh: 1, back: root }, 'value.x'), false);
  assert.equal(bytes.length, 0);
  writer.write({ fresh: 1, back: 2 });
  const reader = new ValueReader(types);
  reader.begin(new ByteReader(bytes.take()));
  assert.deepEqual(reader.read(), { fresh: 1, back: 2 });
});

test('what cannot survive is refused with its path and what to do', () => {
  assert.match(
    refusal(() => 1),
    /`value` is a function/,
  );
  assert.match(
    refusal({ user: { callback: () => 1 } }),
    /`value\.user\.callback` is a function; .* Keep functions out/,
  );
  assert.match(refusal([{ id: Symbol('x') }]), /`value\[0\]\.id` is a symbol/);
  assert.match(refusal({ done: Promise.resolve() }), /`value\.done` is a promise; .* asyncMap/);
  assert.match(refusal({ m: new Map([['k', new WeakMap()]]) }), /`value\.m\.get\("k"\)` is a WeakMap/);
  assert.match(refusal({ n: Object(1) }), /`value\.n` is a boxed Number; .*valueOf/);
  assert.match(refusal({ s: Object(Symbol('x')) }), /boxed Symbol/);
  assert.match(refusal(new SharedArrayBuffer(1)), /SharedArrayBuffer/);
  class Account {
    balance = 1;
  }
  assert.match(
    refusal({ account: new Account() }),
    /`value\.account` is an instance of Account, which is not registered; .*types\.register\('Account', Account\)/,
  );
  class Special extends Map<string, string> {}
  assert.match(refusal(new Special()), /an instance of Special/);
});

test('the operator is named where it is known', () => {
  const writer = new ValueWriter(types, 'enrich');
  writer.begin(new ByteWriter());
  assert.throws(
    () => writer.write({ f: () => 1 }),
    (error: MillstreamError) => {
      assert.match(error.message, /operator "enrich"/);
      assert.deepEqual(error.details, { path: 'value.f', operator: 'enrich' });
      return true;
    },
  );
});

test('values nested too deep are refused before the stack ends', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 900; i++) deep = { deep };
  assert.equal(portrait(there(deep)), portrait(deep));
  for (let i = 0; i < 200; i++) deep = [deep];
  assert.match(refusal(deep), /nested more than 1000 levels deep/);
});

test('registered classes come back as instances, field by field or by their codec', () => {
  const registry = new TypeRegistry();
  class Point {
    x: number;
    y: number;
    constructor(x: number, y: number) {
      this.x = x;
      this.y = y;
    }
    get length(): number {
      return Math.hypot(this.x, this.y);
    }
  }
  class Money {
    readonly #cents: bigint;
    constructor(cents: bigint) {
      this.#cents = cents;
    }
    get cents(): bigint {
      return this.#cents;
    }
  }
  registry.register('Point', Point);
  registry.register('Money', Money, { encode: (money) => money.cents, decode: (cents) => new Money(cents as bigint) });
  const point = new Point(3, 4);
  const money = new Money(5n);
  const copy = there({ a: point, b: point, m: money, n: money }, registry);
  assert.ok(copy.a instanceof Point);
  assert.equal(copy.a.length, 5);
  assert.equal(copy.a, copy.b);
  assert.equal(copy.m.cents, 5n);
  assert.equal(copy.m, copy.n);
  assert.throws(() => readValue(new ByteReader(bytesOf(point, registry)), types), { code: 'VALUE_UNSUPPORTED' });
});

test('a field whose name the class uses for an accessor is restored as a field', () => {
  const registry = new TypeRegistry();
  class Odd {
    get size(): number {
      return -1;
    }
  }
  registry.register('Odd', Odd);
  const odd = Object.defineProperty(new Odd(), 'size', { value: 7, enumerable: true });
  assert.equal(there(odd, registry).size, 7);
});

test('an instance whose codec refers back to it is refused', () => {
  const registry = new TypeRegistry();
  class Loop {
    self: unknown = this;
  }
  registry.register('Loop', Loop, { encode: (loop) => ({ self: loop.self }), decode: () => new Loop() });
  assert.throws(() => bytesOf(new Loop(), registry), /its own codec refers back to/);
});

test('one name means one class, and one class has one name', () => {
  const registry = new TypeRegistry();
  class A {
    a = 1;
  }
  class B {
    b = 1;
  }
  registry.register('A', A);
  registry.register('A', A);
  assert.throws(() => registry.register('A', B), { code: 'OPTION_INVALID' });
  assert.throws(() => registry.register('C', A), { code: 'OPTION_INVALID' });
  assert.throws(() => registry.register('', B), { code: 'OPTION_INVALID' });
});

test('errors of the engine survive with code and details', () => {
  const error = new MillstreamError('USER_CODE', 'it threw', {
    cause: new TypeError('inner'),
    details: { operator: 'map' },
  });
  const copy = there({ error }).error;
  assert.ok(copy instanceof MillstreamError);
  assert.equal(copy.code, 'USER_CODE');
  assert.equal(copy.message, error.message);
  assert.deepEqual(copy.details, error.details);
  assert.equal((copy.cause as Error).message, 'inner');
});

test('damaged bytes are refused as corrupt, never read past their end', () => {
  const bytes = bytesOf({ a: [1, 'text', new Map([[1, { b: 2n }]])], c: new Uint8Array([1, 2, 3]) });
  for (let end = 0; end < bytes.length; end++) {
    assert.throws(() => readValue(new ByteReader(bytes, 0, end), types), { code: 'FRAME_CORRUPT' });
  }
  assert.throws(() => readValue(new ByteReader(new Uint8Array([0x7f])), types), { code: 'FRAME_CORRUPT' });
  assert.throws(() => readValue(new ByteReader(new Uint8Array([0x09, 5])), types), { code: 'FRAME_CORRUPT' });
});
