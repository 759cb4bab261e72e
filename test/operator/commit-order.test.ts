/** The commits of one subtask by themselves: which, in what order, how often, and what becomes of them at the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitRequest } from '../../src/connect/sink.ts';
import { Commits, type CommitParts, type Pending } from '../../src/operator/async-commits.ts';
import type { OperatorContext } from '../../src/operator/operator.ts';

const NO_METRIC = { count: 0, inc: () => {}, mark: () => {} };

/** Timers ring when the test says so. */
class Subject {
  readonly timers: { readonly at: number; readonly ring: () => void }[] = [];
  readonly told: unknown[] = [];
  readonly commits: Commits;

  constructor(parts: Partial<CommitParts>) {
    const context = {
      metrics: { counter: () => NO_METRIC, gauge: () => {} },
      task: { operatorName: 'the sink' },
      now: () => 5_000,
      at: (at: number, ring: () => void) => void this.timers.push({ at, ring }),
      toCoordinator: (message: unknown) => void this.told.push(message),
    } as unknown as OperatorContext<never>;
    this.commits = new Commits(context, {
      committer: undefined,
      postCommitter: undefined,
      tellsGlobal: false,
      retries: 3,
      ...parts,
    });
  }
}

function pending(checkpoint: number, ...committables: readonly unknown[]): Pending[] {
  return committables.map((committable) => ({ checkpoint, subtask: 1, committable }));
}

/** A committer whose calls are recorded, each answered by `answer`. */
function committer(
  calls: unknown[][],
  answer: (request: CommitRequest<unknown>) => void = () => {},
): NonNullable<CommitParts['committer']> {
  return {
    commit: (requests) => {
      calls.push(requests.map(({ committable }) => committable));
      for (const request of requests) answer(request);
    },
    close: () => {},
  };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test('a complete checkpoint commits what belongs to it and to those before, and nothing of later ones', async () => {
  const calls: unknown[][] = [];
  const { commits } = new Subject({ committer: committer(calls) });
  commits.keep(pending(1, 'a', 'b'));
  commits.keep(pending(2, 'c'));
  commits.keep(pending(3, 'd'));
  await commits.commit(2);
  assert.deepEqual(calls, [['a', 'b', 'c']]);
  assert.deepEqual(commits.pending, pending(3, 'd'));
  assert.equal(commits.commit(2), undefined, 'nothing is left to do');
  await commits.commit(3);
  assert.deepEqual(calls, [['a', 'b', 'c'], ['d']]);
  assert.deepEqual(commits.pending, []);
});

test('all that was restored is committed, whatever its checkpoint', async () => {
  const calls: unknown[][] = [];
  const { commits } = new Subject({ committer: committer(calls) });
  await commits.restore(pending(7, 'a', 'b'), []);
  assert.deepEqual(calls, [['a', 'b']]);
  assert.equal(new Subject({}).commits.restore([], []), undefined);
});

test('what is under way is not handed out again, and the next commit waits for it', async () => {
  const calls: unknown[] = [];
  const gates: (() => void)[] = [];
  const { commits } = new Subject({
    committer: {
      commit: (requests) => {
        calls.push(requests.map(({ committable }) => committable));
        return new Promise((resolve) => void gates.push(resolve));
      },
      close: () => {},
    },
  });
  commits.keep(pending(1, 'a'));
  const first = commits.commit(1);
  commits.keep(pending(2, 'b'));
  const second = commits.commit(2);
  await turns();
  assert.deepEqual(calls, [['a']]);
  let idle = false;
  void commits.idle.then(() => (idle = true));
  gates.shift()?.();
  await first;
  await turns();
  assert.deepEqual(calls, [['a'], ['b']]);
  assert.equal(idle, false);
  gates.shift()?.();
  await second;
  await commits.idle;
  assert.equal(idle, true);
});

test('a commit that failed keeps its committables, and does not keep later ones from being tried', async () => {
  const calls: unknown[][] = [];
  const { commits } = new Subject({
    committer: committer(calls, ({ committable }) => {
      if (committable === 'bad') throw new Error('nobody answers');
    }),
  });
  commits.keep(pending(1, 'bad'));
  await assert.rejects(commits.commit(1) ?? Promise.resolve(), /nobody answers/);
  assert.deepEqual(commits.pending, pending(1, 'bad'));
  commits.keep(pending(2, 'good'));
  await commits.commit(2);
  assert.deepEqual(calls, [['bad'], ['good']]);
  assert.deepEqual(commits.pending, pending(1, 'bad'));
});

test('what asks for patience is tried again a second later, by itself', async () => {
  const calls: unknown[][] = [];
  const subject = new Subject({
    committer: committer(calls, (request) => {
      if (request.committable === 'slow' && request.retries < 1) request.retryLater();
    }),
  });
  subject.commits.keep(pending(1, 'quick', 'slow'));
  const committing = subject.commits.commit(1);
  await turns();
  assert.deepEqual(calls, [['quick', 'slow']]);
  assert.deepEqual(
    subject.timers.map(({ at }) => at),
    [6_000],
  );
  subject.timers[0]?.ring();
  await committing;
  assert.deepEqual(calls, [['quick', 'slow'], ['slow']]);
  assert.equal(subject.timers.length, 1);
  assert.deepEqual(subject.commits.pending, []);
});

test('closing cuts a pause short, without a further try, and keeps what was not committed', async () => {
  const calls: unknown[][] = [];
  const posted: unknown[] = [];
  const subject = new Subject({
    committer: committer(calls, (request) => request.retryLater()),
    postCommitter: { process: (committables) => void posted.push(committables), close: () => {} },
    tellsGlobal: true,
  });
  subject.commits.keep(pending(1, 'a'));
  const committing = subject.commits.commit(1);
  await turns();
  await subject.commits.close([]);
  await committing;
  assert.deepEqual(calls, [['a']]);
  assert.deepEqual(posted, []);
  assert.deepEqual(subject.told, []);
  assert.deepEqual(subject.commits.pending, pending(1, 'a'));
});

test('closing before the answer to a first try begins no pause', async () => {
  let answered = (): void => {};
  const subject = new Subject({
    committer: {
      commit: ([request]) =>
        new Promise((resolve) => {
          answered = () => {
            request?.retryLater();
            resolve();
          };
        }),
      close: () => {},
    },
  });
  subject.commits.keep(pending(1, 'a'));
  const committing = subject.commits.commit(1);
  await turns();
  const closing = subject.commits.close([]);
  answered();
  await closing;
  await committing;
  assert.deepEqual(subject.timers, []);
});

test('closing waits for what is under way, then closes who prepared, the committer and the post-committer', async () => {
  const closed: string[] = [];
  const closing = (name: string): { close(): void } => ({ close: () => void closed.push(name) });
  let release = (): void => {};
  const { commits } = new Subject({
    committer: {
      commit: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
      ...closing('committer'),
    },
    postCommitter: { process: () => void closed.push('post'), ...closing('post-committer') },
  });
  commits.keep(pending(1, 'a'));
  void commits.commit(1);
  await turns();
  const done = commits.close([closing('writer'), undefined, closing('pre-committer')]);
  await turns();
  assert.deepEqual(closed, []);
  release();
  await done;
  assert.deepEqual(closed, ['post', 'writer', 'pre-committer', 'committer', 'post-committer']);
});

test('the global committer is told once of what was committed, and of checkpoints that committed nothing', async () => {
  const calls: unknown[][] = [];
  const posted: unknown[] = [];
  const { commits, told } = new Subject({
    committer: committer(calls),
    postCommitter: { process: (committables) => void posted.push(committables), close: () => {} },
    tellsGlobal: true,
  });
  const word = (checkpoint: number, committable: string): unknown => ({ checkpoint, committable });
  await commits.restore(pending(1, 'b'), pending(0, 'a'));
  assert.deepEqual(told, [{ upTo: 'restored', committed: [word(0, 'a'), word(1, 'b')] }]);
  await commits.commit(2);
  assert.deepEqual(told[1], { upTo: 2, committed: [] });
  assert.deepEqual([calls, posted], [[['b']], [['b']]]);
  commits.keep(pending(3, 'c'));
  await commits.commit(3);
  assert.deepEqual(told[2], { upTo: 3, committed: [word(3, 'c')] });
  commits.forget(1);
  assert.deepEqual(commits.reported, pending(3, 'c'));
  commits.keep(pending(4, 'd', 'e'));
  await commits.commit(4);
  assert.deepEqual(told[3], { upTo: 4, committed: [word(4, 'd'), word(4, 'e')] });
  assert.deepEqual(commits.reported, [...pending(3, 'c'), ...pending(4, 'd', 'e')]);
});

test('without a global committer nothing is kept for it', async () => {
  const { commits, told } = new Subject({ committer: committer([]) });
  commits.keep(pending(1, 'a'));
  await commits.commit(1);
  assert.deepEqual([commits.reported, told], [[], []]);
});

test('without a committer what is prepared counts as committed', async () => {
  const { commits, told } = new Subject({ tellsGlobal: true });
  commits.keep(pending(1, 'a'));
  await commits.commit(1);
  assert.deepEqual(commits.pending, []);
  assert.deepEqual(told, [{ upTo: 1, committed: [{ checkpoint: 1, committable: 'a' }] }]);
});

test('a loss names the first of them, as a text that one can search for', async () => {
  const lose = async (...committables: readonly unknown[]): Promise<string> => {
    const { commits } = new Subject({
      committer: committer([], (request) => {
        if (request.committable !== 'fine') request.failed(new Error(`no trace of ${String(request.retries)}`));
      }),
    });
    commits.keep(pending(3, ...committables));
    let message = '';
    await commits.commit(3)?.catch((error: unknown) => (message = (error as Error).message));
    return message;
  };
  assert.match(
    await lose('fine', { id: 12n }, 'other'),
    /checkpoint 3 .*"the sink".* \{"id":"12"\}, .*subtask 1 .*because no trace of 0/,
  );
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  assert.match(await lose(circle), /could not commit \S/);
  assert.match(await lose(undefined), /could not commit undefined/);
  const { commits } = new Subject({
    committer: committer([], (request) => request.failed(undefined as unknown as Error)),
  });
  commits.keep(pending(1, 'a'));
  await assert.rejects(commits.commit(1) ?? Promise.resolve(), /because of a reason that it did not give/);
  const whole = 'x'.repeat(998);
  assert.match(await lose(whole), new RegExp(whole));
  assert.doesNotMatch(await lose('y'.repeat(999)), /y{999}/);
});
