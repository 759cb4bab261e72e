import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../src/base/error.ts';
import { listState, mapState, type Migrations, reducingState, valueState } from '../../src/state/descriptor.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { harness, snapshotOf } from './harness.ts';

interface V1 {
  readonly name: string;
}
interface V3 {
  readonly first: string;
  readonly last: string;
}

function stored(): OperatorSnapshot {
  const { backend } = harness();
  const value = backend.value(valueState<V1>('user'));
  const list = backend.list(listState<V1>('users'));
  const map = backend.map(mapState<string, V1>('by nick'), true);
  for (const key of [1, 2, 3]) {
    backend.setCurrentKey(key);
    value.update({ name: `Ann ${key}` });
    list.addAll([{ name: 'Bob 1' }, { name: 'Bob 2' }]);
    backend.setCurrentNamespace('w');
    map.put('c', { name: 'Cid 1' });
  }
  return snapshotOf(backend);
}

/** Two steps; `calls` counts the values that went through the first. */
function steps(calls: { count: number }): Migrations<V3> {
  return {
    1: (old: V1) => {
      calls.count++;
      return { parts: old.name.split(' ') };
    },
    2: (old: { parts: [string, string] }) => ({ first: old.parts[0], last: old.parts[1] }),
  };
}

test('values, list items and map values are migrated through all steps when they are first touched', () => {
  const calls = { count: 0 };
  const options = { version: 3, migrate: steps(calls) };
  const { backend } = harness({ from: [stored()] });
  const value = backend.value(valueState<V3>('user', options));
  const list = backend.list(listState<V3>('users', options));
  const map = backend.map(mapState<string, V3>('by nick', options), true);
  assert.equal(calls.count, 0);
  backend.setCurrentKey(2);
  backend.setCurrentNamespace('w');
  assert.deepEqual(value.value(), { first: 'Ann', last: '2' });
  assert.equal(calls.count, 1);
  assert.deepEqual(value.value(), { first: 'Ann', last: '2' });
  assert.equal(calls.count, 1);
  assert.deepEqual(list.get(), [
    { first: 'Bob', last: '1' },
    { first: 'Bob', last: '2' },
  ]);
  list.add({ first: 'Dan', last: '0' });
  assert.equal(list.get().length, 3);
  assert.deepEqual(map.get('c'), { first: 'Cid', last: '1' });
  assert.equal(calls.count, 4);
});

test('a value that was never touched goes through snapshots unmigrated, until somebody touches it', () => {
  const calls = { count: 0 };
  const descriptor = valueState<V3>('user', { version: 3, migrate: steps(calls) });
  const middle = harness({ from: [stored()] }).backend;
  const value = middle.value(descriptor);
  middle.setCurrentKey(1);
  value.value();
  middle.setCurrentKey(2);
  value.update({ first: 'New', last: 'One' });
  const last = harness({ from: [snapshotOf(middle)] }).backend;
  const restored = last.value(descriptor);
  const seen = [1, 2, 3].map((key) => {
    last.setCurrentKey(key);
    return restored.value();
  });
  assert.deepEqual(seen, [
    { first: 'Ann', last: '1' },
    { first: 'New', last: 'One' },
    { first: 'Ann', last: '3' },
  ]);
  assert.equal(calls.count, 2);
});

test('a value that was not migrated can be cleared and counted', () => {
  const calls = { count: 0 };
  const { backend } = harness({ from: [stored()] });
  const value = backend.value(valueState<V3>('user', { version: 3, migrate: steps(calls) }));
  for (const key of [1, 2, 3]) {
    backend.setCurrentKey(key);
    value.clear();
  }
  assert.equal(backend.size, 0);
  assert.equal(calls.count, 0);
});

test('a migration that gives a value up leaves nothing', () => {
  const { backend } = harness({ from: [stored()] });
  const value = backend.value(valueState<V3>('user', { version: 2, migrate: { 1: () => undefined } }));
  backend.setCurrentKey(1);
  assert.equal(value.value(), undefined);
  assert.equal(backend.size, 2);
});

test('migration and TTL go together', () => {
  const calls = { count: 0 };
  const { backend, time } = harness({ from: [stored()] });
  const ttl = { timeToLive: 100 };
  const list = backend.list(listState<V3>('users', { version: 3, migrate: steps(calls), ttl }));
  backend.setCurrentKey(1);
  time.advance(50);
  assert.deepEqual(list.get()[0], { first: 'Bob', last: '1' });
  time.advance(50);
  backend.setCurrentKey('other');
  // Expired and never migrated: the cleanup takes them without a migration.
  for (let i = 0; i < 10; i++) list.add({ first: '', last: '' });
  assert.equal(backend.size, 1);
  assert.equal(calls.count, 2);
});

test('a missing step is named with both versions when the state is declared', () => {
  const { backend } = harness({ from: [stored()] });
  assert.throws(
    () => backend.value(valueState<V3>('user', { version: 3, migrate: { 1: (old: V1) => old } })),
    (error) =>
      error instanceof MillstreamError &&
      error.code === 'STATE_INCOMPATIBLE' &&
      /"user" is stored in version 1 and declared in version 3.*from version 2 to 3/.test(error.message),
  );
});

test('state of a newer version is refused with both versions', () => {
  const { backend } = harness();
  backend.setCurrentKey(1);
  backend.reducing(reducingState<number>('sum', (a, b) => a + b, { version: 4 })).add(1);
  const older = harness({ from: [snapshotOf(backend)] }).backend;
  assert.throws(
    () => older.reducing(reducingState<number>('sum', (a, b) => a + b, { version: 2 })),
    (error) =>
      error instanceof MillstreamError &&
      error.code === 'STATE_INCOMPATIBLE' &&
      /"sum" is stored in version 4 and declared in version 2.*newer program/.test(error.message),
  );
});

test('a migration that throws is a failure of user code that names state and step', () => {
  const { backend } = harness({ from: [stored()] });
  const cause = new Error('no such field');
  const migrate = {
    1: () => {
      throw cause;
    },
  };
  const value = backend.value(valueState<V3>('user', { version: 2, migrate }));
  backend.setCurrentKey(1);
  assert.throws(
    () => value.value(),
    (error) =>
      error instanceof MillstreamError &&
      error.code === 'USER_CODE' &&
      /"user" from version 1 to 2/.test(error.message) &&
      error.cause === cause,
  );
});
