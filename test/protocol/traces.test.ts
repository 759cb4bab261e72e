/** Every `.trace` of this folder is played and compared. `UPDATE_TRACES=1` writes them anew; read the difference. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { play } from './play.ts';

const FOLDER = import.meta.dirname;

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.trace'))) {
  test(`the trace ${name} comes out as written`, () => {
    const path = join(FOLDER, name);
    const written = readFileSync(path, 'utf8');
    const played = play(written);
    if (process.env['UPDATE_TRACES'] === '1') writeFileSync(path, played);
    else assert.equal(played, written);
  });
}
