/** Snapshots as users name them: a directory, or the `_metadata` in it, as a path or a URL. */

import { MillstreamError } from '../../base/error.ts';
import { filesOf } from './file-references.ts';
import { METADATA } from './layout.ts';
import { decodeMetadata, type CheckpointContent } from './metadata.ts';
import { storeUrl, type CheckpointStores } from './stores.ts';

/** A checkpoint or savepoint as it was found. */
export interface FoundSnapshot {
  /** Absolute URL of its directory. */
  readonly directory: string;
  readonly content: CheckpointContent;
  /** Absolute URLs of the files that it refers to. */
  readonly files: ReadonlySet<string>;
}

function directoryOf(path: string): string {
  const url = storeUrl(path);
  return url.endsWith(`/${METADATA}`) ? url.slice(0, -METADATA.length - 1) : url;
}

/**
 * Reads the metadata of a checkpoint or savepoint.
 *
 * @throws CHECKPOINT_MISSING when there is none, STATE_CORRUPT, CHECKPOINT_VERSION, CHECKPOINT_STORAGE.
 */
export async function findSnapshot(stores: CheckpointStores, path: string): Promise<FoundSnapshot> {
  const directory = directoryOf(path);
  const { store, key } = stores.find(`${directory}/${METADATA}`);
  const bytes = await store.get(key);
  if (bytes === undefined)
    throw new MillstreamError(
      'CHECKPOINT_MISSING',
      `There is no checkpoint or savepoint at ${directory}: it has no file ${METADATA}.`,
      { details: { directory } },
    );
  const content = decodeMetadata(bytes, directory);
  return { directory, content, files: filesOf([content.operators, content.channels]) };
}

/**
 * Removes a savepoint, or a retained checkpoint of a job that does not run: the metadata first, then the files beside
 * it. Files that it shares with other checkpoints lie elsewhere and are left alone.
 */
export async function disposeSnapshot(stores: CheckpointStores, path: string): Promise<void> {
  openAround(stores, directoryOf(path));
  const { directory, files } = await findSnapshot(stores, path);
  await removeSnapshot(
    stores,
    directory,
    [...files].filter((file) => file.startsWith(`${directory}/`)),
  );
}

/**
 * Opens the store so that the directory goes with the last file in it; a savepoint has directories below, too. To be
 * called before anything of the directory is touched.
 */
export function openAround(stores: CheckpointStores, directory: string): void {
  const parent = directory.slice(0, directory.lastIndexOf('/'));
  stores.at(directory.startsWith('file:///') && parent.length > 'file:///'.length ? parent : directory);
}

/** The metadata first: what is removed by half is no snapshot any more. */
export async function removeSnapshot(
  stores: CheckpointStores,
  directory: string,
  files: readonly string[],
): Promise<void> {
  const { store, key } = stores.find(`${directory}/${METADATA}`);
  await store.remove([key]);
  await removeFiles(stores, files);
}

export async function removeFiles(stores: CheckpointStores, files: readonly string[]): Promise<void> {
  const byRoot = Map.groupBy(
    files.map((file) => stores.find(file)),
    (place) => place.store,
  );
  for (const [store, places] of byRoot) await store.remove(places.map((place) => place.key));
}
