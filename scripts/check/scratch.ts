/** Folders of one run of the checks. They lie inside the checkout, so that `millstream` resolves to it from there. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { emit } from '../build/emit.ts';

/** A new folder, removed when this process ends. */
export function scratchFolder(root: string): string {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp', 'check-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const declarations = new Map<string, string | undefined>();

/** Where the declarations of a package were emitted, once for all checks; `undefined` when tsc refused. */
export function emittedDeclarations(root: string, folder = ''): string | undefined {
  if (!declarations.has(folder)) {
    const outDir = join(scratchFolder(root), 'declarations');
    const millstreamDeclarations = folder === '' ? undefined : emittedDeclarations(root);
    const options = { outDir, declarationsOnly: true, folder };
    const failure = emit(root, millstreamDeclarations === undefined ? options : { ...options, millstreamDeclarations });
    declarations.set(folder, failure === undefined ? outDir : undefined);
  }
  return declarations.get(folder);
}
