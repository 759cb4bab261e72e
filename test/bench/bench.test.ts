import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BENCHMARKS } from '../../bench/catalogue.ts';
import { LONG, TINY, testTinyRun } from './tiny-run.ts';

for (const benchmark of BENCHMARKS) if (!LONG.includes(benchmark.name)) testTinyRun(benchmark);

test('the records of mapRebalanceMapSink go through bytes', async () => {
  const [outcome] = (await BENCHMARKS.find(({ name }) => name === 'mapRebalanceMapSink')?.run(TINY)) ?? [];
  assert.ok((outcome?.figure.bytesSent ?? 0) > 0);
});
