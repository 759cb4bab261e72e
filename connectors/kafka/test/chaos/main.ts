/**
 * `npm run chaos [-- --rounds N --seed S --accounts N --unaligned]`: kills processes of a running job and its broker, N
 * times (default 100), and says whether every record was written once. Exit status 1 when one was not.
 */

import { parseArgs } from 'node:util';
import { isSame, told } from './compare.ts';
import { megabytes, chaos } from './run.ts';
import { PHASES } from './phases.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String((Date.now() & 0xfffff) + 1) },
    accounts: { type: 'string', default: '440000' },
    unaligned: { type: 'boolean', default: false },
  },
});

// Children are killed when this process exits, which it does not by itself on signals.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const seed = Number(values.seed);
console.log(`seed ${seed}`);
const report = await chaos({
  rounds: Number(values.rounds),
  seed,
  accounts: Number(values.accounts),
  unaligned: values.unaligned,
  log: (line) => console.log(line),
});
const { perPhase, perVictim, topic, files, planted } = report;
const caught = planted.loss.missing.length === 1 && planted.duplicate.surplus.length === 1;
const right = isSame(topic) && isSame(files);
console.log(`rounds: ${report.rounds} in ${report.seconds.toFixed(0)} s`);
console.log(
  `kills: ${Object.entries(perVictim)
    .map(([victim, count]) => `${victim} ${count}`)
    .join(', ')}`,
);
console.log(`kills during: ${PHASES.map((phase) => `${phase} ${perPhase[phase]}`).join(', ')}`);
console.log(
  `state: ${megabytes(report.stateBytes)} of keyed state on disk, ${megabytes(report.checkpointBytes)} in checkpoints`,
);
console.log(`records: ${report.recordsIn} read, ${report.recordsOut} written`);
console.log(`topic: ${told(topic)}`);
console.log(`files: ${told(files)}`);
console.log(`planted: loss ${told(planted.loss)}; duplicate ${told(planted.duplicate)}`);
console.log(right && caught ? 'ok' : right ? 'FAILED: what was planted was not caught' : 'FAILED');
process.exitCode = right && caught ? 0 : 1;
