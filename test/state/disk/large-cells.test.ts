/** Maps and lists of one key that are larger than the memory there is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listState, mapState, valueState } from '../../../src/state/descriptor.ts';
import { mix32 } from '../../../src/state/hash-index.ts';
import { endOfPage, entryHash, pageOf } from '../../../src/state/disk/map-pages.ts';
import { TypeRegistry } from '../../../src/data/type-registry.ts';
import { Collected, take } from './collected.ts';
import { diskHarness } from './disk-harness.ts';

const MEGABYTE = 1 << 20;

test('a key with a million map entries needs no more memory than there is, and an entry is found by one read', (t) => {
  const limit = 16 * MEGABYTE;
  const { backend, memory } = diskHarness({ bytes: limit });
  const map = backend.map(mapState<number, number>('m'));
  const count = 1_000_000;
  backend.setCurrentKey('k');
  // After some as they come, neighbours in the order of hashes together, so that a page is written a few times.
  const types = new TypeRegistry();
  const hashes = Float64Array.from({ length: count }, (_, key) => entryHash(key, types) * 2 ** 20 + key).sort();
  for (let key = 0; key < 50_000; key++) map.put(key, key * 2);
  for (const hash of hashes) {
    const key = hash % 2 ** 20;
    map.put(key, key * 2);
  }
  assert.ok(memory.most <= limit, `${memory.most} bytes`);
  for (let i = 0; i < 3_000; i++) {
    const key = (mix32(i) >>> 0) % count;
    const before = backend.figures.bytesRead;
    assert.equal(map.get(key), key * 2);
    assert.ok(backend.figures.bytesRead - before < 16_384);
  }
  assert.equal(map.get(count), undefined);
  for (let key = 0; key < count; key += 1000) map.remove(key);
  let seen = 0;
  let sum = 0;
  for (const [key, value] of map.entries()) {
    assert.equal(value, key * 2);
    seen++;
    sum += key;
  }
  assert.equal(seen, count - 1000);
  assert.equal(sum, (count * (count - 1)) / 2 - (1000 * 999 * 1000) / 2);
  assert.ok(memory.most <= limit);
  t.diagnostic(JSON.stringify(backend.figures));
  map.clear();
  assert.equal(map.isEmpty(), true);
  assert.equal(backend.size, 0);
  assert.equal(backend.figures.liveBytes, 0);
  backend.close();
  assert.equal(memory.used, 0);
});

test('adding to a list of hundreds of thousands of items reads none of them', () => {
  const limit = 4 * MEGABYTE;
  const { backend, memory } = diskHarness({ bytes: limit });
  const list = backend.list(listState<string>('l'));
  const other = backend.value(valueState<number>('v'));
  const count = 300_000;
  backend.setCurrentKey('k');
  for (let i = 0; i < count; i++) list.add(`item number ${i}`);
  assert.ok(memory.most <= limit);
  for (let key = 0; key < 30_000; key++) {
    backend.setCurrentKey(key);
    other.update(key + 0.5);
  }
  const before = backend.figures.bytesRead;
  backend.setCurrentKey('k');
  list.add('last');
  assert.ok(backend.figures.bytesRead - before < 128 * 1024);
  const items = list.get();
  assert.equal(items.length, count + 1);
  assert.equal(items[count - 1], `item number ${count - 1}`);
  assert.equal(items[count], 'last');
  list.clear();
  assert.deepEqual(list.get(), []);
  backend.close();
  assert.equal(memory.used, 0);
});

test('a delta of a large map and a long list holds what changed of them, and nothing else', () => {
  const { backend } = diskHarness({ bytes: MEGABYTE / 2 });
  const map = backend.map(mapState<number, string>('m'));
  const list = backend.list(listState<number>('l'));
  backend.setCurrentKey('k');
  const count = 8_000;
  for (let i = 0; i < count; i++) {
    map.put(i, `value ${i}`);
    list.add(i);
  }
  const collected = new Collected();
  const first = take(backend, 1, undefined);
  // What happens while it is written is not in it.
  map.put(5, 'later');
  map.remove(6);
  list.add(-1);
  for (let i = count; i < 2 * count; i++) map.put(i, 'grown');
  while (!first.view.advance(() => false));
  collected.apply(first.delta);
  backend.completed(1);
  const [mapNow, listNow] = contents(collected);
  assert.equal(mapNow.size, count);
  assert.equal(mapNow.get(5), 'value 5');
  assert.equal(mapNow.get(6), 'value 6');
  assert.deepEqual(
    listNow,
    Array.from({ length: count }, (_, i) => i),
  );

  for (let i = count; i < 2 * count; i++) map.remove(i);
  const second = take(backend, 2, 1);
  map.clear();
  list.clear();
  map.put(1, 'again');
  while (!second.view.advance(() => false));
  // One entry that changed, those that went, and the end of the list.
  assert.ok(second.delta.changes.length <= count + 3, `${second.delta.changes.length} changes`);
  collected.apply(second.delta);
  backend.completed(2);
  const [mapThen, listThen] = contents(collected);
  assert.equal(mapThen.size, count - 1);
  assert.equal(mapThen.get(5), 'later');
  assert.equal(listThen.length, count + 1);
  assert.equal(listThen.at(-1), -1);

  const third = take(backend, 3, 2);
  while (!third.view.advance(() => false));
  assert.ok(third.delta.changes.length <= 3);
  collected.apply(third.delta);
  const [mapLast, listLast] = contents(collected);
  assert.deepEqual([...mapLast], [[1, 'again']]);
  assert.deepEqual(listLast, []);
  backend.close();
});

function contents(collected: Collected): readonly [Map<unknown, unknown>, unknown[]] {
  let map = new Map<unknown, unknown>();
  let list: unknown[] = [];
  for (const { kind, entries } of collected.restored(0, 15).keyed) {
    for (const { value } of entries()) {
      if (kind === 'list') {
        list = value as unknown[];
      } else {
        const [keys, values] = value as [unknown[], unknown[]];
        map = new Map(keys.map((key, i) => [key, values[i]]));
      }
    }
  }
  return [map, list];
}

test('a large map is gone through while entries are removed, changed and put', () => {
  const { backend } = diskHarness({ bytes: 1 << 18, pageBytes: 512 });
  const map = backend.map(mapState<number, { n: number }>('m'));
  backend.setCurrentKey('k');
  const count = 2_000;
  for (let i = 0; i < count; i++) map.put(i, { n: i });
  const seen = new Set<number>();
  let last = -1;
  for (const [key, value] of map.entries()) {
    assert.ok(!seen.has(key));
    seen.add(key);
    if (key < count) assert.equal(value.n, key);
    assert.notEqual(key, last);
    // The partner of a key goes, unless it has come already.
    last = key ^ 1;
    if (!seen.has(last)) map.remove(last);
    value.n = -key;
    if (key % 3 === 0) for (let i = 0; i < 5; i++) map.put(count + key * 5 + i, { n: 0 });
  }
  const old = [...seen].filter((key) => key < count);
  assert.equal(old.length, count / 2);
  backend.setCurrentKey('other');
  backend.setCurrentKey('k');
  for (const key of old) assert.equal(map.get(key)?.n, -key);
  backend.close();
});

test('a large map may not be gone through beyond the record that began it', () => {
  const { backend } = diskHarness({ pageBytes: 64 });
  const map = backend.map(mapState<number, number>('m'));
  for (const key of ['a', 'b']) {
    backend.setCurrentKey(key);
    for (let i = 0; i < 100; i++) map.put(i, i);
  }
  const entries = map.keys()[Symbol.iterator]();
  entries.next();
  backend.setCurrentKey('a');
  assert.throws(() => entries.next(), { code: 'STATE_INVALID' });
  backend.close();
});

test('the pages of a map share its hashes, whatever their number', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 30 })),
      fc.nat(0xffff_ffff),
      (pages, hash) => {
        const page = pageOf(hash, pages);
        assert.ok(page >= pages && page < 2 * pages);
        // The first hash behind it is in another page, and its last hash is in it.
        const end = endOfPage(page);
        assert.ok(end > hash);
        assert.equal(pageOf(end - 1, pages), page);
        if (end < 2 ** 32) assert.notEqual(pageOf(end, pages), page);
        // With one page more an entry stays where it is, or is in a half of its page.
        const then = pageOf(hash, pages + 1);
        assert.ok(then === page || Math.floor(then / 2) === page);
      },
    ),
  );
});
