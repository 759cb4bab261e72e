import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRealWorld } from '../../src/world/real-world.ts';
import { scratchDirectory } from '../connect/scratch.ts';

const { storage } = createRealWorld();

const system = (code: string, path: string): object => ({ name: 'StorageError', system: code, path });

test('what is appended is read back, from any position', async (t) => {
  const path = join(scratchDirectory(t), 'file');
  const file = await storage.openAppend(path);
  await file.append(Buffer.from('hello '));
  await file.append(Buffer.from('world'));
  assert.equal(file.length, 11);
  await file.sync();
  await file.close();
  const read = await storage.openRead(path);
  assert.equal(read.bytes, 11);
  const into = Buffer.alloc(8);
  assert.equal(await read.read(into, 6), 5);
  assert.equal(into.toString('utf8', 0, 5), 'world');
  assert.equal(await read.read(into, 11), 0);
  assert.equal(await read.read(into, 0), 8);
  await read.close();
});

test('appending to a file that is there cuts it first, and never fills a gap with zeros', async (t) => {
  const path = join(scratchDirectory(t), 'file');
  writeFileSync(path, '0123456789');
  await assert.rejects(storage.openAppend(path), system('EEXIST', path));
  const file = await storage.openAppend(path, { truncateTo: 4 });
  assert.equal(file.length, 4);
  await file.append(Buffer.from('x'));
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), '0123x');
  await assert.rejects(storage.openAppend(path, { truncateTo: 6 }), system('ENODATA', path));
  await assert.rejects(storage.openAppend(join(path, '..', 'none'), { truncateTo: 0 }), { system: 'ENOENT' });
});

test('status tells files from directories, follows links, and knows what is not there', async (t) => {
  const directory = scratchDirectory(t);
  writeFileSync(join(directory, 'file'), 'abc');
  symlinkSync(join(directory, 'file'), join(directory, 'link'));
  const file = await storage.status(join(directory, 'file'));
  assert.deepEqual({ kind: file?.kind, bytes: file?.bytes }, { kind: 'file', bytes: 3 });
  assert.ok((file?.modifiedAt ?? 0) > 1.6e12);
  assert.equal((await storage.status(join(directory, 'link')))?.kind, 'file');
  assert.equal((await storage.status(directory))?.kind, 'directory');
  assert.equal(await storage.status(join(directory, 'none')), undefined);
  assert.equal(await storage.status(join(directory, 'file', 'below')), undefined);
});

test('names are listed in one order everywhere', async (t) => {
  const directory = scratchDirectory(t);
  for (const name of ['b', 'a', 'Z', 'ä', '10', '9']) writeFileSync(join(directory, name), '');
  assert.deepEqual(await storage.list(directory), ['10', '9', 'Z', 'a', 'b', 'ä']);
  await assert.rejects(storage.list(join(directory, 'none')), system('ENOENT', join(directory, 'none')));
  await assert.rejects(storage.list(join(directory, 'a')), { system: 'ENOTDIR' });
});

test('renaming replaces what is there, making a directory twice and removing nothing are no errors', async (t) => {
  const directory = scratchDirectory(t);
  const deep = join(directory, 'x', 'y', 'z');
  await storage.makeDirectory(deep);
  await storage.makeDirectory(deep);
  writeFileSync(join(directory, 'from'), 'new');
  writeFileSync(join(deep, 'to'), 'old');
  await storage.rename(join(directory, 'from'), join(deep, 'to'));
  assert.equal(readFileSync(join(deep, 'to'), 'utf8'), 'new');
  assert.equal(await storage.status(join(directory, 'from')), undefined);
  await assert.rejects(storage.rename(join(directory, 'from'), join(deep, 'to')), { system: 'ENOENT' });
  await storage.remove(join(directory, 'x'));
  await storage.remove(join(directory, 'x'));
  assert.equal(await storage.status(deep), undefined);
});

test('a directory is no file', async (t) => {
  const directory = scratchDirectory(t);
  await assert.rejects(storage.openRead(directory), system('EISDIR', directory));
  mkdirSync(join(directory, 'd'));
  await assert.rejects(storage.openAppend(join(directory, 'd')), { system: 'EEXIST' });
  writeFileSync(join(directory, 'f'), '');
  await assert.rejects(storage.makeDirectory(join(directory, 'f')), { system: 'EEXIST' });
});

test('temporary directories are fresh and empty', async () => {
  const [one, two] = [await storage.temporaryDirectory(), await storage.temporaryDirectory()];
  assert.notEqual(one, two);
  assert.deepEqual(await storage.list(one), []);
  await storage.remove(one);
  await storage.remove(two);
});

test('working files are appended to and read at any position, at once', async (t) => {
  const { working } = createRealWorld();
  const directory = working.directory(scratchDirectory(t));
  const path = join(directory, 'file');
  const file = working.create(path);
  file.append(Buffer.from('-hello world-'), 1, 12);
  assert.equal(file.length, 11);
  const into = Buffer.alloc(8, '.');
  assert.equal(file.read(into, 5, 6), 5);
  assert.equal(into.toString(), 'world...');
  assert.equal(file.read(into, 8, 6), 5);
  assert.equal(file.read(into, 8, 11), 0);
  await file.sync();
  file.close();
  assert.throws(() => working.create(path), system('EEXIST', path));
  assert.throws(() => working.directory(path), system('EEXIST', path));
  const below = working.directory(join(directory, 'fresh'));
  assert.ok(below.startsWith(join(directory, 'fresh')));
  working.remove(directory);
  working.remove(directory);
  assert.equal(await storage.status(directory), undefined);
});
