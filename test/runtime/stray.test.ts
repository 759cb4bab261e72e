import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('./stray-program.ts', import.meta.url));

// The test runner listens for stray failures itself, so these jobs run in a process of their own.
async function run(
  how: string,
): Promise<{ readonly code: string; readonly message: string; readonly healthy: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=millstream-source', program, how]);
  return JSON.parse(stdout) as { code: string; message: string; healthy: number };
}

for (const [how, message] of [
  ['rejection', /nobody waits for this/],
  ['timer', /too late/],
] as const) {
  test(`a ${how} that user code left behind fails the owning job, and only that`, async () => {
    const outcome = await run(how);
    assert.equal(outcome.code, 'USER_CODE_LATE');
    assert.match(outcome.message, message);
    assert.equal(outcome.healthy, 200);
  });
}
