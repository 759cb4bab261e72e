/** What each job of `jobs/` goes through on every change; `npm run simulate -- --seeds N` does more of the same. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobProgram } from '../../src/graph/launch.ts';
import { simulate, type SimulateOptions } from '../../src/testing/simulate.ts';

const SEEDS = 100;

export interface JobModule extends Pick<SimulateOptions, 'prepare' | 'check'> {
  readonly default: JobProgram;
}

export function testManySeeds(name: string, module: JobModule): void {
  const { default: program, ...options } = module;
  test(`the job ${name} gives the same result from ${SEEDS} seeds, whatever goes wrong`, async () => {
    const { runs, restarts } = await simulate(program, {
      ...options,
      seeds: SEEDS,
      replay: (seed) => `npm run simulate -- --job ${name} --seed ${seed}`,
    });
    assert.equal(runs, SEEDS);
    assert.ok(restarts > 0, 'something went wrong on the way');
  });
}
