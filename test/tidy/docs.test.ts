/** The checks of the prose find dead links, paths, scripts and names, and leave code blocks and history alone. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkDocs } from '../../scripts/check/docs.ts';
import { checkErrorCatalogue } from '../../scripts/check/error-catalogue.ts';

async function inFolder<T>(files: Readonly<Record<string, string>>, body: (root: string) => T): Promise<Awaited<T>> {
  const root = mkdtempSync(join(tmpdir(), 'millstream-docs-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return await body(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const CODE = {
  'package.json': '{ "scripts": { "bench": "x" } }',
  'src/time/watermark.ts': 'export class WatermarkMerge { observe() {} }',
};

function docs(files: Readonly<Record<string, string>>): Promise<string[]> {
  return inFolder({ ...CODE, ...files }, (root) =>
    checkDocs(root).map(({ path, line, message }) => `${path}:${line}: ${message}`),
  );
}

test('prose that names only what exists passes', async () => {
  const page =
    '# One two\n[self](#one-two) [code](src/time/watermark.ts) [web](https://example.com)\n`src/time/*.ts` `npm run bench`\n```\n[no](x)\n```\n';
  assert.deepEqual(await docs({ 'README.md': page, 'ARCHITECTURE.md': '`WatermarkMerge.observe()` `Uint8Array`' }), []);
});

test('a dead link, fragment, path and script are found with their lines', async () => {
  const page = '\n[a](gone.md)\n[b](#nowhere)\n`src/gone.ts`\n`src/gone/*.ts`\nnpm run gone\n';
  assert.deepEqual(await docs({ 'README.md': page }), [
    'README.md:2: links to gone.md, which does not exist',
    'README.md:3: links to README.md#nowhere, but the page has no such heading',
    'README.md:4: names src/gone.ts, which does not exist',
    'README.md:5: names src/gone/*.ts, which does not exist',
    'README.md:6: names npm run gone, which package.json does not have',
  ]);
});

test('a name that left the code is found in the pages about the inside, and only there', async () => {
  const page = '`WatermarkGone`';
  assert.deepEqual(await docs({ 'docs/guide/a.md': page, 'docs/internals/a.md': page }), [
    'docs/internals/a.md:1: names WatermarkGone, but WatermarkGone occurs nowhere in the code',
  ]);
});

test('history may name what is gone', async () => {
  assert.deepEqual(await docs({ 'CHANGELOG.md': '`src/gone.ts`', 'docs/decisions/0001-a.md': '`src/gone.ts`' }), []);
});

const CATALOGUE = `export const ERRORS = {
  KEY_INVALID: { blame: 'user', restart: false, remedy: 'Return a key | value.' },
  DISK_FULL: { blame: 'environment', restart: true, remedy: 'Free space.' },
};`;

test('the page of errors is written from the catalogue and then agrees with it', async () => {
  const files = {
    'src/base/error.ts': CATALOGUE,
    'src/a.ts': 'KEY_INVALID DISK_FULL',
    'test/a.test.ts': 'KEY_INVALID DISK_FULL',
    'docs/errors.md': 'old',
  };
  await inFolder(files, async (root) => {
    assert.match((await checkErrorCatalogue(root, false))[0]?.message ?? '', /does not agree/);
    assert.deepEqual(await checkErrorCatalogue(root, true), []);
    assert.deepEqual(await checkErrorCatalogue(root, false), []);
  });
});

test('a code that nothing throws or nothing tests is found', async () => {
  const files = {
    'src/base/error.ts': CATALOGUE,
    'src/a.ts': 'KEY_INVALID',
    'test/a.test.ts': 'DISK_FULL',
    'docs/errors.md': '',
  };
  const problems = await inFolder(files, (root) => checkErrorCatalogue(root, true));
  assert.deepEqual(
    problems.map(({ line, message }) => `${line}: ${message}`),
    ['2: KEY_INVALID is tested nowhere in test/', '3: DISK_FULL is thrown nowhere in src/'],
  );
});
