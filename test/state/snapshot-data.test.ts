import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError } from '../../src/base/error.ts';
import { keyGroup, keyGroupRange } from '../../src/data/key.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { createSnapshotWriter, redistribute, restoredState } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot, SnapshotWriter } from '../../src/state/snapshot.ts';

const MAX_PARALLELISM = 32;
const types = new TypeRegistry();

function written(write: (writer: SnapshotWriter) => void): OperatorSnapshot {
  const writer = createSnapshotWriter(7, 'checkpoint', 'counter', types);
  write(writer);
  return writer.finish();
}

/** Keyed entries and list items as a checkpoint of `parallelism` subtasks would hold them. */
interface Content {
  readonly keyed: readonly { readonly key: string; readonly namespace: number | undefined; readonly value: number }[];
  readonly lists: readonly (readonly number[])[];
}

const content: fc.Arbitrary<Content> = fc.record({
  keyed: fc.array(
    fc.record({
      key: fc.string({ maxLength: 3 }),
      namespace: fc.option(fc.nat(3), { nil: undefined }),
      value: fc.integer(),
    }),
    { maxLength: 60 },
  ),
  lists: fc.array(fc.array(fc.integer(), { maxLength: 5 }), { minLength: 1, maxLength: 6 }),
});

function checkpoint({ keyed, lists }: Content): OperatorSnapshot[] {
  const parallelism = lists.length;
  return lists.map((items, subtask) =>
    written((writer) => {
      const { start, end } = keyGroupRange(MAX_PARALLELISM, parallelism, subtask);
      const entries = writer.keyed({ name: 'sums', kind: 'value', version: 2 });
      for (const { key, namespace, value } of keyed) {
        const group = keyGroup(key, MAX_PARALLELISM);
        if (group >= start && group <= end) entries.entry(group, key, namespace, value);
      }
      writer.list('split', 'split', items);
      writer.list('union', 'union', items);
      writer.list('broadcast', 'broadcast', [1, 2, 3]);
    }),
  );
}

function ascending(a: number, b: number): number {
  return a - b;
}

function contentOf(snapshots: readonly OperatorSnapshot[]): { keyed: string[]; split: number[] } {
  const states = snapshots.map((snapshot) => restoredState([snapshot], types));
  return {
    keyed: states.flatMap((state) =>
      state.keyed.flatMap((keyed) =>
        [...keyed.entries()].map((entry) =>
          JSON.stringify([
            keyed.name,
            keyed.kind,
            entry.version,
            entry.keyGroup,
            entry.key,
            entry.namespace,
            entry.value,
          ]),
        ),
      ),
    ),
    split: states.flatMap((state) => (state.list('split')?.items ?? []) as number[]),
  };
}

test('redistribution keeps every keyed entry and every item of a split list exactly once, up and down', () => {
  const parallelism = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(content, parallelism, parallelism, (given, first, second) => {
      const before = checkpoint(given);
      const all = (snapshots: readonly OperatorSnapshot[], to: number): OperatorSnapshot[] =>
        Array.from({ length: to }, (_, subtask) => redistribute(snapshots, MAX_PARALLELISM, to, subtask));
      const expected = contentOf(before);
      for (const snapshots of [all(before, first), all(all(before, first), second)]) {
        const found = contentOf(snapshots);
        assert.deepEqual(found.keyed.toSorted(), expected.keyed.toSorted());
        assert.deepEqual(found.split.toSorted(ascending), expected.split.toSorted(ascending));
        const sizes = snapshots.map(
          (snapshot) => snapshot.lists.find(({ name }) => name === 'split')?.items.length ?? 0,
        );
        if (snapshots.length !== before.length)
          assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, 'dealt out evenly');
      }
    }),
    { numRuns: 200 },
  );
});

test('every subtask gets the key groups that it owns, in order', () => {
  fc.assert(
    fc.property(content, fc.integer({ min: 1, max: 8 }), (given, parallelism) => {
      for (let subtask = 0; subtask < parallelism; subtask++) {
        const { start, end } = keyGroupRange(MAX_PARALLELISM, parallelism, subtask);
        for (const { groups } of redistribute(checkpoint(given), MAX_PARALLELISM, parallelism, subtask).keyed) {
          const numbers = groups.map(({ group }) => group);
          assert.deepEqual(
            numbers,
            [...new Set(numbers)].toSorted((a, b) => a - b),
          );
          assert.ok(numbers.every((group) => group >= start && group <= end));
        }
      }
    }),
  );
});

test('union lists go to everybody, broadcast lists once to each, whatever the parallelism', () => {
  const given: Content = { keyed: [], lists: [[1, 2], [], [3]] };
  for (const parallelism of [1, 2, 3, 5]) {
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const state = restoredState([redistribute(checkpoint(given), MAX_PARALLELISM, parallelism, subtask)], types);
      assert.deepEqual(state.list('union')?.items, [1, 2, 3]);
      assert.deepEqual(state.list('broadcast')?.items, [1, 2, 3]);
    }
  }
});

test('split lists are dealt out round robin, and stay where they are while the parallelism is the same', () => {
  const snapshots = checkpoint({ keyed: [], lists: [[1, 2, 3], [4]] });
  const itemsOf = (parallelism: number): unknown[] =>
    Array.from(
      { length: parallelism },
      (_, subtask) =>
        restoredState([redistribute(snapshots, MAX_PARALLELISM, parallelism, subtask)], types).list('split')?.items,
    );
  assert.deepEqual(itemsOf(2), [[1, 2, 3], [4]]);
  assert.deepEqual(itemsOf(3), [[1, 4], [2], [3]]);
  assert.deepEqual(itemsOf(1), [[1, 2, 3, 4]]);
  assert.deepEqual(itemsOf(5), [[1], [2], [3], [4], []]);
});

test('a broadcast list that only some subtasks wrote still reaches everybody', () => {
  const snapshots = [written(() => {}), written((writer) => writer.list('rules', 'broadcast', ['r']))];
  for (const subtask of [0, 1, 2]) {
    const state = restoredState([redistribute(snapshots, MAX_PARALLELISM, 3, subtask)], types);
    assert.deepEqual(state.list('rules')?.items, ['r']);
  }
});

test('event time goes on where the slowest of the subtasks stood, and anew where it was over or not known of all', () => {
  const watermarkOf = (...watermarks: readonly (number | undefined)[]): number | undefined => {
    const snapshots = watermarks.map((watermark) => ({
      operatorId: 'one',
      ...(watermark === undefined ? {} : { watermark }),
      keyed: [],
      lists: [],
    }));
    return redistribute(snapshots, MAX_PARALLELISM, 3, 2).watermark;
  };
  assert.equal(watermarkOf(20, 10), 10);
  assert.equal(watermarkOf(20, Infinity), 20);
  assert.equal(watermarkOf(Infinity, Infinity), undefined);
  assert.equal(watermarkOf(20, undefined), undefined);
  assert.equal(watermarkOf(), undefined);
});

test('values of two versions of a state are told apart', () => {
  const snapshot = written((writer) => {
    writer.keyed({ name: 's', kind: 'value', version: 1 }).entry(0, 'a', undefined, 'old');
    writer.keyed({ name: 's', kind: 'value', version: 2 }).entry(0, 'b', undefined, 'new');
    writer.keyed({ name: 's', kind: 'value', version: 1 }).entry(0, 'c', undefined, 'old too');
  });
  const { keyed } = restoredState([redistribute([snapshot, snapshot], MAX_PARALLELISM, 1, 0)], types);
  assert.deepEqual(
    keyed.map((state) => state.versions),
    [[1, 2]],
  );
  const values = keyed.flatMap((state) =>
    [...state.entries()].map(({ version, value }) => `${version} ${String(value)}`),
  );
  assert.deepEqual(values.toSorted(), ['1 old', '1 old', '1 old too', '1 old too', '2 new', '2 new']);
});

test('values of all sorts survive, and values in one group share no identity', () => {
  const shared = { n: 1 };
  const values = [
    undefined,
    null,
    -0,
    NaN,
    5n,
    new Date(1),
    new Map([[shared, [shared]]]),
    new Uint8Array([1]),
    [shared, shared],
  ];
  const snapshot = written((writer) => {
    const entries = writer.keyed({ name: 's', kind: 'value', version: 1 });
    for (const [i, value] of values.entries()) entries.entry(3, i, { w: BigInt(i) }, value);
    writer.list('l', 'split', values, 4);
  });
  const state = restoredState([snapshot], types);
  const back = [...(state.keyed[0]?.entries() ?? [])];
  assert.deepStrictEqual(
    back,
    values.map((value, i) => ({ keyGroup: 3, version: 1, key: i, namespace: { w: BigInt(i) }, value })),
  );
  assert.deepStrictEqual(state.list('l'), { name: 'l', redistribution: 'split', version: 4, items: values });
  const pair = back[8]?.value as [object, object];
  assert.equal(pair[0], pair[1]);
  assert.equal(state.list('nobody'), undefined);
});

test('lists of several snapshots are one list', () => {
  const snapshots = [1, 2].map((n) => written((writer) => writer.list('l', 'split', [n])));
  assert.deepEqual(restoredState(snapshots, types).list('l')?.items, [1, 2]);
});

test('a value that cannot be encoded is named with state, operator and path, in lists too', () => {
  const unsupported = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'VALUE_UNSUPPORTED');
    assert.match(error.message, pattern);
    assert.equal(error.details.operator, 'counter');
    return true;
  };
  assert.throws(
    () =>
      written((writer) =>
        writer.keyed({ name: 'users', kind: 'value', version: 1 }).entry(0, 1, undefined, { at: { f: () => 1 } }),
      ),
    unsupported(/state "users" of the operator "counter".*`users\.at\.f` is a function/),
  );
  assert.throws(
    () => written((writer) => writer.list('offsets', 'split', [1, { s: Symbol('x') }])),
    unsupported(/state "offsets" of the operator "counter".*`offsets\[1\]\.s` is a symbol/),
  );
});

test('the writer says which checkpoint it is for', () => {
  const writer = createSnapshotWriter(12, 'savepoint', 'op', types);
  assert.equal(writer.checkpoint, 12);
  assert.equal(writer.type, 'savepoint');
  assert.deepEqual(writer.finish(), { operatorId: 'op', keyed: [], lists: [] });
});

test('damaged bytes are found when they are read, and the state is named', () => {
  const corrupt = (error: unknown): boolean =>
    error instanceof MillstreamError && error.code === 'STATE_CORRUPT' && /"(s|l)"/.test(error.message);
  const whole = written((writer) => {
    const entries = writer.keyed({ name: 's', kind: 'value', version: 1 });
    entries.entry(3, 'a', undefined, 'x');
    entries.entry(3, 'b', undefined, 'y');
    writer.list('l', 'split', ['item']);
  });
  const readAll = (change: (bytes: Uint8Array) => Uint8Array): void => {
    const keyed = whole.keyed.map((state) => ({
      ...state,
      groups: state.groups.map((group) => ({
        ...group,
        parts: group.parts.map((part) => ({ ...part, bytes: change(part.bytes as Uint8Array) })),
      })),
    }));
    for (const state of restoredState([{ ...whole, keyed }], types).keyed) assert.equal([...state.entries()].length, 2);
  };
  readAll((bytes) => bytes);
  assert.throws(() => readAll((bytes) => bytes.subarray(0, -1)), corrupt);
  assert.throws(() => readAll((bytes) => Buffer.concat([bytes, new Uint8Array(1)])), corrupt);
  assert.throws(() => readAll((bytes) => bytes.map((byte, i) => (i === 1 ? 0xff : byte))), corrupt);
  const lists = whole.lists.map((list) => ({
    ...list,
    items: list.items.map((item) => (item as Uint8Array).subarray(0, -1)),
  }));
  assert.throws(() => restoredState([{ ...whole, lists }], types), corrupt);
});
