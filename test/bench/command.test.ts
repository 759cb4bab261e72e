import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from '../../bench/benchmark.ts';

const execute = promisify(execFile);
const bench = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  execute(process.execPath, [
    '--conditions=millstream-source',
    fileURLToPath(new URL('../../bench/main.ts', import.meta.url)),
    ...args,
  ]);

test('the command prints a line of JSON for a named benchmark', async () => {
  const { stdout } = await bench('mapSink', '--json', '--scale', '0.0001', '--runs', '1');
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1);
  const figure = JSON.parse(lines[0] ?? '') as Figure;
  assert.equal(figure.benchmark, 'mapSink');
  assert.equal(figure.records, 6000);
});

test('the command names the benchmarks that there are when it is given another', async () => {
  await assert.rejects(bench('mapSnik'), (error: { code: number; stderr: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stderr, /mapSink, mapRebalanceMapSink/);
    return true;
  });
});
