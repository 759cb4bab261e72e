/**
 * Random operations on all kinds of state, against plain Maps: with and without namespaces and TTL, with the clock
 * moving, timers firing, and snapshots that are restored into one to three subtasks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyGroup, keyGroupRange, mapKey, subtaskOfKeyGroup } from '../../src/data/key.ts';
import {
  type AggregateFunction,
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type StateOptions,
  valueState,
} from '../../src/state/descriptor.ts';
import type { StateTtl } from '../../src/state/ttl.ts';
import { FakeGate, FakeTime, type Harness, harness, MAX_PARALLELISM, partFor, snapshotOf } from './harness.ts';

const KEYS: readonly unknown[] = [0, 1, 7n, 'a', '\u0000', 2 ** 40, true, null, [1, 'x'], { b: 1, a: 2 }];
const NAMESPACES: readonly unknown[] = [undefined, 0, 1_700_000_000_000, 'w', [1, 2]];
const MAP_KEYS: readonly unknown[] = ['p', 'q', 3, [4]];

const sumAndCount: AggregateFunction<number, { sum: number; count: number }, string> = {
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (value, acc) => ({ sum: acc.sum + value, count: acc.count + 1 }),
  getResult: (acc) => `${acc.sum}/${acc.count}`,
};

const KINDS = ['value', 'list', 'map', 'reducing', 'aggregating'] as const;
type Kind = (typeof KINDS)[number];

/** The handles of a backend by kind, without and with namespaces. */
function open(subtask: Harness, options: StateOptions<never>) {
  const { backend } = subtask;
  const fired: unknown[] = [];
  const timers = backend.timers('timers', (timestamp, domain, namespace) => {
    fired.push([timestamp, domain, backend.currentKey, namespace]);
  });
  const handles = [false, true].map((namespaced) => {
    const name = namespaced ? 'in namespaces' : 'plain';
    return {
      value: backend.value(valueState<number>(`value ${name}`, options), namespaced),
      list: backend.list(listState<number>(`list ${name}`, options), namespaced),
      map: backend.map(mapState<unknown, number>(`map ${name}`, options), namespaced),
      reducing: backend.reducing(
        reducingState<number>(`reducing ${name}`, (a, b) => a * 10 + b, options),
        namespaced,
      ),
      aggregating: backend.aggregating(aggregatingState(`aggregating ${name}`, sumAndCount, options), namespaced),
    };
  });
  return { subtask, handles, timers, fired };
}

/** What should be there: parts with their stamps, by state, key and namespace. */
class Model {
  readonly cells = new Map<string, Map<unknown, { value: unknown; key: unknown; stamp: number; of: unknown }>>();
  readonly timers = new Map<string, readonly [number, unknown, unknown]>();
  readonly #ttl: StateTtl | undefined;

  constructor(ttl: StateTtl | undefined) {
    this.#ttl = ttl;
  }

  static id(kind: Kind, namespaced: boolean, key: unknown, namespace: unknown): string {
    return `${kind} ${namespaced} ${String(mapKey(key))} ${namespaced && namespace !== undefined ? String(mapKey(namespace)) : ''}`;
  }

  /** The parts that have not expired; reading them refreshes them where TTL says so. */
  live(
    id: string,
    now: number,
    read: boolean,
    part?: unknown,
  ): Map<unknown, { value: unknown; key: unknown; stamp: number }> {
    const parts = this.cells.get(id) ?? new Map();
    const ttl = this.#ttl;
    if (ttl === undefined) return parts;
    for (const [name, entry] of parts) {
      if (entry.stamp + ttl.timeToLive <= now) parts.delete(name);
      else if (read && ttl.update === 'on-read-and-write' && (part === undefined || part === name)) entry.stamp = now;
    }
    return parts;
  }

  put(id: string, part: unknown, key: unknown, value: unknown, now: number, of: unknown): void {
    const parts = this.cells.get(id) ?? new Map();
    const before = parts.get(part);
    parts.set(part, { value, key: before === undefined ? key : before.key, stamp: now, of });
    this.cells.set(id, parts);
  }
}

interface Operation {
  readonly kind: Kind;
  readonly namespaced: boolean;
  readonly key: number;
  readonly namespace: number;
  readonly action: 'write' | 'read' | 'clear' | 'replace' | 'remove' | 'timer' | 'delete timer' | 'clear key';
  readonly part: number;
  readonly value: number;
}
type Step = Operation | { readonly wait: number } | { readonly watermark: number } | { readonly rescale: number };

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom(...KINDS),
  namespaced: fc.boolean(),
  key: fc.nat(KEYS.length - 1),
  namespace: fc.nat(NAMESPACES.length - 1),
  action: fc.constantFrom(
    'write' as const,
    'write',
    'write',
    'read',
    'read',
    'clear',
    'replace',
    'remove',
    'timer',
    'timer',
    'delete timer',
    'clear key',
  ),
  part: fc.nat(MAP_KEYS.length - 1),
  value: fc.integer({ min: 1, max: 9 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: operation },
  { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ rescale: fc.integer({ min: 1, max: 3 }) }) },
);
const ttl: fc.Arbitrary<StateTtl | undefined> = fc.option(
  fc.record({
    timeToLive: fc.constant(50),
    update: fc.constantFrom('on-create-and-write' as const, 'on-read-and-write'),
    cleanup: fc.record({
      fullSnapshot: fc.boolean(),
      incremental: fc.oneof(
        fc.constant(false as const),
        fc.record({ entries: fc.integer({ min: 1, max: 3 }), everyRecord: fc.boolean() }),
      ),
    }),
  }),
  { nil: undefined },
);

function checkRun(steps: readonly Step[], settings: StateTtl | undefined): void {
  const time = new FakeTime();
  const options: StateOptions<never> = settings === undefined ? {} : { ttl: settings };
  const model = new Model(settings);
  let watermark = 0;
  let subtasks = [open(harness({ time }), options)];

  function rescale(parallelism: number): void {
    const snapshots = subtasks.map(({ subtask }) => snapshotOf(subtask.backend));
    for (const { subtask } of subtasks) subtask.backend.close();
    subtasks = Array.from({ length: parallelism }, (_, index) => {
      const keyGroups = keyGroupRange(MAX_PARALLELISM, parallelism, index);
      return open(
        harness({ time, gate: new FakeGate(), keyGroups, from: partFor(snapshots, parallelism, index) }),
        options,
      );
    });
  }

  function advance(by: number): void {
    watermark += by;
    const due = [...model.timers].filter(([, [timestamp]]) => timestamp <= watermark);
    for (const [id] of due) model.timers.delete(id);
    const all: unknown[] = [];
    for (const { timers, fired } of subtasks) {
      let done = 0;
      timers.advance(watermark, () => done++);
      assert.equal(done, 1);
      const timestamps = (fired as [number][]).map(([timestamp]) => timestamp);
      assert.deepEqual(
        timestamps,
        timestamps.toSorted((a, b) => a - b),
        'timers fire in the order of their timestamps',
      );
      all.push(...fired.splice(0));
    }
    const expected = due.map(([, [timestamp, key, namespace]]) => [timestamp, 'event', key, namespace]);
    assert.deepEqual(inOrder(all), inOrder(expected));
  }

  function run(op: Operation): void {
    const key = KEYS[op.key];
    const namespace = NAMESPACES[op.namespace];
    const owner = subtaskOfKeyGroup(keyGroup(key, MAX_PARALLELISM), MAX_PARALLELISM, subtasks.length);
    const { subtask, handles, timers } = subtasks[owner] as (typeof subtasks)[number];
    const { backend } = subtask;
    const states = handles[op.namespaced ? 1 : 0] as (typeof handles)[number];
    const id = Model.id(op.kind, op.namespaced, key, namespace);
    const { now } = time;
    backend.setCurrentKey(key);
    backend.setCurrentNamespace(namespace);
    const mapKeyGiven = MAP_KEYS[op.part];
    const parts = () => model.live(id, now, false);
    switch (op.action) {
      case 'read':
        checkCell(op.kind, states, model, id, now, mapKeyGiven);
        return;
      case 'clear':
        states[op.kind].clear();
        model.cells.delete(id);
        return;
      case 'remove':
        if (op.kind !== 'map') return;
        states.map.remove(mapKeyGiven);
        parts().delete(mapKey(mapKeyGiven));
        return;
      case 'timer':
        timers.service.registerEventTimeTimer(watermark + op.value);
        model.timers.set(`${watermark + op.value} ${Model.id('value', true, key, namespace)}`, [
          watermark + op.value,
          key,
          namespace,
        ]);
        return;
      case 'delete timer':
        timers.service.deleteEventTimeTimer(watermark + op.value);
        model.timers.delete(`${watermark + op.value} ${Model.id('value', true, key, namespace)}`);
        return;
      case 'clear key':
        backend.clearCurrentKey();
        for (const [cell, entries] of model.cells)
          if ([...entries.values()].some((entry) => entry.of === key)) model.cells.delete(cell);
        for (const [timer, [, of]] of model.timers) if (of === key) model.timers.delete(timer);
        return;
      default:
    }
    switch (op.kind) {
      case 'value':
        states.value.update(op.value);
        model.put(id, 0, 0, op.value, now, key);
        return;
      case 'list':
        if (op.action === 'replace') {
          states.list.update(Array.from({ length: op.part }, () => op.value));
          model.cells.delete(id);
          for (let i = 0; i < op.part; i++) model.put(id, i, i, op.value, now, key);
        } else {
          states.list.addAll([op.value, op.value + 1]);
          const next = Math.max(-1, ...([...(model.cells.get(id)?.keys() ?? [])] as number[])) + 1;
          model.put(id, next, next, op.value, now, key);
          model.put(id, next + 1, next + 1, op.value + 1, now, key);
        }
        return;
      case 'map':
        states.map.put(mapKeyGiven, op.value);
        parts();
        model.put(id, mapKey(mapKeyGiven), mapKeyGiven, op.value, now, key);
        return;
      case 'reducing': {
        states.reducing.add(op.value);
        const before = parts().get(0)?.value as number | undefined;
        model.put(id, 0, 0, before === undefined ? op.value : before * 10 + op.value, now, key);
        return;
      }
      case 'aggregating': {
        states.aggregating.add(op.value);
        const before = (parts().get(0)?.value ?? [0, 0]) as [number, number];
        model.put(id, 0, 0, [before[0] + op.value, before[1] + 1], now, key);
      }
    }
  }

  for (const each of steps) {
    if ('wait' in each) time.advance(each.wait);
    else if ('watermark' in each) advance(each.watermark);
    else if ('rescale' in each) rescale(each.rescale);
    else run(each);
    if (settings === undefined) checkSize();
  }
  rescale(2);
  for (const kind of KINDS) {
    for (const namespaced of [false, true]) {
      for (const [keyNumber] of KEYS.entries()) {
        for (const [namespaceNumber] of NAMESPACES.entries()) {
          run({ kind, namespaced, key: keyNumber, namespace: namespaceNumber, action: 'read', part: 0, value: 1 });
        }
      }
    }
  }
  for (const [key] of KEYS.entries()) {
    run({ kind: 'value', namespaced: false, key, namespace: 0, action: 'clear key', part: 0, value: 1 });
  }
  for (const { subtask, timers } of subtasks) {
    assert.equal(subtask.backend.size, 0, 'nothing is left behind');
    assert.equal(timers.size, 0);
  }

  function checkSize(): void {
    const keys = new Set<unknown>();
    for (const parts of model.cells.values()) for (const { of } of parts.values()) keys.add(of);
    for (const [, key] of model.timers.values()) keys.add(key);
    assert.equal(
      subtasks.reduce((sum, { subtask }) => sum + subtask.backend.size, 0),
      keys.size,
    );
    assert.equal(
      subtasks.reduce((sum, { timers }) => sum + timers.size, 0),
      model.timers.size,
    );
  }
}

type Handles = ReturnType<typeof open>['handles'][number];

function checkCell(kind: Kind, states: Handles, model: Model, id: string, now: number, part: unknown): void {
  switch (kind) {
    case 'value':
      assert.equal(states.value.value(), model.live(id, now, true).get(0)?.value);
      return;
    case 'reducing':
      assert.equal(states.reducing.get(), model.live(id, now, true).get(0)?.value);
      return;
    case 'aggregating': {
      const acc = model.live(id, now, true).get(0)?.value as [number, number] | undefined;
      assert.equal(states.aggregating.get(), acc === undefined ? undefined : acc.join('/'));
      return;
    }
    case 'list':
      assert.equal(states.list.isEmpty(), model.live(id, now, false).size === 0);
      assert.deepEqual(
        states.list.get(),
        [...model.live(id, now, true).values()].map(({ value }) => value),
      );
      return;
    case 'map': {
      assert.equal(states.map.isEmpty(), model.live(id, now, false).size === 0);
      const partId = mapKey(part);
      assert.equal(states.map.contains(part), model.live(id, now, true, partId).has(partId));
      assert.equal(states.map.get(part), model.live(id, now, true, partId).get(partId)?.value);
      const entries = [...model.live(id, now, true).values()].map(({ key, value }) => [key, value]);
      assert.deepEqual(inOrder([...states.map.entries()]), inOrder(entries));
      assert.deepEqual(inOrder([...states.map.keys()]), inOrder(entries.map(([key]) => key)));
      assert.deepEqual(inOrder([...states.map.values()]), inOrder(entries.map(([, value]) => value)));
    }
  }
}

function inOrder(items: readonly unknown[]): unknown[] {
  const text = (item: unknown): string =>
    JSON.stringify(item, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)) ?? '';
  return [...items].toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}

test('keyed state behaves like plain Maps, through snapshots and changes of the parallelism', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => checkRun(steps, undefined)),
    { numRuns: 200 },
  );
});

test('keyed state with TTL behaves like plain Maps whose entries expire', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), ttl, (steps, settings) => checkRun(steps, settings)),
    { numRuns: 250 },
  );
});
