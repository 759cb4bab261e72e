import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MillstreamError, type ObjectStore } from 'millstream';
import { JobStorage } from '../../../src/checkpoint/storage/job-storage.ts';
import { StoredSnapshotFiles } from '../../../src/checkpoint/storage/stored-snapshot-files.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { content, partsOf, writeState } from '../../../test/checkpoint/storage/contents.ts';
import { testStoreContract } from '../../../test/checkpoint/storage/store-contract.ts';
import { configureS3, type S3Options } from '../src/index.ts';
import { openS3Store } from '../src/s3-store.ts';
import { ACCESS_KEY, SECRET_KEY, startVersitygw, type S3Server } from './versitygw.ts';

const world = createRealWorld();
const PART = 5 * 1024 * 1024;

let server: S3Server;
let buckets = 0;

before(async () => {
  server = await startVersitygw();
});
after(async () => {
  await server.stop();
});

function options(change: S3Options = {}): S3Options {
  return { endpoint: server.endpoint, accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY, ...change };
}

/** A bucket is a directory to this server. */
function newBucket(): string {
  const bucket = `bucket-${++buckets}`;
  mkdirSync(join(server.data, bucket));
  return bucket;
}

function open(place: string, change: S3Options = {}): ObjectStore {
  return openS3Store(options(change))(new URL(place), world);
}

testStoreContract(
  'S3',
  async (body) => {
    const place = `s3://${newBucket()}/some/prefix`;
    const stores: ObjectStore[] = [];
    const another = (): ObjectStore => {
      // One part at a time: then a part that is on its way cannot bring a dropped upload back.
      const store = open(place, { partsAtOnce: 1 });
      stores.push(store);
      return store;
    };
    try {
      await body(another(), another);
    } finally {
      for (const store of stores) await store.close();
    }
  },
  2 * PART + 100_000,
);

/** Stands between client and server, and makes trouble: `fault` says what happens to the n-th request of a sort. */
type Trouble = 'pass' | 'refuse' | 'lose-answer' | 'cut';

async function proxied(
  fault: (sort: string, count: number) => Trouble,
  body: (endpoint: string, counts: Map<string, number>) => Promise<void>,
): Promise<void> {
  const counts = new Map<string, number>();
  const proxy: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const sort = sortOf(request.method ?? '', request.url ?? '');
      const count = (counts.get(sort) ?? 0) + 1;
      counts.set(sort, count);
      const trouble = fault(sort, count);
      if (trouble === 'refuse') {
        response.writeHead(503, { 'content-type': 'application/xml' });
        response.end('<Error><Code>SlowDown</Code><Message>later</Message></Error>');
        return;
      }
      if (trouble === 'cut') {
        request.socket.destroy();
        return;
      }
      const headers = { ...request.headers } as Record<string, string>;
      // The client signed the name of the proxy, which the server never sees; so it is passed on.
      void forward(request.method ?? 'GET', `${server.endpoint}${request.url}`, headers, Buffer.concat(chunks)).then(
        (answer) => {
          if (trouble === 'lose-answer') {
            request.socket.destroy();
            return;
          }
          response.writeHead(answer.status, answer.headers);
          response.end(answer.body);
        },
        () => request.socket.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await body(`http://127.0.0.1:${port}`, counts);
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
}

function sortOf(method: string, url: string): string {
  const { searchParams } = new URL(url, 'http://s3');
  if (method === 'POST' && searchParams.has('uploads')) return 'begin';
  if (method === 'POST' && searchParams.has('uploadId')) return 'complete';
  if (method === 'PUT' && searchParams.has('uploadId')) return 'part';
  return method;
}

async function forward(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: Buffer,
): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
  const { request } = await import('node:http');
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const kept = { ...answer.headers } as Record<string, string>;
        delete kept['transfer-encoding'];
        resolve({ status: answer.statusCode ?? 500, headers: kept, body: Buffer.concat(chunks) });
      });
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('requests that are refused for a while, cut, or lose their answers are tried again, and done once', async () => {
  const bucket = newBucket();
  const troubles: readonly Trouble[] = ['refuse', 'cut', 'lose-answer', 'pass'];
  for (const trouble of troubles) {
    await proxied(
      (_sort, count) => (count === 1 ? trouble : 'pass'),
      async (endpoint) => {
        const store = open(`s3://${bucket}/${trouble}`, { endpoint });
        assert.equal(await store.putNew('new', Buffer.from(`mine ${trouble}`)), true);
        const first = await store.writeRegister('register', Buffer.from('write 1'), undefined);
        const second = await store.writeRegister('register', Buffer.from('write 2'), first);
        assert.equal((await store.readRegister('register'))?.version, second);
        const large = Buffer.alloc(PART + 1_000, 7);
        const writer = store.openWriter('large');
        await writer.write(large);
        await writer.finish();
        assert.ok(large.equals((await store.get('large')) as Uint8Array));
        await store.remove(['large', 'new']);
        assert.equal(await store.get('new'), undefined);
        await store.close();
      },
    );
  }
});

test('parts that are sent side by side come together in order', async () => {
  const store = open(`s3://${newBucket()}`);
  const writer = store.openWriter('large');
  const large = Buffer.alloc(4 * PART + 17);
  for (let at = 0; at < large.length; at += 4_096) large.writeUInt32LE(at, at);
  for (let at = 0; at < large.length; at += 1_000_000) await writer.write(large.subarray(at, at + 1_000_000));
  await writer.finish();
  assert.ok(large.equals((await store.get('large')) as Uint8Array));
  await store.close();
});

test('a register whose replacement lost its answer is known again, wherever that happens', async () => {
  const bucket = newBucket();
  await proxied(
    (sort, count) => (sort === 'PUT' && count % 2 === 1 ? 'lose-answer' : 'pass'),
    async (endpoint) => {
      const store = open(`s3://${bucket}`, { endpoint });
      let version: string | undefined;
      for (let i = 0; i < 3; i++) {
        version = await store.writeRegister('register', Buffer.from(`write ${i}`), version);
        assert.ok(version !== undefined, `write ${i}`);
      }
      await store.close();
    },
  );
});

test('a store that stays away is CHECKPOINT_STORAGE, after as many attempts as were wanted', async () => {
  await proxied(
    () => 'refuse',
    async (endpoint, counts) => {
      const store = open('s3://bucket-x/p', { endpoint, attemptsMax: 3 });
      await assert.rejects(store.get('k'), {
        code: 'CHECKPOINT_STORAGE',
        message: /Could not read s3:\/\/bucket-x\/p\/k: .*HTTP 503/,
      });
      assert.equal(counts.get('GET'), 3);
      await store.close();
    },
  );
});

test('nothing of the credentials is in what a failure says, whatever the server answers', async () => {
  const secret = 'the-very-secret-key-9876543210';
  const store = open(`s3://${newBucket()}/p`, { secretAccessKey: secret, attemptsMax: 1 });
  const { inspect } = await import('node:util');
  const works = [
    () => store.get('k'),
    () => store.putNew('k', new Uint8Array(1)),
    () => store.remove(['k']),
    () => store.list(''),
  ];
  for (const work of works) {
    const error: unknown = await work().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'CHECKPOINT_STORAGE');
    const said = inspect(error, { depth: 20, showHidden: true });
    assert.doesNotMatch(said, new RegExp(`${secret}|${ACCESS_KEY}|Signature=|Authorization`, 'i'));
    assert.match(error.message, /SignatureDoesNotMatch.*check the credentials|HTTP 403/);
  }
  await store.close();
});

test('a bucket that is not there is said to be missing, and not that the object is', async () => {
  const store = open('s3://no-such-bucket/p');
  await assert.rejects(store.get('k'), { code: 'CHECKPOINT_STORAGE', message: /NoSuchBucket.*create the bucket/ });
  await assert.rejects(store.putNew('k', new Uint8Array(1)), { code: 'CHECKPOINT_STORAGE' });
  await store.close();
});

test('options that cannot be meant are refused, without repeating a key', () => {
  const half = { accessKeyId: 'half-a-pair' };
  assert.throws(() => configureS3(half), { code: 'OPTION_INVALID', message: /given together/ });
  assert.throws(
    () => configureS3(half),
    (error: Error) => !error.message.includes('half-a-pair'),
  );
  assert.throws(() => configureS3({ partBytes: 1_000 }), { code: 'OPTION_INVALID', message: /partBytes/ });
  assert.throws(() => configureS3({ partsAtOnce: 0 }), { code: 'OPTION_INVALID', message: /partsAtOnce/ });
  assert.throws(() => configureS3({ attemptsMax: 0 }), { code: 'OPTION_INVALID', message: /attemptsMax/ });
  assert.throws(() => configureS3({ timeoutMs: 0.5 }), { code: 'OPTION_INVALID', message: /timeoutMs/ });
  assert.throws(() => configureS3({ endpoint: 'nowhere' }), { code: 'OPTION_INVALID', message: /endpoint/ });
  assert.throws(() => open('s3:///prefix'), { code: 'OPTION_INVALID', message: /name a bucket/ });
});

test('credentials in the URL are refused without being repeated', () => {
  const stores = new CheckpointStores(world);
  const place = 's3://key:hidden@bucket/prefix';
  assert.throws(() => stores.at(place), { code: 'OPTION_INVALID', message: /credentials do not belong/ });
  assert.throws(
    () => stores.at(place),
    (error: Error) => !error.message.includes('hidden'),
  );
});

test('a job keeps its checkpoints in S3, another process takes over, and the end leaves an empty bucket', async () => {
  const bucket = newBucket();
  const directory = `s3://${bucket}/checkpoints`;
  const take = async (): Promise<{
    storage: JobStorage;
    files: StoredSnapshotFiles;
    epoch: number;
    stores: CheckpointStores;
  }> => {
    const stores = new CheckpointStores(world);
    const all = { jobId: 'job', directory, retained: 1, retention: 'no-externalized-checkpoints' } as const;
    const storage = await JobStorage.open(all, world, stores);
    const epoch = await storage.startAttempt();
    const plan = { jobId: 'job', epoch, directory, inlineThresholdBytes: 0, compression: true, localDirectories: [] };
    return { storage, epoch, stores, files: new StoredSnapshotFiles(plan, world, stores) };
  };
  configureS3(options());
  const first = await take();
  for (const id of [1, 2, 3]) {
    first.storage.begin(id);
    await first.storage.complete(content(id, first.epoch, await writeState(first.files, id)));
  }
  await writeState(first.files, 4);
  const second = await take();
  assert.equal(second.storage.latest?.id, 3);
  const read = await second.files.read(
    partsOf((second.storage.latest as { content: ReturnType<typeof content> }).content),
  );
  assert.deepEqual(
    read.map((bytes) => bytes[0]),
    [3],
  );
  await assert.rejects(writeState(first.files, 4), { code: 'CHECKPOINT_STALE' });
  await assert.rejects(first.storage.complete(content(4, first.epoch, [])), { code: 'CHECKPOINT_STALE' });
  await second.storage.sweep();
  const names = readdirSync(join(server.data, bucket, 'checkpoints/job/shared'));
  assert.deepEqual(
    names.map((name) => name.slice(0, 5)),
    ['e1-c3'],
  );
  await second.storage.close('finished');
  assert.equal(existsSync(join(server.data, bucket, 'checkpoints')), false);
  await first.stores.close();
  await second.stores.close();
});
