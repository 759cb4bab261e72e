import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { directoryPrefix, sweepDirectories } from '../../src/world/working-directories.ts';
import { REAL_WORKING_FILES } from '../../src/world/working-files.ts';

const MODULE = pathToFileURL(join(import.meta.dirname, '../../src/world/working-files.ts')).href;
const ON_LINUX = process.platform === 'linux';

test('the directory of a process that was killed goes when another process works in the same place', () => {
  const parent = mkdtempSync(join(tmpdir(), 'sweep-'));
  const mine = REAL_WORKING_FILES.directory(parent);
  const program = `
    import { REAL_WORKING_FILES } from ${JSON.stringify(MODULE)};
    const directory = REAL_WORKING_FILES.directory(${JSON.stringify(parent)});
    REAL_WORKING_FILES.create(directory + '/file').append(new Uint8Array(9), 0, 9);
    process.kill(process.pid, 'SIGKILL');
  `;
  const child = spawnSync(
    process.execPath,
    ['--conditions=millstream-source', '--input-type=module-typescript', '-e', program],
    { encoding: 'utf8' },
  );
  assert.equal(child.signal, 'SIGKILL', child.stderr);
  assert.equal(readdirSync(parent).length, 2);
  sweepDirectories(parent);
  // Those of the living stay.
  assert.ok(existsSync(mine));
  assert.equal(readdirSync(parent).length, ON_LINUX ? 1 : 2);
  rmSync(parent, { recursive: true });
});

test('directories of another machine or container, and whatever else is there, stay', () => {
  const parent = mkdtempSync(join(tmpdir(), 'sweep-'));
  const [, scope] = directoryPrefix().split('-');
  const names = ['millstream-0123456789ab-4194304-1-abcdef', 'millstream-abcdef', `millstream-${scope}-1-x-abcdef`];
  for (const name of names) mkdirSync(join(parent, name));
  sweepDirectories(parent);
  assert.deepEqual(readdirSync(parent), names.toSorted());
  sweepDirectories(join(parent, 'missing'));
  rmSync(parent, { recursive: true });
});
