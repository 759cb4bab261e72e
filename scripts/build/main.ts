/**
 * `npm run build [-- --out DIR]`: writes the published JavaScript and declarations to dist/, of the root and of every
 * connector; with `--out`, those of the root to DIR and nothing else.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { emit } from './emit.ts';
import { packages } from './entries.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { out: { type: 'string' } } });

const wanted = packages(ROOT).filter(({ folder }) => values.out === undefined || folder === '');
for (const { folder } of wanted) {
  const failure = emit(ROOT, { outDir: resolve(ROOT, values.out ?? join(folder, 'dist')), folder });
  if (failure === undefined) continue;
  console.log(failure.trimEnd());
  process.exitCode = 1;
  break;
}
