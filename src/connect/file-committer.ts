/** Gives pending files their final names. */

import type { Storage } from '../base/world.ts';
import type { PendingPart } from './part-file.ts';
import { sinkFailure } from './sink-failure.ts';
import type { CommitRequest, Committer } from './sink.ts';

export class FileCommitter implements Committer<PendingPart> {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async commit(requests: readonly CommitRequest<PendingPart>[]): Promise<void> {
    for (const request of requests) {
      try {
        await this.#commit(request);
      } catch (error) {
        throw sinkFailure(error, request.committable.final);
      }
    }
  }

  async #commit(request: CommitRequest<PendingPart>): Promise<void> {
    const { hidden, final, bytes } = request.committable;
    const pending = await this.#storage.status(hidden);
    if (pending === undefined) {
      // Committed before. The final file may be gone as well: it was whoever's it was for to take it away.
      request.alreadyCommitted();
      return;
    }
    if (pending.bytes < bytes) {
      request.failed(new Error(`the pending file ${hidden} has ${pending.bytes} bytes, and ${bytes} were written`));
      return;
    }
    if (pending.bytes > bytes) await this.#cut(hidden, bytes);
    await this.#storage.rename(hidden, final);
  }

  /** An attempt that was given up may have written on. */
  async #cut(path: string, bytes: number): Promise<void> {
    const file = await this.#storage.openAppend(path, { truncateTo: bytes });
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  close(): void {}
}
