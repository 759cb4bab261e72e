import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TripleIndex } from '../../src/state/triple-index.ts';

test('a triple index finds what was put and not removed', () => {
  const part = fc.integer({ min: -2, max: 3 });
  const operation = fc.record({ put: fc.boolean(), a: part, b: part, c: part });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
      const index = new TripleIndex();
      const model = new Map<string, number>();
      for (const [number, { put, a, b, c }] of operations.entries()) {
        const name = `${a} ${b} ${c}`;
        const known = model.get(name);
        assert.equal(index.find(a, b, c), known ?? -1);
        if (put && known === undefined) {
          index.insert(a, b, c, number);
          model.set(name, number);
        } else if (!put) {
          assert.equal(index.remove(a, b, c), known !== undefined);
          model.delete(name);
        }
      }
      for (const [name, number] of model) {
        const [a, b, c] = name.split(' ').map(Number) as [number, number, number];
        assert.equal(index.find(a, b, c), number);
      }
    }),
    { numRuns: 500 },
  );
});

test('a triple index of two hundred thousand entries finds each before and after others were removed', () => {
  const index = new TripleIndex();
  const each = (visit: (a: number, b: number, c: number, number: number) => void): void => {
    for (let i = 0; i < 200_000; i++) visit(i % 1000, Math.floor(i / 1000) - 1, i % 3, i);
  };
  each((a, b, c, number) => index.insert(a, b, c, number));
  each((a, b, c, number) => assert.equal(index.find(a, b, c), number));
  each((a, b, c, number) => {
    if (number % 2 === 0) assert.ok(index.remove(a, b, c));
  });
  each((a, b, c, number) => assert.equal(index.find(a, b, c), number % 2 === 0 ? -1 : number));
  index.clear();
  assert.equal(index.find(1, -1, 1), -1);
});
