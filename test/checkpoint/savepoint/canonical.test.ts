import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import type { SettingsPart } from 'millstream';
import { course, HALF, inScratch, SALES, TIME_TO_LIVE_MS } from './stateful-job.ts';

const whole = (await course(SALES, {})).lines;

const sorted = (lines: readonly string[]): readonly string[] => lines.toSorted();

interface Case {
  readonly name: string;
  readonly first?: SettingsPart;
  readonly second?: SettingsPart;
  readonly format?: 'canonical' | 'native';
}

const CASES: readonly Case[] = [
  { name: 'at the same parallelism' },
  { name: 'in the native format', format: 'native' },
  { name: 'at a higher parallelism', second: { parallelism: 3 } },
  { name: 'at a lower parallelism', first: { parallelism: 3 } },
  { name: 'with state on disk instead of in memory', second: { stateBackend: 'disk' } },
  { name: 'with state in memory instead of on disk', first: { stateBackend: 'disk' } },
];

for (const { name, first = {}, second = {}, format = 'canonical' } of CASES) {
  test(`a job goes on from its savepoint ${name}`, async () => {
    await inScratch(async (directory) => {
      const before = await course(SALES.slice(0, HALF), { settings: first, stop: { directory, format } });
      const after = await course(SALES.slice(HALF), { settings: second, launch: { fromSavepoint: before.path } });
      assert.deepEqual(sorted([...before.lines, ...after.lines]), sorted(whole));
      const files = readdirSync(fileURLToPath(before.path), { recursive: true }).map(String);
      assert.equal(
        files.some((file) => file.endsWith('.arrow')),
        format === 'canonical',
      );
    });
  });
}

test('the files of a savepoint are tables that Arrow reads', async () => {
  await inScratch(async (directory) => {
    const { path } = await course(SALES.slice(0, HALF), { stop: { directory } });
    const table = (file: string) => tableFromIPC(readFileSync(join(fileURLToPath(path), file)));
    const totals = table('states/totals.value.arrow');
    assert.deepEqual(
      totals.schema.fields.map((field) => `${field.name}: ${field.type}`),
      [
        'key_group: Int32',
        'version: Int32',
        'key: Utf8',
        'namespace: Null',
        'value: Struct<{sum:Int32, exact:Int64, last:Timestamp<MILLISECOND, UTC>, note:Union<Null | Null | Null>}>',
      ],
    );
    assert.equal(totals.numRows, 7);
    const byShop = new Map(totals.toArray().map((row) => [row.key, row.toJSON().value.toJSON().sum]));
    const sums = Map.groupBy(SALES.slice(0, HALF), ({ shop }) => shop);
    for (const [shop, own] of sums)
      assert.equal(
        byShop.get(shop),
        own.reduce((sum, { amount }) => sum + amount, 0),
      );
    const windows = table('tumbling/window-contents.value.arrow');
    assert.match(String(windows.get(0)?.namespace), /^\d+\/\d+$/);
    assert.ok(table('states/user-timers.event-timer.arrow').numRows > 0);
    const fresh = table('states/fresh.value-ttl.arrow');
    const [first] = fresh.toArray().map((row) => row.toJSON());
    assert.equal(Number(first.expiry) - Number(first.last_write), TIME_TO_LIVE_MS);
  });
});

test('a flipped byte in a savepoint is found, with the file', async () => {
  await inScratch(async (directory) => {
    const { path } = await course(SALES.slice(0, HALF), { stop: { directory } });
    const file = join(fileURLToPath(path), 'states/totals.value.arrow');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    rmSync(file);
    writeFileSync(file, bytes);
    await assert.rejects(course(SALES.slice(HALF), { launch: { fromSavepoint: path } }), {
      code: 'STATE_CORRUPT',
      message: /totals\.value\.arrow/,
    });
  });
});
