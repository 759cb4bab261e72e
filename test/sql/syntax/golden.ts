/**
 * Golden cases: SQL, a line of four dashes, and what becomes of it, parted from the next case by an empty line.
 * What becomes of a statement is its printed form, or its error; in a script of several, each with its number.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScript, printSql } from '../../../src/sql.ts';

export interface GoldenCase {
  readonly sql: string;
  readonly expected: string;
}

const FOLDER = join(import.meta.dirname, 'golden');

export function goldenFiles(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.golden'))
    .toSorted()
    .map((name) => join(FOLDER, name));
}

export function readGolden(path: string): GoldenCase[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split(/\n\n+/)
    .map((text) => {
      const [sql = '', expected = ''] = text.split(/\n?----\n?/);
      return { sql, expected };
    });
}

export function writtenGolden(cases: readonly GoldenCase[]): string {
  return cases.map(({ sql }) => `${sql}\n----\n${outcome(sql)}\n`).join('\n');
}

export function outcome(sql: string): string {
  const entries = parseScript(sql);
  const texts = entries.map((entry) => (entry.kind === 'error' ? entry.error.message : printSql(entry.statement)));
  return texts.length === 1 ? (texts[0] ?? '') : texts.map((text, index) => `${index}: ${text}`).join('\n');
}
