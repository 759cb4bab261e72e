/** `npm run build [-- --out DIR]`: writes the published JavaScript and declarations to dist/. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { emit } from './emit.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' } } });

const failure = emit(ROOT, { outDir: resolve(ROOT, values.out) });
if (failure !== undefined) {
  console.log(failure.trimEnd());
  process.exitCode = 1;
}
