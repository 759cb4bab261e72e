/**
 * The names of compacted files. One made of `part-0-5f3a90c1-3` up to `part-0-5f3a90c1-7` is called
 * `compacted-part-0-5f3a90c1-3-7`: from the names in a directory follows whose records have been published in another
 * file, also for whoever restores an older state.
 */

import type { Storage } from '../base/world.ts';
import { StorageError } from '../base/world.ts';
import { splitPath } from './part-file.ts';

const PREFIX = 'compacted-';

/** What the name of a file tells: the writer that made it, and its number there. */
export interface PartName {
  readonly directory: string;
  /** `part-0-5f3a90c1`. */
  readonly stem: string;
  readonly number: number;
}

/** Undefined for a file that no writer with this suffix has named. */
export function partName(path: string, suffix: string): PartName | undefined {
  const { directory, name } = splitPath(path);
  const match = /^(.+)-(\d+)$/.exec(name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : '');
  return match === null ? undefined : { directory, stem: match[1] as string, number: Number(match[2]) };
}

/** The final name of the file that is made of those from `first` to `last`. */
export function compactedPath(first: PartName, last: PartName, suffix: string): string {
  return `${first.directory}/${PREFIX}${first.stem}-${first.number}-${last.number}${suffix}`;
}

/** Whether a name is that of a file made of those of a writer. */
export function isCompactedFrom(name: string, stem: string): boolean {
  return name.startsWith(`${PREFIX}${stem}-`);
}

/** Whether the records of a file have been published in one that was made of several. */
export async function isCompacted(storage: Storage, part: PartName | undefined, suffix: string): Promise<boolean> {
  if (part === undefined) return false;
  const start = `${PREFIX}${part.stem}-`;
  for (const name of await namesIn(storage, part.directory)) {
    if (!name.startsWith(start) || !name.endsWith(suffix)) continue;
    const range = /^(\d+)-(\d+)$/.exec(name.slice(start.length, name.length - suffix.length));
    if (range !== null && Number(range[1]) <= part.number && part.number <= Number(range[2])) return true;
  }
  return false;
}

async function namesIn(storage: Storage, directory: string): Promise<readonly string[]> {
  try {
    return await storage.list(directory);
  } catch (error) {
    if (error instanceof StorageError && error.system === 'ENOENT') return [];
    throw error;
  }
}
