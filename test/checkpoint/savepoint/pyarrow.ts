/** A Python that has pyarrow: a virtual environment in the user's cache, made once for each version. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const VERSION = '26.0.1';

const CACHE = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const HOME = join(CACHE, 'millstream', `pyarrow-${VERSION}`);
/** Written last. */
const DONE = join(HOME, 'done');

const PYTHON = join(HOME, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/** Whether this machine has a Python of its own. */
export function pythonIsThere(): boolean {
  return spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;
}

/** Installs it when it is not there yet, which takes a minute. */
export function pyarrowPython(): string {
  if (existsSync(DONE)) return PYTHON;
  mkdirSync(dirname(HOME), { recursive: true });
  rmSync(HOME, { recursive: true, force: true });
  run('python3', ['-m', 'venv', HOME]);
  run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `pyarrow==${VERSION}`]);
  mkdirSync(`${DONE}.making`);
  renameSync(`${DONE}.making`, DONE);
  return PYTHON;
}

function run(program: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}
