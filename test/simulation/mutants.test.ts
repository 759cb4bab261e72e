/**
 * Bugs that an engine like this one and its connectors could have, planted one at a time: simulations must find each of
 * them within 200 seeds. One that survives tells that the simulator has become blind to something.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Hunt } from './hunt-mutant.ts';
import type { Mutant } from './mutants/mutant.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HUNT = join(import.meta.dirname, 'hunt-mutant.ts');
const SEEDS_MAX = 200;
const MUTANTS_LEAST = 12;

/** Hunts side by side, so that they take as many cores as there are wherever tests run. */
const AT_ONCE = 2;

/** Far above what it takes: most mutants are found by one of the first twenty seeds. */
const HUNT_TIMEOUT_MS = 120_000;

const paths = globSync('mutants/*.ts', { cwd: import.meta.dirname, exclude: ['**/mutant.ts'] }).toSorted();

async function load(path: string): Promise<Mutant> {
  const { mutant } = (await import(join(import.meta.dirname, path))) as { readonly mutant: Mutant };
  return mutant;
}

test('there are a dozen mutants at least, and each is planted at exactly one place', async () => {
  assert.ok(paths.length >= MUTANTS_LEAST, `${paths.length} mutants`);
  for (const path of paths) {
    const { name, file, find, replace } = await load(path);
    const occurrences = readFileSync(join(ROOT, file), 'utf8').split(find).length - 1;
    assert.equal(occurrences, 1, `${name}: its text occurs ${occurrences} times in ${file}`);
    assert.notEqual(find, replace);
  }
});

test('simulations find every mutant', { concurrency: AT_ONCE, timeout: HUNT_TIMEOUT_MS * MUTANTS_LEAST }, async (t) => {
  await Promise.all(
    paths.map((path) =>
      t.test(path.slice('mutants/'.length, -'.ts'.length), async () => {
        const { mutant, found, seeds } = await hunt(join(import.meta.dirname, path));
        assert.ok(found !== undefined, `${mutant} survived ${seeds} seeds`);
      }),
    ),
  );
});

async function hunt(mutant: string): Promise<Hunt> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=millstream-source', HUNT, mutant, String(SEEDS_MAX)],
    { timeout: HUNT_TIMEOUT_MS },
  );
  return JSON.parse(stdout) as Hunt;
}
