import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BENCHMARKS } from '../../bench/catalogue.ts';
import type { Figure } from '../../bench/benchmark.ts';
import { jsonLine, tableRow } from '../../bench/report.ts';

const TINY = { scale: 1e-4, runs: 1 };

for (const benchmark of BENCHMARKS) {
  test(`a tiny run of ${benchmark.name} gives the results of a plain loop, and tells its figures`, async () => {
    const outcomes = await benchmark.run(TINY);
    assert.ok(outcomes.length > 0);
    for (const outcome of outcomes) {
      const { figure, target } = outcome;
      const told = JSON.parse(jsonLine(figure)) as Figure;
      assert.equal(told.benchmark, benchmark.name);
      assert.equal(typeof told.parameters, 'object');
      if (target !== undefined) assert.ok(Number.isFinite(told[target.measure]), `${target.measure} is told`);
      for (const [name, value] of Object.entries(told)) {
        if (name !== 'benchmark' && name !== 'parameters') assert.ok(Number.isFinite(value), name);
      }
      if (told.recordsPerCpuSecond !== undefined) {
        assert.ok((told.records ?? 0) > 0 && (told.wallSeconds ?? 0) > 0 && (told.cpuSeconds ?? 0) > 0);
      }
      assert.ok(tableRow(outcome).startsWith(benchmark.name));
    }
  });
}

test('the records of mapRebalanceMapSink go through bytes', async () => {
  const [outcome] = (await BENCHMARKS.find(({ name }) => name === 'mapRebalanceMapSink')?.run(TINY)) ?? [];
  assert.ok((outcome?.figure.bytesSent ?? 0) > 0);
});

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
