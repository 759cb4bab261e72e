/** Laws of the coordinator that hold whatever happens in whatever order. Single stories are in `test/protocol`. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  createCoordinator,
  nextWakeAt,
  QUEUED_REQUESTS_MAX,
  step,
  type CoordinatorState,
} from '../../src/checkpoint/coordinator.ts';
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorOptions } from '../../src/checkpoint/protocol.ts';

const TASKS = ['source:0', 'source:1', 'map:0', 'sink:0'];
const SOURCES = ['source:0', 'source:1'];

/** What may happen next; `pick` chooses among pending checkpoints and tasks when it is played. */
type Happening =
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'end-all' }
  | {
      readonly what:
        | 'wake'
        | 'start'
        | 'run'
        | 'fail'
        | 'checkpoint'
        | 'savepoint'
        | 'stop'
        | 'drain'
        | 'stored'
        | 'store-failed';
      readonly pick: number;
    }
  | {
      readonly what: 'acknowledge' | 'decline' | 'end';
      readonly pick: number;
      readonly task: number;
      readonly late: boolean;
      readonly counts: boolean;
    };

const weights: readonly [Happening['what'], number][] = [
  ['wake', 8],
  ['start', 20],
  ['run', 20],
  ['fail', 1],
  ['checkpoint', 4],
  ['savepoint', 4],
  ['stop', 1],
  ['drain', 1],
  ['stored', 30],
  ['store-failed', 1],
  ['acknowledge', 100],
  ['decline', 1],
  ['end', 6],
  ['end-all', 2],
];

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 30 }) }) },
  ...weights.map(([what, weight]) => ({
    weight,
    arbitrary: fc.record({
      what: fc.constant(what),
      pick: fc.nat({ max: 7 }),
      task: fc.nat({ max: TASKS.length - 1 }),
      late: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      counts: fc.boolean(),
    }) as fc.Arbitrary<Happening>,
  })),
);

const options: fc.Arbitrary<CoordinatorOptions> = fc.record({
  intervalMs: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  timeoutMs: fc.integer({ min: 10, max: 500 }),
  minPauseMs: fc.nat({ max: 30 }),
  maxConcurrent: fc.integer({ min: 1, max: 3 }),
  tolerableFailures: fc.nat({ max: 3 }),
});

interface Played {
  readonly before: CoordinatorState;
  readonly event: CoordinatorEvent;
  readonly after: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

/** Plays what happens, in a world whose shell does what it is told, and returns each step. */
function play(given: CoordinatorOptions, happenings: readonly Happening[]): Played[] {
  let state = createCoordinator(given);
  let now = 0;
  let requests = 0;
  const played: Played[] = [];
  for (const next of happenings) {
    if (next.what === 'pass') now += next.ms;
    if (next.what === 'wake') now = Math.max(now, nextWakeAt(state) ?? now);
    for (const event of eventsOf(next, state, now, () => `r${requests++}`)) {
      const { state: after, effects } = step(state, event);
      played.push({ before: state, event, after, effects });
      state = after;
    }
  }
  return played;
}

function eventsOf(
  next: Happening,
  state: CoordinatorState,
  now: number,
  request: () => string,
): readonly CoordinatorEvent[] {
  if (next.what === 'end-all') return TASKS.map((task) => ({ kind: 'task-ended', now, epoch: state.epoch, task }));
  const event = eventOf(next, state, now, request);
  return event === undefined ? [] : [event];
}

function eventOf(
  next: Exclude<Happening, { what: 'end-all' }>,
  state: CoordinatorState,
  now: number,
  request: () => string,
): CoordinatorEvent | undefined {
  const { epoch, pending, phase } = state;
  const pick = 'pick' in next ? pending[next.pick % Math.max(1, pending.length)] : undefined;
  const checkpoint = pick?.checkpoint ?? state.nextCheckpoint - 1;
  const storing = pending.filter((one) => one.stage === 'storing')[0]?.checkpoint ?? state.nextCheckpoint - 1;
  switch (next.what) {
    case 'pass':
    case 'wake':
      return { kind: 'tick', now };
    case 'start':
      if (phase.name !== 'suspended') return undefined;
      return { kind: 'attempt-started', now, epoch: epoch + 1, tasks: TASKS, sources: SOURCES, restored: state.latest };
    case 'run':
      return { kind: 'all-tasks-running', now, epoch };
    case 'fail':
      return { kind: 'attempt-failed', now, epoch, reason: 'a task failed' };
    case 'checkpoint':
    case 'savepoint':
      return { kind: 'trigger-requested', now, request: request(), type: next.what };
    case 'stop':
    case 'drain':
      return { kind: 'stop-requested', now, request: request(), drain: next.what === 'drain' };
    case 'stored':
    case 'store-failed':
      // Either one that was acknowledged, or one that was given up while it was stored.
      if (pending.some((one) => one.checkpoint === storing && one.stage === 'collecting')) return undefined;
      return next.what === 'stored'
        ? { kind: 'stored', now, epoch, checkpoint: storing }
        : { kind: 'store-failed', now, epoch, checkpoint: storing, reason: 'no space' };
    default: {
      const ofEpoch = next.late ? epoch - 1 : epoch;
      const open =
        next.what === 'acknowledge' && pick !== undefined && pick.waiting.size > 0 && !next.late
          ? [...pick.waiting]
          : TASKS;
      const task = open[next.task % open.length] as string;
      if (next.what === 'end') return { kind: 'task-ended', now, epoch: ofEpoch, task };
      if (next.what === 'decline')
        return { kind: 'declined', now, epoch: ofEpoch, checkpoint, task, reason: 'no', counts: next.counts };
      return { kind: 'acknowledged', now, epoch: ofEpoch, checkpoint, task, bytes: 1 };
    }
  }
}

/** Checks a law over many plays, each of which ends with the job. */
function law(check: (played: readonly Played[], given: CoordinatorOptions) => void): void {
  fc.assert(
    fc.property(options, fc.array(happening, { minLength: 60, maxLength: 250 }), (given, happenings) => {
      const start: Happening[] = [
        { what: 'start', pick: 0 },
        { what: 'run', pick: 0 },
      ];
      check(play(given, [...start, ...happenings]), given);
    }),
    { numRuns: 400 },
  );
}

/** Everything that is in a state, as text. */
function portray(state: CoordinatorState): string {
  return JSON.stringify(state, (_, value: unknown) =>
    value instanceof Set ? [...value] : value === -Infinity ? 'never' : value,
  );
}

function* effectsOf<K extends CoordinatorEffect['kind']>(
  played: readonly Played[],
  kind: K,
): Generator<CoordinatorEffect & { kind: K }> {
  for (const { effects } of played) {
    for (const effect of effects) if (effect.kind === kind) yield effect as CoordinatorEffect & { kind: K };
  }
}

describe('whatever happens,', () => {
  test('a checkpoint completes only with the acknowledgements of all tasks, of its own attempt', () => {
    let completed = 0;
    law((played) => {
      const acknowledged = new Map<string, Set<string>>();
      for (const { event, effects } of played) {
        if (event.kind === 'acknowledged') {
          const key = `${event.epoch}/${event.checkpoint}`;
          acknowledged.set(key, (acknowledged.get(key) ?? new Set()).add(event.task));
        }
        for (const effect of effects) {
          if (effect.kind !== 'complete') continue;
          completed++;
          assert.deepEqual(
            [...(acknowledged.get(`${effect.epoch}/${effect.checkpoint}`) ?? [])].toSorted(),
            TASKS.toSorted(),
          );
        }
      }
    });
    assert.ok(completed > 100, 'the law was put to the test');
  });

  test('ids only grow, over all attempts', () => {
    law((played) => {
      const ids = [...effectsOf(played, 'inject-barrier')].map((effect) => effect.checkpoint);
      assert.deepEqual(
        ids,
        [...new Set(ids)].toSorted((a, b) => a - b),
      );
    });
  });

  test('no periodic or requested checkpoint begins beside as many as may be pending', () => {
    law((played, given) => {
      for (const { after, effects } of played) {
        const begun = effects.filter((effect) => effect.kind === 'inject-barrier' && effect.type === 'checkpoint');
        const last = after.phase.name === 'finishing' ? 1 : 0;
        const savepoints = after.pending.filter((pending) => pending.type === 'savepoint').length;
        if (begun.length > last) assert.ok(after.pending.length - savepoints <= given.maxConcurrent + last);
        // With a pending savepoint there may be more in all, but never a checkpoint that began beyond the limit.
        assert.ok(after.pending.length - savepoints - last <= given.maxConcurrent);
      }
    });
  });

  test('a checkpoint that began either completes or is discarded, and never both', () => {
    law((played) => {
      const fate = new Map<number, string>();
      for (const { before, event, effects } of played) {
        const pending = new Set(before.pending.map((checkpoint) => checkpoint.checkpoint));
        for (const effect of effects) {
          if (effect.kind === 'inject-barrier') pending.add(effect.checkpoint);
          if (effect.kind === 'discard' && pending.has(effect.checkpoint)) {
            assert.equal(fate.get(effect.checkpoint), undefined);
            fate.set(effect.checkpoint, 'discarded');
          }
          if (effect.kind === 'notify-complete') {
            assert.ok(event.kind === 'stored' && event.checkpoint === effect.checkpoint);
            assert.equal(fate.get(effect.checkpoint), undefined);
            fate.set(effect.checkpoint, 'complete');
          }
        }
      }
    });
  });

  test('completions are told in the order of their ids, and each newer one subsumes the one before', () => {
    law((played) => {
      let latest: number | undefined;
      for (const { effects } of played) {
        for (const effect of effects) {
          if (effect.kind === 'subsume') assert.equal(effect.checkpoint, latest);
          if (effect.kind !== 'notify-complete') continue;
          assert.ok(effect.checkpoint > (latest ?? 0));
          latest = effect.checkpoint;
        }
      }
    });
  });

  test('no task is sent the barrier of one checkpoint twice', () => {
    law((played) => {
      const sent = new Set<string>();
      const send = (checkpoint: number, task: string): void => {
        const key = `${checkpoint}/${task}`;
        assert.ok(!sent.has(key), key);
        sent.add(key);
      };
      for (const { effects } of played) {
        for (const effect of effects) {
          if (effect.kind === 'trigger-ended') send(effect.checkpoint, effect.task);
          if (effect.kind === 'inject-barrier')
            for (const task of [...effect.sources, ...effect.ended]) send(effect.checkpoint, task);
        }
      }
    });
  });

  test('every request is answered exactly once by the time the job is over', () => {
    law((played) => {
      const last = played.at(-1) as Played;
      const closed = step(last.after, { kind: 'closed', now: last.event.now, reason: 'cancelled' });
      const asked = played.flatMap(({ event }) => ('request' in event ? [event.request] : []));
      const answered = [...played.flatMap(({ effects }) => effects), ...closed.effects].flatMap((effect) =>
        effect.kind === 'answer' ? [effect.request] : [],
      );
      assert.deepEqual(answered.toSorted(), asked.toSorted());
      assert.deepEqual(closed.state.queue, []);
    });
  });

  test('too many failures in a row, and nothing else, fail the job', () => {
    law((played, given) => {
      for (const { after, effects } of played) {
        if (effects.some((effect) => effect.kind === 'fail-job')) assert.equal(after.phase.name, 'suspended');
        else assert.ok(after.failures <= given.tolerableFailures);
      }
    });
  });

  test('the coordinator is up to date after every step, and asks to be woken before it has to do something', () => {
    law((played) => {
      for (const { event, after } of played) {
        assert.deepEqual(step(after, { kind: 'tick', now: event.now }), { state: after, effects: [] });
        const wake = nextWakeAt(after);
        assert.ok(wake === undefined || wake > event.now);
        const sleepsUntil = wake === undefined ? event.now + 1_000_000 : wake - 1;
        assert.deepEqual(step(after, { kind: 'tick', now: sleepsUntil }).effects, []);
      }
    });
  });

  test('a step changes nothing in the state that it was given', () => {
    law((played) => {
      for (const { before, event } of played) {
        const copy = portray(before);
        step(before, event);
        assert.equal(portray(before), copy);
      }
    });
  });

  test('the job is finished exactly when all tasks have ended and the last checkpoint is complete', () => {
    let finished = 0;
    law((played) => {
      for (const { after, effects } of played) {
        if (!effects.some((effect) => effect.kind === 'finished')) continue;
        finished++;
        assert.equal(after.ended.size, TASKS.length);
        assert.deepEqual(after.pending, []);
      }
    });
    assert.ok(finished > 10, 'the law was put to the test');
  });
});

const PLAIN: CoordinatorOptions = {
  intervalMs: undefined,
  timeoutMs: 1,
  minPauseMs: 0,
  maxConcurrent: 1,
  tolerableFailures: 0,
};

const STARTED: CoordinatorEvent = {
  kind: 'attempt-started',
  now: 0,
  epoch: 1,
  tasks: TASKS,
  sources: SOURCES,
  restored: undefined,
};

/** The state after these events, and what the last of them brought about. */
function after(...events: readonly CoordinatorEvent[]): ReturnType<typeof step> {
  let last: ReturnType<typeof step> = { state: createCoordinator(PLAIN), effects: [] };
  for (const event of events) last = step(last.state, event);
  return last;
}

test('more requests than may wait are refused', () => {
  const request = (i: number): CoordinatorEvent => ({
    kind: 'trigger-requested',
    now: 0,
    request: `r${i}`,
    type: 'checkpoint',
  });
  const { state, effects } = after(...Array.from({ length: QUEUED_REQUESTS_MAX }, (_, i) => request(i)));
  assert.deepEqual(effects, []);
  assert.deepEqual(step(state, request(QUEUED_REQUESTS_MAX)).effects, [
    {
      kind: 'answer',
      request: `r${QUEUED_REQUESTS_MAX}`,
      outcome: { kind: 'refused', reason: '1000 requests are waiting already' },
    },
  ]);
});

test('an attempt cannot begin under an epoch that has been', () => {
  assert.throws(() => after(STARTED, STARTED), { code: 'INTERNAL_INVARIANT', message: /before = 1, now = 1/ });
});

test('a checkpoint that has not been acknowledged by all cannot have been stored', () => {
  assert.throws(
    () =>
      after(
        STARTED,
        { kind: 'all-tasks-running', now: 0, epoch: 1 },
        { kind: 'trigger-requested', now: 0, request: 'r', type: 'checkpoint' },
        { kind: 'stored', now: 0, epoch: 1, checkpoint: 1 },
      ),
    { code: 'INTERNAL_INVARIANT' },
  );
});
