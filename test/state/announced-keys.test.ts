import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { AnnouncedKeys } from '../../src/state/announced-keys.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { KeyTable, NO_ROW } from '../../src/state/key-table.ts';
import { ALL_GROUPS, harness } from './harness.ts';

const key = fc.constantFrom<unknown>(0, -0, 1, 7, -1, NaN, 0.5, 2 ** 40, 3n, 3, '', 'a', 'b', 'é', '\ud800', null, [1]);

const operation = fc.oneof(
  fc.record({ kind: fc.constant('announce' as const), keys: fc.array(key, { maxLength: 8 }) }),
  fc.record({ kind: fc.constantFrom('add' as const, 'remove' as const, 'take' as const), key }),
  // The next of those announced, as it goes most of the time.
  fc.constant({ kind: 'next' as const }),
);

/** A key that is found ahead: chance need not bring one. */
const FOUND = [
  { kind: 'add' as const, key: 'a' },
  { kind: 'announce' as const, keys: ['a'] },
  { kind: 'next' as const },
];

/** Whether what is taken is what a look-up finds, for a table that held `texts` texts before. */
function property(texts: number, numRuns: number): void {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const table = new KeyTable(new TypeRegistry());
      for (let i = 0; i < texts; i++) table.retain(table.add(`text ${i}`));
      const announced = new AnnouncedKeys(table);
      let coming: unknown[] = [];
      const take = (given: unknown): void => {
        const row = announced.take(given);
        if (row === NO_ROW) return;
        taken++;
        assert.equal(row, table.find(given));
      };
      for (const step of operations) {
        if (step.kind === 'announce') {
          coming = [...step.keys];
          announced.announce(step.keys);
        } else if (step.kind === 'next') {
          if (coming.length > 0) take(coming.shift());
        } else if (step.kind === 'take') take(step.key);
        else {
          const row = table.find(step.key);
          if (step.kind === 'add' && row === NO_ROW) table.retain(table.add(step.key));
          if (step.kind === 'remove' && row !== NO_ROW) table.release(row);
        }
      }
    }),
    { numRuns, examples: [[FOUND]] },
  );
  assert.ok(taken > 0);
}

test('a row that was found ahead is the row of the key, whatever came and went meanwhile', () => property(0, 500));

test('so it is among texts that are too many for a map', () => property(20_000, 30));

test('a backend that knows the keys ahead gives each its value, also when they come out of turn', () => {
  const { backend } = harness({ keyGroups: ALL_GROUPS });
  const state = backend.value(valueState<number>('n'));
  const names = Array.from({ length: 40_000 }, (_, i) => (i % 2 === 0 ? i : `user-${i}`));
  for (const [i, name] of names.entries()) {
    backend.setCurrentKey(name);
    state.update(i);
  }
  const coming = [5, 5, 4, 39_999, 70_000, 8, 3].map((i) => names[i] ?? 'nobody');
  let asked = false;
  backend.prefetch?.(() => {
    asked = true;
    return coming;
  });
  assert.ok(asked);
  const seen: (number | undefined)[] = [];
  for (const [i, name] of coming.entries()) {
    backend.setCurrentKey(name);
    seen.push(state.value());
    if (i === 3) {
      // A timer of another key, and a key that goes.
      backend.setCurrentKey(names[8]);
      state.clear();
      backend.setCurrentKey('newcomer');
      state.update(-1);
    }
  }
  assert.deepEqual(seen, [5, 5, 4, 39_999, undefined, undefined, 3]);
});
