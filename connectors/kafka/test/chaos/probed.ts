/** Sources, sinks and stores of checkpoints that tell in which phase they are; else they are what they wrap. */

import { pathToFileURL } from 'node:url';
import {
  registerCheckpointStore,
  type CommitRequest,
  type ReaderContext,
  type Sink,
  type SinkWriter,
  type Source,
  type SourceReader,
} from 'millstream';
import { DirectoryStore } from '../../../../src/checkpoint/storage/directory-store.ts';
import type { ObjectStore, ObjectWriter } from '../../../../src/checkpoint/storage/object-store.ts';
import { createRealWorld } from '../../../../src/world/real-world.ts';
import type { PhaseProbe } from './phases.ts';

/** Barriers begin at sources: one that is held there is waited for everywhere below. */
export function probedSource<T, Split, State>(
  inner: Source<T, Split, State>,
  probe: PhaseProbe,
): Source<T, Split, State> {
  return {
    ...inner,
    splitId: (split) => inner.splitId(split),
    createEnumerator: (context, restored) => inner.createEnumerator(context, restored),
    createReader: (context: ReaderContext): SourceReader<T, Split> => {
      const reader = inner.createReader(context);
      const snapshot = reader.snapshot.bind(reader);
      reader.snapshot = (checkpoint) => {
        probe.begin('align');
        probe.hold('align');
        try {
          return snapshot(checkpoint);
        } finally {
          probe.end('align');
        }
      };
      return reader;
    },
  };
}

export function probedSink<T, C, S>(inner: Sink<T, C, S>, probe: PhaseProbe): Sink<T, C, S> {
  const { createCommitter, createPreCommitter } = inner;
  return {
    ...inner,
    createWriter: (context, restored): SinkWriter<T, C, S> => {
      const writer = inner.createWriter(context, restored);
      const prepareCommit = writer.prepareCommit?.bind(writer);
      if (prepareCommit !== undefined) {
        writer.prepareCommit = async (checkpoint) => {
          probe.begin('precommit');
          try {
            const prepared = await prepareCommit(checkpoint);
            probe.hold('precommit');
            return prepared;
          } finally {
            probe.end('precommit');
          }
        };
      }
      return writer;
    },
    ...(createPreCommitter === undefined
      ? {}
      : { createPreCommitter: (context, restored) => createPreCommitter.call(inner, context, restored) }),
    ...(createCommitter === undefined
      ? {}
      : {
          createCommitter: (world) => {
            const committer = createCommitter.call(inner, world);
            let commits = 0;
            return {
              commit: async (requests: readonly CommitRequest<C>[]) => {
                if (requests.length === 0) return;
                const before = commits++ % 2 === 0;
                probe.begin('commit');
                try {
                  if (before) probe.hold('commit');
                  await committer.commit(requests);
                  if (!before) probe.hold('commit');
                } finally {
                  probe.end('commit');
                  if (inner.name === 'kafka') probe.committed();
                }
              },
              close: () => committer.close(),
            };
          },
        }),
  };
}

const SCHEME = 'chaos';

/** A URL for checkpoints in a directory whose files are written under the eyes of the probe. */
export function probedStore(directory: string, probe: PhaseProbe): string {
  registerCheckpointStore(SCHEME, (url) => new ProbedStore(url, probe));
  return `${SCHEME}://${directory}`;
}

class ProbedStore implements ObjectStore {
  readonly url: string;
  readonly #inner: DirectoryStore;
  readonly #probe: PhaseProbe;

  constructor(url: URL, probe: PhaseProbe) {
    this.url = url.href;
    this.#inner = new DirectoryStore(pathToFileURL(url.pathname).href, createRealWorld());
    this.#probe = probe;
  }

  async #uploading<T>(work: () => Promise<T>): Promise<T> {
    this.#probe.begin('upload');
    try {
      this.#probe.hold('upload');
      return await work();
    } finally {
      this.#probe.end('upload');
    }
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#inner.get(key);
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    this.#probe.begin('restore');
    this.#probe.hold('restore');
    try {
      return await this.#inner.getRange(key, offset, length);
    } finally {
      this.#probe.end('restore');
    }
  }

  putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#uploading(() => this.#inner.putNew(key, bytes));
  }

  openWriter(key: string): ObjectWriter {
    const writer = this.#inner.openWriter(key);
    return {
      get length() {
        return writer.length;
      },
      write: (bytes) => this.#uploading(() => writer.write(bytes)),
      finish: () => this.#uploading(() => writer.finish()),
      abort: () => writer.abort(),
    };
  }

  readRegister(key: string): ReturnType<ObjectStore['readRegister']> {
    return this.#inner.readRegister(key);
  }

  writeRegister(key: string, bytes: Uint8Array, expected: string | undefined): Promise<string | undefined> {
    return this.#inner.writeRegister(key, bytes, expected);
  }

  removeRegister(key: string): Promise<void> {
    return this.#inner.removeRegister(key);
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#inner.remove(keys);
  }

  list(prefix: string): ReturnType<ObjectStore['list']> {
    return this.#inner.list(prefix);
  }

  dropUploads(uploads: Parameters<ObjectStore['dropUploads']>[0]): Promise<void> {
    return this.#inner.dropUploads(uploads);
  }

  pathOf(key: string): string {
    return this.#inner.pathOf(key);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
