import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mapState, valueState } from 'millstream';
import { createSavepoint } from 'millstream/savepoints';
import { pyarrowPython, pythonIsThere } from './pyarrow.ts';
import { inScratch } from './stateful-job.ts';

interface Seen {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

function seenByPython(files: readonly string[]): Seen[] {
  const script = fileURLToPath(new URL('./read_savepoint.py', import.meta.url));
  const { status, stdout, stderr } = spawnSync(pyarrowPython(), [script, ...files], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Seen);
}

/** Of everything that becomes a column, and of what does not. */
const VALUES: Readonly<Record<string, unknown>> = {
  number: 1,
  large: 2 ** 40,
  double: 0.5,
  bigint: 2n ** 62n,
  text: 'é😀',
  flag: true,
  at: new Date(Date.UTC(2024, 0, 2)),
  bytes: new Uint8Array([1, 2, 3]),
  floats: new Float32Array([1.5, 2.5]),
  list: [1, 2, 3],
  set: new Set(['a']),
  map: new Map([['k', { deep: [1n] }]]),
  mixed: [1, 'two', null, undefined],
  nothing: null,
  empty: {},
  pattern: /x/,
};

const EXPECTED: Readonly<Record<string, unknown>> = {
  number: 1,
  large: 2 ** 40,
  double: 0.5,
  bigint: 2 ** 62,
  text: 'é😀',
  flag: true,
  at: '2024-01-02T00:00:00+00:00',
  bytes: 'AQID',
  floats: [1.5, 2.5],
  list: [1, 2, 3],
  set: ['a'],
  map: [['k', { deep: [1] }]],
  mixed: [1, 'two', null, null],
  nothing: null,
  empty: {},
};

test('pyarrow reads savepoints', { skip: pythonIsThere() ? false : 'this machine has no Python' }, async () => {
  await inScratch(async (directory) => {
    const states = { all: valueState<unknown>('all'), counts: mapState<string, number>('counts') };
    const entries = ['Ann', 'Bob', 'Cem'].map((key, i) => ({
      key,
      state: { all: { ...VALUES, ...(i === 1 ? { only: 'here' } : {}) }, counts: new Map([[key, i]]) },
      timers: [{ timestamp: 1000 + i }],
    }));
    const path = await createSavepoint()
      .keyed('things', states, entries)
      .list('source', 'offsets', [{ partition: 0, offset: 7n }])
      .broadcast('rules', 'limits', [['a', 1]])
      .write(join(directory, 'made'));
    const files = globSync('**/*.arrow', { cwd: fileURLToPath(path) }).toSorted();
    assert.deepEqual(files, [
      'rules/limits.list-broadcast.arrow',
      'source/offsets.list-split.arrow',
      'things/all.value.arrow',
      'things/counts.map.arrow',
      'things/user-timers.event-timer.arrow',
    ]);
    const [limits, offsets, all, counts, timers] = seenByPython(files.map((file) => join(fileURLToPath(path), file)));
    assert.deepEqual(limits?.rows, [{ subtask: 0, item: ['a', 1] }]);
    assert.deepEqual(offsets?.rows, [{ subtask: 0, item: { partition: 0, offset: 7 } }]);
    assert.deepEqual(all?.columns, ['key_group', 'version', 'key', 'namespace', 'value']);
    assert.deepEqual(all?.rows.map(({ key }) => key).toSorted(), ['Ann', 'Bob', 'Cem']);
    for (const { key, value } of all?.rows ?? []) {
      const { pattern, only, ...rest } = value as Record<string, unknown>;
      assert.equal(typeof pattern, 'string');
      assert.equal(only, key === 'Bob' ? 'here' : null);
      assert.deepEqual(rest, EXPECTED);
    }
    assert.deepEqual(counts?.rows.find(({ key }) => key === 'Cem')?.['value'], [['Cem', 2]]);
    assert.deepEqual(timers?.rows.map(({ timestamp }) => timestamp).toSorted(), [1000, 1001, 1002]);
  });
});
