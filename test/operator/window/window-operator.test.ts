/** What window operators do besides firing: restore, drop, refuse, interrupt themselves, and say how they run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { windowDefinition } from '../../../src/operator/window/window-definition.ts';
import type { WindowCall } from '../../../src/operator/window/window-functions.ts';
import type { WindowSpec } from '../../../src/operator/window/window-spec.ts';
import { valueState } from '../../../src/state/descriptor.ts';
import { OperatorHarness } from '../../../src/testing/operator-harness.ts';
import { element, side, torture, watermark } from '../../../src/testing/torture.ts';
import { CountEvictor } from '../../../src/time/evictors/evictors.ts';
import { ContinuousEventTimeTrigger } from '../../../src/time/triggers/continuous-triggers.ts';
import { CountTrigger } from '../../../src/time/triggers/count-trigger.ts';
import { GlobalWindows } from '../../../src/time/windows/global-windows.ts';
import { EventTimeSessionWindows } from '../../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows } from '../../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows } from '../../../src/time/windows/tumbling-windows.ts';
import type { Window } from '../../../src/time/windows/window.ts';
import { erased, spec } from './window-cases.ts';

const reduce: WindowSpec['keeping'] = {
  kind: 'reduce',
  reduce: (a: Counted, b: Counted) => ({ key: a.key, n: a.n + b.n }),
  associative: true,
};

interface Counted {
  readonly key: unknown;
  readonly n: number;
}

const counted = (key: unknown, n: number): Counted => ({ key, n });

const tumbling = (parts: Partial<WindowSpec> = {}, general = false): ReturnType<typeof windowDefinition> =>
  windowDefinition(spec({ assigner: erased(TumblingEventTimeWindows.of(10)), keeping: reduce, ...parts }), { general });

test('after a restore without its watermark, an element makes only its own key and window fire again', () => {
  for (const general of [false, true]) {
    const definition = (): ReturnType<typeof windowDefinition> => tumbling({ allowedLateness: 20 }, general);
    const before = new OperatorHarness(definition());
    before.element(counted('a', 1), 1);
    before.element(counted('b', 2), 2);
    before.watermark(9);
    const after = new OperatorHarness(definition(), { restore: before.snapshot() });
    after.element(counted('a', 4), 3);
    after.watermark(9);
    assert.deepEqual(after.values, [counted('a', 5)]);
    after.watermark(29);
    assert.deepEqual(after.values, [counted('a', 5)]);
    assert.ok(after.snapshot('savepoint').keyed.every((state) => state.groups.length === 0));
  }
});

test('late elements go to their side output, or are counted with a sample', () => {
  torture(() => tumbling({ lateTag: 'late' }))
    .given(
      element(counted('a', 1), 1),
      watermark(9),
      element(counted('a', 2), 9),
      element(counted('a', 4), 10),
      watermark(19),
    )
    .expect(
      element(counted('a', 1), 9),
      watermark(9),
      side('late', counted('a', 2), 9),
      element(counted('a', 4), 19),
      watermark(19),
    )
    .leavesNoState();
  const harness = new OperatorHarness(tumbling());
  harness.watermark(9);
  harness.element(counted('a', 2), 9);
  assert.equal(harness.metric('dropped.late'), 1);
});

test('elements between windows that do not overlap are counted', () => {
  const harness = new OperatorHarness(tumbling({ assigner: erased(SlidingEventTimeWindows.of(5, 10)) }));
  harness.element(counted('a', 1), 7);
  assert.equal(harness.metric('dropped.filtered'), 1);
  assert.equal(harness.stateKeys, 0);
});

test('a late element bridges two sessions that have fired, and the bridge fires', () => {
  torture(() => tumbling({ assigner: erased(EventTimeSessionWindows.withGap(10)), allowedLateness: 100 }))
    .given(
      element(counted('a', 1), 0),
      element(counted('a', 2), 18),
      watermark(30),
      element(counted('a', 4), 9),
      watermark(200),
    )
    .expect(
      element(counted('a', 1), 9),
      element(counted('a', 2), 27),
      watermark(30),
      element(counted('a', 7), 27),
      watermark(200),
    )
    .leavesNoState();
});

test('keys are told apart by their canonical encoding', () => {
  for (const general of [false, true]) {
    const harness = new OperatorHarness(tumbling({}, general));
    const keys: readonly unknown[] = [
      1,
      1n,
      1.5,
      '1',
      true,
      null,
      [1],
      [1n],
      { b: 1, a: 2 },
      { a: 2, b: 1 },
      new Date(5),
      new Date(5),
      Number.NaN,
      Number.NaN,
      -0,
      0,
    ];
    for (const key of keys) harness.element(counted(key, 1), 1);
    harness.watermark(9);
    assert.equal(harness.values.length, 10);
    assert.equal(
      (harness.values as Counted[]).reduce((sum, { n }) => sum + n, 0),
      keys.length,
    );
  }
});

test('many keys that fire stop whenever the gate says so, and a snapshot in the middle holds the rest', () => {
  for (const general of [false, true]) {
    const definition = tumbling({}, general);
    const harness = new OperatorHarness(definition, { stopAlways: true });
    for (let key = 0; key < 100; key++) harness.element(counted(key, key), 1);
    const half = harness.watermarkInterrupted(9);
    assert.equal(harness.values.length, 1);
    assert.ok(harness.paused);
    const after = new OperatorHarness(definition, { restore: half });
    after.watermark(9);
    const all = [...harness.values, ...after.values] as Counted[];
    assert.deepEqual(
      all.map(({ key }) => Number(key)).toSorted((a, b) => a - b),
      Array.from({ length: 100 }, (_, key) => key),
    );
    assert.deepEqual(after.output.at(-1), { kind: 'watermark', timestamp: 9 });
  }
});

test('results that a function returns as an iterable are drained as the gate lets them', () => {
  const exploding: WindowCall = {
    *process(_key, _ctx, elements) {
      for (const { n } of elements as Iterable<Counted>) for (let i = 0; i < n; i++) yield i;
    },
  };
  for (const allowedLateness of [0, 5]) {
    for (const general of [false, true]) {
      const harness = new OperatorHarness(
        tumbling({ call: exploding, keeping: { kind: 'list' }, allowedLateness }, general),
        { stopAlways: true },
      );
      harness.element(counted('a', 3), 1);
      harness.element(counted('b', 2), 1);
      harness.watermarkUntilStopped(9);
      assert.deepEqual(harness.values, [0]);
      assert.equal(harness.interruptible, false, 'half an element is no state');
      harness.resume();
      assert.deepEqual(harness.values, [0, 1, 2, 0, 1]);
      assert.deepEqual(harness.output.at(-1), { kind: 'watermark', timestamp: 9 });
    }
  }
});

test('what a function keeps for a window is there until its lateness is over, and its last word comes then', () => {
  const remembering: WindowCall = {
    windowState: { times: valueState<number>('times') },
    globalState: { all: valueState<number>('all') },
    process(key, ctx, _elements, out) {
      const { windowState, globalState } = ctx as Remembered;
      const [times, all] = [windowState.times, globalState.all];
      times.update((times.value() ?? 0) + 1);
      all.update((all.value() ?? 0) + 1);
      out.collect(`${String(key)} ${(ctx as Remembered).window().key} ${times.value()} ${all.value()}`);
    },
    clear(ctx) {
      (ctx as Remembered).windowState.times.clear();
    },
  };
  torture(() => tumbling({ call: remembering, allowedLateness: 10 }))
    .given(
      element(counted('a', 1), 1),
      watermark(9),
      element(counted('a', 1), 2),
      watermark(19),
      element(counted('a', 1), 25),
      watermark(29),
    )
    .expect(
      element('a 0/10 1 1', 9),
      watermark(9),
      element('a 0/10 2 2', 9),
      watermark(19),
      element('a 20/30 1 3', 29),
      watermark(29),
    );
});

interface Remembered {
  readonly windowState: { readonly times: Counter };
  readonly globalState: { readonly all: Counter };
  window(): Window;
}

interface Counter {
  value(): number | undefined;
  update(value: number): void;
  clear(): void;
}

test('a merge that returns its second argument does not spoil shared slices', () => {
  const careless: WindowSpec['keeping'] = {
    kind: 'aggregate',
    aggregate: {
      createAccumulator: () => ({ n: 0 }),
      add: (value: Counted, acc: { n: number }) => ({ n: acc.n + value.n }),
      getResult: (acc: { n: number }) => acc,
      merge(a: { n: number }, b: { n: number }) {
        if (a.n === 0) return b;
        a.n += b.n;
        return a;
      },
    },
  };
  torture(() => tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 10)), keeping: careless }))
    .given(element(counted('a', 1), 5), element(counted('a', 2), 15), element(counted('a', 4), 25), watermark(60))
    .expect(
      element({ n: 1 }, 9),
      element({ n: 3 }, 19),
      element({ n: 7 }, 29),
      element({ n: 6 }, 39),
      element({ n: 4 }, 49),
      watermark(60),
    )
    .leavesNoState();
});

test('a slice that begins after a window has fired is in the checkpoint behind both', () => {
  const definition = (): ReturnType<typeof windowDefinition> =>
    tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 10)) });
  const before = new OperatorHarness(definition());
  before.element(counted('a', 1), 5);
  before.snapshot();
  before.checkpointComplete();
  before.watermark(9);
  before.element(counted('a', 2), 15);
  before.element(counted('a', 4), 25);
  const after = new OperatorHarness(definition(), { restore: before.snapshot() });
  after.watermark(60);
  assert.deepEqual(
    after.values,
    [3, 7, 6, 4].map((n) => counted('a', n)),
  );
});

test('sessions of a key keep their order over a restore, so that checkpoints and savepoints tell the same', () => {
  const quiet = (from: number): ReturnType<typeof watermark>[] =>
    Array.from({ length: 4 }, (_, index) => watermark(from + index));
  torture(() => tumbling({ assigner: erased(EventTimeSessionWindows.withGap(2)) }))
    .given(
      element(counted('a', 1), 20),
      ...quiet(0),
      element(counted('a', 2), 20),
      element(counted('a', 4), 16),
      ...quiet(4),
      watermark(50),
    )
    .expect(...quiet(0), ...quiet(4), element(counted('a', 4), 17), element(counted('a', 3), 21), watermark(50))
    .leavesNoState();
});

test('functions that forget to return the accumulator, or return a promise, are told so', () => {
  const forgetful = {
    createAccumulator: () => ({ n: 0 }),
    add: (value: Counted, acc: { n: number }) => void (acc.n += value.n),
    getResult: (acc: { n: number }) => acc.n,
  };
  for (const general of [false, true]) {
    const forgetting = new OperatorHarness(
      tumbling({ keeping: { kind: 'aggregate', aggregate: forgetful as never } }, general),
    );
    assert.throws(
      () => forgetting.element(counted('a', 1), 1),
      /USER_CODE.*add\(\) of a window's function returned undefined/,
    );
    const promising = new OperatorHarness(
      tumbling({ keeping: { kind: 'reduce', reduce: async (a: Counted) => a, associative: false } }, general),
    );
    promising.element(counted('a', 1), 1);
    assert.throws(() => promising.element(counted('a', 1), 2), /USER_CODE_ASYNC/);
  }
});

test('an element without a timestamp is refused by windows of event time', () => {
  const sliding = { assigner: erased(SlidingEventTimeWindows.of(30, 10)) };
  const sessions = { assigner: erased(EventTimeSessionWindows.withGap(10)) };
  for (const parts of [{}, sliding, sessions]) {
    for (const general of [false, true]) {
      const harness = new OperatorHarness(tumbling(parts, general));
      assert.throws(() => harness.element(counted('a', 1)), /TIMESTAMP_MISSING.*assignTimestampsAndWatermarks/);
    }
  }
});

test('the plan says how a window is run, and why not faster', () => {
  const path = (parts: Partial<WindowSpec>): string => {
    const { path: chosen, because } = windowDefinition(spec({ keeping: reduce, ...parts })).describe ?? {};
    return because === undefined ? String(chosen) : `${String(chosen)}: ${String(because)}`;
  };
  const sliding = erased(SlidingEventTimeWindows.of(30, 10));
  const sessions = erased(EventTimeSessionWindows.withGap(10));
  const global = erased(GlobalWindows.create());
  assert.equal(path({}), 'table per window');
  assert.equal(path({ assigner: sliding }), 'shared slices');
  assert.equal(path({ assigner: sessions }), 'sessions per key');
  assert.equal(path({ assigner: global, trigger: CountTrigger.of(3) }), 'count per key');
  assert.equal(path({ assigner: erased(GlobalWindows.createWithEndOfStreamTrigger()) }), 'count per key');
  assert.equal(path({ trigger: CountTrigger.of(3) }), "general: the trigger is not the assigner's own: count");
  assert.equal(path({ evictor: CountEvictor.of(3) }), 'general: an evictor needs all elements');
  assert.equal(
    path({ assigner: sliding, keeping: { ...reduce, associative: false } as WindowSpec['keeping'] }),
    'general: the reduce function is not declared associative',
  );
  assert.equal(
    path({ assigner: sliding, allowedLateness: 5 }),
    'general: windows with allowed lateness are kept each for itself after they have fired',
  );
  assert.equal(
    path({ assigner: sessions, allowedLateness: 5 }),
    'general: sessions with allowed lateness are kept after they have fired',
  );
  assert.equal(
    path({ call: { process: () => {}, open: () => {} } }),
    'general: the window function has state or a lifecycle',
  );
  assert.equal(windowDefinition(spec({ keeping: reduce }), { batch: true }).describe?.path, 'general');
});

test('windows that were stored in another form are refused, not lost', () => {
  const sliding = (general: boolean): ReturnType<typeof windowDefinition> =>
    tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 10)) }, general);
  const stored = (
    definition: ReturnType<typeof windowDefinition>,
  ): { readonly restore: ReturnType<OperatorHarness['snapshot']> } => {
    const harness = new OperatorHarness(definition);
    harness.element(counted('a', 1), 5);
    return { restore: harness.snapshot() };
  };
  const sessions = tumbling({ assigner: erased(EventTimeSessionWindows.withGap(10)) });
  const evicted = tumbling({ evictor: CountEvictor.of(1) });
  const listed = tumbling({ keeping: { kind: 'list' }, call: { process: () => {} } });
  const slices = stored(sliding(false));
  const slidingAs = (parts: Parameters<typeof tumbling>[0]): ReturnType<typeof windowDefinition> =>
    tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 10)), ...parts });
  const refused = (definition: ReturnType<typeof windowDefinition>, because: RegExp): void => {
    assert.throws(
      () => new OperatorHarness(definition, slices),
      (error: Error) => {
        assert.match(error.message, /STATE_INCOMPATIBLE.*slices shared by sliding windows/);
        assert.match(error.message, because);
        return true;
      },
    );
  };
  refused(tumbling(), /kept in another form/);
  refused(tumbling({}, true), /they do not slide/);
  refused(slidingAs({ keeping: { kind: 'list' }, call: { process: () => {} } }), /takes all elements/);
  refused(slidingAs({ evictor: CountEvictor.of(1) }), /an evictor needs all elements/);
  const unmergeable = { createAccumulator: () => 0, add: () => 1, getResult: () => 1 };
  refused(slidingAs({ keeping: { kind: 'aggregate', aggregate: unmergeable } }), /has no merge\(\)/);
  assert.throws(() => new OperatorHarness(tumbling(), stored(sessions)), /STATE_INCOMPATIBLE.*windows that merge/);
  assert.throws(() => new OperatorHarness(sessions, stored(tumbling())), /STATE_INCOMPATIBLE/);
  assert.throws(
    () => new OperatorHarness(tumbling(), stored(evicted)),
    /STATE_INCOMPATIBLE.*all elements of each window/,
  );
  assert.throws(() => new OperatorHarness(tumbling(), stored(listed)), /STATE_INCOMPATIBLE.*list state/);
  refused(tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 15)) }), /another size, slide or offset/);
  refused(tumbling({ assigner: erased(SlidingEventTimeWindows.of(30, 15)) }, true), /another size, slide or offset/);
});

test('a job with shared slices takes its windows along to lateness, a trigger or a function of another kind', () => {
  const sliding = { assigner: erased(SlidingEventTimeWindows.of(30, 10)) };
  const before = new OperatorHarness(tumbling(sliding));
  before.element(counted('a', 1), 5);
  before.element(counted('a', 2), 12);
  before.element(counted('b', 4), 12);
  before.watermark(9);
  const restore = before.snapshot();
  const calls: string[] = [];
  const opened: WindowCall = { open: () => void calls.push('open'), process: (_key, _ctx, elements) => elements };
  const changes: readonly Partial<WindowSpec>[] = [
    { allowedLateness: 5 },
    { call: opened },
    { trigger: ContinuousEventTimeTrigger.of(1_000) },
  ];
  for (const later of changes) {
    const after = new OperatorHarness(tumbling({ ...sliding, ...later }), { restore });
    after.watermark(9);
    after.element(counted('a', 8), 15);
    after.watermark(100);
    assert.deepEqual(
      after.values.map((value) => JSON.stringify(value)).toSorted(),
      [counted('a', 11), counted('a', 11), counted('a', 10), counted('b', 4), counted('b', 4), counted('b', 4)]
        .map((value) => JSON.stringify(value))
        .toSorted(),
      Object.keys(later).join(),
    );
    assert.equal(after.stateKeys, 0);
  }
  assert.deepEqual(calls, ['open']);
});

test('windows stored by themselves are carried on beside slices, of whatever size they were', () => {
  const of = (size: number, slide: number, general: boolean): ReturnType<typeof windowDefinition> =>
    tumbling({ assigner: erased(SlidingEventTimeWindows.of(size, slide)) }, general);
  const before = new OperatorHarness(of(30, 10, true));
  before.element(counted('a', 1), 5);
  before.watermark(9);
  const after = new OperatorHarness(of(20, 10, false), { restore: before.snapshot() });
  after.watermark(9);
  after.element(counted('a', 2), 12);
  after.element(counted('b', 4), 12);
  after.watermark(100);
  // [-10, 20) and [0, 30) as they were stored, [0, 20) and [10, 30) as they are now.
  assert.deepEqual(
    after.values.map((value) => JSON.stringify(value)).toSorted(),
    [counted('a', 1), counted('a', 1), counted('a', 2), counted('a', 2), counted('b', 4), counted('b', 4)].map(
      (value) => JSON.stringify(value),
    ),
  );
  assert.equal(after.stateKeys, 0);
});

test('a window that fired before and is kept for its lateness does not fire again in slices', () => {
  const sliding = { assigner: erased(SlidingEventTimeWindows.of(20, 10)) };
  const before = new OperatorHarness(tumbling({ ...sliding, allowedLateness: 50 }));
  before.element(counted('a', 1), 5);
  before.watermark(9);
  assert.equal(before.values.length, 1);
  const after = new OperatorHarness(tumbling(sliding), { restore: before.snapshot() });
  after.watermark(100);
  assert.deepEqual(after.values, [counted('a', 1)]);
  assert.equal(after.stateKeys, 0);
});

test('windows of the old size fire when the size of tumbling windows has been changed', () => {
  const before = new OperatorHarness(tumbling());
  before.element(counted('a', 1), 12);
  const after = new OperatorHarness(tumbling({ assigner: erased(TumblingEventTimeWindows.of(100)) }), {
    restore: before.snapshot(),
  });
  after.element(counted('a', 2), 13);
  after.watermark(99);
  assert.deepEqual(after.output, [
    { kind: 'element', value: counted('a', 1), timestamp: 19, rowKind: 0 },
    { kind: 'element', value: counted('a', 2), timestamp: 99, rowKind: 0 },
    { kind: 'watermark', timestamp: 99 },
  ]);
});
