import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../src/base/error.ts';
import { keyGroup } from '../../src/data/key.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type ValueState,
} from '../../src/state/descriptor.ts';
import { stateHandle } from '../../src/state/state-handle.ts';
import { harness, MAX_PARALLELISM, snapshotOf } from './harness.ts';

function failsWith(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MillstreamError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test('a value state holds one value per key', () => {
  const { backend } = harness();
  const count = backend.value(valueState<number>('count'));
  backend.setCurrentKey('a');
  count.update(1);
  backend.setCurrentKey('b');
  assert.equal(count.value(), undefined);
  count.update(2);
  backend.setCurrentKey('a');
  assert.equal(count.value(), 1);
  count.clear();
  assert.equal(count.value(), undefined);
  assert.equal(backend.size, 1);
});

test('the initial value is made anew for every key that has none, and is not stored', () => {
  const { backend } = harness();
  const seen = backend.value(valueState<string[]>('seen', { initial: () => [] }));
  backend.setCurrentKey(1);
  const first = seen.value();
  first?.push('lost');
  assert.deepEqual(seen.value(), []);
  assert.equal(backend.size, 0);
  seen.update(['kept']);
  assert.deepEqual(seen.value(), ['kept']);
  seen.clear();
  assert.deepEqual(seen.value(), []);
});

test('updating a value to undefined clears it, and null is a value', () => {
  const { backend } = harness();
  const state = backend.value(valueState<string | null | undefined>('s'));
  backend.setCurrentKey(1);
  state.update(null);
  assert.equal(state.value(), null);
  state.update(undefined);
  assert.equal(state.value(), undefined);
  assert.equal(backend.size, 0);
});

test('keys that are equal in their canonical form share their state', () => {
  const { backend } = harness();
  const state = backend.value(valueState<string>('s'));
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [1, 1n],
    [0, -0],
    [NaN, Number('x')],
    [2 ** 60, 2n ** 60n],
    [
      { a: 1, b: [2n] },
      { b: [2], a: 1 },
    ],
    [new Date(5), new Date(5)],
    [Buffer.from('x'), new Uint8Array([120])],
  ];
  for (const [one, other] of pairs) {
    backend.setCurrentKey(one);
    state.update('set');
    backend.setCurrentKey('between');
    backend.setCurrentKey(other);
    assert.equal(state.value(), 'set');
    state.clear();
  }
  backend.setCurrentKey(1);
  state.update('number');
  backend.setCurrentKey('1');
  assert.equal(state.value(), undefined);
});

test('a key object that is changed and made current again is looked up again', () => {
  const { backend } = harness();
  const state = backend.value(valueState<number>('s'));
  const key = { id: 1 };
  backend.setCurrentKey(key);
  state.update(1);
  key.id = 2;
  backend.setCurrentKey(key);
  assert.equal(state.value(), undefined);
});

test('the current key and its group are known before and after there is state', () => {
  const { backend } = harness();
  const state = backend.value(valueState<number>('s'));
  backend.setCurrentKey('user');
  assert.equal(backend.currentKey, 'user');
  assert.equal(backend.currentKeyGroup, keyGroup('user', MAX_PARALLELISM));
  state.update(1);
  assert.equal(backend.currentKeyGroup, keyGroup('user', MAX_PARALLELISM));
});

test('namespaced state is apart by namespace, other state is not', () => {
  const { backend } = harness();
  const window = backend.reducing(
    reducingState<number>('window', (a, b) => a + b),
    true,
  );
  const all = backend.reducing(reducingState<number>('all', (a, b) => a + b));
  backend.setCurrentKey('k');
  for (const end of [1_700_000_000_000, 1_700_000_005_000, 1_700_000_000_000]) {
    backend.setCurrentNamespace(end);
    window.add(1);
    all.add(1);
  }
  assert.equal(window.get(), 2);
  assert.equal(all.get(), 3);
  backend.setCurrentNamespace(1_700_000_005_000);
  assert.equal(window.get(), 1);
  backend.setCurrentNamespace(undefined);
  assert.equal(window.get(), undefined);
  assert.equal(all.get(), 3);
});

test('a list state copies what it is given at once, and returns an empty list where nothing was added', () => {
  const { backend } = harness();
  const list = backend.list(listState<number>('l'));
  backend.setCurrentKey(1);
  assert.deepEqual(list.get(), []);
  const given = [1, 2];
  list.update(given);
  given.push(3);
  list.add(4);
  list.addAll(new Set([5]));
  assert.deepEqual(list.get(), [1, 2, 4, 5]);
  list.addAll([]);
  assert.ok(!list.isEmpty());
  list.update([]);
  assert.ok(list.isEmpty());
  assert.equal(backend.size, 0);
  list.addAll([]);
  assert.equal(backend.size, 0);
});

function sorted(items: Iterable<unknown>): unknown[] {
  return [...items].sort((a, b) => (JSON.stringify(String(a)) < JSON.stringify(String(b)) ? -1 : 1));
}

test('a map state compares its keys canonically, gives them back as they were, and is gone when it is empty', () => {
  const { backend } = harness();
  const map = backend.map(mapState<unknown, string>('m'));
  backend.setCurrentKey(1);
  assert.ok(map.isEmpty());
  map.putAll([
    [1n, 'one'],
    [[1, 2], 'pair'],
    ['\u0000', 'zero'],
    ['text', 'text'],
  ]);
  map.put(1, 'uno');
  assert.equal(map.get(1n), 'uno');
  // In no order that one could rely on.
  assert.deepEqual(sorted(map.keys()), [1n, [1, 2], '\u0000', 'text']);
  assert.deepEqual(sorted(map.values()), ['pair', 'text', 'uno', 'zero']);
  assert.ok(map.contains([1, 2]));
  map.remove(1);
  map.put(1, 'again');
  assert.deepEqual(sorted(map.keys()), [1, [1, 2], '\u0000', 'text']);
  for (const key of map.keys()) map.remove(key);
  assert.ok(map.isEmpty());
  assert.deepEqual([...map.entries()], []);
  assert.equal(backend.size, 0);
});

test('a map state can lose entries while it is iterated', () => {
  const { backend } = harness();
  const map = backend.map(mapState<string, number>('m'));
  backend.setCurrentKey(1);
  map.putAll([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  for (const [key, value] of map.entries()) if (value !== 2) map.remove(key);
  assert.deepEqual([...map.entries()], [['b', 2]]);
});

test('an aggregating state keeps the accumulator and returns the result', () => {
  const { backend } = harness();
  const mean = backend.aggregating(
    aggregatingState('mean', {
      createAccumulator: () => ({ sum: 0, count: 0 }),
      add(value: number, acc) {
        acc.sum += value;
        acc.count++;
        return acc;
      },
      getResult: (acc) => acc.sum / acc.count,
    }),
  );
  backend.setCurrentKey(1);
  assert.equal(mean.get(), undefined);
  mean.add(1);
  mean.add(4);
  assert.equal(mean.get(), 2.5);
  mean.clear();
  assert.equal(mean.get(), undefined);
});

test('a key leaves no row behind once all it had is cleared', () => {
  const { backend } = harness();
  const value = backend.value(valueState<number>('v'));
  const window = backend.value(valueState<number>('w'), true);
  const timers = backend.timers('t', () => {});
  for (let key = 0; key < 1000; key++) {
    backend.setCurrentKey(key);
    value.update(key);
    backend.setCurrentNamespace(key % 7);
    window.update(key);
    timers.service.registerEventTimeTimer(key);
  }
  assert.equal(backend.size, 1000);
  for (let key = 0; key < 1000; key++) {
    backend.setCurrentKey(key);
    value.clear();
    backend.setCurrentNamespace(key % 7);
    timers.service.deleteEventTimeTimer(key);
    assert.equal(window.value(), key);
    window.clear();
  }
  assert.equal(backend.size, 0);
});

test('clearing the current key drops its state in all namespaces and its timers, and nobody else has less', () => {
  const { backend } = harness();
  const value = backend.value(valueState<number>('v'));
  const list = backend.list(listState<number>('l'), true);
  const timers = backend.timers('t', () => {});
  for (const key of ['a', 'b']) {
    backend.setCurrentKey(key);
    value.update(1);
    for (const namespace of [1, 2, 3]) {
      backend.setCurrentNamespace(namespace);
      list.add(namespace);
      timers.service.registerEventTimeTimer(namespace);
      timers.service.registerProcessingTimeTimer(1e12);
    }
  }
  backend.setCurrentKey('a');
  backend.clearCurrentKey();
  assert.equal(value.value(), undefined);
  assert.deepEqual(list.get(), []);
  assert.equal(backend.size, 1);
  assert.equal(timers.size, 6);
  backend.setCurrentKey('b');
  assert.deepEqual(list.get(), [3]);
  backend.clearCurrentKey();
  assert.equal(backend.size, 0);
  assert.equal(timers.size, 0);
  backend.clearCurrentKey();
});

test('keys lists every key of a state once, and stands it when their state is cleared on the way', () => {
  const { backend } = harness();
  const plain = backend.value(valueState<number>('plain'));
  const window = backend.value(valueState<number>('window'), true);
  for (const key of [1, 'b', 3n]) {
    backend.setCurrentKey(key);
    plain.update(1);
    for (const namespace of [1, 2]) {
      backend.setCurrentNamespace(namespace);
      window.update(1);
    }
  }
  backend.setCurrentKey('only a window');
  window.update(1);
  const inOrder = (keys: Iterable<unknown>): unknown[] =>
    [...keys].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  assert.deepEqual(inOrder(backend.keys('window')), [1, 3n, 'b', 'only a window']);
  const cleared: unknown[] = [];
  for (const key of backend.keys('plain')) {
    cleared.push(key);
    backend.setCurrentKey(key);
    plain.clear();
  }
  assert.deepEqual(inOrder(cleared), [1, 3n, 'b']);
  assert.deepEqual([...backend.keys('plain')], []);
  assert.deepEqual([...backend.keys('nobody declared this')], []);
});

test('a state that is asked for twice is one state', () => {
  const { backend } = harness();
  backend.setCurrentKey(1);
  backend.value(valueState<number>('v')).update(1);
  assert.equal(backend.value(valueState<number>('v')).value(), 1);
});

test('two different states under one name are refused', () => {
  const { backend } = harness();
  backend.value(valueState<number>('v'));
  assert.throws(
    () => backend.list(listState<number>('v')),
    failsWith('STATE_INVALID', /"v".*a value state and a list state/),
  );
  assert.throws(
    () => backend.value(valueState<number>('v'), true),
    failsWith('STATE_INVALID', /a value state per window/),
  );
  backend.timers('t', () => {});
  assert.throws(() => backend.timers('t', () => {}), failsWith('STATE_INVALID', /"t"/));
});

test('descriptors are checked when they are made', () => {
  assert.throws(() => valueState(''), failsWith('STATE_INVALID', /no name/));
  for (const version of [0, 1.5, NaN, -1]) {
    assert.throws(() => listState('l', { version }), failsWith('STATE_INVALID', /"l".*version/));
  }
  for (const timeToLive of [0, -1, NaN]) {
    assert.throws(() => mapState('m', { ttl: { timeToLive } }), failsWith('STATE_INVALID', /"m".*time to live/));
  }
  const incremental = { entries: 0, everyRecord: true };
  assert.throws(
    () => valueState('v', { ttl: { timeToLive: 1, cleanup: { incremental } } }),
    failsWith('STATE_INVALID', /incremental cleanup of the state "v"/),
  );
});

test('a key of a foreign key group is refused when it is to get state', () => {
  const group = keyGroup('stray', MAX_PARALLELISM);
  const others = group === 0 ? { start: 1, end: 3 } : { start: 0, end: group - 1 };
  const { backend } = harness({ keyGroups: others });
  const state = backend.value(valueState<number>('v'));
  backend.setCurrentKey('stray');
  assert.equal(state.value(), undefined);
  assert.throws(() => state.update(1), failsWith('KEY_INVALID', new RegExp(`key group ${group}\\b`)));
  assert.equal(backend.size, 0);
});

test('what cannot be a key or a namespace is refused and leaves nothing behind', () => {
  const { backend } = harness();
  const state = backend.value(valueState<number>('v'), true);
  const timers = backend.timers('t', () => {});
  backend.setCurrentKey(() => 1);
  assert.throws(() => state.update(1), failsWith('KEY_INVALID', /function/));
  backend.setCurrentKey('fine');
  backend.setCurrentNamespace(Symbol('no'));
  assert.throws(() => state.update(1), failsWith('KEY_INVALID', /symbol/));
  assert.throws(() => timers.service.registerEventTimeTimer(1), failsWith('KEY_INVALID', /symbol/));
  assert.equal(backend.size, 0);
});

test('stateHandle finds the handle for every kind of descriptor', () => {
  const { backend } = harness();
  backend.setCurrentKey(1);
  const value: ValueState<number> = stateHandle(backend, valueState<number>('v'));
  value.update(1);
  const list = stateHandle(backend, listState<string>('l'));
  list.add('x');
  const map = stateHandle(backend, mapState<string, number>('m'));
  map.put('a', 1);
  const reducing = stateHandle(
    backend,
    reducingState<number>('r', (a, b) => a + b),
  );
  reducing.add(2);
  reducing.add(3);
  const aggregating = stateHandle(
    backend,
    aggregatingState('a', { createAccumulator: () => 0, add: (v: number, acc: number) => acc + v, getResult: String }),
    true,
  );
  aggregating.add(4);
  assert.deepEqual(
    [value.value(), list.get(), [...map.entries()], reducing.get(), aggregating.get()],
    [1, ['x'], [['a', 1]], 5, '4'],
  );
});

test('state that was restored and not asked for is in the next snapshot, and can be asked for later', () => {
  const first = harness();
  const value = first.backend.value(valueState<number>('kept'));
  const timers = first.backend.timers('kept timers', () => {});
  first.backend.setCurrentKey('a');
  value.update(42);
  timers.service.registerEventTimeTimer(7);
  const second = harness({ from: [snapshotOf(first.backend)] });
  const third = harness({ from: [snapshotOf(second.backend)] });
  third.backend.setCurrentKey('a');
  third.backend.setCurrentNamespace('n');
  assert.equal(third.backend.value(valueState<number>('kept')).value(), 42);
  assert.equal(third.backend.currentKey, 'a');
  const fired: number[] = [];
  third.backend.timers('kept timers', (timestamp) => fired.push(timestamp)).advance(10, () => {});
  assert.deepEqual(fired, [7]);
});

test('keys come back from a snapshot as they were given', () => {
  const { backend } = harness();
  const keys = [1, 'x', 5n, 2 ** 60, 2n ** 70n, { b: 1n, a: undefined }, [1n, new Date(3)], null, true, NaN];
  const value = backend.value(valueState<number>('v'), true);
  for (const key of keys) {
    backend.setCurrentKey(key);
    backend.setCurrentNamespace(key);
    value.update(1);
  }
  const restored = harness({ from: [snapshotOf(backend)] }).backend;
  restored.value(valueState<number>('v'), true);
  const back = [...restored.keys('v')];
  assert.equal(back.length, keys.length);
  for (const [i, key] of keys.entries()) {
    assert.ok(
      back.some((other) => isSame(other, key)),
      `the key at ${i} is there in its own form`,
    );
  }
});

function isSame(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

test('instances of registered classes can be keys and values, before and after a restore', () => {
  class Place {
    readonly street: string;
    constructor(street: string) {
      this.street = street;
    }
  }
  const types = new TypeRegistry();
  types.register('Place', Place);
  const { backend } = harness({ types });
  const value = backend.value(valueState<Place>('v'));
  backend.setCurrentKey(new Place('Main'));
  value.update(new Place('Side'));
  const again = harness({ types, from: [snapshotOf(backend, types)] }).backend;
  const restored = again.value(valueState<Place>('v'));
  again.setCurrentKey(new Place('Main'));
  assert.ok(restored.value() instanceof Place);
  assert.equal(restored.value()?.street, 'Side');
  assert.ok([...again.keys('v')][0] instanceof Place);
});

test('state of another kind, or by window and not by window, is not taken for the stored one', () => {
  const { backend } = harness();
  backend.setCurrentKey(1);
  backend.value(valueState<number>('a')).update(1);
  backend.setCurrentNamespace(5);
  backend.list(listState<number>('b'), true).add(1);
  const from = [snapshotOf(backend)];
  assert.throws(
    () => harness({ from }).backend.list(listState<number>('a')),
    failsWith('STATE_INCOMPATIBLE', /"a" is stored as value state and declared as list state/),
  );
  assert.throws(
    () => harness({ from }).backend.list(listState<number>('b')),
    failsWith('STATE_INCOMPATIBLE', /"b" is stored by window/),
  );
});

test('a value that cannot be encoded fails the snapshot with state, operator and path', () => {
  const { backend } = harness();
  backend.setCurrentKey('k');
  backend.value(valueState<unknown>('profile')).update({ tags: ['fine', () => 1] });
  assert.throws(
    () => snapshotOf(backend),
    failsWith('VALUE_UNSUPPORTED', /state "profile" of the operator "operator-1".*`profile\.tags\[1\]`.*function/),
  );
});

test('a closed backend schedules nothing any more', () => {
  const { backend, time } = harness();
  const timers = backend.timers('t', () => assert.fail('a timer fired after close'));
  backend.setCurrentKey(1);
  timers.service.registerProcessingTimeTimer(time.now + 10);
  backend.close();
  assert.deepEqual(time.scheduled, []);
  time.advance(100);
});
