/**
 * Checkpoints that are written while the state goes on changing: each must hold what was there at its barrier, whether
 * it is restored alone or through those that it builds upon, and write and read little more than it must.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyGroupRange, keyGroup, subtaskOfKeyGroup } from '../../src/data/key.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { listState, mapState, reducingState, type StateOptions, valueState } from '../../src/state/descriptor.ts';
import { PartBuffers } from '../../src/state/part-buffers.ts';
import type { PendingSnapshot } from '../../src/state/keyed-snapshots.ts';
import { createSnapshotWriter, restoredState, snapshotBytes } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import type { StateTtl } from '../../src/state/ttl.ts';
import { FakeGate, FakeTime, type Harness, harness, MAX_PARALLELISM, partFor, snapshotOf } from './harness.ts';

const KEYS: readonly unknown[] = [0, 1, 2, 7n, 'a', 'b', true, [1, 'x']];
const NAMESPACES: readonly unknown[] = [undefined, 'w', [1, 2]];
const MAP_KEYS: readonly unknown[] = ['p', 'q', 3, [4], 5n];

interface Counter {
  n: number;
}

const atOnce = createSnapshotWriter(0, 'checkpoint', 'operator-1', new TypeRegistry()).finish();

function open(subtask: Harness, options: StateOptions<never>) {
  const { backend } = subtask;
  return {
    subtask,
    timers: backend.timers('timers', () => {}),
    value: backend.value(valueState<Counter>('value', options)),
    perWindow: backend.value(valueState<number>('per window', options), true),
    list: backend.list(listState<Counter>('list', options)),
    map: backend.map(mapState<unknown, Counter>('map', options), true),
    sum: backend.reducing(reducingState<number>('sum', (a, b) => a + b, options)),
  };
}
type Subtask = ReturnType<typeof open>;

/** What a snapshot holds, in an order of its own. */
function contentOf(snapshots: readonly OperatorSnapshot[]): string[] {
  return snapshots
    .flatMap((snapshot) => restoredState([snapshot], new TypeRegistry()).keyed)
    .flatMap(({ name, kind, entries }) =>
      [...entries()].map(({ keyGroup: group, key, namespace, value }) =>
        text([name, kind, group, key, namespace, kind.startsWith('map') ? pairs(value) : value]),
      ),
    )
    .toSorted();
}

/** Maps have no order once parts are put together. */
function pairs(value: unknown): unknown {
  const [keys, values, stamps] = value as [unknown[], unknown[], number[]?];
  return keys.map((key, i) => text([key, values[i], stamps?.[i]])).toSorted();
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}

const step = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'update' as const,
        'mutate',
        'clear value',
        'per window',
        'clear per window',
        'add',
        'replace list',
        'mutate list',
        'clear list',
        'put',
        'put',
        'mutate entry',
        'remove',
        'clear map',
        'sum',
        'timer',
        'delete timer',
        'clear key',
      ),
      key: fc.nat(KEYS.length - 1),
      namespace: fc.nat(NAMESPACES.length - 1),
      part: fc.nat(MAP_KEYS.length - 1),
      n: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ begin: fc.constant(true) }) },
  { weight: 6, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 4 }), of: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ complete: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ abort: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ restore: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 1, max: 6 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A checkpoint of all subtasks, and what it must hold. */
interface Checkpoint {
  readonly id: number;
  readonly pending: readonly PendingSnapshot[];
  readonly expected: readonly string[];
}

function checkRun(steps: readonly Step[], ttl: StateTtl | undefined): void {
  const time = new FakeTime();
  const options: StateOptions<never> = ttl === undefined ? {} : { ttl };
  let subtasks: Subtask[] = [open(harness({ time }), options)];
  let running: Checkpoint[] = [];
  /** The last one that is complete, and what it holds. */
  let latest: { readonly snapshots: readonly OperatorSnapshot[]; readonly expected: readonly string[] } | undefined;
  let ids = 0;
  let watermark = 0;

  function begin(): void {
    const expected = contentOf(subtasks.map(({ subtask }) => snapshotOf(subtask.backend)));
    const id = ++ids;
    const pending = subtasks.map(({ subtask }) => subtask.snapshots.begin(id, 'checkpoint', atOnce));
    running.push({ id, pending, expected });
  }

  function written({ pending, expected }: Checkpoint): OperatorSnapshot[] {
    const snapshots = pending.map((one) => {
      while (one.advance(() => true) !== 'done');
      return one.finishInMemory().snapshot;
    });
    assert.deepEqual(contentOf(snapshots), expected, 'a checkpoint holds what was there at its barrier');
    return snapshots;
  }

  function complete(checkpoint: Checkpoint): void {
    latest = { snapshots: written(checkpoint), expected: checkpoint.expected };
    for (const { subtask } of subtasks) subtask.snapshots.completed(checkpoint.id);
    running = running.filter(({ id }) => id > checkpoint.id);
  }

  function restore(parallelism: number): void {
    const from = latest;
    if (from === undefined) return;
    for (const { subtask } of subtasks) {
      subtask.snapshots.close();
      subtask.backend.close();
    }
    running = [];
    subtasks = Array.from({ length: parallelism }, (_, index) => {
      const keyGroups = keyGroupRange(MAX_PARALLELISM, parallelism, index);
      return open(
        harness({ time, gate: new FakeGate(), keyGroups, from: partFor(from.snapshots, parallelism, index) }),
        options,
      );
    });
    const found = contentOf(subtasks.map(({ subtask }) => snapshotOf(subtask.backend)));
    assert.deepEqual(found, from.expected, 'what is restored is what was there');
  }

  function operate(op: Extract<Step, { do: string }>): void {
    const key = KEYS[op.key];
    const owner = subtaskOfKeyGroup(keyGroup(key, MAX_PARALLELISM), MAX_PARALLELISM, subtasks.length);
    const { subtask, timers, value, perWindow, list, map, sum } = subtasks[owner] as Subtask;
    subtask.backend.setCurrentKey(key);
    subtask.backend.setCurrentNamespace(NAMESPACES[op.namespace]);
    const mapKey = MAP_KEYS[op.part];
    switch (op.do) {
      case 'update':
        return value.update({ n: op.n });
      case 'mutate': {
        const counter = value.value();
        if (counter !== undefined) counter.n += op.n;
        return;
      }
      case 'clear value':
        return value.clear();
      case 'per window':
        return perWindow.update(op.n);
      case 'clear per window':
        return perWindow.clear();
      case 'add':
        return list.add({ n: op.n });
      case 'replace list':
        return list.update(Array.from({ length: op.part }, () => ({ n: op.n })));
      case 'mutate list': {
        const [first] = list.get();
        if (first !== undefined) first.n += op.n;
        return;
      }
      case 'clear list':
        return list.clear();
      case 'put':
        return map.put(mapKey, { n: op.n });
      case 'mutate entry': {
        for (const counter of map.values()) counter.n += op.n;
        return;
      }
      case 'remove':
        return map.remove(mapKey);
      case 'clear map':
        return map.clear();
      case 'sum':
        return sum.add(op.n);
      case 'timer':
        return timers.service.registerEventTimeTimer(watermark + op.n);
      case 'delete timer':
        return timers.service.deleteEventTimeTimer(watermark + op.n);
      case 'clear key':
        return subtask.backend.clearCurrentKey();
    }
  }

  for (const each of steps) {
    if ('do' in each) operate(each);
    else if ('begin' in each) begin();
    else if ('write' in each) {
      let left = each.write;
      const checkpoint = running[each.of % Math.max(1, running.length)];
      for (const one of checkpoint?.pending ?? []) void one.advance(() => --left > 0);
    } else if ('complete' in each) {
      const checkpoint = running[each.complete % Math.max(1, running.length)];
      if (checkpoint !== undefined) complete(checkpoint);
    } else if ('abort' in each) {
      const checkpoint = running[each.abort % Math.max(1, running.length)];
      if (checkpoint === undefined) continue;
      for (const { subtask } of subtasks) subtask.snapshots.aborted(checkpoint.id);
      running = running.filter((other) => other !== checkpoint);
    } else if ('restore' in each) restore(each.restore);
    else if ('wait' in each) time.advance(each.wait);
    else {
      watermark += each.watermark;
      for (const { timers } of subtasks) timers.advance(watermark, () => {});
    }
  }
  begin();
  complete(running.at(-1) as Checkpoint);
  restore(2);
}

test('a checkpoint holds what was there at its barrier, whatever changes while it is written and what it builds upon', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => checkRun(steps, undefined)),
    { numRuns: 300 },
  );
});

test('the same with TTL, where reads refresh and cleanup removes', () => {
  const ttl: StateTtl = {
    timeToLive: 60,
    update: 'on-read-and-write',
    cleanup: { incremental: { entries: 2, everyRecord: true } },
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => checkRun(steps, ttl)),
    { numRuns: 200 },
  );
});

/** A checkpoint that completes at once: what was written, and the snapshot. */
function checkpointOf(
  { snapshots }: Harness,
  id: number,
): { readonly written: number; readonly snapshot: OperatorSnapshot } {
  const pending = snapshots.begin(id, 'checkpoint', atOnce);
  while (pending.advance(() => true) !== 'done');
  const outcome = pending.finishInMemory();
  snapshots.completed(id);
  return outcome;
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

test('over many checkpoints at most three times the bytes that changed are written, and twice the state is read', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<string>('v'));
  const next = random(1);
  const keys = 4000;
  const update = (key: number): void => {
    subtask.backend.setCurrentKey(key);
    value.update(`${next()}`.padEnd(100, 'x'));
  };
  for (let key = 0; key < keys; key++) update(key);
  const base = checkpointOf(subtask, 1);
  const entryBytes = base.written / keys;
  let written = 0;
  let changed = 0;
  for (let round = 2; round < 300; round++) {
    const touched = new Set(Array.from({ length: keys / 100 }, () => Math.floor(next() * keys)));
    for (const key of touched) update(key);
    changed += touched.size * entryBytes;
    const outcome = checkpointOf(subtask, round);
    written += outcome.written;
    assert.ok(outcome.written <= base.written / 4, 'no checkpoint writes everything at once');
    assert.ok(snapshotBytes(outcome.snapshot) <= 2 * base.written);
  }
  assert.ok(written <= 3 * changed, `${written} bytes were written for ${changed} that changed`);
});

test('one changed entry of a large map, and items added to a long list, are written alone', () => {
  const subtask = harness();
  const map = subtask.backend.map(mapState<number, string>('m'));
  const list = subtask.backend.list(listState<string>('l'));
  subtask.backend.setCurrentKey('only');
  for (let i = 0; i < 20_000; i++) {
    map.put(i, 'x'.repeat(50));
    list.add('y'.repeat(50));
  }
  const base = checkpointOf(subtask, 1);
  let written = 0;
  for (let round = 2; round < 20; round++) {
    map.put(round * 100, 'z'.repeat(50));
    map.remove(round * 100 + 1);
    list.add('w'.repeat(50));
    const outcome = checkpointOf(subtask, round);
    written += outcome.written;
  }
  assert.ok(written < 18 * 3 * 3 * 60, `${written} bytes were written`);
  const last = checkpointOf(subtask, 20).snapshot;
  assert.ok(snapshotBytes(last) <= 2 * base.written);
  const again = harness({ from: [last] });
  const restoredMap = again.backend.map(mapState<number, string>('m'));
  const restoredList = again.backend.list(listState<string>('l'));
  again.backend.setCurrentKey('only');
  assert.equal(restoredMap.get(200), 'z'.repeat(50));
  assert.equal(restoredMap.contains(201), false);
  assert.equal([...restoredMap.keys()].length, 20_000 - 18);
  assert.equal(restoredList.get().length, 20_018);
  assert.equal(restoredList.get().at(-1), 'w'.repeat(50));
});

test('nothing is written when nothing changed, and what is gone does not stay for long', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<string>('v'));
  for (let key = 0; key < 2000; key++) {
    subtask.backend.setCurrentKey(key);
    value.update('x'.repeat(100));
  }
  checkpointOf(subtask, 1);
  assert.equal(checkpointOf(subtask, 2).written, 0);
  for (let key = 0; key < 2000; key++) {
    subtask.backend.setCurrentKey(key);
    value.clear();
  }
  checkpointOf(subtask, 3);
  assert.equal(snapshotBytes(checkpointOf(subtask, 4).snapshot), 0);
});

test('a read that hands out no object is no change', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<number>('v'));
  subtask.backend.setCurrentKey('k');
  value.update(1);
  checkpointOf(subtask, 1);
  assert.equal(value.value(), 1);
  assert.equal(checkpointOf(subtask, 2).written, 0);
});

test('a checkpoint that is given up loses nothing: the next one has its changes too', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<number>('v'));
  const set = (key: string, to: number): void => {
    subtask.backend.setCurrentKey(key);
    value.update(to);
  };
  set('a', 1);
  checkpointOf(subtask, 1);
  set('b', 2);
  subtask.snapshots.begin(2, 'checkpoint', atOnce);
  subtask.snapshots.aborted(2);
  set('c', 3);
  const { snapshot } = checkpointOf(subtask, 3);
  const values = restoredState([snapshot], new TypeRegistry()).keyed.flatMap((state) =>
    [...state.entries()].map((entry) => entry.value),
  );
  assert.deepEqual(values.toSorted(), [1, 2, 3]);
});

test('what cannot be written fails the checkpoint and names its state and key, and not the record that touches it', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<{ f: unknown }>('handler'));
  subtask.backend.setCurrentKey('k');
  value.update({ f: () => 1 });
  const pending = subtask.snapshots.begin(1, 'checkpoint', atOnce);
  const touched = value.value() as { f: unknown };
  assert.throws(
    () => pending.advance(() => true),
    /state "handler" of the operator "operator-1", of the key "k", cannot enter/,
  );
  subtask.snapshots.aborted(1);
  touched.f = 1;
  assert.equal(checkpointOf(subtask, 2).snapshot.keyed[0]?.groups.length, 1);
});

test('state that nobody asks for goes on by reference, and can be claimed later', () => {
  const first = harness();
  const value = first.backend.value(valueState<number>('v'));
  first.backend.setCurrentKey('k');
  value.update(7);
  const second = harness({ from: [checkpointOf(first, 1).snapshot] });
  second.backend.value(valueState<number>('new'));
  const outcome = checkpointOf(second, 1);
  assert.equal(outcome.written, 0);
  const third = harness({ from: [outcome.snapshot] });
  const claimed = third.backend.value(valueState<number>('v'));
  third.backend.setCurrentKey('k');
  assert.equal(claimed.value(), 7);
});

test('a savepoint holds everything in itself and disturbs no checkpoint', () => {
  const subtask = harness();
  const value = subtask.backend.value(valueState<number>('v'));
  for (let key = 0; key < 100; key++) {
    subtask.backend.setCurrentKey(key);
    value.update(key);
  }
  checkpointOf(subtask, 1);
  value.update(-1);
  const savepoint = snapshotOf(subtask.backend);
  assert.ok(
    savepoint.keyed.every(({ groups }) => groups.every(({ parts }) => parts.every(({ kind }) => kind === 'base'))),
  );
  const parts = checkpointOf(subtask, 2).snapshot.keyed.flatMap(({ groups }) => groups.flatMap((group) => group.parts));
  assert.equal(
    parts.filter(({ kind }) => kind === 'delta').reduce((sum, { count }) => sum + count, 0),
    1,
  );
});

for (const domain of ['event', 'processing'] as const) {
  test(`${domain}-time timers that went weigh on the next checkpoint until one completes`, () => {
    const { backend, time } = harness();
    const { register, fire } = timersOf(backend, domain, time);
    let generation = 0;
    const view = (): void => {
      const to = new PartBuffers('operator-1', new TypeRegistry(), () => true);
      backend.beginView({ generation: ++generation, since: undefined, whole: new Set(), to }).release();
    };
    // Those that were there when a view began are gone when the next one does.
    const keys = 4096;
    for (let round = 0; round * keys <= 2 ** 16; round++) {
      for (let key = 0; key < keys; key++) {
        backend.setCurrentKey(key);
        register(round);
      }
      view();
      fire(round);
    }
    assert.equal(backend.burdened, false);
    view();
    assert.equal(backend.burdened, true);
    backend.completed(generation - 1);
    assert.equal(backend.burdened, false);
  });
}

/** How timers of one domain are registered, and how they fire. */
function timersOf(backend: Harness['backend'], domain: 'event' | 'processing', time: FakeTime) {
  const timers = backend.timers('timers', () => {});
  const start = time.now;
  return domain === 'event'
    ? {
        register: (at: number) => timers.service.registerEventTimeTimer(at),
        fire: (to: number) => timers.advance(to, () => {}),
      }
    : {
        register: (at: number) => timers.service.registerProcessingTimeTimer(start + at),
        fire: (to: number) => time.advance(start + to - time.now),
      };
}
