/** What each job of `jobs/` goes through on every change; `npm run simulate -- --seeds N` does more of the same. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobProgram } from '../../src/graph/launch.ts';
import { simulate, type SimulateOptions } from '../../src/testing/simulate.ts';

const SEEDS = 60;

export interface JobModule extends Pick<SimulateOptions, 'prepare' | 'check' | 'parameters'> {
  readonly default: JobProgram;
}

export function testManySeeds(name: string, module: JobModule, seeds = SEEDS): void {
  const { default: program, ...options } = module;
  test(`the job ${name} gives the same result from ${seeds} seeds, whatever goes wrong`, async () => {
    const { runs, restarts } = await simulate(program, {
      ...options,
      seeds,
      replay: (seed) => `npm run simulate -- --job ${name} --seed ${seed}`,
    });
    assert.equal(runs, seeds);
    assert.ok(restarts > 0, 'something went wrong on the way');
  });
}
