import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TypeRegistry } from '../../../src/data/type-registry.ts';
import { RecordBuffer } from '../../../src/state/disk/record-buffer.ts';
import { type ShapeHint, Shapes, StateValueReader, StateValueWriter } from '../../../src/state/disk/value-codec.ts';

function codec() {
  const shapes = new Shapes(() => {});
  const out = new RecordBuffer(64);
  const types = new TypeRegistry();
  const writer = new StateValueWriter(shapes, out, types);
  const reader = new StateValueReader(shapes, types);
  const hint: ShapeHint = { shape: undefined };
  return {
    out,
    hint,
    write: (value: unknown) => writer.write(value, hint, 'state'),
    all(count: number): unknown[] {
      reader.begin(out.bytes, out.view, 0);
      const values = Array.from({ length: count }, () => reader.any());
      assert.equal(reader.offset, out.length);
      return values;
    },
  };
}

test('values are read as they were written, one after the other', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 90 }),
    fc.string({ unit: 'binary', maxLength: 90 }),
    fc.constant('\ud800x'),
  );
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    values: [fc.integer(), fc.double(), text, fc.boolean(), fc.constant(null), fc.constant(undefined)],
  });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 8 }), (values) => {
      const { write, all } = codec();
      for (const each of values) write(each);
      assert.deepStrictEqual(all(values.length), values);
    }),
    { numRuns: 2000 },
  );
});

test('objects that occur twice, and cycles, keep their identities', () => {
  const shared = { a: 1 };
  const cycle: Record<string, unknown> = { name: 'c' };
  cycle['self'] = cycle;
  const { write, all } = codec();
  write([shared, shared]);
  write(cycle);
  const [pair, again] = all(2) as [[object, object], Record<string, unknown>];
  assert.deepEqual(pair, [shared, shared]);
  assert.equal(pair[0], pair[1]);
  assert.equal(again['self'], again);
});

test('many objects in one value are told apart', () => {
  const { write, all } = codec();
  const items = Array.from({ length: 50 }, (_, i) => ({ i }));
  write(items);
  const last = items.at(-1);
  write([...items, last]);
  const [apart, again] = all(2) as [object[], object[]];
  assert.deepEqual(apart, items);
  assert.equal(again[49], again[50]);
});

test('a field named __proto__ is a field like others', () => {
  const value: unknown = JSON.parse('{"__proto__": 1, "a": 2}');
  const { write, all } = codec();
  write(value);
  assert.deepEqual(Object.entries(all(1)[0] as object), [
    ['__proto__', 1],
    ['a', 2],
  ]);
});

test('what has no bytes is refused by name, and nothing of it stays behind', () => {
  const { write, all, out } = codec();
  write(1);
  const { length } = out;
  assert.throws(() => write({ a: { f: () => 1 } }), { code: 'VALUE_UNSUPPORTED', message: /state\.a\.f/ });
  assert.equal(out.length, length);
  write('x');
  assert.deepEqual(all(2), [1, 'x']);
});

test('objects with too many shapes are stored all the same', () => {
  const { write, all } = codec();
  const values = Array.from({ length: 1500 }, (_, i) => ({ [`field${i}`]: i, common: 'x' }));
  for (const value of values) write(value);
  assert.deepEqual(all(values.length), values);
});
