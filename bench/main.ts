/**
 * `npm run bench -- [NAME…] [--json]`: runs the named benchmarks, all of them without a name.
 *
 * `--scale N` runs a share of the records, `--runs N` another number of measured runs than three. The exit status is 1
 * when a result was wrong; a figure below its target is no failure.
 */

import { parseArgs } from 'node:util';
import { MillstreamError } from 'millstream';
import { WrongResult, type Benchmark, type Extent } from './benchmark.ts';
import { BENCHMARKS } from './catalogue.ts';
import { jsonLine, tableHead, tableRow } from './report.ts';

const RUNS_DEFAULT = 3;

function chosen(names: readonly string[]): readonly Benchmark[] {
  if (names.length === 0) return BENCHMARKS;
  return names.map((name) => {
    const found = BENCHMARKS.find((benchmark) => benchmark.name === name);
    if (found !== undefined) return found;
    throw new Error(`There is no benchmark "${name}". Known: ${BENCHMARKS.map((known) => known.name).join(', ')}.`);
  });
}

/** Returns whether what came out was right. */
async function runAndTell(benchmark: Benchmark, extent: Extent, json: boolean): Promise<boolean> {
  try {
    for (const outcome of await benchmark.run(extent)) console.log(json ? jsonLine(outcome.figure) : tableRow(outcome));
    return true;
  } catch (error) {
    if (!(error instanceof WrongResult) && !(error instanceof MillstreamError)) throw error;
    const message = `${benchmark.name}: ${error.message}`;
    if (json) console.log(JSON.stringify({ benchmark: benchmark.name, error: error.message }));
    else console.error(message);
    return false;
  }
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, scale: { type: 'string' }, runs: { type: 'string' } },
  });
  const json = values.json === true;
  const extent: Extent = { scale: Number(values.scale ?? 1), runs: Number(values.runs ?? RUNS_DEFAULT) };
  const benchmarks = chosen(positionals);
  if (!json) console.log(tableHead());
  let right = true;
  for (const benchmark of benchmarks) right = (await runAndTell(benchmark, extent, json)) && right;
  return right;
}

try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
