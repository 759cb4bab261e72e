/** Stores by the scheme of their URL: directories are built in, others are registered by the packages that bring them. */

import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MillstreamError } from '../../base/error.ts';
import type { World } from '../../base/world.ts';
import { DirectoryStore } from './directory-store.ts';
import type { CheckpointStoreFactory, ObjectStore } from './object-store.ts';

const factories = new Map<string, CheckpointStoreFactory>();

/**
 * Makes checkpoints possible under URLs of a scheme. Packages that bring a store call it when they are imported, so a
 * job module imports the package and names the URL. A later registration replaces an earlier one.
 *
 * @param scheme Without the colon, in small letters: `s3`.
 * @param factory Opens the store below a URL; called once per thread and root.
 * @throws OPTION_INVALID for `file`, which is built in, and for what is no scheme.
 *
 * @example
 * ```ts no-run
 * declare function openArchive(url: URL): ObjectStore;
 *
 * registerCheckpointStore('archive', (url) => openArchive(url));
 * ```
 */
export function registerCheckpointStore(scheme: string, factory: CheckpointStoreFactory): void {
  if (!/^[a-z][a-z0-9+.-]+$/.test(scheme) || scheme === 'file')
    throw new MillstreamError(
      'OPTION_INVALID',
      `Checkpoint stores cannot be registered for the scheme "${scheme}": it must be letters and digits in lower case, and "file" is built in.`,
    );
  factories.set(scheme, factory);
}

/**
 * The one form of a URL of files: absolute, without a slash at its end. A path is taken as `file:`.
 *
 * @throws OPTION_INVALID for what is no URL of a known scheme, or holds credentials or a query.
 */
export function storeUrl(place: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(place)?.[1]?.toLowerCase();
  if (scheme === undefined) return withoutSlash(pathToFileURL(resolve(place)).href);
  if (scheme === 'file') return withoutSlash(pathToFileURL(fileURLToPath(place)).href);
  if (!factories.has(scheme))
    throw new MillstreamError(
      'OPTION_INVALID',
      `No store for checkpoints is registered under "${scheme}:". Import the package that brings it in the job module (for s3: import '@millstream/s3'); there are: ${['file', ...factories.keys()].join(', ')}.`,
      { details: { scheme } },
    );
  if (!URL.canParse(place)) throw invalidUrl(scheme, 'it cannot be parsed');
  const url = new URL(place);
  if (url.username !== '' || url.password !== '')
    throw invalidUrl(scheme, 'credentials do not belong into it: give them to the package of the store');
  if (url.search !== '' || url.hash !== '') throw invalidUrl(scheme, 'it must have no ? and no #');
  return withoutSlash(url.href);
}

function invalidUrl(scheme: string, why: string): MillstreamError {
  return new MillstreamError('OPTION_INVALID', `The ${scheme}: URL for checkpoints is not usable: ${why}.`, {
    details: { scheme },
  });
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Where a file lies: a store, and the key in it. */
export interface Place {
  readonly store: ObjectStore;
  readonly key: string;
}

/** The open stores of one thread. */
export class CheckpointStores {
  readonly #world: World;
  readonly #open = new Map<string, ObjectStore>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The store below a URL (or path), opened when it is not yet. */
  at(place: string): ObjectStore {
    const url = storeUrl(place);
    const known = this.#open.get(url);
    if (known !== undefined) return known;
    const scheme = url.slice(0, url.indexOf(':'));
    const store =
      scheme === 'file'
        ? new DirectoryStore(url, this.#world)
        : (factories.get(scheme) as CheckpointStoreFactory)(new URL(url), this.#world);
    this.#open.set(url, store);
    return store;
  }

  /** The store and key of a file, by its absolute URL; files of other jobs open the store of their directory. */
  find(file: string): Place {
    for (const [url, store] of this.#open) {
      if (file.startsWith(`${url}/`)) return { store, key: file.slice(url.length + 1) };
    }
    const slash = file.lastIndexOf('/');
    return { store: this.at(file.slice(0, slash)), key: file.slice(slash + 1) };
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((store) => store.close()));
  }
}
