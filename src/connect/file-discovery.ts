/** Finding the files that a file source reads. */

import { posix } from 'node:path';
import { MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import type { FoundFile } from './file-split.ts';
import { sourceFailure } from './source-failure.ts';

export interface DiscoveryOptions {
  /** Files and directories. */
  readonly paths: readonly string[];
  readonly recursive: boolean;
  /** A glob on the path below the directory, or a function of the whole path. */
  readonly include: string | ((path: string) => boolean) | undefined;
}

/** Names that begin so are somebody's unfinished or auxiliary files, as in Flink. */
const HIDDEN = ['.', '_'];

/** All files, each once. Files that vanish meanwhile are left out; a given path that is not there is an error. */
export async function discoverFiles(storage: Storage, options: DiscoveryOptions): Promise<readonly FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const path of options.paths) {
    try {
      const status = await storage.status(path);
      if (status === undefined) throw missing(path);
      if (status.kind === 'file') found.set(path, { path, bytes: status.bytes, modifiedAt: status.modifiedAt });
      else await searchDirectory(storage, path, '', options, found);
    } catch (error) {
      throw sourceFailure(error, path);
    }
  }
  return [...found.values()];
}

function missing(path: string): MillstreamError {
  const relative = /^(?:[\\/]|\w+:)/.test(path)
    ? ''
    : ' It is looked for in the directory in which the process was started; take a path from `import.meta.dirname` to be independent of that.';
  return new MillstreamError(
    'SOURCE_MISSING',
    `The file source cannot read ${path}: it does not exist. Create it, or correct the path.${relative}`,
    { details: { path } },
  );
}

async function searchDirectory(
  storage: Storage,
  root: string,
  below: string,
  options: DiscoveryOptions,
  found: Map<string, FoundFile>,
): Promise<void> {
  const directory = below === '' ? root : join(root, below);
  for (const name of await storage.list(directory)) {
    if (HIDDEN.some((mark) => name.startsWith(mark))) continue;
    const inside = below === '' ? name : `${below}/${name}`;
    const path = join(root, inside);
    const status = await storage.status(path);
    if (status === undefined) continue;
    if (status.kind === 'directory') {
      if (options.recursive) await searchDirectory(storage, root, inside, options, found);
    } else if (included(options.include, inside, path)) {
      found.set(path, { path, bytes: status.bytes, modifiedAt: status.modifiedAt });
    }
  }
}

function join(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

function included(include: DiscoveryOptions['include'], inside: string, path: string): boolean {
  if (include === undefined) return true;
  return typeof include === 'string' ? posix.matchesGlob(inside, include) : include(path);
}
