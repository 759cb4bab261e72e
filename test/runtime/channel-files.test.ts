/** The state of channels in files: given up, failed, or part of the checkpoint. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChannelStateSnapshot } from '../../src/exchange/channel-state.ts';
import { ChannelFiles } from '../../src/runtime/channel-files.ts';
import type { SnapshotFile, SnapshotFiles, StateBytes } from '../../src/state/snapshot.ts';

/** One state file whose end a test decides. */
class OneFile implements SnapshotFile {
  readonly ready = true;
  readonly written: number[] = [];
  readonly end = Promise.withResolvers<readonly StateBytes[]>();
  sections = 0;
  aborted = false;

  write(bytes: Uint8Array): void {
    this.written.push(bytes.length);
  }
  endSection(): number {
    return this.sections++;
  }
  drained(): Promise<void> {
    return Promise.resolve();
  }
  finish(): Promise<readonly StateBytes[]> {
    return this.end.promise;
  }
  abort(): Promise<void> {
    this.aborted = true;
    return Promise.resolve();
  }
}

function state(receiver: number, bytes: number): ChannelStateSnapshot {
  return {
    edge: 'a > b/0',
    sender: 0,
    senders: 1,
    receiver,
    receivers: 2,
    end: 'receiver',
    bytes: new Uint8Array(bytes),
  };
}

function channelFiles(file: OneFile | undefined): { files: ChannelFiles; opened: string[] } {
  const opened: string[] = [];
  const files = {
    open: ({ operatorId }: { readonly operatorId: string }) => {
      opened.push(operatorId);
      return file as OneFile;
    },
  } as unknown as SnapshotFiles;
  return {
    opened,
    files: new ChannelFiles({
      files: file === undefined ? undefined : files,
      operatorId: 'head',
      subtask: 0,
      post: (callback) => callback(),
    }),
  };
}

const never = (): void => assert.fail('it did not fail');
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('without files, and without states, the states are kept as they are', () => {
  for (const [file, states] of [
    [undefined, [state(0, 8)]],
    [new OneFile(), []],
  ] as const) {
    const { files, opened } = channelFiles(file);
    let stored: readonly ChannelStateSnapshot[] | undefined;
    files.store(1, states, (all) => (stored = all), never);
    assert.deepEqual(stored, states);
    assert.deepEqual(opened, []);
  }
});

test('each state is a section of one file, and refers to it afterwards', async () => {
  const file = new OneFile();
  const { files, opened } = channelFiles(file);
  const stored: ChannelStateSnapshot[] = [];
  files.store(1, [state(0, 8), state(1, 16)], (all) => void stored.push(...all), never);
  assert.deepEqual(stored, []);
  assert.deepEqual([opened, file.written, file.sections], [['head/channels'], [8, 16], 2]);
  const segments = [0, 8].map((offset) => ({ file: 'f', offset, length: 8, crc: 1 }));
  file.end.resolve(segments);
  await settled();
  assert.deepEqual(
    stored.map(({ receiver, bytes }) => [receiver, bytes]),
    segments.map((segment, i) => [i, segment]),
  );
});

test('a failure is told, unless the checkpoint was given up before', async () => {
  const file = new OneFile();
  const { files } = channelFiles(file);
  const reasons: string[] = [];
  const store = (checkpoint: number): void =>
    files.store(
      checkpoint,
      [state(0, 8)],
      () => assert.fail('it was not stored'),
      (reason) => reasons.push(reason),
    );
  store(1);
  store(2);
  files.abort(2);
  assert.ok(file.aborted);
  file.end.reject(new Error('the disk is full'));
  await settled();
  assert.equal(reasons.length, 1);
  assert.match(String(reasons[0]), /the disk is full/);
});
