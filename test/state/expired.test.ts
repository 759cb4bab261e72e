/** What expires is told, where a state asks for that: each value once, whenever and however it is removed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listState, mapState, reducingState, valueState } from '../../src/state/descriptor.ts';
import type { StateTtl } from '../../src/state/ttl.ts';
import { harness, snapshotOf } from './harness.ts';

const TTL: StateTtl = { timeToLive: 100, cleanup: { incremental: false }, reportExpired: true };

function told(): {
  readonly seen: unknown[];
  readonly expired: (state: string, key: unknown, value: unknown, entryKey: unknown) => void;
} {
  const seen: unknown[] = [];
  return {
    seen,
    expired: (state, key, value, entryKey) =>
      void seen.push(entryKey === undefined ? [state, key, value] : [state, key, value, entryKey]),
  };
}

test('a value that is met when it has expired is told once', () => {
  const { seen, expired } = told();
  const { backend, time } = harness({ expired });
  const value = backend.value(valueState<string>('v', { ttl: TTL }));
  const sum = backend.reducing(reducingState<number>('r', (a, b) => a + b, { ttl: TTL }));
  backend.setCurrentKey('k');
  value.update('old');
  sum.add(1);
  sum.add(2);
  time.advance(99);
  assert.equal(value.value(), 'old');
  assert.deepEqual(seen, []);
  time.advance(1);
  assert.equal(value.value(), undefined);
  assert.equal(value.value(), undefined);
  sum.add(5);
  assert.equal(sum.get(), 5);
  assert.deepEqual(seen, [
    ['v', 'k', 'old'],
    ['r', 'k', 3],
  ]);
});

test('what is cleared, or overwritten in time, has not expired', () => {
  const { seen, expired } = told();
  const { backend, time } = harness({ expired });
  const value = backend.value(valueState<string>('v', { ttl: TTL }));
  backend.setCurrentKey('k');
  value.update('a');
  time.advance(50);
  value.update('b');
  value.clear();
  time.advance(500);
  assert.equal(value.value(), undefined);
  assert.deepEqual(seen, []);
});

test('items of lists and entries of maps are told one by one', () => {
  const { seen, expired } = told();
  const { backend, time } = harness({ expired });
  const list = backend.list(listState<string>('l', { ttl: TTL }));
  const map = backend.map(mapState<string, number>('m', { ttl: TTL }));
  backend.setCurrentKey('k');
  list.addAll(['a', 'b']);
  map.put('x', 1);
  map.put('y', 2);
  map.put('z', 3);
  time.advance(60);
  list.add('c');
  map.put('w', 4);
  time.advance(40);
  assert.deepEqual(list.get(), ['c']);
  assert.equal(map.get('x'), undefined);
  map.put('y', 20);
  assert.deepEqual([...map.keys()].toSorted(), ['w', 'y']);
  assert.deepEqual(seen, [
    ['l', 'k', 'a'],
    ['l', 'k', 'b'],
    ['m', 'k', 1, 'x'],
    ['m', 'k', 2, 'y'],
    ['m', 'k', 3, 'z'],
  ]);
});

test('what the cleanup removes on its way is told with the key that it belonged to', () => {
  const { seen, expired } = told();
  const { backend, time } = harness({ expired });
  const ttl: StateTtl = { ...TTL, cleanup: { incremental: { entries: 50, everyRecord: true } } };
  const value = backend.value(valueState<number>('v', { ttl }));
  const list = backend.list(listState<number>('l', { ttl }));
  const map = backend.map(mapState<string, number>('m', { ttl }));
  for (let key = 0; key < 5; key++) {
    backend.setCurrentKey(key);
    value.update(key);
    list.add(10 + key);
    map.put('e', 20 + key);
  }
  time.advance(100);
  for (let round = 0; round < 5; round++) backend.setCurrentKey('other');
  const expected = Array.from({ length: 5 }, (_, key) => [
    ['v', key, key],
    ['l', key, 10 + key],
    ['m', key, 20 + key, 'e'],
  ]).flat();
  assert.deepEqual(new Set(seen.map(String)), new Set(expected.map(String)));
  assert.equal(seen.length, expected.length);
});

test('what has expired and was not told yet is told after a restore, cleanup of snapshots or not', () => {
  const ttl: StateTtl = { ...TTL, cleanup: { incremental: false, fullSnapshot: true } };
  const before = harness({ expired: told().expired });
  before.backend.setCurrentKey('k');
  before.backend.value(valueState<string>('v', { ttl })).update('old');
  before.time.advance(100);
  const snapshot = snapshotOf(before.backend);
  const { seen, expired } = told();
  const after = harness({ expired, from: [snapshot], time: before.time });
  const value = after.backend.value(valueState<string>('v', { ttl }));
  after.backend.setCurrentKey('k');
  assert.equal(value.value(), undefined);
  assert.deepEqual(seen, [['v', 'k', 'old']]);
});

test('a state that does not ask for it tells nothing', () => {
  const { seen, expired } = told();
  const { backend, time } = harness({ expired });
  const value = backend.value(valueState<string>('v', { ttl: { ...TTL, reportExpired: false } }));
  backend.setCurrentKey('k');
  value.update('old');
  time.advance(100);
  assert.equal(value.value(), undefined);
  assert.deepEqual(seen, []);
});
