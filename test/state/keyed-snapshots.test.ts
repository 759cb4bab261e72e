/** What becomes of the files of a snapshot when its checkpoint is given up. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { KeyedSnapshots } from '../../src/state/keyed-snapshots.ts';
import { inlineBytes } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot, SnapshotFile, SnapshotFiles } from '../../src/state/snapshot.ts';

/** A file that only notes whether it is given up. */
class NotedFile implements SnapshotFile {
  readonly ready = true;
  aborted = false;
  #sections = 0;

  write(): void {}
  endSection(): number {
    return this.#sections++;
  }
  async drained(): Promise<void> {}
  async finish(): Promise<readonly Uint8Array[]> {
    return Array.from({ length: this.#sections }, () => new Uint8Array(0));
  }
  async abort(): Promise<void> {
    this.aborted = true;
  }
}

function snapshots(): { readonly snapshots: KeyedSnapshots; readonly file: NotedFile } {
  const file = new NotedFile();
  const files: SnapshotFiles = {
    enter: () => {},
    open: () => file,
    read: async () => [],
    stream: async () => {},
    completed: () => {},
  };
  const settings = { operatorId: 'count', subtask: 0, types: new TypeRegistry(), restored: undefined, claimed: true };
  return { snapshots: new KeyedSnapshots({ ...settings, files, bytesOf: inlineBytes }), file };
}

const WRITTEN: OperatorSnapshot = {
  operatorId: 'count',
  keyed: [],
  lists: [{ name: 'splits', redistribution: 'split', version: 1, items: [new Uint8Array(1024 * 1024)] }],
};

test('files of what was acknowledged are not the task’s to remove when the checkpoint is given up', async () => {
  const { snapshots: all, file } = snapshots();
  const pending = all.begin(1, 'checkpoint', WRITTEN);
  while (pending.advance(() => true) !== 'done');
  await pending.finish();
  // The coordinator gave it up, but may have stored it all the same: it decides what becomes of the file.
  all.aborted(1);
  assert.equal(file.aborted, false);
});

test('files of what is still being written go with the checkpoint', async () => {
  const { snapshots: all, file } = snapshots();
  const pending = all.begin(1, 'checkpoint', WRITTEN);
  while (pending.advance(() => true) !== 'done');
  const finishing = pending.finish();
  all.aborted(1);
  assert.equal(file.aborted, true);
  await finishing;
});
