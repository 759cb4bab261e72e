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

let declarations: { readonly folder: string | undefined } | undefined;

/** Where the declarations of src/ were emitted, once for all checks; `undefined` when tsc refused. */
export function emittedDeclarations(root: string): string | undefined {
  if (declarations === undefined) {
    const folder = join(scratchFolder(root), 'declarations');
    declarations = {
      folder: emit(root, { outDir: folder, declarationsOnly: true }) === undefined ? folder : undefined,
    };
  }
  return declarations.folder;
}
