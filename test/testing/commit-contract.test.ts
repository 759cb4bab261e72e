/** The contract of committers, for the sinks there are and for sinks that break it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { noBuckets } from '../../src/connect/bucket.ts';
import { fileSink, type FileSinkOptions } from '../../src/connect/file-sink.ts';
import type { Sink, SinkWriter } from '../../src/connect/sink.ts';
import { text } from '../../src/format/text.ts';
import { assertCommits, type CommitTarget } from '../../src/testing/commit-contract.ts';
import { scratchDirectory } from '../connect/scratch.ts';

const VALUES = ['a', 'b', 'c', 'd', 'e'];

function files(t: TestContext, options: Partial<FileSinkOptions<string>>): () => CommitTarget<string> {
  return () => {
    const path = scratchDirectory(t);
    return {
      makeSink: () => fileSink<string>({ path, format: text(), bucket: noBuckets(), ...options }),
      published: () =>
        readdirSync(path)
          .filter((name) => !name.startsWith('.'))
          .flatMap((name) => readFileSync(`${path}/${name}`, 'utf8').split('\n').slice(0, -1)),
    };
  };
}

for (const [name, options] of Object.entries({
  'as it is': {},
  'that rolls with every checkpoint': { rolling: { onCheckpoint: true } },
  'that rolls in between': { rolling: { maxBytes: 3 } },
  'that puts small files together': { rolling: { onCheckpoint: true }, compaction: { checkpoints: 1 } },
  'that lets small files wait': { rolling: { maxBytes: 3 }, compaction: { checkpoints: 5, bytes: 6 } },
} satisfies Record<string, Partial<FileSinkOptions<string>>>)) {
  test(`a file sink ${name} keeps the contract of committers`, async (t) => {
    for (const restoredParallelism of [1, 3])
      await assertCommits(files(t, options), { values: VALUES, restoredParallelism });
  });
}

/** A store of batches under their names, which takes each name once. */
class Store {
  readonly staged = new Map<string, readonly string[]>();
  readonly published = new Map<string, readonly string[]>();
  batches = 0;
}

interface Batch {
  readonly id: string;
}

type StoreSink = Sink<string, Batch, Batch>;

function storeSink(store: Store, broken: Partial<StoreSink> = {}): StoreSink {
  return {
    name: 'store',
    guarantee: 'exactly-once',
    createWriter: (_context, restored) => new StoreWriter(store, restored),
    createCommitter: () => ({
      commit: (requests) => {
        for (const request of requests) {
          const { id } = request.committable;
          if (store.published.has(id)) request.alreadyCommitted();
          else store.published.set(id, store.staged.get(id) ?? []);
        }
      },
      close: () => {},
    }),
    ...broken,
  };
}

class StoreWriter implements SinkWriter<string, Batch, Batch> {
  readonly store: Store;
  values: string[] = [];
  batches: Batch[];

  constructor(store: Store, restored: readonly Batch[]) {
    this.store = store;
    this.batches = [...restored];
  }

  write(value: string): void {
    this.values.push(value);
  }

  flush(): void {
    if (this.values.length === 0) return;
    const id = `batch-${this.store.batches++}`;
    this.store.staged.set(id, this.values);
    this.values = [];
    this.batches.push({ id });
  }

  prepareCommit(): readonly Batch[] {
    return this.batches.splice(0);
  }

  snapshot(): readonly Batch[] {
    return [...this.batches];
  }

  close(): void {}
}

function target(broken: (store: Store) => Partial<StoreSink>): () => CommitTarget<string> {
  return () => {
    const store = new Store();
    return { makeSink: () => storeSink(store, broken(store)), published: () => [...store.published.values()].flat() };
  };
}

test('a sink that keeps the contract passes', async () => {
  await assertCommits(
    target(() => ({})),
    { values: VALUES },
  );
});

/** A committer that runs `publish` for each batch. */
function committing(publish: (id: string) => void): Pick<StoreSink, 'createCommitter'> {
  return {
    createCommitter: () => ({
      commit: (requests) => requests.forEach(({ committable }) => publish(committable.id)),
      close: () => {},
    }),
  };
}

test('sinks that break it are found, and the situation is named', async () => {
  const broken: readonly (readonly [RegExp, (store: Store) => Partial<StoreSink>])[] = [
    [
      /before the commit, and everything behind it: before the commit a reader .* too many/,
      (store) => ({
        createWriter: (_context, restored) =>
          new (class extends StoreWriter {
            override flush(): void {
              super.flush();
              for (const { id } of this.batches) store.published.set(id, store.staged.get(id) ?? []);
            }
          })(store, restored),
      }),
    ],
    [
      /the same is committed twice: the committer calls 0 of \d committables committed already/,
      (store) => {
        let times = 0;
        return committing((id) => void store.published.set(`${id}, ${times++}`, store.staged.get(id) ?? []));
      },
    ],
    [
      /another one commits: at the end a reader misses/,
      (store) => {
        // What is committed is in the memory of the process that prepared it.
        const own = new Map<string, readonly string[]>();
        return {
          createWriter: (_context, restored) =>
            new (class extends StoreWriter {
              override flush(): void {
                super.flush();
                for (const { id } of this.batches) own.set(id, store.staged.get(id) ?? []);
              }
            })(store, restored),
          createCommitter: () => ({
            commit: (requests) => {
              for (const request of requests) {
                const { id } = request.committable;
                if (store.published.has(id)) request.alreadyCommitted();
                else if (own.has(id)) store.published.set(id, own.get(id) ?? []);
              }
            },
            close: () => {},
          }),
        };
      },
    ],
    [
      /a savepoint is restored twice: after restore 1 a reader misses/,
      (store) => ({
        createWriter: (_context, restored) =>
          new (class extends StoreWriter {
            override snapshot(): readonly Batch[] {
              return [];
            }
          })(store, restored),
      }),
    ],
  ];
  for (const [message, make] of broken)
    await assert.rejects(assertCommits(target(make), { values: VALUES }), { message });
});
