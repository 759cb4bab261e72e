/**
 * The files that a job registered for its functions, as one slot has them: those of the file system where they lie,
 * those of other stores copied into a working directory that is removed with the attempt.
 */

import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillstreamError } from '../base/error.ts';
import type { World } from '../base/world.ts';
import type { CheckpointStores } from '../checkpoint/storage/stores.ts';

export class CachedFiles {
  readonly #world: Pick<World, 'storage' | 'working'>;
  readonly #stores: CheckpointStores;
  #directory: string | undefined;
  #closed = false;

  constructor(world: Pick<World, 'storage' | 'working'>, stores: CheckpointStores) {
    this.#world = world;
    this.#stores = stores;
  }

  /** Paths by the names under which the files were registered. Fails with SOURCE_MISSING. */
  async fetch(registered: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
    const paths: Record<string, string> = {};
    for (const [name, place] of Object.entries(registered)) {
      const path = localPath(place);
      paths[name] = path === undefined ? await this.#copied(name, place) : await this.#existing(name, path);
    }
    return paths;
  }

  async #existing(name: string, path: string): Promise<string> {
    if ((await this.#world.storage.status(path)) === undefined) throw missing(name, path);
    return path;
  }

  async #copied(name: string, place: string): Promise<string> {
    const { store, key } = this.#stores.find(place);
    const bytes = await store.get(key);
    if (bytes === undefined) throw missing(name, place);
    // Nobody is left to read it.
    if (this.#closed) return place;
    const { working } = this.#world;
    // A directory for each: two may have one name.
    const path = join(working.directory((this.#directory ??= working.directory())), basename(key));
    const file = working.create(path);
    try {
      file.append(bytes, 0, bytes.length);
    } finally {
      file.close();
    }
    return path;
  }

  close(): void {
    this.#closed = true;
    if (this.#directory !== undefined) this.#world.working.remove(this.#directory);
  }
}

/** Undefined for what lies in another store. */
function localPath(place: string): string | undefined {
  if (/^file:/i.test(place)) return fileURLToPath(place);
  return /^[a-z][a-z0-9+.-]+:/i.test(place) ? undefined : resolve(place);
}

function missing(name: string, place: string): MillstreamError {
  return new MillstreamError(
    'SOURCE_MISSING',
    `The cached file "${name}" is not there: ${place} does not exist. Create it, or correct the path given to registerCachedFile.`,
    { details: { path: place } },
  );
}
