import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WrongResult } from '../../bench/benchmark.ts';
import { jobModule, measure } from '../../bench/throughput.ts';

test('a result that differs from the plain loop gives no figure', async () => {
  const { url, expected } = await jobModule('map-sink');
  const wrong = { url, expected: (): ReturnType<typeof expected> => expected({ records: 999 }) };
  const workload = { benchmark: 'mapSink', module: wrong, parameters: { records: 1000 }, slots: 1 };
  await assert.rejects(measure(workload, { scale: 1, runs: 1 }), (error: unknown) => {
    assert.ok(error instanceof WrongResult);
    assert.match(error.message, /1000 records .* 999 records/);
    return true;
  });
});
