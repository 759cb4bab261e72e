/** The coordinator of global commits by itself, with two subtasks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sink } from '../../src/connect/sink.ts';
import { GlobalCommitCoordinator, type Committed, type ToGlobal } from '../../src/operator/async-global-commits.ts';
import type { CoordinatorContext } from '../../src/operator/coordinator.ts';

class Subject {
  readonly calls: unknown[] = [];
  readonly toTask: unknown[] = [];
  readonly failures: unknown[] = [];
  closed = 0;
  readonly coordinator: GlobalCommitCoordinator;

  constructor(restored?: unknown, commit: (checkpoint: number) => void | Promise<void> = () => {}) {
    const sink = {
      createGlobalCommitter: () => ({
        commit: (checkpoint: number, committables: readonly unknown[]) => {
          this.calls.push([checkpoint, ...committables]);
          return commit(checkpoint);
        },
        close: () => void this.closed++,
      }),
    } as unknown as Sink<unknown>;
    const context = {
      parallelism: 2,
      toTask: (subtask: number, message: unknown) => void this.toTask.push([subtask, message]),
      fail: (error: unknown) => void this.failures.push(error),
    } as unknown as CoordinatorContext;
    this.coordinator = new GlobalCommitCoordinator(sink, context, restored);
  }

  tell(subtask: number, upTo: ToGlobal['upTo'], ...committed: readonly (readonly [number, string])[]): void {
    const message: ToGlobal = {
      upTo,
      committed: committed.map(([checkpoint, committable]): Committed => ({ checkpoint, committable })),
    };
    this.coordinator.fromTask(subtask, message);
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test('a checkpoint is handed over once every subtask has told, with the parts of all, the earliest first', async () => {
  const subject = new Subject();
  subject.tell(0, 2, [2, 'c'], [1, 'a']);
  await turns();
  assert.deepEqual(subject.calls, []);
  subject.tell(1, 1, [1, 'b']);
  await turns();
  assert.deepEqual(subject.calls, [[1, 'a', 'b']]);
  subject.tell(1, 3);
  await turns();
  assert.deepEqual(subject.calls, [
    [1, 'a', 'b'],
    [2, 'c'],
  ]);
  subject.tell(0, 5, [5, 'f'], [4, 'd']);
  subject.tell(1, 5, [5, 'e']);
  await turns();
  assert.deepEqual(subject.calls.slice(2), [
    [4, 'd'],
    [5, 'f', 'e'],
  ]);
});

test('what comes late for a checkpoint that was handed over is passed over', async () => {
  const subject = new Subject();
  for (const subtask of [0, 1]) subject.tell(subtask, 2, [2, `of ${subtask}`]);
  subject.tell(0, 2, [2, 'again'], [1, 'older']);
  for (const subtask of [0, 1]) subject.tell(subtask, 3);
  await turns();
  assert.deepEqual(subject.calls, [[2, 'of 0', 'of 1']]);
});

test('after a restore all that the checkpoint held is handed over, but what was done', async () => {
  const subject = new Subject({ checkpoint: 5, done: 3 });
  subject.tell(0, 'restored', [3, 'done'], [4, 'a'], [5, 'c']);
  await turns();
  assert.deepEqual(subject.calls, []);
  subject.tell(1, 'restored', [4, 'b']);
  await turns();
  assert.deepEqual(subject.calls, [
    [4, 'a', 'b'],
    [5, 'c'],
  ]);
  assert.deepEqual(subject.coordinator.snapshot(6), { checkpoint: 6, done: 5 });
});

test('subtasks may forget what was done when a complete checkpoint was taken, and no more', async () => {
  const subject = new Subject();
  const { coordinator } = subject;
  assert.deepEqual(coordinator.snapshot(1), { checkpoint: 1, done: 0 });
  coordinator.checkpointComplete(1);
  assert.deepEqual(subject.toTask, []);
  for (const subtask of [0, 1]) subject.tell(subtask, 1, [1, 'a']);
  await turns();
  coordinator.snapshot(2);
  for (const subtask of [0, 1]) subject.tell(subtask, 2, [2, 'b']);
  await turns();
  assert.deepEqual(coordinator.snapshot(3), { checkpoint: 3, done: 2 });
  coordinator.checkpointComplete(2);
  assert.deepEqual(subject.toTask.splice(0), [
    [0, { forgetUpTo: 1 }],
    [1, { forgetUpTo: 1 }],
  ]);
  // It is remembered once.
  coordinator.checkpointComplete(2);
  assert.deepEqual(subject.toTask, []);
  coordinator.checkpointComplete(3);
  assert.deepEqual(subject.toTask, [
    [0, { forgetUpTo: 2 }],
    [1, { forgetUpTo: 2 }],
  ]);
});

test('what is under way is not done, and the next waits for it', async () => {
  let release = (): void => {};
  const subject = new Subject(undefined, (checkpoint) =>
    checkpoint === 1 ? new Promise((resolve) => (release = resolve)) : undefined,
  );
  for (const subtask of [0, 1]) subject.tell(subtask, 1, [1, 'a']);
  for (const subtask of [0, 1]) subject.tell(subtask, 2, [2, 'b']);
  await turns();
  assert.deepEqual(subject.calls, [[1, 'a', 'a']]);
  assert.deepEqual(subject.coordinator.snapshot(3), { checkpoint: 3, done: 0 });
  release();
  await turns();
  assert.deepEqual(subject.calls[1], [2, 'b', 'b']);
  assert.deepEqual(subject.coordinator.snapshot(4), { checkpoint: 4, done: 2 });
});

test('a failure is told once, nothing is committed behind it, and what failed is not done', async () => {
  const subject = new Subject(undefined, (checkpoint) => {
    if (checkpoint === 1) throw new Error('the catalogue is out of reach');
  });
  for (const subtask of [0, 1]) subject.tell(subtask, 2, [1, 'a'], [2, 'b']);
  for (const subtask of [0, 1]) subject.tell(subtask, 3, [3, 'c']);
  for (const subtask of [0, 1]) subject.tell(subtask, 4);
  await turns();
  assert.deepEqual(subject.calls, [[1, 'a', 'a']]);
  assert.equal(subject.failures.length, 1);
  assert.deepEqual(subject.coordinator.snapshot(5), { checkpoint: 5, done: 0 });
  await subject.coordinator.close();
  assert.equal(subject.closed, 1);
});

test('closing waits for what is under way, and is the end', async () => {
  let release = (): void => {};
  const subject = new Subject(undefined, () => new Promise((resolve) => (release = resolve)));
  for (const subtask of [0, 1]) subject.tell(subtask, 1, [1, 'a']);
  await turns();
  const closing = subject.coordinator.close();
  await turns();
  assert.equal(subject.closed, 0);
  release();
  await closing;
  assert.equal(subject.closed, 1);
  for (const subtask of [0, 1]) subject.tell(subtask, 2, [2, 'b']);
  await turns();
  assert.equal(subject.calls.length, 1);
});

test('a coordinator needs a global committer', () => {
  assert.throws(
    () => new GlobalCommitCoordinator({} as Sink<unknown>, {} as CoordinatorContext, undefined),
    /needs a global committer/,
  );
});
