import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aggregatingState, listState, mapState, reducingState, valueState } from '../../src/state/descriptor.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import type { StateTtl } from '../../src/state/ttl.ts';
import { FakeTime, harness, snapshotOf } from './harness.ts';

const TTL: StateTtl = { timeToLive: 100, cleanup: { incremental: false } };
const REFRESHED: StateTtl = { ...TTL, update: 'on-read-and-write' };
const RETURNED: StateTtl = { ...TTL, visibility: 'return-expired-if-not-cleaned-up' };

function entriesIn(snapshot: OperatorSnapshot): number {
  const parts = snapshot.keyed.flatMap((state) => state.groups.flatMap((group) => group.parts));
  return parts.reduce((sum, part) => sum + part.count, 0);
}

test('a value expires when its time to live has passed since the last write', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: TTL, initial: () => -1 }));
  backend.setCurrentKey(1);
  value.update(1);
  time.advance(60);
  assert.equal(value.value(), 1);
  value.update(2);
  time.advance(99);
  assert.equal(value.value(), 2);
  assert.equal(backend.size, 1);
  time.advance(1);
  assert.equal(value.value(), -1);
  assert.equal(backend.size, 0);
});

test('reading keeps a value alive where reading refreshes it', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: REFRESHED }));
  backend.setCurrentKey(1);
  value.update(1);
  for (let i = 0; i < 5; i++) {
    time.advance(90);
    assert.equal(value.value(), 1);
  }
  time.advance(100);
  assert.equal(value.value(), undefined);
});

test('an update setting of disabled is no TTL', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: { ...TTL, update: 'disabled' } }));
  backend.setCurrentKey(1);
  value.update(1);
  time.advance(1e9);
  assert.equal(value.value(), 1);
});

test('an expired value that is still there is returned once where that is asked for', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: RETURNED }));
  const list = backend.list(listState<number>('l', { ttl: RETURNED }));
  const map = backend.map(mapState<string, number>('m', { ttl: RETURNED }));
  backend.setCurrentKey(1);
  value.update(1);
  list.add(1);
  map.putAll([
    ['a', 1],
    ['b', 2],
  ]);
  time.advance(100);
  list.add(2);
  assert.equal(map.isEmpty(), false);
  assert.deepEqual([value.value(), list.get(), map.get('a'), [...map.keys()]], [1, [1, 2], 1, ['b']]);
  assert.deepEqual([value.value(), list.get(), map.get('a'), [...map.keys()]], [undefined, [2], undefined, []]);
  assert.ok(map.isEmpty());
});

test('the items of a list expire one by one', () => {
  const { backend, time } = harness();
  const list = backend.list(listState<number>('l', { ttl: TTL }));
  backend.setCurrentKey(1);
  list.add(1);
  time.advance(50);
  list.addAll([2, 3]);
  time.advance(50);
  assert.deepEqual(list.get(), [2, 3]);
  list.update([4]);
  time.advance(99);
  assert.ok(!list.isEmpty());
  assert.deepEqual(list.get(), [4]);
  time.advance(1);
  assert.ok(list.isEmpty());
  assert.deepEqual(list.get(), []);
  assert.equal(backend.size, 0);
});

test('reading a list refreshes the items that are alive', () => {
  const { backend, time } = harness();
  const list = backend.list(listState<number>('l', { ttl: REFRESHED }));
  backend.setCurrentKey(1);
  list.add(1);
  time.advance(60);
  list.add(2);
  assert.deepEqual(list.get(), [1, 2]);
  time.advance(60);
  assert.deepEqual(list.get(), [1, 2]);
});

test('the entries of a map expire one by one, and reading one refreshes that one', () => {
  const { backend, time } = harness();
  const map = backend.map(mapState<string, number>('m', { ttl: REFRESHED }));
  backend.setCurrentKey(1);
  map.putAll([
    ['read', 1],
    ['looked for', 2],
    ['left alone', 3],
  ]);
  time.advance(60);
  assert.equal(map.get('read'), 1);
  assert.ok(map.contains('looked for'));
  time.advance(60);
  assert.equal(map.contains('left alone'), false);
  assert.deepEqual([...map.keys()], ['read', 'looked for']);
  time.advance(60);
  assert.deepEqual(
    [...map.entries()],
    [
      ['read', 1],
      ['looked for', 2],
    ],
  );
  time.advance(100);
  assert.ok(map.isEmpty());
  assert.deepEqual([...map.values()], []);
  assert.equal(backend.size, 0);
});

test('a map that is only written expires from the last write of each entry', () => {
  const { backend, time } = harness();
  const map = backend.map(mapState<string, number>('m', { ttl: TTL }));
  backend.setCurrentKey(1);
  map.put('a', 1);
  map.put('b', 1);
  time.advance(60);
  map.get('a');
  map.put('b', 2);
  map.remove('nobody');
  time.advance(60);
  assert.deepEqual([...map.entries()], [['b', 2]]);
});

test('a reducing state starts anew after it has expired', () => {
  const { backend, time } = harness();
  const sum = backend.reducing(reducingState<number>('r', (a, b) => a + b, { ttl: TTL }));
  const text = backend.aggregating(
    aggregatingState(
      'a',
      { createAccumulator: () => '', add: (value: string, acc: string) => acc + value, getResult: (acc) => acc },
      { ttl: TTL },
    ),
  );
  backend.setCurrentKey(1);
  sum.add(1);
  text.add('x');
  time.advance(99);
  sum.add(2);
  text.add('y');
  assert.deepEqual([sum.get(), text.get()], [3, 'xy']);
  time.advance(100);
  sum.add(5);
  text.add('z');
  assert.deepEqual([sum.get(), text.get()], [5, 'z']);
  sum.clear();
  text.clear();
  assert.deepEqual([sum.get(), text.get()], [undefined, undefined]);
});

test('incremental cleanup removes what has expired while other keys are used', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: { timeToLive: 100 } }));
  for (let key = 0; key < 1000; key++) {
    backend.setCurrentKey(key);
    value.update(key);
  }
  time.advance(100);
  backend.setCurrentKey('busy');
  for (let i = 0; i < 50; i++) value.update(i);
  const { size } = backend;
  assert.ok(size < 1000, `${size} keys are left after fifty accesses`);
  assert.ok(size > 700, 'an access looks at five entries, not at all');
  for (let i = 0; i < 200; i++) value.update(i);
  assert.equal(backend.size, 1);
});

test('incremental cleanup can be off, and an access then removes nothing but its own', () => {
  const { backend, time } = harness();
  const value = backend.value(valueState<number>('v', { ttl: TTL }));
  for (let key = 0; key < 100; key++) {
    backend.setCurrentKey(key);
    value.update(key);
  }
  time.advance(100);
  for (let i = 0; i < 1000; i++) value.value();
  assert.equal(backend.size, 99);
});

test('incremental cleanup goes on with every record where that is asked for, also without an access', () => {
  const { backend, time } = harness();
  const everyRecord = { entries: 2, everyRecord: true };
  const list = backend.list(
    listState<number>('l', { ttl: { timeToLive: 100, cleanup: { incremental: everyRecord } } }),
    true,
  );
  for (let key = 0; key < 10; key++) {
    backend.setCurrentKey(key);
    backend.setCurrentNamespace(key);
    list.addAll([1, 2]);
  }
  time.advance(50);
  list.add(3);
  time.advance(50);
  for (let i = 0; i < 10; i++) backend.setCurrentKey('other');
  assert.equal(backend.size, 1);
  backend.setCurrentKey(9);
  assert.deepEqual(list.get(), [3]);
});

test('incremental cleanup shortens lists and maps that are alive in part', () => {
  const { backend, time } = harness();
  const ttl = { timeToLive: 100 };
  const list = backend.list(listState<number>('l', { ttl }));
  const map = backend.map(mapState<number, number>('m', { ttl }));
  backend.setCurrentKey('sleeping');
  list.add(1);
  map.put(1, 1);
  time.advance(60);
  list.add(2);
  map.put(2, 2);
  time.advance(60);
  backend.setCurrentKey('busy');
  list.add(0);
  map.put(0, 0);
  // Going back in time shows what is still there.
  time.now -= 60;
  backend.setCurrentKey('sleeping');
  assert.deepEqual(list.get(), [2]);
  assert.deepEqual([...map.keys()], [2]);
});

test('incremental cleanup finds the expired entries of a map again and again, also after a restore', () => {
  const time = new FakeTime();
  const open = (from?: readonly OperatorSnapshot[]) => {
    const { backend } = harness(from === undefined ? { time } : { time, from });
    return { backend, map: backend.map(mapState<number, number>('m', { ttl: { timeToLive: 100 } })) };
  };
  let { backend, map } = open();
  for (let i = 0; i < 10; i++) {
    backend.setCurrentKey('sleeping');
    map.put(i, i);
    if (i === 5) ({ backend, map } = open([snapshotOf(backend)]));
    time.advance(30);
    backend.setCurrentKey('busy');
    map.put(0, 0);
  }
  // Going back in time shows what is still there.
  time.now -= 99;
  backend.setCurrentKey('sleeping');
  assert.deepEqual([...map.keys()], [7, 8, 9]);
});

test('a full snapshot leaves out what has expired only where that is asked for', () => {
  for (const fullSnapshot of [false, true]) {
    const { backend, time } = harness();
    const ttl: StateTtl = { timeToLive: 100, cleanup: { fullSnapshot, incremental: false } };
    const value = backend.value(valueState<number>('v', { ttl }));
    const list = backend.list(listState<number>('l', { ttl }));
    backend.setCurrentKey('old');
    value.update(1);
    list.add(1);
    backend.setCurrentKey('mixed');
    list.add(1);
    time.advance(100);
    list.add(2);
    const snapshot = snapshotOf(backend);
    assert.equal(entriesIn(snapshot), fullSnapshot ? 1 : 3);
    // The local state is as it was.
    assert.equal(backend.size, 2);
    assert.deepEqual(list.get(), [2]);
  }
});

test('stamps survive a restore', () => {
  const time = new FakeTime();
  const open = (from?: readonly OperatorSnapshot[]) => {
    const { backend } = harness(from === undefined ? { time } : { time, from });
    return {
      backend,
      value: backend.value(valueState<number>('v', { ttl: TTL })),
      list: backend.list(listState<number>('l', { ttl: TTL })),
      map: backend.map(mapState<string, number>('m', { ttl: TTL })),
    };
  };
  const before = open();
  before.backend.setCurrentKey(1);
  before.list.add(1);
  before.map.put('a', 1);
  time.advance(40);
  before.value.update(1);
  before.list.add(2);
  before.map.put('b', 2);
  const after = open([snapshotOf(before.backend)]);
  after.backend.setCurrentKey(1);
  time.advance(60);
  assert.deepEqual([after.value.value(), after.list.get(), [...after.map.keys()]], [1, [2], ['b']]);
  time.advance(40);
  assert.deepEqual([after.value.value(), after.list.get(), [...after.map.keys()]], [undefined, [], []]);
});

test('TTL that is switched on between snapshots counts from the restore, and off means never', () => {
  const time = new FakeTime();
  const states = (ttl: StateTtl | undefined, from?: readonly OperatorSnapshot[]) => {
    const { backend } = harness(from === undefined ? { time } : { time, from });
    const options = ttl === undefined ? {} : { ttl };
    const value = backend.value(valueState<number>('v', options));
    const list = backend.list(listState<number>('l', options));
    const map = backend.map(mapState<string, number>('m', options));
    backend.setCurrentKey(1);
    return { backend, value, list, map, read: () => [value.value(), list.get(), [...map.entries()]] };
  };
  const there = [1, [1], [['a', 1]]];
  const gone = [undefined, [], []];
  const off = states(undefined);
  off.value.update(1);
  off.list.add(1);
  off.map.put('a', 1);
  time.advance(1000);
  const on = states(TTL, [snapshotOf(off.backend)]);
  time.advance(99);
  assert.deepEqual(on.read(), there);
  const offAgain = states(undefined, [snapshotOf(on.backend)]);
  time.advance(1);
  assert.deepEqual(on.read(), gone);
  assert.deepEqual(offAgain.read(), there);
});
