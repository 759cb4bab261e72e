/** A tiny run of a benchmark as a test. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Benchmark, Figure } from '../../bench/benchmark.ts';
import { jsonLine, tableRow } from '../../bench/report.ts';

/** The same code with so few records that the figures mean nothing. */
export const TINY = { scale: 1e-4, runs: 1 };

/** Benchmarks that take seconds however small; they have a test file of their own. */
export const LONG: readonly string[] = [
  'fourJobs',
  'scaling',
  'latency',
  'coldStart',
  'idle',
  'soak',
  'kafka',
  'recovery',
];

/** Fields of a figure that are no numbers. */
const TEXTS = new Set(['benchmark', 'parameters', 'unit']);

/** One test: a tiny run, whose results are compared with a plain loop by the benchmark itself. */
export function testTinyRun(benchmark: Benchmark): void {
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
        if (!TEXTS.has(name)) assert.ok(Number.isFinite(value), name);
      }
      if (told.recordsPerCpuSecond !== undefined) {
        assert.ok((told.records ?? 0) > 0 && (told.wallSeconds ?? 0) > 0 && (told.cpuSeconds ?? 0) > 0);
      }
      assert.ok(tableRow(outcome).startsWith(benchmark.name));
    }
  });
}
