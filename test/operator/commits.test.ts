import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../src/base/error.ts';
import type { CommitRequest, Sink } from '../../src/connect/sink.ts';
import { sinkDefinition, type SinkOperatorOptions } from '../../src/operator/sink-operator.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';

type Parts = Partial<Sink<string, string, string>>;

/** A sink whose every record is a committable. */
function sink(commit: (request: CommitRequest<string>) => void, parts: Parts = {}): Sink<string, string, string> {
  return {
    name: 'recording',
    guarantee: 'exactly-once',
    createWriter: (_context, restored) => {
      const open = [...restored];
      return {
        write: (value) => void open.push(value),
        flush: () => {},
        prepareCommit: () => open.splice(0),
        snapshot: () => [...open],
        close: () => {},
      };
    },
    createCommitter: () => ({ commit: (requests) => requests.forEach(commit), close: () => {} }),
    ...parts,
  };
}

function harness(
  described: Sink<string, string, string>,
  restore?: OperatorSnapshot,
  options?: SinkOperatorOptions,
): OperatorHarness {
  const { definition } = sinkDefinition(described as unknown as Sink<string, never, never>, options);
  return new OperatorHarness(definition, restore === undefined ? {} : { restore });
}

test('a committable that is lost fails the job for good, with an error that names it', async () => {
  const run = harness(sink((request) => request.failed(new Error('its transaction has expired'))));
  run.element('the-transaction');
  await run.snapshotAsync();
  run.checkpointComplete();
  await assert.rejects(
    () => run.settled(),
    (error: unknown) => {
      assert.ok(error instanceof MillstreamError);
      assert.equal(error.code, 'SINK_DATA_LOST');
      assert.equal(error.restart, false);
      assert.match(error.message, /"the-transaction".*subtask 0.*its transaction has expired/);
      assert.equal(error.details['committable'], '"the-transaction"');
      assert.equal(error.details['checkpoint'], 1);
      return true;
    },
  );
  assert.equal(run.metric('failedCommittables'), 1);
  await run.close();
});

test('what is already committed, committed, and tried again is told apart in the metrics', async () => {
  const run = harness(
    sink((request) => {
      if (request.committable === 'old') request.alreadyCommitted();
      if (request.committable === 'slow' && request.retries < 2) request.retryLater();
    }),
  );
  for (const value of ['old', 'slow', 'new']) run.element(value);
  await run.snapshotAsync();
  assert.equal(run.metric('pendingCommittables'), 3);
  run.checkpointComplete();
  await run.settled();
  for (const retry of [1, 2]) {
    assert.equal(run.metric('pendingCommittables'), 3);
    assert.equal(run.metric('retriedCommittables'), retry);
    run.processingTime(retry * 1_000);
    await run.settled();
  }
  assert.equal(run.metric('totalCommittables'), 3);
  assert.equal(run.metric('successfulCommittables'), 2);
  assert.equal(run.metric('alreadyCommittedCommittables'), 1);
  assert.equal(run.metric('pendingCommittables'), 0);
  await run.close();
});

test('a committable that asks for patience too often fails the job, as often as it may be', async () => {
  for (const committerRetries of [0, 2]) {
    let tries = 0;
    const run = harness(
      sink((request) => {
        tries++;
        request.retryLater();
      }),
      undefined,
      { committerRetries },
    );
    run.element('slow');
    await run.snapshotAsync();
    run.checkpointComplete();
    const failing = assert.rejects(
      async () => {
        for (let second = 1; second < 5; second++) {
          await run.settled();
          run.processingTime(second * 1_000);
        }
      },
      { code: 'SINK_FAILED', message: new RegExp(`after ${committerRetries} retries.*"slow"`) },
    );
    await failing;
    assert.equal(tries, committerRetries + 1);
    await run.close();
  }
});

test('a committer that throws leaves its committables to the next attempt', async () => {
  const failing = harness(
    sink(() => {
      throw new MillstreamError('SINK_UNREACHABLE', 'nobody answers');
    }),
  );
  failing.element('a');
  const snapshot = await failing.snapshotAsync();
  failing.checkpointComplete();
  await assert.rejects(() => failing.settled(), { code: 'SINK_UNREACHABLE' });
  await failing.close();
  const committed: string[] = [];
  const after = harness(
    sink((request) => void committed.push(request.committable)),
    snapshot,
  );
  await after.settled();
  assert.deepEqual(committed, ['a']);
  await after.close();
});

test('a savepoint commits nothing, and whoever restores it twice commits twice what it holds, and only that', async () => {
  const committed: string[] = [];
  const described = sink((request) => void committed.push(request.committable));
  const before = harness(described);
  before.element('a');
  await before.snapshotAsync();
  before.element('b');
  // Checkpoint 1 is on its way, and not complete, when the savepoint is taken.
  const savepoint = await before.snapshotAsync('savepoint');
  await before.close();
  assert.deepEqual(committed, []);
  for (let restore = 1; restore <= 2; restore++) {
    const run = harness(described, savepoint);
    await run.settled();
    assert.deepEqual(committed.splice(0), ['a'], 'what was prepared before the savepoint belongs to it');
    await run.snapshotAsync();
    run.checkpointComplete();
    await run.settled();
    assert.deepEqual(committed.splice(0), ['b'], 'what was open is prepared by whoever goes on');
    await run.close();
  }
});

test('a writer is told the checkpoint that it is restored from', async () => {
  const seen: (number | undefined)[] = [];
  const described = sink(() => {});
  const watched: Sink<string, string, string> = {
    ...described,
    createWriter: (context, restored) => {
      seen.push(context.restoredCheckpoint);
      return described.createWriter(context, restored);
    },
  };
  const before = harness(watched);
  for (let checkpoint = 1; checkpoint <= 3; checkpoint++) await before.snapshotAsync();
  const snapshot = await before.snapshotAsync();
  await before.close();
  await harness(watched, snapshot).close();
  assert.deepEqual(seen, [undefined, 4]);
});

/** Puts committables together in pairs, with a plus between them. */
function pairs(restored: readonly unknown[]): ReturnType<NonNullable<Sink<string, string>['createPreCommitter']>> {
  const held = [...(restored as string[])];
  return {
    process: async (_checkpoint, committables, endOfInput) => {
      held.push(...committables);
      const out: string[] = [];
      while (held.length > 1 || (endOfInput && held.length > 0)) out.push(held.splice(0, 2).join('+'));
      return out;
    },
    snapshot: () => [...held],
    close: () => {},
  };
}

test('committables go through the pre-committer, which may keep some back, over a restore too', async () => {
  const committed: string[] = [];
  const described = sink((request) => void committed.push(request.committable), {
    createPreCommitter: (_context, restored) => pairs(restored),
  });
  const before = harness(described);
  for (const value of ['a', 'b', 'c']) before.element(value);
  const snapshot = await before.snapshotAsync();
  await before.close();
  const after = harness(described, snapshot);
  await after.settled();
  assert.deepEqual(committed, ['a+b']);
  for (const value of ['d', 'e']) after.element(value);
  after.finish();
  await after.snapshotAsync();
  after.checkpointComplete();
  await after.settled();
  assert.deepEqual(committed, ['a+b', 'c+d', 'e']);
  await after.close();
});

test('committables come to the post-committer once they are committed, and again when it fails', async () => {
  const seen: string[] = [];
  let fails = true;
  const described = sink((request) => void seen.push(`commit ${request.committable}`), {
    createPostCommitter: () => ({
      process: async (committables) => {
        if (fails) throw new MillstreamError('SINK_FAILED', 'the catalogue does not answer');
        seen.push(`post ${committables.join()}`);
      },
      close: () => {},
    }),
  });
  const before = harness(described);
  before.element('a');
  const first = await before.snapshotAsync();
  before.checkpointComplete();
  await assert.rejects(() => before.settled(), { message: /catalogue does not answer/ });
  await before.close();
  fails = false;
  const after = harness(described, first);
  await after.settled();
  assert.deepEqual(seen, ['commit a', 'commit a', 'post a']);
  await after.close();
});
