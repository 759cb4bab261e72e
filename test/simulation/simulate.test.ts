import assert from 'node:assert/strict';
import { test } from 'node:test';
import { job, MillstreamError } from 'millstream';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulatedFaults, SimulatedRun } from '../../src/testing/simulation/simulated-run.ts';
import counts from './jobs/keyed-reduce.ts';

async function failureOf(promise: Promise<unknown>): Promise<MillstreamError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof MillstreamError);
    return error;
  }
  return assert.fail('the simulation should have failed');
}

test('a seed that is run again takes the same course, faults and all', async () => {
  const runs: SimulatedRun[][] = [[], []];
  for (const into of runs) await simulate(counts, { seeds: [3, 11, 26], onRun: (run) => into.push(run) });
  const [first, second] = runs.map((all) =>
    all.map(({ traceHash, faults, result, collected }) => ({ traceHash, faults, result, collected })),
  );
  assert.deepEqual(second, first);
  assert.ok(first?.some(({ faults }) => faults.length > 0));
});

test('seeds bring crashes, resets, restarts, savepoints, and stops with another parallelism', async () => {
  const faults: string[] = [];
  const { runs, restarts } = await simulate(counts, { seeds: 25, onRun: (run) => faults.push(...run.faults) });
  assert.equal(runs, 25);
  assert.ok(restarts > 0);
  for (const kind of [/crashed/, /were reset/, /a savepoint was complete/, /parallelism [13]$/])
    assert.ok(
      faults.some((fault) => kind.test(fault)),
      String(kind),
    );
});

test('faults that are not wanted do not come', async () => {
  const none: Required<SimulatedFaults> = {
    crashes: 0,
    effectCrashes: 0,
    jobManagerCrashes: 0,
    hangs: 0,
    slowdowns: 0,
    partitions: 0,
    fullDisks: 0,
    resets: 0,
    savepoints: 0,
    stops: 0,
    cancels: 0,
  };
  const report = await simulate(counts, { seeds: 10, faults: none });
  assert.deepEqual(report, { runs: 10, faults: 0, restarts: 0 });
});

test('a job whose memory of what it has seen is not state is found out, with the command that replays it', async () => {
  const forgetful = job('forgetful', (env) => {
    env.setParallelism(1);
    const seen = new Map<number, number>();
    env
      .fromSequence(1, 500)
      .map((n) => {
        const count = (seen.get(n % 5) ?? 0) + 1;
        seen.set(n % 5, count);
        return { key: n % 5, count };
      })
      .collect('result');
  });
  const failure = await failureOf(
    simulate(forgetful, { seeds: 100, faults: { resets: 0, stops: 0 }, replay: (seed) => `run ${seed} again` }),
  );
  assert.equal(failure.code, 'SIMULATION_FAILED');
  assert.match(failure.message, /"result" collected other values than without faults/);
  assert.match(failure.message, new RegExp(`run ${failure.details['seed']} again`));
});

test('a job that fails without any fault says so', async () => {
  const broken = job('broken', (env) => {
    env
      .fromSequence(1, 10)
      .map((n) => {
        if (n === 7) throw new TypeError('no sevens');
        return n;
      })
      .collect('result');
  });
  const failure = await failureOf(simulate(broken, { seeds: 1 }));
  assert.match(failure.message, /without faults failed: .*no sevens/s);
});

test('a check of one’s own sees the run and the undisturbed one', async () => {
  const failure = await failureOf(
    simulate(counts, {
      seeds: [4],
      check: (run, undisturbed) => {
        assert.equal(run.seed, 4);
        assert.deepEqual(undisturbed.faults, []);
        assert.equal(undisturbed.collected.get('result')?.length, run.collected.get('result')?.length);
        throw new Error('not good enough');
      },
    }),
  );
  assert.match(failure.message, /The run with seed 4 failed: not good enough/);
});
