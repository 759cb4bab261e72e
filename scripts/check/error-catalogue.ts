/**
 * The error catalogue against its page and its use: docs/errors.md is written from `ERRORS` in src/base/error.ts,
 * and every code is thrown somewhere in src/ and met somewhere in test/.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineAt } from './problem.ts';
import type { Problem } from './problem.ts';

const CATALOGUE = 'src/base/error.ts';
const PAGE = 'docs/errors.md';

interface Row {
  readonly blame: string;
  readonly restart: boolean;
  readonly remedy: string;
}

export async function checkErrorCatalogue(root: string, fix: boolean): Promise<Problem[]> {
  if (!existsSync(join(root, CATALOGUE))) return [];
  const { ERRORS } = (await import(join(root, CATALOGUE))) as { ERRORS: Readonly<Record<string, Row>> };
  const page = errorPage(ERRORS);
  const pagePath = join(root, PAGE);
  if (fix) writeFileSync(pagePath, page);

  const problems: Problem[] = [];
  if (!existsSync(pagePath) || readFileSync(pagePath, 'utf8') !== page) {
    problems.push({
      path: PAGE,
      line: 1,
      message: `does not agree with ${CATALOGUE}: write it with npm run check -- --only errors --fix`,
    });
  }
  const catalogue = readFileSync(join(root, CATALOGUE), 'utf8');
  const thrown = textOf(root, ['src/**/*.ts', 'connectors/*/src/**/*.ts'], CATALOGUE);
  const tested = textOf(root, ['test/**/*.ts', 'examples/**/*.test.ts', 'connectors/*/test/**/*.ts']);
  for (const code of Object.keys(ERRORS)) {
    const word = new RegExp(`\\b${code}\\b`);
    const line = lineAt(catalogue, catalogue.search(word));
    if (!word.test(thrown)) problems.push({ path: CATALOGUE, line, message: `${code} is thrown nowhere in src/` });
    if (!word.test(tested)) problems.push({ path: CATALOGUE, line, message: `${code} is tested nowhere in test/` });
  }
  return problems;
}

function errorPage(errors: Readonly<Record<string, Row>>): string {
  const rows = Object.entries(errors).map(
    ([code, { blame, restart, remedy }]) =>
      `| \`${code}\` | ${blame} | ${restart ? 'yes' : 'no'} | ${remedy.replaceAll('|', '\\|')} |`,
  );
  return [
    '# Errors',
    '',
    'Every way in which a job can fail has a code. It stands in front of the message, in the `code` of the',
    '`MillstreamError`, and in this table, which is written from the catalogue in `src/base/error.ts`.',
    '',
    '*Who acts* says who can make the failure go away: you (a wrong option, a function that throws), the environment',
    '(a lost connection, a full disk), or the engine, which is then a bug to report. *Restarts* says whether the restart',
    'strategy of the job is asked; where it says no, the job fails for good.',
    '',
    '| Code | Who acts | Restarts | What to do |',
    '|---|---|---|---|',
    ...rows.map((row) => row.replace('| user |', '| you |')),
    '',
  ].join('\n');
}

function textOf(root: string, patterns: readonly string[], except?: string): string {
  return globSync(patterns, { cwd: root })
    .filter((path) => path.replaceAll('\\', '/') !== except)
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');
}
