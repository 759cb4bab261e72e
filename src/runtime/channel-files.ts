/** Writes what was on its way in channels to state files of the task, where there are such files; else it is kept inline. */

import { describeThrown } from '../base/error.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { SnapshotFile, SnapshotFiles, StateBytes } from '../state/snapshot.ts';
import type { ChannelsDone } from './channel-snapshots.ts';

export interface ChannelFilesOptions {
  readonly files: SnapshotFiles | undefined;
  /** The head operator of the task. */
  readonly operatorId: string;
  readonly subtask: number;
  /** Runs a callback in the next turn of the task. */
  readonly post: (callback: () => void) => void;
}

export class ChannelFiles {
  readonly #options: ChannelFilesOptions;
  readonly #open = new Map<number, SnapshotFile>();

  constructor(options: ChannelFilesOptions) {
    this.#options = options;
  }

  /** Calls `stored` with the states as the checkpoint refers to them, which may be at once, or `failed`. */
  store(
    checkpoint: number,
    states: readonly ChannelStateSnapshot[],
    stored: ChannelsDone,
    failed: (reason: string) => void,
  ): void {
    const { files, operatorId, subtask, post } = this.#options;
    if (files === undefined || states.length === 0) {
      stored(states);
      return;
    }
    const file = files.open({ checkpoint, operatorId: `${operatorId}/channels`, subtask });
    this.#open.set(checkpoint, file);
    for (const { bytes } of states) {
      if (bytes instanceof Uint8Array) file.write(bytes);
      file.endSection();
    }
    const settled = (then: () => void): void =>
      post(() => {
        if (this.#open.delete(checkpoint)) then();
      });
    file.finish().then(
      (sections) => settled(() => stored(states.map((state, i) => ({ ...state, bytes: sections[i] as StateBytes })))),
      (error: unknown) => settled(() => failed(describeThrown(error))),
    );
  }

  /** The checkpoint is not wanted any more. */
  abort(checkpoint: number): void {
    const file = this.#open.get(checkpoint);
    this.#open.delete(checkpoint);
    void file?.abort();
  }

  close(): void {
    for (const file of this.#open.values()) void file.abort();
    this.#open.clear();
  }
}
