import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError } from '../../src/base/error.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { createOperatorState, type MemoryOperatorState } from '../../src/state/operator-state-memory.ts';
import { createSnapshotWriter, redistribute, restoredState } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';

const types = new TypeRegistry();

function snapshotOf(store: MemoryOperatorState): OperatorSnapshot {
  const writer = createSnapshotWriter(1, 'checkpoint', 'op', types);
  store.snapshot(writer);
  return writer.finish();
}

function restore(snapshots: readonly OperatorSnapshot[], parallelism: number): MemoryOperatorState[] {
  return Array.from({ length: parallelism }, (_, subtask) =>
    createOperatorState(types, restoredState([redistribute(snapshots, 128, parallelism, subtask)], types)),
  );
}

function ascending(a: number, b: number): number {
  return a - b;
}

function failsWith(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test('a list holds what is added, and copies what it is updated to', () => {
  const list = createOperatorState(types, undefined).list<number>('l', 'split');
  assert.deepEqual(list.items, []);
  list.add(1);
  const given = [2, 3];
  list.update(given);
  given.push(4);
  list.add(5);
  assert.deepEqual(list.items, [2, 3, 5]);
  list.clear();
  assert.deepEqual(list.items, []);
});

test('a broadcast map compares its keys canonically', () => {
  const map = createOperatorState(types, undefined).broadcast<unknown, string>('rules');
  map.put([1], 'a');
  map.put(1n, 'b');
  map.putAll([[1, 'c']]);
  assert.equal(map.get([1]), 'a');
  assert.ok(map.contains(1));
  assert.deepEqual(
    [...map.entries()],
    [
      [[1], 'a'],
      [1n, 'c'],
    ],
  );
  map.remove([1]);
  assert.equal(map.get([1]), undefined);
  map.clear();
  assert.deepEqual([...map.entries()], []);
});

test('split lists keep every item once, union lists and broadcast maps are everywhere, through changes of the parallelism', () => {
  const parallelism = fc.integer({ min: 1, max: 5 });
  const items = fc.array(fc.array(fc.integer(), { maxLength: 4 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(items, fc.array(parallelism, { maxLength: 3 }), (given, steps) => {
      let stores = given.map((each) => {
        const store = createOperatorState(types, undefined);
        store.list<number>('split', 'split').update(each);
        store.list<number>('union', 'union').update(each);
        store.broadcast<string, number>('rules').put('answer', 42);
        return store;
      });
      for (const next of steps) {
        stores = restore(stores.map(snapshotOf), next);
        const split = stores.flatMap((store) => store.list<number>('split', 'split').items);
        assert.deepEqual(split.toSorted(ascending), given.flat().toSorted(ascending));
        for (const store of stores) {
          // Everybody has everything now, and keeps a part of it, as a source would.
          const union = store.list<number>('union', 'union');
          assert.deepEqual(union.items, given.flat());
          union.update(store === stores[0] ? given.flat() : []);
          assert.deepEqual([...store.broadcast<string, number>('rules').entries()], [['answer', 42]]);
        }
      }
    }),
  );
});

test('what was restored and not asked for is in the next snapshot', () => {
  const first = createOperatorState(types, undefined);
  first.list<number>('l', 'split').add(1);
  first.broadcast<string, number>('b').put('k', 2);
  const [second] = restore([snapshotOf(first)], 1) as [MemoryOperatorState];
  second.list<number>('new', 'split').add(3);
  const [third] = restore([snapshotOf(second)], 1) as [MemoryOperatorState];
  assert.deepEqual(third.list<number>('l', 'split').items, [1]);
  assert.deepEqual(third.list<number>('new', 'split').items, [3]);
  assert.equal(third.broadcast<string, number>('b').get('k'), 2);
});

test('asking again gives the same state, asking otherwise is refused', () => {
  const store = createOperatorState(types, undefined);
  store.list<number>('l', 'split').add(1);
  assert.deepEqual(store.list<number>('l', 'split').items, [1]);
  assert.throws(() => store.list('l', 'union'), failsWith('STATE_INVALID', /"l".*by split.*by union/));
  assert.throws(() => store.broadcast('l'), failsWith('STATE_INVALID', /"l".*a broadcast map/));
});

test('a stored list is not taken for a broadcast map, and one that is dealt out otherwise now is taken', () => {
  const store = createOperatorState(types, undefined);
  store.list<number>('l', 'split').add(1);
  const [again, other] = [restore([snapshotOf(store)], 1)[0], restore([snapshotOf(store)], 1)[0]];
  assert.throws(() => again?.broadcast('l'), failsWith('STATE_INCOMPATIBLE', /"l" is stored as a list/));
  assert.deepEqual(other?.list('l', 'union').items, [1]);
});
