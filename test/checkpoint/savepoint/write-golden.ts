/** `npm run node test/checkpoint/savepoint/write-golden.ts VERSION`: the golden savepoints of a new version of the formats. */

import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { course, HALF, inScratch, SALES } from './stateful-job.ts';

const golden = join(import.meta.dirname, 'golden', `v${process.argv[2]}`);
if (existsSync(golden)) throw new Error(`${golden} is there already, and must not change.`);

await inScratch(async (directory) => {
  for (const format of ['canonical', 'native'] as const) {
    const { path } = await course(SALES.slice(0, HALF), { stop: { directory, format } });
    cpSync(fileURLToPath(path), join(golden, format), { recursive: true });
    const { lines } = await course(SALES.slice(HALF), { launch: { fromSavepoint: path } });
    writeFileSync(join(golden, `${format}.json`), `${JSON.stringify(lines.toSorted(), null, 1)}\n`);
  }
});
