import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../src/base/bytes.ts';
import { MillstreamError } from '../../src/base/error.ts';
import { encodeKey } from '../../src/data/key.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { KeyTable, NO_ROW } from '../../src/state/key-table.ts';

/** Keys of every sort, many of them nearly equal or equal in another form. */
const key = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer(),
  fc.bigInt({ min: -3n, max: 3n }),
  fc.constantFrom<unknown>(0, -0, NaN, 0.5, -0.5, 2 ** 31, 2n ** 31n, 2 ** 60, 2n ** 60n, 2 ** 70, 2n ** 70n, Infinity),
  fc.constantFrom<unknown>('', '0', '1', '\u0000', '\u0000s', '\u0000\u0004', 'é', '\ud800', true, false, null),
  fc.string({ maxLength: 2 }),
  fc.constantFrom<unknown>([], [1], [1n], ['1'], {}, { a: 1 }, { a: 1, b: undefined }, { b: 2, a: 1 }, { a: 1, b: 2n }),
  fc.constantFrom<unknown>(new Date(0), new Date(1), new Uint8Array([1, 2]), Buffer.from([1, 2]), new Uint8Array()),
);

function identity(value: unknown): string {
  const writer = new ByteWriter();
  encodeKey(value, writer);
  return Buffer.from(writer.view()).toString('hex');
}

test('a key table holds a row per canonical key, while there are references to it', () => {
  const operation = fc.record({ add: fc.boolean(), key });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const table = new KeyTable(new TypeRegistry());
      const model = new Map<string, { row: number; references: number; key: unknown }>();
      for (const { add, key: given } of operations) {
        const known = model.get(identity(given));
        assert.equal(table.find(given), known?.row ?? NO_ROW);
        if (add) {
          const row = known?.row ?? table.add(given);
          table.retain(row);
          if (known === undefined) model.set(identity(given), { row, references: 1, key: given });
          else known.references++;
        } else if (known !== undefined) {
          known.references--;
          assert.equal(table.release(known.row), known.references === 0);
          if (known.references === 0) model.delete(identity(given));
        }
        assert.equal(table.size, model.size);
      }
      const rows = new Set<number>();
      for (const { row, key: first } of model.values()) {
        assert.ok(Object.is(table.keyOf(row), first), 'the key comes back as it was first given');
        rows.add(row);
      }
      assert.equal(rows.size, model.size);
    }),
    { numRuns: 1000 },
  );
});

test('text keys are found after they have outgrown the Map', () => {
  const table = new KeyTable(new TypeRegistry());
  const count = 40_000;
  for (let i = 0; i < count; i++) table.retain(table.add(`key ${i}`));
  for (let i = 0; i < count; i++) assert.equal(table.keyOf(table.find(`key ${i}`)), `key ${i}`);
  for (let i = 0; i < count; i += 2) table.release(table.find(`key ${i}`));
  for (let i = 0; i < count; i++) assert.equal(table.find(`key ${i}`) === NO_ROW, i % 2 === 0);
  assert.equal(table.size, count / 2);
});

test('freed rows are used again', () => {
  const table = new KeyTable(new TypeRegistry());
  for (let i = 0; i < 10_000; i++) {
    const row = table.add(i);
    table.retain(row);
    table.release(row);
  }
  assert.equal(table.size, 0);
  assert.equal(table.limit, 1);
});

test('a key that is changed after it was added is still removed', () => {
  const table = new KeyTable(new TypeRegistry());
  const changing = { id: 1 };
  const row = table.add(changing);
  table.retain(row);
  changing.id = 2;
  assert.ok(table.release(row));
  assert.equal(table.find({ id: 1 }), NO_ROW);
});

test('what cannot be a key is refused and leaves nothing behind', () => {
  const table = new KeyTable(new TypeRegistry());
  for (const wrong of [undefined, () => 1, Symbol('x'), { f: () => 1 }, [Promise.resolve()]]) {
    assert.throws(
      () => table.find(wrong),
      (error) => error instanceof MillstreamError && error.code === 'KEY_INVALID',
    );
  }
  assert.equal(table.size, 0);
});
