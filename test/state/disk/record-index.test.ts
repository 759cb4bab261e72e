import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_SLOT, RecordIndex } from '../../../src/state/disk/record-index.ts';

interface Entry {
  readonly group: number;
  readonly hash: number;
  readonly reference: number;
  generation: number;
}

const HASHES = [0, 1, 2, 3, -1, -2, 0x7fff_ffff, -0x8000_0000, 0x1000_0000, 0x1000_0001];

type Step =
  | { readonly add: number; readonly group: number }
  | { readonly remove: number }
  | { readonly mark: number }
  | { readonly reserve: number; readonly group: number }
  | { readonly generations: number; readonly complete: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      add: fc.oneof(fc.constantFrom(...HASHES), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })),
      group: fc.integer({ min: 4, max: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ remove: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ mark: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ reserve: fc.nat({ max: 100 }), group: fc.integer({ min: 4, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ generations: fc.constantFrom(1, 2, 40, 130), complete: fc.boolean() }) },
);

test('an index finds what was put in, whatever was removed, and knows what changed since a generation', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      let bytes = 0;
      const index = new RecordIndex(4, 3);
      const entries: Entry[] = [];
      let next = 1;
      let generation = 1;
      let completed = 0;
      for (const each of steps) {
        if ('add' in each) {
          const entry = { group: each.group, hash: each.add, reference: next++, generation };
          index.insert(entry.group, entry.hash, entry.reference, generation);
          bytes += index.takeGrown();
          entries.push(entry);
        } else if ('reserve' in each) {
          index.reserve(each.group, each.reserve);
          bytes += index.takeGrown();
        } else if ('remove' in each) {
          const [entry] = entries.splice(each.remove % Math.max(1, entries.length), 1);
          if (entry !== undefined)
            index.remove(entry.group, index.findReference(entry.group, entry.hash, entry.reference));
        } else if ('mark' in each) {
          const entry = entries[each.mark % Math.max(1, entries.length)];
          if (entry === undefined) continue;
          const slot = index.findReference(entry.group, entry.hash, entry.reference);
          index.mark(entry.group, slot, generation, false);
          entry.generation = generation;
        } else {
          if (each.complete) {
            completed = generation;
            index.completed(generation);
          }
          generation += each.generations;
        }
      }
      assert.equal(index.size, entries.length);
      assert.equal(index.bytes, bytes);
      for (const entry of entries) {
        const found: number[] = [];
        for (let slot = index.find(entry.group, entry.hash); slot !== NO_SLOT;) {
          found.push(index.reference(entry.group, slot));
          slot = index.next(entry.group, entry.hash, slot);
        }
        const expected = entries.filter((other) => other.group === entry.group && other.hash === entry.hash);
        assert.deepEqual(found.toSorted(), expected.map((other) => other.reference).toSorted());
      }
      for (let group = 4; group <= 6; group++) {
        const all: number[] = [];
        const changed = new Set<number>();
        const stretches = [0, 1, 5, 0x1000_0001, 0x8000_0000, 0xffff_ffff, 2 ** 32];
        for (let i = 0; i + 1 < stretches.length; i++) {
          const [from, to] = [stretches[i] as number, stretches[i + 1] as number];
          index.walk(group, from, to, -1, (hash, reference) => {
            assert.ok(hash >>> 0 >= from && hash >>> 0 < to);
            all.push(reference);
          });
          index.walk(group, from, to, completed, (_hash, reference) => changed.add(reference));
        }
        const mine = entries.filter((entry) => entry.group === group);
        assert.deepEqual(all.toSorted(), mine.map((entry) => entry.reference).toSorted());
        // What changed long ago may be named too, what changed never may be missing.
        for (const entry of mine) if (entry.generation > completed) assert.ok(changed.has(entry.reference));
      }
    }),
    { numRuns: 300 },
  );
});

test('an index with room for so many entries does not grow while they come', () => {
  const index = new RecordIndex(0, 1);
  index.reserve(0, 1_000);
  assert.ok(index.takeGrown() > 0);
  for (let i = 1; i <= 1_000; i++) index.insert(0, Math.imul(i, 0x9e37_79b1), i, 1);
  assert.equal(index.takeGrown(), 0);
});
