/**
 * The packages of this checkout and their entries: the subpaths in the `exports` of a package.json with the source
 * behind each. `millstream` lies at the root; each connector is a package of its own under connectors/.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** The condition under which this checkout resolves `millstream` to its sources. */
const SOURCE_CONDITION = 'millstream-source';

export interface Entry {
  /** As written in `exports`: `.`, `./testing`. */
  readonly subpath: string;
  /** Relative to the repository: `src/testing/index.ts`. */
  readonly source: string;
}

/** A package that is published from here. */
export interface Package {
  readonly name: string;
  /** Relative to the repository; empty for the root. */
  readonly folder: string;
  readonly entries: readonly Entry[];
}

/** The root first: the others stand on it. */
export function packages(root: string): Package[] {
  const connectors = globSync('connectors/*/package.json', { cwd: root }).map((path) =>
    dirname(path).replaceAll('\\', '/'),
  );
  return ['', ...connectors.toSorted()].map((folder) => {
    const { name } = readPackage(root, folder);
    return { name, folder, entries: packageEntries(root, folder) };
  });
}

function packageEntries(root: string, folder: string): Entry[] {
  return Object.entries(readPackage(root, folder).exports).flatMap(([subpath, target]) => {
    const source = typeof target === 'string' ? undefined : target[SOURCE_CONDITION];
    return source === undefined ? [] : [{ subpath, source: posix.join(folder, source) }];
  });
}

interface PackageFile {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

function readPackage(root: string, folder: string): PackageFile {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageFile;
}
