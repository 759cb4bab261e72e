import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { FUNCTIONS } from '../../src/kernel/functions.ts';

test('the table of functions in docs/internals/columns.md is complete', async () => {
  const page = await readFile(new URL('../../docs/internals/columns.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/^\| `\w+\.ts` \| (.*) \|$/gm)].flatMap((row) => (row[1] as string).split(' '));
  assert.deepEqual(named.toSorted(), [...FUNCTIONS.keys()].toSorted());
});
