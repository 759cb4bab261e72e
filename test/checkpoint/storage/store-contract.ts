/** What every store of checkpoints must do; run against a directory, real and simulated, and against S3. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectStore } from '../../../src/checkpoint/storage/object-store.ts';

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Runs the body with a fresh, empty store. `other` opens the same store once more, as another process would. */
export type WithStore = (body: (store: ObjectStore, other: () => ObjectStore) => Promise<void>) => Promise<void>;

async function write(store: ObjectStore, key: string, ...parts: readonly Uint8Array[]): Promise<void> {
  const writer = store.openWriter(key);
  for (const part of parts) await writer.write(part);
  await writer.finish();
}

function noise(length: number, seed: number): Uint8Array {
  const filled = new Uint8Array(length);
  let x = seed;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    filled[i] = x >>> 24;
  }
  return filled;
}

/** `largeBytes`: the size of a streamed object that the store must cut into parts. */
export function testStoreContract(name: string, withStore: WithStore, largeBytes: number): void {
  const it = (law: string, body: (store: ObjectStore, other: () => ObjectStore) => Promise<void>): void => {
    test(`${name}: ${law}`, () => withStore(body));
  };

  it('what is not there is undefined, and removing it is no error', async (store) => {
    assert.equal(await store.get('a/b'), undefined);
    assert.equal(await store.getRange('a/b', 3, 4), undefined);
    assert.equal(await store.readRegister('a/r'), undefined);
    assert.deepEqual(await store.list('a/'), []);
    await store.remove(['a/b', 'c']);
  });

  it('an object is put once, and of several who put it one wins', async (store, other) => {
    assert.equal(await store.putNew('job/chk-1/_metadata', bytes('one')), true);
    assert.equal(await store.putNew('job/chk-1/_metadata', bytes('two')), false);
    assert.equal(text(await store.get('job/chk-1/_metadata')), 'one');
    const stores = [store, other(), other(), other()];
    const won = await Promise.all(stores.map((one, i) => one.putNew('job/race', bytes(`writer ${i}`))));
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(text(await store.get('job/race')), `writer ${won.indexOf(true)}`);
  });

  it('a streamed object appears whole, and ranges of it are read', async (store) => {
    const large = noise(largeBytes, 7);
    const writer = store.openWriter('job/shared/large');
    for (let at = 0; at < large.length; at += 100_003) await writer.write(large.slice(at, at + 100_003));
    assert.equal(writer.length, large.length);
    assert.equal(await store.get('job/shared/large'), undefined);
    await writer.finish();
    assert.ok(Buffer.from(large).equals((await store.get('job/shared/large')) as Uint8Array));
    const middle = (await store.getRange('job/shared/large', 12_345, 70_000)) as Uint8Array;
    assert.ok(Buffer.from(middle).equals(large.subarray(12_345, 82_345)));
  });

  it('a range that reaches beyond the end is cut there', async (store) => {
    await write(store, 'k', bytes('0123456789'));
    assert.equal(text(await store.getRange('k', 7, 100)), '789');
    assert.equal(text(await store.getRange('k', 10, 5)), '');
    assert.equal(text(await store.getRange('k', 3, 0)), '');
  });

  it('empty objects are objects', async (store) => {
    await write(store, 'empty');
    assert.equal(text(await store.get('empty')), '');
    assert.equal(text(await store.getRange('empty', 0, 10)), '');
  });

  it('a writer that gives up leaves nothing', async (store) => {
    const small = store.openWriter('job/small');
    await small.write(bytes('abc'));
    await small.abort();
    const large = store.openWriter('job/large');
    for (let written = 0; written < largeBytes; written += 500_000) await large.write(noise(500_000, 3));
    await large.abort();
    assert.deepEqual(await store.list(''), []);
    assert.equal(await store.get('job/large'), undefined);
  });

  it('a listing names what is below a prefix, and only that', async (store) => {
    for (const key of ['job/shared/x', 'job/chk-1/_metadata', 'job/chk-10/_metadata', 'jobs/y'])
      await write(store, key, bytes(key));
    await store.writeRegister('job/epoch', bytes('r'), undefined);
    const objects = (await store.list('job/')).filter((object) => object.key !== 'job/epoch');
    const found = objects.map((object) => object.key).toSorted();
    assert.deepEqual(found, ['job/chk-1/_metadata', 'job/chk-10/_metadata', 'job/shared/x']);
    assert.ok(objects.every((object) => object.bytes === object.key.length && object.upload === undefined));
    const below = (await store.list('job/chk-1/')).map((object) => object.key);
    assert.deepEqual(below, ['job/chk-1/_metadata']);
  });

  it('what was begun and not finished is listed, can be dropped, and then cannot be finished', async (store, other) => {
    const writer = store.openWriter('job/shared/e1-c1-00.state');
    for (let written = 0; written < largeBytes; written += 500_000) await writer.write(noise(500_000, 5));
    const cleaner = other();
    const uploads = (await cleaner.list('job/')).filter((object) => object.upload !== undefined);
    assert.equal(uploads.length, 1);
    assert.match(uploads[0]?.key ?? '', /e1-c1-00\.state/);
    await cleaner.dropUploads(uploads);
    await assert.rejects(writer.finish(), { code: 'CHECKPOINT_STORAGE' });
    await writer.abort();
    assert.deepEqual(await cleaner.list('job/'), []);
  });

  it('many objects are removed at once, and no others', async (store) => {
    const keys = Array.from({ length: 40 }, (_, i) => `job/shared/${i}`);
    await Promise.all(keys.map((key) => write(store, key, bytes(key))));
    await store.remove(keys.slice(0, 35));
    const left = (await store.list('job/')).map((object) => object.key).toSorted();
    assert.deepEqual(left, keys.slice(35).toSorted());
  });

  it('a register is replaced only by whoever knows its version', async (store, other) => {
    const first = await store.writeRegister('job/epoch', bytes('1'), undefined);
    assert.ok(first !== undefined);
    assert.equal(await store.writeRegister('job/epoch', bytes('x'), undefined), undefined);
    const second = await other().writeRegister('job/epoch', bytes('2'), first);
    assert.ok(second !== undefined && second !== first);
    assert.equal(await store.writeRegister('job/epoch', bytes('y'), first), undefined);
    const read = await store.readRegister('job/epoch');
    assert.deepEqual([text(read?.bytes), read?.version], ['2', second]);
  });

  it('of many who replace a register at once one succeeds, round after round', async (store, other) => {
    const stores = [store, other(), other(), other(), other()];
    let version = await store.writeRegister('job/epoch', bytes('0'), undefined);
    for (let round = 1; round <= 5; round++) {
      const tries = stores.map((one, i) => one.writeRegister('job/epoch', bytes(`${round} of ${i}`), version));
      const versions = await Promise.all(tries);
      const winners = versions.flatMap((won, i) => (won === undefined ? [] : [i]));
      assert.equal(winners.length, 1, `round ${round}: ${winners.length} winners`);
      const read = await store.readRegister('job/epoch');
      assert.equal(text(read?.bytes), `${round} of ${winners[0]}`);
      version = read?.version;
    }
  });

  it('a removed register cannot be replaced by whoever knew it, and can be begun anew', async (store, other) => {
    const version = await store.writeRegister('job/epoch', bytes('1'), undefined);
    await other().removeRegister('job/epoch');
    assert.equal(await store.readRegister('job/epoch'), undefined);
    assert.equal(await store.writeRegister('job/epoch', bytes('2'), version), undefined);
    assert.equal(await store.readRegister('job/epoch'), undefined);
    assert.ok((await store.writeRegister('job/epoch', bytes('3'), undefined)) !== undefined);
  });
}
