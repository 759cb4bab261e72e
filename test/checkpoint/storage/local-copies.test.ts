/** Copies for stores that keep no files here, and of what is left of them. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StorageError, type Storage } from '../../../src/base/world.ts';
import { LocalCopies } from '../../../src/checkpoint/storage/local-copies.ts';
import type { ObjectStore, ObjectWriter } from '../../../src/checkpoint/storage/object-store.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { scratchDirectory } from '../../connect/scratch.ts';

const { storage } = createRealWorld();

/** A store of which nothing is needed but that it keeps no files. */
const REMOTE = { url: 'remote://place' } as ObjectStore;

function writer(): ObjectWriter & { readonly written: Uint8Array[] } {
  const written: Uint8Array[] = [];
  return {
    written,
    get length() {
      return written.reduce((sum, bytes) => sum + bytes.length, 0);
    },
    write: async (bytes) => void written.push(bytes),
    finish: async () => {},
    abort: async () => {},
  };
}

const file = (n: number): string => `remote://place/job/shared/e1-c${n}-0.state`;

test('what goes to a remote store is written along, and read from the copy', async (t) => {
  const directory = scratchDirectory(t);
  const copies = new LocalCopies(storage, [directory], 'job');
  const out = writer();
  const along = copies.along(REMOTE, file(1), out);
  await along.write(Buffer.from('hello '));
  await along.write(Buffer.from('world'));
  await along.finish();
  await copies.keep(REMOTE, 'job/shared/e1-c1-0.state', file(1));
  assert.equal(along.length, 11);
  assert.equal(Buffer.concat(out.written).toString(), 'hello world');
  assert.equal(Buffer.from((await copies.read(file(1), 6, 5)) ?? []).toString(), 'world');
  assert.equal(await copies.read(file(1), 6, 6), undefined);
  assert.equal(await copies.read(file(2), 0, 1), undefined);
});

test('a disk without room for copies does not get in the way of the checkpoint', async (t) => {
  const full = Object.assign(Object.create(storage) as Storage, {
    openAppend: async (path: string) => {
      throw new StorageError('ENOSPC', path);
    },
  });
  const copies = new LocalCopies(full, [scratchDirectory(t)], 'job');
  const out = writer();
  const along = copies.along(REMOTE, file(1), out);
  await along.write(Buffer.from('hello'));
  await along.finish();
  assert.equal(out.length, 5);
  assert.equal(await copies.read(file(1), 0, 5), undefined);
});

test('a directory on another device is copied, not linked', async (t) => {
  const directory = scratchDirectory(t);
  const away = Object.assign(Object.create(storage) as Storage, {
    link: async (_path: string, name: string) => {
      throw new StorageError('EXDEV', name);
    },
  });
  writeFileSync(join(directory, 'original'), Buffer.alloc(3_000_000, 5));
  const copies = new LocalCopies(away, [join(directory, 'local')], 'job');
  const store = { ...REMOTE, pathOf: (key: string) => join(directory, key) };
  await copies.keep(store, 'original', file(1));
  assert.ok(readFileSync(copies.pathOf(file(1))).equals(Buffer.alloc(3_000_000, 5)));
});

test('a sweep leaves the copies that are named, the end of the job none, in all directories', async (t) => {
  const directories = [scratchDirectory(t), scratchDirectory(t)];
  const copies = new LocalCopies(storage, directories, 'job');
  for (let n = 0; n < 16; n++) {
    const along = copies.along(REMOTE, file(n), writer());
    await along.write(new Uint8Array(1));
    await along.finish();
  }
  const names = (): string[] => directories.flatMap((directory) => readdirSync(join(directory, 'job')));
  assert.equal(names().length, 16);
  assert.ok(directories.every((directory) => readdirSync(join(directory, 'job')).length > 0));
  await copies.sweep(new Set([file(3), file(7), file(99)]));
  assert.deepEqual(names().toSorted(), ['e1-c3-0.state', 'e1-c7-0.state']);
  await copies.removeAll();
  assert.ok(directories.every((directory) => !existsSync(join(directory, 'job'))));
});
