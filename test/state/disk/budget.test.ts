import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { listState, mapState, valueState } from '../../../src/state/descriptor.ts';
import { mix32 } from '../../../src/state/hash-index.ts';
import { SlotMemory } from '../../../src/state/disk/slot-memory.ts';
import { REAL_WORKING_FILES } from '../../../src/world/working-files.ts';
import { diskHarness } from './disk-harness.ts';

const KEYS = 30_000;
const ACCESSES = 4 * KEYS;

test('state of ten times its budget stays within it, and is all there', (t) => {
  const limit = 2_500_000;
  const { backend, memory } = diskHarness({ bytes: limit, segmentBytes: 1 << 20 });
  const state = backend.value(valueState<{ n: number; text: string }>('s'));
  const counts = new Int32Array(KEYS);
  for (let i = 0; i < ACCESSES; i++) {
    // Every key once, then as if by chance, so that all segments are in use in part.
    const key = i < KEYS ? i : (mix32(i) >>> 0) % KEYS;
    backend.setCurrentKey(key);
    assert.equal(state.value()?.n ?? 0, counts[key]);
    counts[key] = (counts[key] as number) + 1;
    state.update({ n: counts[key], text: 'x'.repeat(850) });
    assert.ok(memory.used <= limit);
  }
  const { figures } = backend;
  assert.ok(figures.liveBytes > 10 * limit, `${figures.liveBytes} bytes`);
  assert.ok(memory.most <= limit);
  assert.ok(figures.compactedBytes > 0);
  // Compaction keeps the garbage within bounds.
  assert.ok(figures.fileBytes <= 2 * figures.liveBytes + 4 * (1 << 20), `${figures.fileBytes} bytes`);
  assert.equal(backend.size, KEYS);
  t.diagnostic(`resident: ${Math.round(process.memoryUsage().rss / 1e6)} MB; ${JSON.stringify(figures)}`);
  backend.close();
  assert.equal(memory.used, 0);
});

test('operators of a slot share its budget: what one needs, the others let go', () => {
  const memory = new SlotMemory(2_000_000);
  const [first, second] = [diskHarness({ memory }).backend, diskHarness({ memory }).backend];
  const states = [first, second].map((backend) => backend.value(valueState<string>('s')));
  const fill = (backend: typeof first, state: (typeof states)[number] | undefined): void => {
    for (let key = 0; key < 10_000; key++) {
      backend.setCurrentKey(key);
      state?.update('x'.repeat(300));
    }
  };
  fill(first, states[0]);
  const alone = first.figures.rowsInMemory;
  fill(second, states[1]);
  assert.ok(first.figures.rowsInMemory < alone);
  assert.ok(second.figures.rowsInMemory > 0);
  assert.ok(memory.most <= memory.limit);
  first.close();
  second.close();
  assert.equal(memory.used, 0);
});

test('fifty thousand timers need no more memory than there is', () => {
  const limit = 1_500_000;
  const { backend, memory } = diskHarness({ bytes: limit });
  const fired: number[] = [];
  const timers = backend.timers('t', (timestamp) => fired.push(timestamp));
  const count = 50_000;
  for (let i = 0; i < count; i++) {
    backend.setCurrentKey(i);
    timers.service.registerEventTimeTimer((i * 7919) % count);
  }
  assert.equal(timers.size, count);
  timers.advance(count, () => {});
  assert.equal(fired.length, count);
  assert.ok(fired.every((timestamp, i) => timestamp === i));
  assert.equal(backend.size, 0);
  assert.ok(memory.most <= limit, `${memory.most} bytes`);
  backend.close();
  assert.equal(memory.used, 0);
});

test('a list and a map that grow in place are counted', () => {
  const { backend, memory } = diskHarness({ bytes: 1 << 26 });
  const list = backend.list(listState<string>('list'));
  const map = backend.map(mapState<number, string>('map'));
  backend.setCurrentKey('k');
  const before = memory.used;
  for (let i = 0; i < 2_000; i++) {
    list.add(`${i}`.padStart(100));
    map.put(i, `${i}`.padStart(100));
  }
  assert.ok(memory.used - before > 2 * 2_000 * 100);
  list.clear();
  map.clear();
  backend.setCurrentKey('other');
  assert.equal(backend.size, 0);
  assert.equal(memory.used, before + backend.figures.indexBytes);
  backend.close();
});

test('who gives less memory than an index needs is told so, and again when it has grown', () => {
  const told: number[] = [];
  const memory = new SlotMemory(100_000, (needed) => told.push(needed));
  const { backend } = diskHarness({ memory });
  const state = backend.value(valueState<number>('s'));
  for (let key = 0; key < 20_000; key++) {
    backend.setCurrentKey(key);
    state.update(key);
  }
  assert.ok(told.length >= 2 && told.length < 10, `told ${told.length} times`);
  for (const needed of told) assert.ok(needed > memory.limit);
  assert.ok((told.at(-1) as number) >= (told[0] as number) * 1.5);
  backend.close();
});

test('what has expired on disk is found by compaction and cleaned up', () => {
  const { backend, time } = diskHarness({ bytes: 200_000, segmentBytes: 1 << 16 });
  const ttl = { timeToLive: 1_000, cleanup: { incremental: { entries: 2, everyRecord: false } } } as const;
  const state = backend.value(valueState<string>('s', { ttl }));
  const map = backend.map(mapState<number, string>('m', { ttl }));
  const old = 2_000;
  const write = (key: number | string): void => {
    backend.setCurrentKey(key);
    state.update('x'.repeat(200));
  };
  for (let key = 0; key < old; key++) {
    write(key);
    if (key % 4 === 0) map.put(key, 'x'.repeat(200));
    write(`busy ${key}`);
    write(`idle ${key}`);
  }
  time.now += 2_000;
  // Most others go, so that segments are mostly garbage and are emptied; what is left of them has expired.
  for (let key = 0; key < old; key++) {
    for (const name of ['busy', 'idle']) {
      backend.setCurrentKey(`${name} ${key}`);
      state.clear();
    }
  }
  for (let i = 0; i < 20_000; i++) write(`new ${i % 1_000}`);
  assert.ok(backend.size < 1_000 + old * 0.75, `${backend.size} keys`);
  backend.close();
});

test('the working directory goes with the backend', () => {
  let directory = '';
  const files = {
    ...REAL_WORKING_FILES,
    directory: (parent?: string) => (directory = REAL_WORKING_FILES.directory(parent)),
  };
  const { backend } = diskHarness({ files, bytes: 1 });
  const state = backend.value(valueState<string>('s'));
  for (let key = 0; key < 100; key++) {
    backend.setCurrentKey(key);
    state.update('x'.repeat(300));
  }
  assert.deepEqual(readdirSync(directory), ['catalog', 'segment-00000000']);
  backend.close();
  backend.close();
  assert.ok(!existsSync(directory));
  assert.ok(existsSync(dirname(join(directory))));
});
