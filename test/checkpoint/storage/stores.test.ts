import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { registerCheckpointStore, type ObjectStore } from '../../../src/index.ts';
import { CheckpointStores, storeUrl } from '../../../src/checkpoint/storage/stores.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';

const world = createRealWorld();

test('paths and file URLs of one directory are one store', () => {
  const stores = new CheckpointStores(world);
  const store = stores.at('/data/check points/');
  assert.equal(store.url, 'file:///data/check%20points');
  assert.equal(store.pathOf?.('a/b'), '/data/check points/a/b');
  assert.equal(stores.at('file:///data/check%20points'), store);
  assert.equal(storeUrl('below/here'), `file://${resolve('below/here')}`);
});

test('files are found in the store of their root, and others by their own directory', () => {
  const stores = new CheckpointStores(world);
  const root = stores.at('/data');
  assert.deepEqual(stores.find('file:///data/job/shared/x'), { store: root, key: 'job/shared/x' });
  const other = stores.find('file:///elsewhere/job/shared/x');
  assert.deepEqual([other.store.url, other.key], ['file:///elsewhere/job/shared', 'x']);
});

test('a scheme that nobody registered is refused with the way to register it', () => {
  const stores = new CheckpointStores(world);
  assert.throws(() => stores.at('gs://bucket/x'), {
    code: 'OPTION_INVALID',
    message: /No store for checkpoints is registered under "gs:".*Import the package/,
  });
});

test('a registered scheme opens its store, once per root, and closes it', async () => {
  const opened: string[] = [];
  let closed = 0;
  registerCheckpointStore('test-store', (url) => {
    opened.push(url.href);
    const store: Pick<ObjectStore, 'url' | 'close'> = {
      url: url.href,
      close: async () => void closed++,
    };
    return store as ObjectStore;
  });
  const stores = new CheckpointStores(world);
  const store = stores.at('test-store://place/deep/');
  assert.equal(stores.at('test-store://place/deep'), store);
  assert.equal(stores.find('test-store://place/deep/k').store, store);
  assert.deepEqual(opened, ['test-store://place/deep']);
  await stores.close();
  assert.equal(closed, 1);
  assert.throws(() => stores.at('test-store://place?x=1'), { code: 'OPTION_INVALID' });
});

test('what is no scheme, and the one that is built in, cannot be registered', () => {
  for (const scheme of ['file', 'S3', '', 's3://', 'c'])
    assert.throws(() => registerCheckpointStore(scheme, () => undefined as never), { code: 'OPTION_INVALID' }, scheme);
});
