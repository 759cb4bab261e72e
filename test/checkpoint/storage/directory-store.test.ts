import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { StorageError, type Storage, type World } from '../../../src/base/world.ts';
import { DirectoryStore } from '../../../src/checkpoint/storage/directory-store.ts';
import { createSimulation } from '../../../src/testing/simulated-world.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { testStoreContract, type WithStore } from './store-contract.ts';

const real = createRealWorld();

/** The real World with other files. */
function worldWith(storage: Partial<Storage>): World {
  const files = Object.assign(Object.create(real.storage) as Storage, storage);
  return Object.assign(Object.create(real) as World, { storage: files });
}

const inDirectory =
  (world: World): WithStore =>
  async (body) => {
    const directory = mkdtempSync(join(tmpdir(), 'millstream-store ü-'));
    const open = (): DirectoryStore => new DirectoryStore(pathToFileURL(directory).href, world);
    try {
      await body(open(), open);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };

testStoreContract('a directory', inDirectory(real), 2_000_000);

const noLinks = worldWith({
  link: async (_path, name) => {
    throw new StorageError('ENOTSUP', name);
  },
});
testStoreContract('a directory without hard links', inDirectory(noLinks), 2_000_000);

/** As two processes that share a disk. */
testStoreContract(
  'a simulated directory',
  async (body) => {
    const simulation = createSimulation(7);
    const open = (process: string): DirectoryStore =>
      new DirectoryStore('file:///checkpoints', simulation.world(process));
    await simulation.settle(body(open('one'), () => open('other')));
    simulation.close();
  },
  2_000_000,
);

test('directories that are empty again are taken away', async () => {
  await inDirectory(real)(async (store) => {
    await store.putNew('job/chk-1/_metadata', new Uint8Array(3));
    await store.putNew('job/chk-2/_metadata', new Uint8Array(3));
    await store.remove(['job/chk-1/_metadata']);
    const path = (store as DirectoryStore).pathOf('job');
    assert.deepEqual(readdirSync(path), ['chk-2']);
    await store.remove(['job/chk-2/_metadata']);
    assert.deepEqual(readdirSync(join(path, '..')), []);
  });
});

test('a version of a register that was written by half is passed over, and its number not used again', async () => {
  await inDirectory(noLinks)(async (store) => {
    const first = await store.writeRegister('epoch', Buffer.from('whole'), undefined);
    const directory = (store as DirectoryStore).pathOf('epoch');
    const after = (by: number): string => String(Number(first) + by).padStart(16, '0');
    writeFileSync(join(directory, after(1)), 'ha');
    assert.equal(Buffer.from((await store.readRegister('epoch'))?.bytes ?? []).toString(), 'whole');
    const next = await store.writeRegister('epoch', Buffer.from('next'), first);
    assert.equal(next, after(2));
    assert.deepEqual(readdirSync(directory), [after(2)]);
  });
});

test('whoever is stopped while replacing a register, for however long, has not replaced it', async () => {
  for (const gone of [1, 2, 3, 0]) {
    let meanwhile: (() => Promise<void>) | undefined;
    const stopped = worldWith({
      link: async (path, name) => {
        const others = meanwhile;
        meanwhile = undefined;
        await others?.();
        await real.storage.link(path, name);
      },
    });
    await inDirectory(stopped)(async (store) => {
      const fast = new DirectoryStore(store.url, real);
      const first = await fast.writeRegister('epoch', Buffer.from('1'), undefined);
      let last = first;
      meanwhile = async () => {
        for (let i = 0; i < gone; i++) last = await fast.writeRegister('epoch', Buffer.from(`fast ${i}`), last);
        if (gone === 0) await fast.removeRegister('epoch');
      };
      // With the register its directory may be gone as well: then the write fails instead.
      const written = await store.writeRegister('epoch', Buffer.from('slow'), first).catch(() => undefined);
      assert.equal(written, undefined);
      const found = await fast.readRegister('epoch');
      assert.equal(found?.version, gone === 0 ? undefined : last);
    });
  }
});

test('a register that was removed and begun anew is another one', async () => {
  let meanwhile: (() => Promise<void>) | undefined;
  const stopped = worldWith({
    openAppend: async (path, options) => {
      const others = meanwhile;
      meanwhile = undefined;
      await others?.();
      return await real.storage.openAppend(path, options);
    },
  });
  await inDirectory(stopped)(async (store) => {
    const fast = new DirectoryStore(store.url, real);
    const first = await fast.writeRegister('epoch', Buffer.from('1'), undefined);
    let anew: string | undefined;
    meanwhile = async () => {
      await fast.removeRegister('epoch');
      anew = await fast.writeRegister('epoch', Buffer.from('anew'), undefined);
    };
    // By its number it may even stand above the new one: then it is none that counts, and is taken away again.
    assert.equal(await store.writeRegister('epoch', Buffer.from('slow'), first), undefined);
    assert.equal((await fast.readRegister('epoch'))?.version, anew);
  });
});

test('a full disk is CHECKPOINT_STORAGE with the path and the reason, and leaves nothing behind', async () => {
  const full = worldWith({
    openAppend: async (path, options) => {
      const file = await real.storage.openAppend(path, options);
      return Object.assign(Object.create(file) as typeof file, {
        append: async () => {
          throw new StorageError('ENOSPC', path);
        },
        sync: () => file.sync(),
        close: () => file.close(),
      });
    },
  });
  await inDirectory(full)(async (store) => {
    const matches = { code: 'CHECKPOINT_STORAGE', message: /Could not write .*_metadata: ENOSPC/ };
    await assert.rejects(store.putNew('job/chk-1/_metadata', new Uint8Array(1)), matches);
    const writer = store.openWriter('job/shared/_metadata');
    await assert.rejects(writer.write(new Uint8Array(1)), matches);
    await writer.abort();
    assert.deepEqual(await store.list(''), []);
  });
});
