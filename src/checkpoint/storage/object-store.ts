/**
 * Where checkpoints lie: files by key, below one URL. A directory and an S3 bucket both are such a store
 * (`directory-store.ts`, and the package in `connectors/s3`), and both pass the same tests.
 *
 * Keys are relative paths of printable ASCII, parts divided by `/`. Two sorts of things are kept apart: *objects*,
 * which are written whole or streamed and never changed after, and *registers*, a few bytes that are replaced only by
 * whoever knows the version that it replaces. Everything that is exact about checkpoints rests on the registers;
 * everything large goes into objects.
 *
 * Every failure of the outside is CHECKPOINT_STORAGE with the system's error as its cause. The store has then retried
 * what is worth retrying. Names and messages never hold credentials.
 */

import type { Milliseconds } from '../../base/world.ts';
import type { ConnectorWorld } from '../../connect/source.ts';

/** One entry of a listing. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Milliseconds;
  /** Set for what a writer has begun and not finished (or never will): the store's own name of the upload. */
  readonly upload?: string;
}

/** A register as it was read. */
export interface Register {
  readonly bytes: Uint8Array;
  /** Whoever replaces it names this. Opaque. */
  readonly version: string;
}

/** A streamed write. Nothing is visible under the key before `finish`. */
export interface ObjectWriter {
  /** Bytes so far. */
  readonly length: number;
  /**
   * Adds bytes, which belong to the writer from here on. Resolves when it takes more: memory stays bounded by some
   * megabytes. Called again only after it has settled.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object durable and visible under its key. */
  finish(): Promise<void>;
  /** Gives up: nothing is left. Never fails; what cannot be removed now is found by a listing later. */
  abort(): Promise<void>;
}

/** Files by key below one URL, and registers beside them. */
export interface ObjectStore {
  /** Absolute, without a slash at its end and without credentials; `url + '/' + key` names an object everywhere. */
  readonly url: string;

  /** The whole object, undefined when there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * `length` bytes from `offset` on; fewer where the object ends before, undefined when there is none. They may lie in
   * `into`, which has room for them.
   */
  getRange(key: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Writes an object that must not be there yet, durably and all at once. Of several who try, one gets true. The bytes
   * must differ from writer to writer (hold an id of the writer): by them a write whose answer was lost is known again.
   */
  putNew(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Streams an object whose key nobody else uses. */
  openWriter(key: string): ObjectWriter;

  readRegister(key: string): Promise<Register | undefined>;
  /**
   * Replaces a register if it still has `expected` as its version (undefined: if it is not there), durably. Of several
   * who name the same version, one succeeds.
   *
   * @returns The new version; undefined when the register has changed meanwhile.
   */
  writeRegister(key: string, bytes: Uint8Array, expected: string | undefined): Promise<string | undefined>;
  /** Removes a register with all that it left. */
  removeRegister(key: string): Promise<void>;

  /** Removes objects, many at a time; what is not there is no error. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * All objects below a prefix that ends in `/` (or is empty), in any order, unfinished uploads included; registers may
   * be among them. Slow and costly: for recovery and cleaning only.
   */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Drops unfinished uploads that a listing named. Their writers fail. */
  dropUploads(uploads: readonly StoredObject[]): Promise<void>;

  /** Where an object lies in the files of the World, for stores that keep it there. */
  pathOf?(key: string): string;
  close(): Promise<void>;
}

/** Opens the store below a URL. Called once per thread and root. */
export type CheckpointStoreFactory = (url: URL, world: ConnectorWorld) => ObjectStore;
