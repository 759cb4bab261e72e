/**
 * Rules of our own about the shape of src/, which no linter knows:
 * the element path is synchronous, time comes from the World, nothing is a barrel, and a file says what it is.
 */
import { Visitor } from 'oxc-parser';
import { lineAt } from './problem.ts';
import type { Problem } from './problem.ts';
import type { SourceFile } from './source-file.ts';

/** Where every record passes. A promise or a generator per record costs ten to a hundred times a plain call. */
const ELEMENT_PATH = ['src/operator/', 'src/kernel/'];

/** Files of the element path that are about waiting: `async-wait.ts`, and sources, which wait for the outside between batches. */
const ABOUT_WAITING = /\/(?:async|source)[-/]/;

export function checkTidy(files: readonly SourceFile[], entries: ReadonlySet<string>): Problem[] {
  return files.flatMap((file) => [
    ...checkElementPath(file),
    ...checkCurrentDate(file),
    ...checkBarrel(file, entries),
    ...checkFileComment(file),
  ]);
}

function checkElementPath(file: SourceFile): Problem[] {
  if (!ELEMENT_PATH.some((folder) => file.path.startsWith(folder)) || ABOUT_WAITING.test(file.path)) return [];
  const problems: Problem[] = [];
  const reject = (what: string, offset: number): void => {
    const message = `${what} on the element path; only files named async-… and source-… may wait`;
    problems.push({ path: file.path, line: lineAt(file.text, offset), message });
  };
  const rejectFunction = (node: { async: boolean; generator: boolean; start: number }): void => {
    if (node.async) reject('an async function', node.start);
    if (node.generator) reject('a generator', node.start);
  };
  new Visitor({
    FunctionDeclaration: rejectFunction,
    FunctionExpression: rejectFunction,
    ArrowFunctionExpression: (node) => rejectFunction({ async: node.async, generator: false, start: node.start }),
    AwaitExpression: (node) => reject('await', node.start),
    ForOfStatement: (node) => {
      if (node.await) reject('for await', node.start);
    },
  }).visit(file.program);
  return problems;
}

/** `new Date()` without an argument reads the clock. `Date.now` and its like are the linter's. */
function checkCurrentDate(file: SourceFile): Problem[] {
  if (file.path.startsWith('src/world/')) return [];
  const problems: Problem[] = [];
  new Visitor({
    NewExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0) {
        problems.push({
          path: file.path,
          line: lineAt(file.text, node.start),
          message: 'new Date() reads the clock: use World.clock',
        });
      }
    },
  }).visit(file.program);
  return problems;
}

/** A file that only passes names on hides where they live. Only the package's entries do that. */
function checkBarrel(file: SourceFile, entries: ReadonlySet<string>): Problem[] {
  if (entries.has(file.path)) return [];
  return file.program.body.flatMap((node): Problem[] => {
    const passesOn =
      node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && node.source !== null);
    if (!passesOn) return [];
    const message =
      "exports another file's names; import them from where they are (only entries of the package re-export)";
    return [{ path: file.path, line: lineAt(file.text, node.start), message }];
  });
}

function checkFileComment(file: SourceFile): Problem[] {
  // A program may name its interpreter first.
  if (/^(?:#!.*\n)?\/\*\*/.test(file.text)) return [];
  return [{ path: file.path, line: 1, message: 'does not open with a comment that says what the file is' }];
}
