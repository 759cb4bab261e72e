/**
 * The prose against the tree: every relative link leads somewhere, every path in backticks exists, every
 * `npm run …` is a script, and every name in backticks in the pages about the inside occurs in the code.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { lineAt } from './problem.ts';
import type { Problem } from './problem.ts';

const PAGES = ['*.md', 'docs/**/*.md', 'examples/**/*.md', 'bench/**/*.md', 'tools/**/*.md', 'connectors/**/*.md'];

/** These tell what was: they may name what is gone. Their links must still lead somewhere. */
const HISTORY = /^(?:CHANGELOG\.md|docs\/decisions\/)/;

/** Pages about the inside: every name they mention must be found in the code. */
const ABOUT_THE_INSIDE = /^(?:ARCHITECTURE\.md|docs\/internals\/)/;

const LINK = /\]\((?!\w+:|\/\/)([^)\s#]*)(#[^)\s]*)?\)/g;
const BACKTICKS = /`([^`\n]+)`/g;
const PATH = /^(?:src|test|docs|examples|bench|scripts|tools|connectors|ui)\/[\w./*{},-]*$/;
const NAME = /^[A-Za-z_$][\w$]*(?:\.#?[A-Za-z_$][\w$]*)*(?:\(\))?$/;
const NPM_RUN = /\bnpm run ([\w:-]+)/g;
const CODE = [
  'src/**/*.ts',
  'scripts/**/*.{ts,mjs}',
  'test/**/*.ts',
  'bench/**/*.ts',
  'examples/**/*.ts',
  'connectors/*/{src,test}/**/*.ts',
  'package.json',
];

export function checkDocs(root: string): Problem[] {
  const scripts = new Set(Object.keys((readJson(join(root, 'package.json')) as { scripts: object }).scripts));
  let words: Set<string> | undefined;
  const codeWords = (): Set<string> => (words ??= wordsOfCode(root));

  return globSync(PAGES, { cwd: root, exclude: ['**/node_modules/**'] })
    .map((page) => page.replaceAll('\\', '/'))
    .toSorted()
    .flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8');
      const prose = blankCode(text);
      const problems = [...checkLinks(root, page, prose)];
      if (HISTORY.test(page)) return problems;
      problems.push(...checkPaths(root, page, prose), ...checkScripts(page, text, scripts));
      if (ABOUT_THE_INSIDE.test(page)) problems.push(...checkNames(page, prose, codeWords()));
      return problems;
    });
}

function checkLinks(root: string, page: string, prose: string): Problem[] {
  return [...prose.matchAll(LINK)].flatMap((match): Problem[] => {
    const [, path = '', fragment] = match;
    const target = path === '' ? page : posix.join(posix.dirname(page), decodeURI(path));
    const at = { path: page, line: lineAt(prose, match.index) };
    if (!existsSync(join(root, target))) return [{ ...at, message: `links to ${target}, which does not exist` }];
    if (fragment === undefined || !target.endsWith('.md')) return [];
    if (headings(readFileSync(join(root, target), 'utf8')).has(fragment.slice(1))) return [];
    return [{ ...at, message: `links to ${target}${fragment}, but the page has no such heading` }];
  });
}

/** The fragments by which a page's headings are reached, as GitHub forms them. */
function headings(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of blankCode(text).matchAll(/^#+ +(.*)$/gm)) {
    const plain = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let fragment = plain;
    for (let n = 1; found.has(fragment); n++) fragment = `${plain}-${n}`;
    found.add(fragment);
  }
  return found;
}

function checkPaths(root: string, page: string, prose: string): Problem[] {
  return [...prose.matchAll(BACKTICKS)].flatMap((match): Problem[] => {
    const [, token = ''] = match;
    if (!PATH.test(token)) return [];
    const exists = /[*{]/.test(token) ? globSync(token, { cwd: root }).length > 0 : existsSync(join(root, token));
    return exists
      ? []
      : [{ path: page, line: lineAt(prose, match.index), message: `names ${token}, which does not exist` }];
  });
}

function checkScripts(page: string, text: string, scripts: ReadonlySet<string>): Problem[] {
  return [...text.matchAll(NPM_RUN)].flatMap((match): Problem[] => {
    const [, script = ''] = match;
    if (scripts.has(script)) return [];
    return [
      {
        path: page,
        line: lineAt(text, match.index),
        message: `names npm run ${script}, which package.json does not have`,
      },
    ];
  });
}

function checkNames(page: string, prose: string, words: ReadonlySet<string>): Problem[] {
  return [...prose.matchAll(BACKTICKS)].flatMap((match): Problem[] => {
    const [, token = ''] = match;
    if (!NAME.test(token)) return [];
    const missing = token
      .replace('()', '')
      .split('.')
      .find((part) => !words.has(part.replace('#', '')) && !(part in globalThis));
    if (missing === undefined) return [];
    return [
      {
        path: page,
        line: lineAt(prose, match.index),
        message: `names ${token}, but ${missing} occurs nowhere in the code`,
      },
    ];
  });
}

function wordsOfCode(root: string): Set<string> {
  const words = new Set<string>();
  for (const path of globSync(CODE, { cwd: root })) {
    words.add(posix.basename(path.replaceAll('\\', '/')).replace(/\..*$/, ''));
    for (const part of path.split(/[\\/]/)) words.add(part);
    for (const [word] of readFileSync(join(root, path), 'utf8').matchAll(/[A-Za-z_$][\w$]*/g)) words.add(word);
  }
  return words;
}

/** Blanks fenced blocks, keeping every offset, so that code is not read as prose. */
function blankCode(text: string): string {
  return text.replaceAll(/^([ \t]*)(```+|~~~+)[^\n]*\n[\s\S]*?^\1\2[ \t]*$/gm, (block) =>
    block.replaceAll(/[^\n]/g, ' '),
  );
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
