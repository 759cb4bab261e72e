/** `npm run format [-- PATH…]`: rewrites the named files, or all, in the one format that `npm run check` expects. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const program = join(ROOT, 'node_modules/oxfmt/bin/oxfmt');
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
process.exitCode = status ?? 1;
