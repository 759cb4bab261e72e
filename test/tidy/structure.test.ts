/** The checks of structure find what they are for: each rule meets one file that keeps it and one that breaks it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCycles, checkLayers } from '../../scripts/check/layers.ts';
import { parseSource } from '../../scripts/check/source-file.ts';
import { checkTidy } from '../../scripts/check/tidy.ts';

const ABOUT = '/** What this is. */\n';

function layers(path: string, text: string): string[] {
  return checkLayers([parseSource(path, text)]).map(({ line, message }) => `${line}: ${message}`);
}

function tidy(path: string, text: string): string[] {
  return checkTidy([parseSource(path, text)], new Set(['src/index.ts'])).map(
    ({ line, message }) => `${line}: ${message}`,
  );
}

test('imports that go down the ladder are allowed', () => {
  assert.deepEqual(
    layers('src/operator/map.ts', "import { a } from '../base/assert.ts';\nimport type { B } from './b.ts';"),
    [],
  );
  assert.deepEqual(layers('src/index.ts', "export { run } from './cluster/run.ts';"), []);
  assert.deepEqual(layers('src/base/a.ts', "import { inspect } from 'node:util';"), []);
});

test('every form of import that goes up the ladder is found, types included', () => {
  const up = "'../runtime/task.ts'";
  for (const text of [
    `import { Task } from ${up};`,
    `import type { Task } from ${up};`,
    `export { Task } from ${up};`,
    `export * from ${up};`,
    `export const load = () => import(${up});`,
    `export type T = import(${up}).Task;`,
  ]) {
    assert.deepEqual(
      layers('src/operator/map.ts', `\n${text}`),
      ['2: operator must not import runtime (src/runtime/task.ts)'],
      text,
    );
  }
});

test('the description never imports the execution', () => {
  assert.match(
    layers('src/api/stream.ts', "import { run } from '../cluster/run.ts';").join('\n'),
    /api must not import cluster/,
  );
  assert.match(
    layers('src/runtime/task.ts', "import { Stream } from '../api/stream.ts';").join('\n'),
    /runtime must not import api/,
  );
});

test('a folder within a folder may have a place of its own', () => {
  assert.deepEqual(layers('src/sql/syntax/parse/names.ts', "import { a } from '../../../base/assert.ts';"), []);
  assert.deepEqual(layers('src/sql/syntax/parse/names.ts', "import { a } from '../ast/node.ts';"), []);
  assert.match(
    layers('src/sql/syntax/parser.ts', "import { Schema } from '../../data/schema.ts';").join('\n'),
    /sql\/syntax must not import data/,
  );
});

test('a folder without a place in the ladder is an error', () => {
  assert.match(layers('src/misc/a.ts', '').join('\n'), /src\/misc has no place/);
});

test('a cycle of imports is found and named, and a diamond is none', () => {
  const file = (name: string, ...imports: string[]) =>
    parseSource(`src/base/${name}.ts`, imports.map((target) => `import type { X } from './${target}.ts';`).join('\n'));
  assert.deepEqual(checkCycles([file('a', 'b', 'c'), file('b', 'd'), file('c', 'd'), file('d')]), []);
  const [problem, ...others] = checkCycles([file('a', 'b'), file('b', 'c'), file('c', 'b')]);
  assert.deepEqual(others, []);
  assert.match(problem?.message ?? '', /src\/base\/b\.ts -> src\/base\/c\.ts -> src\/base\/b\.ts/);
});

test('stream classes may name each other as types, and nothing more', () => {
  const file = (name: string, target: string, kind: string) =>
    parseSource(`src/api/${name}.ts`, `import ${kind}{ X } from './${target}.ts';`);
  assert.deepEqual(checkCycles([file('a', 'b', 'type '), file('b', 'a', '')]), []);
  assert.equal(checkCycles([file('a', 'b', ''), file('b', 'a', '')]).length, 1);
});

test('promises and generators are found on the element path', () => {
  const path = 'src/operator/map.ts';
  assert.match(tidy(path, `${ABOUT}export async function f() {}`).join(), /2: an async function on the element path/);
  assert.match(tidy(path, `${ABOUT}export const f = async () => 1;`).join(), /an async function/);
  assert.match(tidy(path, `${ABOUT}export class A { *rows() { yield 1; } }`).join(), /a generator/);
  assert.match(tidy(path, `${ABOUT}await 1;`).join(), /await on/);
  assert.deepEqual(tidy('src/operator/async-wait.ts', `${ABOUT}export async function f() {}`), []);
  assert.deepEqual(tidy('src/runtime/task.ts', `${ABOUT}export async function f() { await 1; }`), []);
});

test('reading the date of now is found, and a date of a number is not', () => {
  assert.match(tidy('src/data/a.ts', `${ABOUT}export const a = new Date();`).join(), /new Date\(\) reads the clock/);
  assert.deepEqual(tidy('src/data/a.ts', `${ABOUT}export const a = new Date(5);`), []);
  assert.deepEqual(tidy('src/world/a.ts', `${ABOUT}export const a = new Date();`), []);
});

test('only entries of the package re-export', () => {
  const text = `${ABOUT}export { a } from './a.ts';`;
  assert.match(tidy('src/data/index.ts', text).join(), /2: exports another file's names/);
  assert.deepEqual(tidy('src/index.ts', text), []);
});

test('a file must say what it is', () => {
  assert.match(tidy('src/data/a.ts', 'export const a = 1;').join(), /does not open with a comment/);
});
