import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { fileSource, type FileSourceOptions } from '../../src/connect/file-source.ts';
import type { Undecodable } from '../../src/connect/undecodable.ts';
import { csv } from '../../src/format/csv.ts';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { assertReplays, runSource, type SourceRun } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { inPieces, scratchDirectory } from './scratch.ts';

const world = createRealWorld();

/** A directory with these files in it. */
function directoryWith(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = scratchDirectory(t);
  for (const [name, content] of Object.entries(files)) {
    const parts = name.split('/');
    if (parts.length > 1) mkdirSync(join(directory, ...parts.slice(0, -1)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

async function readAll<T>(
  options: FileSourceOptions<T>,
  { parallelism = 1, piece }: { readonly parallelism?: number; readonly piece?: number } = {},
): Promise<SourceRun<T>> {
  const run = runSource(fileSource(options), {
    world: piece === undefined ? world : inPieces(world, piece),
    parallelism,
  });
  try {
    await run.finish();
  } finally {
    await run.close();
  }
  return run;
}

function values<T>(run: SourceRun<T>): T[] {
  return run.records.map((record) => record.value);
}

test('the files of a directory are read in the order of their paths, hidden ones left out', async (t) => {
  const path = directoryWith(t, {
    'b.txt': 'three\nfour',
    'a.txt': 'one\r\ntwo\n',
    'c/d.txt': 'five\n',
    '.hidden.txt': 'no',
    '_auxiliary.txt': 'no',
    '_staging/e.txt': 'no',
    'empty.txt': '',
  });
  const run = await readAll({ path, format: text() });
  assert.deepEqual(values(run), ['one', 'two', 'three', 'four', 'five']);
});

test('a single file is read whatever its name, and several paths are read once each', async (t) => {
  const path = directoryWith(t, { '.profile': 'mine', 'a.txt': 'a', 'b.txt': 'b' });
  assert.deepEqual(values(await readAll({ path: join(path, '.profile'), format: text() })), ['mine']);
  const both = await readAll({ path: [join(path, 'b.txt'), path, join(path, 'b.txt')], format: text() });
  assert.deepEqual(values(both), ['a', 'b']);
});

test('globs, functions and recursive: false choose the files', async (t) => {
  const path = directoryWith(t, { 'a.csv': 'a', 'b.txt': 'b', 'deep/c.csv': 'c', 'deep/d.txt': 'd' });
  const read = async (options: Omit<FileSourceOptions<string>, 'path' | 'format'>): Promise<string[]> =>
    values(await readAll({ path, format: text(), ...options }));
  assert.deepEqual(await read({ include: '*.csv' }), ['a']);
  assert.deepEqual(await read({ include: '**/*.csv' }), ['a', 'c']);
  assert.deepEqual(await read({ include: (file) => file.endsWith('d.txt') }), ['d']);
  assert.deepEqual(await read({ recursive: false }), ['a', 'b']);
});

test('a large file is cut into ranges that are read in parallel, each line once', async (t) => {
  const lines = Array.from({ length: 60_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 90)}`);
  const path = directoryWith(t, { 'large.txt': lines.join('\n') });
  const run = await readAll({ path, format: text(), splitBytes: 500_000 }, { parallelism: 3 });
  assert.ok(new Set(run.records.map((record) => record.split)).size >= 5, 'several ranges');
  assert.ok(new Set(run.records.map((record) => record.subtask)).size === 3, 'all subtasks take part');
  const number = (line: string): number => Number(line.split(' ')[1]);
  assert.deepEqual(
    values(run).toSorted((a, b) => number(a) - number(b)),
    lines,
  );
});

test('wherever ranges and blocks end, each line is read exactly once', async (t) => {
  const path = directoryWith(t, {});
  const line = fc.array(fc.constantFrom('a', 'é', '€', '😀', ' '), { maxLength: 6 }).map((letters) => letters.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async (lines, lineBreak, endsWithBreak, splitBytes, piece) => {
        const content = lines.join(lineBreak) + (endsWithBreak && lines.length > 0 ? lineBreak : '');
        writeFileSync(join(path, 'lines.txt'), content);
        const expected = content === '' ? [] : content.split(lineBreak);
        if (content.endsWith(lineBreak)) expected.pop();
        const run = await readAll(
          { path, format: text(), splitBytes, order: 'deterministic' },
          { parallelism: 2, piece },
        );
        assert.deepEqual(values(run).toSorted(), expected.toSorted());
      },
    ),
    { numRuns: 150 },
  );
});

test('wherever a file is interrupted, it goes on with exactly the rest', async (t) => {
  const path = directoryWith(t, {
    'a.txt': 'é\n\nzwei\r\ndrei',
    'b.txt': Array.from({ length: 12 }, (_, index) => `line ${index}`).join('\n'),
  });
  const source = (): ReturnType<typeof fileSource<string>> => fileSource({ path, format: text(), splitBytes: 25 });
  for (const restoredParallelism of [1, 3]) {
    await assertReplays(source, { world: inPieces(world, 7), parallelism: 2, restoredParallelism });
  }
});

test('json lines, json arrays and csv go on exactly where they were interrupted', async (t) => {
  const rows = Array.from({ length: 9 }, (_, index) => ({ id: index, name: `näme "${index}",\nsecond line` }));
  const path = directoryWith(t, {
    'rows.jsonl': rows.map((row) => JSON.stringify(row)).join('\n\n'),
    'rows.json': JSON.stringify(rows, undefined, 2),
    'rows.csv': `id,name\n${rows.map(({ id, name }) => `${id},"${name.replaceAll('"', '""')}"`).join('\r\n')}\r\n`,
    'flat.csv': `name,id\n${rows.map(({ id }) => `n${id},${id}`).join('\n')}`,
  });
  const columns = { id: 'integer', name: 'string' } as const;
  const sources = {
    lines: () => fileSource({ path: join(path, 'rows.jsonl'), format: json(), splitBytes: 100 }),
    array: () => fileSource({ path: join(path, 'rows.json'), format: json({ layout: 'array' }) }),
    quoted: () => fileSource({ path: join(path, 'rows.csv'), format: csv({ header: true, columns }) }),
    flat: () =>
      fileSource({
        path: join(path, 'flat.csv'),
        format: csv({ header: true, columns, quotedLineBreaks: false }),
        splitBytes: 20,
      }),
  };
  for (const [name, source] of Object.entries(sources)) {
    const run = runSource<unknown, unknown, unknown>(source(), { world, parallelism: 2 });
    const read = (await run.finish()) as { id: number }[];
    await run.close();
    const expected = name === 'flat' ? rows.map(({ id }) => ({ id, name: `n${id}` })) : rows;
    assert.deepEqual(
      read.toSorted((a, b) => a.id - b.id),
      expected,
      name,
    );
    await assertReplays<unknown, unknown, unknown>(source, {
      world: inPieces(world, 11),
      parallelism: 2,
      restoredParallelism: 1,
    });
  }
});

test('compressed files are read whole and go on where they were interrupted', async (t) => {
  const content = Array.from({ length: 30 }, (_, index) => `line ${index}`).join('\n');
  const bytes = Buffer.from(content);
  const path = directoryWith(t, {
    'a.txt.gz': gzipSync(bytes),
    'b.txt.deflate': deflateSync(bytes),
    'c.txt.br': brotliCompressSync(bytes),
    'd.txt.zst': zstdCompressSync(bytes),
    'e.txt.gz': Buffer.concat([gzipSync('two\n'), gzipSync('members')]),
    'f.txt.gz': gzipSync(''),
    'g.txt.gz': '',
  });
  const run = await readAll({ path, format: text(), splitBytes: 10 });
  const once = content.split('\n');
  assert.deepEqual(values(run), [...once, ...once, ...once, ...once, 'two', 'members']);
  const source = (): ReturnType<typeof fileSource<string>> => fileSource({ path, include: 'a*', format: text() });
  await assertReplays(source, { world, cuts: [0, 1, 15, 29, 30] });
  const named = directoryWith(t, { 'data.bin': gzipSync('named\n') });
  assert.deepEqual(values(await readAll({ path: named, format: text(), compression: 'gzip' })), ['named']);
});

test('a large compressed file is read across many blocks', async (t) => {
  const lines = Array.from({ length: 120_000 }, (_, index) => `${index * 7919} some text that repeats`);
  const path = directoryWith(t, { 'large.txt.gz': gzipSync(lines.join('\n'), { level: 1 }) });
  const run = runSource(fileSource({ path, format: text() }), { world });
  await run.take(70_001);
  const snapshot = run.snapshot();
  await run.close();
  const rest = runSource(fileSource({ path, format: text() }), { world, restore: snapshot });
  assert.deepEqual([...values(run), ...(await rest.finish())], lines);
  await rest.close();
});

test('an undecodable record stops the job and says where it is, in every range', async (t) => {
  const lines = Array.from({ length: 40 }, (_, index) => JSON.stringify({ index }));
  lines[30] = '{"index": oops}';
  const content = `\n${lines.join('\n')}\n`;
  const path = join(directoryWith(t, { 'rows.jsonl': content }), 'rows.jsonl');
  const offset = content.indexOf('{"index": oops}');
  for (const splitBytes of [1_000_000, 64, 100]) {
    await assert.rejects(readAll({ path, format: json(), splitBytes }, { parallelism: 1, piece: 13 }), {
      code: 'RECORD_UNDECODABLE',
      message: new RegExp(`line 32, byte ${offset} of .*rows\\.jsonl.*not valid JSON.*"{\\\\"index\\\\": oops}`),
      details: { file: path, line: 32, offset, record: JSON.stringify('{"index": oops}\n') },
    });
  }
});

test('undecodable records go to a side output with their bytes and origin, and reading goes on', async (t) => {
  const content = 'id,name\n1,one\nx,two\n3\n4,"four\n5,five\n6,six';
  const path = join(directoryWith(t, { 'rows.csv': content }), 'rows.csv');
  const format = csv({ header: true, columns: { id: 'integer', name: 'string' } });
  const run = await readAll({ path, format, onUndecodable: 'side-output' });
  assert.deepEqual(values(run), [
    { id: 1, name: 'one' },
    { id: 5, name: 'five' },
    { id: 6, name: 'six' },
  ]);
  assert.deepEqual(
    run.sides.map(({ tag, value }) => {
      const { bytes, origin, error } = value as Undecodable;
      return { tag, text: Buffer.from(bytes).toString(), ...origin, error };
    }),
    [
      {
        tag: 'undecodable',
        text: 'x,two\n',
        file: path,
        line: 3,
        offset: 14,
        error: 'the field "id" is no integer: "x"',
      },
      {
        tag: 'undecodable',
        text: '3\n',
        file: path,
        line: 4,
        offset: 20,
        error: 'it has 1 fields, and 2 were expected',
      },
      {
        tag: 'undecodable',
        text: '4,"four\n',
        file: path,
        line: 5,
        offset: 22,
        error: 'the quote that opens field 2 is not closed',
      },
    ],
  );
});

test('a side output keeps its bytes, and interruptions lose and repeat none of it', async (t) => {
  const lines = Array.from({ length: 20 }, (_, index) => (index % 3 === 0 ? `bad ${index}` : String(index)));
  const path = directoryWith(t, { 'rows.jsonl': lines.join('\n') });
  const options = { path, format: json(), splitBytes: 30, onUndecodable: 'side-output' } as const;
  for (const cut of [0, 1, 5, 12]) {
    const before = runSource(fileSource(options), { world: inPieces(world, 5), parallelism: 2 });
    await before.take(cut);
    const snapshot = before.snapshot();
    await before.close();
    const after = runSource(fileSource(options), { world: inPieces(world, 5), restore: snapshot });
    await after.finish();
    await after.close();
    const sides = [...before.sides, ...after.sides].map(({ value }) => value as Undecodable);
    assert.deepEqual(
      sides.map(({ bytes }) => Buffer.from(bytes).toString().trim()).toSorted(),
      lines.filter((line) => line.startsWith('bad')).toSorted(),
    );
    for (const { bytes, origin } of sides) {
      assert.equal(lines[origin.line - 1], Buffer.from(bytes).toString().trim());
    }
  }
});

test('skipped records are counted, and their place is told', async (t) => {
  const path = directoryWith(t, { 'latin1.txt': Buffer.from('gut\nsch\xf6n\nbesser', 'latin1') });
  const run = await readAll({ path, format: text(), onUndecodable: 'skip' });
  assert.deepEqual(values(run), ['gut', 'besser']);
  const [dropped] = run.dropped as Undecodable[];
  assert.equal(run.dropped.length, 1);
  assert.deepEqual(dropped?.origin, { file: join(path, 'latin1.txt'), line: 2, offset: 4 });
  assert.equal(dropped?.error, 'its bytes are not valid UTF-8');
  assert.deepEqual(values(await readAll({ path, format: text({ charset: 'latin1' }) })), ['gut', 'schön', 'besser']);
});

test('a header that lacks a column fails whatever was chosen for records', async (t) => {
  const path = directoryWith(t, { 'rows.csv': 'id,nom\n1,un\n' });
  const format = csv({ header: true, columns: { id: 'integer', name: 'string' } });
  await assert.rejects(readAll({ path, format, onUndecodable: 'skip' }), {
    code: 'RECORD_UNDECODABLE',
    message: /line 1, byte 0 .*lacks the column "name"; it has id, nom/,
  });
});

test('a path that is not there, or must not be read, fails with the path and what to do', async (t) => {
  const path = directoryWith(t, { 'secret.txt': 'x', 'plain.txt': 'y' });
  const nowhere = join(path, 'nowhere');
  await assert.rejects(readAll({ path: nowhere, format: text() }), {
    code: 'SOURCE_MISSING',
    message: `[SOURCE_MISSING] The file source cannot read ${nowhere}: it does not exist. Create it, or correct the path.`,
  });
  await assert.rejects(readAll({ path: 'nowhere-at-all.txt', format: text() }), {
    message: /cannot read nowhere-at-all\.txt: .* in the directory in which the process was started/,
  });
  const storageWith = (system: string): typeof world => ({
    ...world,
    storage: Object.assign(Object.create(inPieces(world, 1000).storage), {
      openRead: async (file: string) => {
        const { StorageError } = await import('../../src/base/world.ts');
        throw new StorageError(system, file);
      },
    }) as typeof world.storage,
  });
  for (const [system, code] of [
    ['EACCES', 'SOURCE_PERMISSION'],
    ['ENOENT', 'SOURCE_MISSING'],
    ['EIO', 'SOURCE_FAILED'],
  ] as const) {
    const run = runSource(fileSource({ path, format: text() }), { world: storageWith(system) });
    await assert.rejects(run.finish(), { code, message: /plain\.txt/ });
    await run.close();
  }
  if (process.getuid?.() !== 0) {
    chmodSync(join(path, 'secret.txt'), 0);
    await assert.rejects(readAll({ path: join(path, 'secret.txt'), format: text() }), { code: 'SOURCE_PERMISSION' });
  }
});

test('a compressed file that is damaged or incomplete fails with its path', async (t) => {
  const whole = gzipSync('line\n'.repeat(1000));
  const path = directoryWith(t, { 'cut.gz': whole.subarray(0, whole.length - 12) });
  await assert.rejects(readAll({ path, format: text() }), {
    code: 'SOURCE_CORRUPT',
    message: /cut\.gz cannot be decompressed \(gzip\)/,
  });
  const plain = directoryWith(t, { 'plain.gz': 'no gzip at all' });
  await assert.rejects(readAll({ path: plain, format: text() }), { code: 'SOURCE_CORRUPT' });
});

test('a file that was cut since it was found fails, instead of losing its end', async (t) => {
  const path = directoryWith(t, { 'a.txt': 'one\ntwo\nthree\n' });
  const run = runSource(fileSource({ path, format: text() }), { world });
  await run.take(1);
  const snapshot = run.snapshot();
  await run.close();
  truncateSync(join(path, 'a.txt'), 6);
  const rest = runSource(fileSource({ path, format: text() }), { world, restore: snapshot });
  await assert.rejects(rest.finish(), {
    code: 'SOURCE_CORRUPT',
    message: /ends at byte 6, and had 14 when it was found/,
  });
  await rest.close();
});

test('a watched directory gives each new file once, also after a restart', async (t) => {
  const path = directoryWith(t, { 'first.txt': '1\n2\n' });
  const make = (): ReturnType<typeof fileSource<string>> => fileSource({ path, format: text(), monitorIntervalMs: 2 });
  assert.equal(make().boundedness, 'unbounded');
  const put = (name: string, content: string): void => {
    writeFileSync(join(path, `.${name}`), content);
    renameSync(join(path, `.${name}`), join(path, name));
  };
  const run = runSource(make(), { world, parallelism: 2 });
  await run.take(2);
  put('second.txt', '3\n');
  await run.take(1);
  put('third.txt', '4\n5\n6\n');
  await run.take(2);
  const snapshot = run.snapshot();
  await run.close();
  put('fourth.txt', '7\n');
  // What was found is remembered by its path, also when it is gone.
  rmSync(join(path, 'first.txt'));
  const after = runSource(make(), { world, restore: snapshot });
  await after.take(2);
  assert.equal(after.finished, false);
  await after.close();
  assert.deepEqual([...values(run), ...values(after)].toSorted(), ['1', '2', '3', '4', '5', '6', '7']);
});

test('with a deterministic order each subtask reads the same ranges in every run', async (t) => {
  const path = directoryWith(
    t,
    Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`${index}.txt`, `${index}\n`])),
  );
  const bySubtask = async (): Promise<unknown> => {
    const run = await readAll({ path, format: text(), order: 'deterministic' }, { parallelism: 3 });
    return [0, 1, 2].map((subtask) =>
      run.records.filter((record) => record.subtask === subtask).map(({ value }) => value),
    );
  };
  assert.deepEqual(await bySubtask(), [
    ['0', '3', '6'],
    ['1', '4'],
    ['2', '5'],
  ]);
  assert.deepEqual(await bySubtask(), await bySubtask());
});

test('a record without an end is refused before it fills the memory', async (t) => {
  const path = directoryWith(t, { 'endless.txt': Buffer.alloc(20 * 1024 * 1024, 'x') });
  await assert.rejects(readAll({ path, format: text() }), {
    code: 'RECORD_UNDECODABLE',
    message: /does not end within 16777216 bytes/,
  });
});

test('a file source refuses options that make no sense', () => {
  assert.throws(() => fileSource({ path: '', format: text() }), { code: 'OPTION_INVALID' });
  assert.throws(() => fileSource({ path: [], format: text() }), { code: 'OPTION_INVALID' });
  assert.throws(() => fileSource({ paths: ['x'], format: text() } as never), { code: 'OPTION_INVALID' });
  assert.throws(() => fileSource({ path: 'x', format: text(), splitBytes: 0 }), {
    code: 'OPTION_INVALID',
    message: /splitBytes/,
  });
  assert.throws(() => fileSource({ path: 'x', format: text(), monitorIntervalMs: 0 }), { code: 'OPTION_INVALID' });
});
