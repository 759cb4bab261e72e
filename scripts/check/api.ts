/** The public declarations against their committed snapshot in docs/api, one file for each entry of the package. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { apiReport } from '../build/api.ts';
import { packageEntries } from '../build/entries.ts';
import type { Problem } from './problem.ts';
import { emittedDeclarations } from './scratch.ts';

export function checkApi(root: string, fix: boolean): Problem[] {
  const declarations = emittedDeclarations(root);
  if (declarations === undefined) {
    return [{ path: 'src', line: 1, message: 'the declarations cannot be emitted; see the check of types' }];
  }
  return packageEntries(root).flatMap(({ subpath, source }): Problem[] => {
    const title = `millstream${subpath.slice(1)}`;
    const snapshot = `docs/api/${title.replaceAll('/', '-')}.d.ts.txt`;
    const entry = join(declarations, source.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'));
    if (!existsSync(entry))
      return [{ path: 'package.json', line: 1, message: `exports ${subpath} from ${source}, which does not exist` }];
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
