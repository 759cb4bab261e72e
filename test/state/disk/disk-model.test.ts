/**
 * Random operations on a disk backend whose budget is a few rows and whose segments are a few records, against plain
 * Maps: with views that are taken, written a few rows at a time, given up and completed while state changes, and with
 * restores into another number of subtasks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyGroup, keyGroupRange, mapKey, subtaskOfKeyGroup } from '../../../src/data/key.ts';
import { listState, mapState, reducingState, valueState } from '../../../src/state/descriptor.ts';
import { SlotMemory } from '../../../src/state/disk/slot-memory.ts';
import { FakeTime, MAX_PARALLELISM } from '../harness.ts';
import { Collected, take, type Taken } from './collected.ts';
import { diskHarness } from './disk-harness.ts';

const KEYS: readonly unknown[] = [0, 1, 7n, 'a', '\u0000', 2 ** 40, true, null, [1, 'x'], { b: 1, a: 2 }, 'b', 'c', 12];
const NAMESPACES: readonly unknown[] = [undefined, 0, 'w', [1, 2]];
const MAP_KEYS: readonly unknown[] = ['p', 'q', 3, [4], 5, 6, 'r', 's'];
const KINDS = ['value', 'list', 'map', 'reducing'] as const;
const PADDING = 'x'.repeat(60);

interface Operation {
  readonly kind: (typeof KINDS)[number];
  readonly namespaced: boolean;
  readonly key: number;
  readonly namespace: number;
  readonly action: 'write' | 'mutate' | 'read' | 'clear' | 'remove' | 'timer' | 'delete timer' | 'clear key';
  readonly part: number;
  readonly value: number;
}
type Step =
  | Operation
  | { readonly view: number }
  | { readonly advance: number }
  | { readonly finish: 'complete' | 'give up' }
  | { readonly announce: readonly number[] }
  | { readonly watermark: number }
  | { readonly rescale: number };

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom(...KINDS),
  namespaced: fc.boolean(),
  key: fc.nat(KEYS.length - 1),
  namespace: fc.nat(NAMESPACES.length - 1),
  action: fc.constantFrom(
    ...(['write', 'write', 'write', 'write', 'mutate', 'read', 'clear', 'remove', 'timer', 'timer'] as const),
    'delete timer',
    'clear key',
  ),
  part: fc.nat(MAP_KEYS.length - 1),
  value: fc.integer({ min: 1, max: 9 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: operation },
  { weight: 3, arbitrary: fc.record({ view: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ finish: fc.constantFrom('complete' as const, 'complete' as const, 'give up' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ announce: fc.array(fc.nat(KEYS.length - 1), { maxLength: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ rescale: fc.integer({ min: 1, max: 3 }) }) },
);

/** State as it should be, by identity: a sorted text of what is there. */
class Model {
  readonly cells = new Map<string, { readonly key: unknown; value: unknown }>();
  readonly timers = new Map<string, { readonly key: unknown; readonly time: number }>();

  copy(): Model {
    const copy = new Model();
    for (const [id, cell] of this.cells) copy.cells.set(id, { key: cell.key, value: structuredClone(cell.value) });
    for (const [id, timer] of this.timers) copy.timers.set(id, timer);
    return copy;
  }

  static id(state: string, key: unknown, namespace: unknown): string {
    return `${state} ${String(mapKey(key))} ${namespace === undefined ? '' : `in ${String(mapKey(namespace))}`}`;
  }

  describe(): string[] {
    const cells = [...this.cells].map(([id, { value }]) => `${id}: ${text(value)}`);
    return [...cells, ...[...this.timers.keys()].map((id) => `timer ${id}`)].toSorted();
  }
}

function text(value: unknown): string {
  if (value instanceof Map) return JSON.stringify([...value].map(([id, item]) => [String(id), item]).toSorted());
  return JSON.stringify(value);
}

/** The same description, of what checkpoints hold. */
function describe(collected: Collected): string[] {
  const lines: string[] = [];
  for (const { name, kind, entries } of collected.restored(0, MAX_PARALLELISM - 1).keyed) {
    for (const { key, namespace, value } of entries()) {
      if (kind === 'event-timer') {
        lines.push(`timer ${String(value)} ${Model.id('', key, namespace)}`);
      } else if (kind === 'map') {
        const [keys, values] = value as [unknown[], unknown[]];
        lines.push(
          `${Model.id(name, key, namespace)}: ${text(new Map(keys.map((each, i) => [mapKey(each), values[i]])))}`,
        );
      } else {
        lines.push(`${Model.id(name, key, namespace)}: ${text(value)}`);
      }
    }
  }
  return lines.toSorted();
}

interface Pending {
  readonly taken: readonly (Taken & { done: boolean })[];
  readonly expected: Model;
  readonly generation: number;
}

function checkRun(steps: readonly Step[], bytes: number, pageBytes: number): void {
  const time = new FakeTime();
  const memory = new SlotMemory(bytes);
  let model = new Model();
  let watermark = 0;
  /** What the last complete checkpoint holds, by subtask, and the generation of it. */
  let completed: { parts: readonly Collected[]; model: Model; generation: number } | undefined;
  let pending: Pending[] = [];
  let generation = 0;
  let subtasks = start(1, undefined);

  function start(parallelism: number, from: Collected | undefined) {
    return Array.from({ length: parallelism }, (_, index) => {
      const keyGroups = keyGroupRange(MAX_PARALLELISM, parallelism, index);
      const { backend } = diskHarness({
        time,
        memory,
        segmentBytes: 4096,
        pageBytes,
        keyGroups,
        ...(from === undefined ? {} : { restored: from.restored(keyGroups.start, keyGroups.end) }),
      });
      const fired: string[] = [];
      const timers = backend.timers('timers', (timestamp, _domain, namespace) => {
        fired.push(`${timestamp} ${Model.id('', backend.currentKey, namespace)}`);
      });
      const handles = [false, true].map((namespaced) => {
        const name = namespaced ? 'in namespaces' : 'plain';
        return {
          value: backend.value(valueState<{ n: number; padding: string }>(`value ${name}`), namespaced),
          list: backend.list(listState<number>(`list ${name}`), namespaced),
          map: backend.map(mapState<unknown, number>(`map ${name}`), namespaced),
          reducing: backend.reducing(
            reducingState<number>(`reducing ${name}`, (a, b) => (a * 10 + b) % 1e6),
            namespaced,
          ),
        };
      });
      return { backend, timers, handles, fired };
    });
  }

  function run(op: Operation): void {
    const key = KEYS[op.key];
    const namespace = NAMESPACES[op.namespace];
    const owner = subtaskOfKeyGroup(keyGroup(key, MAX_PARALLELISM), MAX_PARALLELISM, subtasks.length);
    const { backend, handles, timers } = subtasks[owner] as (typeof subtasks)[number];
    const states = handles[op.namespaced ? 1 : 0] as (typeof handles)[number];
    const name = `${op.kind} ${op.namespaced ? 'in namespaces' : 'plain'}`;
    const id = Model.id(name, key, op.namespaced ? namespace : undefined);
    const cell = model.cells.get(id);
    const put = (value: unknown): void => void model.cells.set(id, { key, value });
    backend.setCurrentKey(key);
    backend.setCurrentNamespace(namespace);
    const part = MAP_KEYS[op.part];
    switch (op.action) {
      case 'timer': {
        timers.service.registerEventTimeTimer(watermark + op.value);
        model.timers.set(`${watermark + op.value} ${Model.id('', key, namespace)}`, {
          key,
          time: watermark + op.value,
        });
        return;
      }
      case 'delete timer':
        timers.service.deleteEventTimeTimer(watermark + op.value);
        model.timers.delete(`${watermark + op.value} ${Model.id('', key, namespace)}`);
        return;
      case 'clear key':
        backend.clearCurrentKey();
        for (const [other, { key: of }] of model.cells) if (of === key) model.cells.delete(other);
        for (const [other, { key: of }] of model.timers) if (of === key) model.timers.delete(other);
        return;
      case 'clear':
        states[op.kind].clear();
        model.cells.delete(id);
        return;
      case 'remove': {
        if (op.kind !== 'map') return;
        states.map.remove(part);
        const entries = cell?.value as Map<unknown, number> | undefined;
        entries?.delete(mapKey(part));
        if (entries?.size === 0) model.cells.delete(id);
        return;
      }
      case 'mutate': {
        // What was handed out is the user's to change.
        if (op.kind !== 'value') return;
        const value = states.value.value();
        assert.equal(value?.n, (cell?.value as { n: number } | undefined)?.n);
        if (value === undefined || cell === undefined) return;
        value.n++;
        put(structuredClone(value));
        return;
      }
      case 'read':
        break;
      case 'write':
        write();
    }
    check();

    function write(): void {
      switch (op.kind) {
        case 'value':
          states.value.update({ n: op.value, padding: PADDING });
          put({ n: op.value, padding: PADDING });
          return;
        case 'list':
          if (op.part === 0) {
            states.list.update([op.value]);
            put([op.value]);
          } else {
            states.list.addAll([op.value, op.part]);
            put([...((cell?.value ?? []) as number[]), op.value, op.part]);
          }
          return;
        case 'map': {
          states.map.put(part, op.value);
          const entries = new Map((cell?.value ?? []) as Map<unknown, number>);
          entries.set(mapKey(part), op.value);
          put(entries);
          return;
        }
        case 'reducing':
          states.reducing.add(op.value);
          put(cell === undefined ? op.value : ((cell.value as number) * 10 + op.value) % 1e6);
      }
    }

    function check(): void {
      const value = model.cells.get(id)?.value;
      if (op.kind === 'value') assert.deepEqual(states.value.value(), value);
      if (op.kind === 'list') assert.deepEqual(states.list.get(), value ?? []);
      if (op.kind === 'reducing') assert.equal(states.reducing.get(), value);
      if (op.kind === 'map') {
        assert.equal(states.map.get(part), (value as Map<unknown, number> | undefined)?.get(mapKey(part)));
        const entries = new Map([...states.map.entries()].map(([each, item]) => [mapKey(each), item]));
        assert.equal(text(entries), text(value ?? new Map()));
      }
    }
  }

  function beginView(wholeGroups: number): void {
    generation++;
    const whole = new Set(Array.from({ length: wholeGroups }, (_, i) => (generation * 3 + i * 5) % MAX_PARALLELISM));
    const since = completed?.generation;
    const taken = subtasks.map(({ backend }) => ({ ...take(backend, generation, since, whole), done: false }));
    pending.push({ taken, expected: model.copy(), generation });
  }

  function advance({ taken }: Pending, rows: number): void {
    for (const each of taken) {
      let left = rows;
      each.done ||= each.view.advance(() => --left > 0);
    }
  }

  function complete(): void {
    const [first, ...later] = pending;
    if (first === undefined) return;
    advance(first, Infinity);
    const parts = first.taken.map(({ delta }, i) => {
      const collected = completed?.parts[i]?.copy() ?? new Collected();
      collected.apply(delta);
      return collected;
    });
    assert.deepEqual(describe(Collected.merged(parts)), first.expected.describe());
    completed = { parts, model: first.expected, generation: first.generation };
    for (const { backend } of subtasks) backend.completed(first.generation);
    // The others began from an earlier checkpoint than this one; they are given up, as a coordinator may.
    for (const { taken } of later) for (const { view } of taken) view.release();
    pending = [];
  }

  function rescale(parallelism: number): void {
    for (const { taken } of pending) for (const { view } of taken) view.release();
    for (const { backend } of subtasks) backend.close();
    pending = [];
    assert.equal(memory.used, 0);
    const from = completed === undefined ? undefined : Collected.merged(completed.parts);
    model = completed?.model.copy() ?? new Model();
    subtasks = start(parallelism, from);
    generation = 0;
    completed = undefined;
    watermark = 0;
  }

  for (const each of steps) {
    if ('view' in each) beginView(each.view);
    else if ('advance' in each) pending.forEach((view) => advance(view, each.advance));
    else if ('finish' in each) {
      if (each.finish === 'complete') complete();
      else for (const { view } of pending.shift()?.taken ?? []) view.release();
    } else if ('announce' in each) {
      for (const { backend } of subtasks) backend.prefetch(() => each.announce.map((key) => KEYS[key]));
    } else if ('rescale' in each) rescale(each.rescale);
    else if ('watermark' in each) {
      watermark += each.watermark;
      const due = [...model.timers].filter(([, { time: at }]) => at <= watermark);
      for (const [id] of due) model.timers.delete(id);
      const all: string[] = [];
      for (const { timers, fired } of subtasks) {
        timers.advance(watermark, () => {});
        all.push(...fired.splice(0));
      }
      assert.deepEqual(all.toSorted(), due.map(([id]) => id).toSorted());
    } else run(each);
    const keys = new Set([...model.cells.values(), ...model.timers.values()].map(({ key }) => mapKey(key)));
    assert.equal(
      subtasks.reduce((sum, { backend }) => sum + backend.size, 0),
      keys.size,
    );
  }
  // The last word: everything, in one checkpoint.
  for (const { taken } of pending.splice(0)) for (const { view } of taken) view.release();
  beginView(0);
  complete();
  for (const { backend } of subtasks) backend.close();
  assert.equal(memory.used, 0);
}

test('state on disk behaves like plain Maps, and every checkpoint holds what was there at its barrier', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }),
      fc.constantFrom(20_000, 40_000, 1 << 20),
      // As usual, or so small that maps and lists of a few entries are in pages.
      fc.constantFrom(4096, 150, 40),
      (steps, bytes, pageBytes) => checkRun(steps, bytes, pageBytes),
    ),
    { numRuns: 200 },
  );
});
