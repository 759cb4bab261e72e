/** The public declarations against their committed snapshot in docs/api, one file for each entry of a package. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { apiReport } from '../build/api.ts';
import { packages, type Package } from '../build/entries.ts';
import type { Problem } from './problem.ts';
import { emittedDeclarations } from './scratch.ts';

export function checkApi(root: string, fix: boolean): Problem[] {
  return packages(root).flatMap((one) => checkPackage(root, one, fix));
}

function checkPackage(root: string, { name, folder, entries }: Package, fix: boolean): Problem[] {
  const sources = posix.join(folder, 'src');
  const declarations = emittedDeclarations(root, folder);
  if (declarations === undefined) {
    return [{ path: sources, line: 1, message: 'the declarations cannot be emitted; see the check of types' }];
  }
  return entries.flatMap(({ subpath, source }): Problem[] => {
    const title = `${name}${subpath.slice(1)}`;
    const snapshot = `docs/api/${title.replace('@', '').replaceAll('/', '-')}.d.ts.txt`;
    const entry = join(declarations, posix.relative(sources, source).replace(/\.ts$/, '.d.ts'));
    if (!existsSync(entry)) {
      const message = `exports ${subpath} from ${source}, which does not exist`;
      return [{ path: posix.join(folder, 'package.json'), line: 1, message }];
    }
    const now = `// What \`${title}\` exports. Written by npm run check -- --only api --fix\n\n${apiReport(entry)}`;
    const path = join(root, snapshot);
    if (fix) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, now);
    }
    const then = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (now === then) return [];
    const line = firstDifference(now.split('\n'), then.split('\n'));
    const message = `the API of ${title} differs from its snapshot here; if that is meant: npm run check -- --only api --fix`;
    return [{ path: snapshot, line, message }];
  });
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  let line = 0;
  while (line < a.length && a[line] === b[line]) line++;
  return line + 1;
}
