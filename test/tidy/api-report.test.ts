/** The report of the API shows every public declaration and what it leads to, and nothing of the inside. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiReport } from '../../scripts/build/api.ts';

function report(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'millstream-api-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return apiReport(join(folder, 'index.d.ts'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('re-exports, renames, overloads and mentioned types are followed', () => {
  const text = report({
    'index.d.ts':
      "export { Stream, open as start } from './stream.js';\nexport type { Options } from './options.js';\n",
    'stream.d.ts': `import type { Inner } from './options.js';
/** A stream. */
export declare class Stream<Unused> {
    #private;
    /** Maps. */
    map(inner: Inner): Unused;
}
export declare function open(a: string): Stream<string>;
export declare function open(a: number): Stream<number>;
export declare const hidden: 1;
`,
    'options.d.ts':
      'export interface Options { a: number; }\nexport interface Inner { deep: Deep; }\ninterface Deep { }\ninterface Unused { }\n',
  });
  assert.equal(
    text,
    `interface Options { a: number; }

class Stream<Unused> {
    #private;
    map(inner: Inner): Unused;
}

// start is
function open(a: string): Stream<string>;
function open(a: number): Stream<number>;

// Not exported, but mentioned above:

interface Deep { }

interface Inner { deep: Deep; }
`,
  );
});

test('an entry that does not name what it exports is refused', () => {
  assert.throws(() => report({ 'index.d.ts': "export * from './a.js';", 'a.d.ts': '' }), /must name what it exports/);
});
