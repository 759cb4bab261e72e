import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HashIndex, hashOfDouble, mix32 } from '../../src/state/hash-index.ts';

function rowsUnder(index: HashIndex, hash: number): number[] {
  const rows: number[] = [];
  for (let row = index.first(hash); row !== -1; row = index.next(hash)) rows.push(row);
  return rows.toSorted((a, b) => a - b);
}

test('a hash index finds what was inserted and not removed, however hashes collide', () => {
  // Few hashes, half of them with the same low bits, so that chains of probes cross and wrap around.
  const hash = fc.integer({ min: 0, max: 7 }).map((n) => (n < 4 ? n * 0x1000 : n - 20));
  const operation = fc.record({ insert: fc.boolean(), hash, pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const index = new HashIndex();
      const model = new Map<number, number>();
      let nextRow = 0;
      for (const { insert, hash: under, pick } of operations) {
        if (insert) {
          index.insert(under, nextRow);
          model.set(nextRow++, under);
        } else if (model.size > 0) {
          const row = [...model.keys()][pick % model.size] as number;
          assert.ok(index.remove(model.get(row) as number, row));
          model.delete(row);
        }
        for (const seen of new Set(model.values())) {
          const expected = [...model].filter(([, other]) => other === seen).map(([row]) => row);
          assert.deepEqual(rowsUnder(index, seen), expected);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('a hash index says that a row was not there', () => {
  const index = new HashIndex();
  index.insert(5, 1);
  assert.equal(index.remove(5, 2), false);
  assert.equal(index.remove(6, 1), false);
  assert.equal(index.first(5), 1);
});

test('a hash index of a hundred thousand rows finds each before and after others were removed', () => {
  const index = new HashIndex();
  const count = 100_000;
  for (let row = 0; row < count; row++) index.insert(mix32(row * 12_345), row);
  for (let row = 0; row < count; row++) assert.equal(index.only(mix32(row * 12_345)), row);
  for (let row = 0; row < count; row += 2) assert.ok(index.remove(mix32(row * 12_345), row));
  for (let row = 0; row < count; row++) assert.equal(index.only(mix32(row * 12_345)), row % 2 === 0 ? -1 : row);
});

test('mix32 maps no two of a million consecutive integers to one hash', () => {
  const seen = new Set<number>();
  for (let i = -500_000; i < 500_000; i++) seen.add(mix32(i));
  assert.equal(seen.size, 1_000_000);
});

test('numbers that are one key have one hash', () => {
  assert.equal(hashOfDouble(0), hashOfDouble(-0));
  const otherNaN = new Float64Array(new BigUint64Array([0x7ff8_0000_0000_0001n]).buffer)[0] as number;
  assert.equal(hashOfDouble(NaN), hashOfDouble(otherNaN));
});
