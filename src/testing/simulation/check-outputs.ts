/** The check that is made of a run when none is given: the same went out as without faults, each as often. */

import { inspect } from 'node:util';
import type { SimulatedRun } from './simulated-run.ts';
import { multisetDifference } from './multiset.ts';
import { CLUSTER_FILES } from './run-settings.ts';
import type { SimulatedDisk } from './storage.ts';

/** What was collected, and the lines of the files that stand under final names. */
export function checkOutputs(run: SimulatedRun, undisturbed: SimulatedRun): void {
  for (const [id, values] of undisturbed.collected)
    compare(`"${id}" collected`, values, run.collected.get(id) ?? [], run);
  compare('the files have', linesOf(undisturbed.disk), linesOf(run.disk), run);
}

function compare(where: string, expected: readonly unknown[], actual: readonly unknown[], run: SimulatedRun): void {
  const { missing, extra } = multisetDifference(expected, actual);
  if (missing.length === 0 && extra.length === 0) return;
  throw new Error(
    `${where} other values than without faults: missing ${print(missing)}, extra ${print(extra)}. Faults: ${run.faults.join('; ') || 'none'}.`,
  );
}

/** Of all files but the cluster's own and hidden ones, which sinks have not finished. */
function linesOf(disk: SimulatedDisk): readonly string[] {
  const finished = disk
    .files()
    .filter((path) => !path.startsWith(`${CLUSTER_FILES}/`) && !path.startsWith('/tmp/') && !path.includes('/.'));
  return finished.flatMap((path) => new TextDecoder().decode(disk.read(path)).trimEnd().split('\n'));
}

function print(values: readonly unknown[]): string {
  return inspect(values, { maxArrayLength: 10, breakLength: Infinity, depth: 5 });
}
