/** The entries of the package: the subpaths in the `exports` of package.json with the source behind each. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The condition under which this checkout resolves `millstream` to its sources. */
const SOURCE_CONDITION = 'millstream-source';

export interface Entry {
  /** As written in `exports`: `.`, `./testing`. */
  readonly subpath: string;
  /** Relative to the repository: `src/testing/index.ts`. */
  readonly source: string;
}

export function packageEntries(root: string): Entry[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const source = typeof target === 'string' ? undefined : target[SOURCE_CONDITION];
    return source === undefined ? [] : [{ subpath, source: source.replace('./', '') }];
  });
}
