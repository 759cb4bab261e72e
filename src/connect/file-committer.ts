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
        if (await this.#publish(request)) await this.#clean(request.committable);
      } catch (error) {
        throw sinkFailure(error, request.committable.final);
      }
    }
  }

  /** False when the data is lost. */
  async #publish(request: CommitRequest<PendingPart>): Promise<boolean> {
    const { hidden, final, bytes, beginning } = request.committable;
    const pending = await this.#storage.status(hidden);
    if (pending === undefined) {
      // Committed before. The final file may be gone as well: it was whoever's it was for to take it away.
      request.alreadyCommitted();
      return true;
    }
    if (pending.bytes < bytes) {
      request.failed(new Error(`the pending file ${hidden} has ${pending.bytes} bytes, and ${bytes} were written`));
      return false;
    }
    if (beginning === true && ((await this.#storage.status(final))?.bytes ?? -1) >= bytes) {
      await this.#storage.remove(hidden);
      request.alreadyCommitted();
      return true;
    }
    if (pending.bytes > bytes) await this.#cut(hidden, bytes);
    await this.#storage.rename(hidden, final);
    return true;
  }

  /** What a crash of the machine left behind the bytes that were synced. */
  async #cut(path: string, bytes: number): Promise<void> {
    const file = await this.#storage.openAppend(path, { truncateTo: bytes });
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #clean({ leftovers = [] }: PendingPart): Promise<void> {
    for (const path of leftovers) await this.#storage.remove(path);
  }

  close(): void {}
}
