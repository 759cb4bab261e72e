import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError } from '../../src/base/error.ts';
import { valueState } from '../../src/state/descriptor.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { TimerQueue } from '../../src/state/timer-queue.ts';
import type { TimerDriver, TimerHandler } from '../../src/state/timers.ts';
import { FakeGate, FakeTime, type Harness, harness, snapshotOf } from './harness.ts';

interface Opened extends Harness {
  readonly driver: TimerDriver;
  /** What fired: `timestamp domain key namespace`. */
  readonly fired: string[];
}

function open(options: Parameters<typeof harness>[0] = {}, also?: TimerHandler): Opened {
  const opened = harness(options);
  const fired: string[] = [];
  const driver = opened.backend.timers('timers', (timestamp, domain, namespace) => {
    fired.push(`${timestamp} ${domain} ${String(opened.backend.currentKey)} ${String(namespace)}`);
    also?.(timestamp, domain, namespace);
  });
  return { ...opened, driver, fired };
}

function setUp({ backend, driver }: Opened, timers: readonly (readonly [string, number])[]): void {
  for (const [key, timestamp] of timers) {
    backend.setCurrentKey(key);
    driver.service.registerEventTimeTimer(timestamp);
  }
}

test('event-time timers fire up to the watermark, in the order of their timestamps, before it is forwarded', () => {
  const opened = open();
  setUp(opened, [
    ['a', 30],
    ['b', 10],
    ['a', 20],
    ['c', 10],
    ['a', 31],
  ]);
  opened.driver.advance(30, () => opened.fired.push('done'));
  assert.deepEqual(opened.fired, [
    '10 event b undefined',
    '10 event c undefined',
    '20 event a undefined',
    '30 event a undefined',
    'done',
  ]);
  assert.equal(opened.driver.service.currentWatermark, 30);
  assert.equal(opened.driver.size, 1);
});

test('a timer is one per key, namespace, timestamp and domain', () => {
  const opened = open();
  const { backend, driver, time } = opened;
  backend.setCurrentKey('k');
  for (let i = 0; i < 3; i++) {
    for (const namespace of [undefined, 'w', 7]) {
      backend.setCurrentNamespace(namespace);
      driver.service.registerEventTimeTimer(5);
      driver.service.registerProcessingTimeTimer(time.now + 5);
    }
  }
  assert.equal(driver.size, 6);
  driver.advance(5, () => {});
  time.advance(5);
  assert.deepEqual(opened.fired, [
    '5 event k undefined',
    '5 event k w',
    '5 event k 7',
    `${time.now} processing k undefined`,
    `${time.now} processing k w`,
    `${time.now} processing k 7`,
  ]);
  assert.equal(backend.size, 0);
});

test('a deleted timer does not fire, and deleting what is not there does nothing', () => {
  const opened = open();
  const { backend, driver, time } = opened;
  backend.setCurrentKey('k');
  driver.service.registerEventTimeTimer(5);
  driver.service.registerProcessingTimeTimer(time.now + 5);
  driver.service.deleteEventTimeTimer(6);
  backend.setCurrentKey('other');
  driver.service.deleteEventTimeTimer(5);
  backend.setCurrentKey('k');
  backend.setCurrentNamespace('w');
  driver.service.deleteEventTimeTimer(5);
  assert.equal(driver.size, 2);
  backend.setCurrentNamespace(undefined);
  driver.service.deleteEventTimeTimer(5);
  driver.service.deleteProcessingTimeTimer(time.now + 5);
  assert.equal(driver.size, 0);
  assert.equal(backend.size, 0);
  driver.advance(100, () => {});
  time.advance(100);
  assert.deepEqual(opened.fired, []);
});

test('a timer fires with its key, its namespace and their state current', () => {
  const { backend } = harness();
  const perWindow = backend.value(valueState<string>('w'), true);
  const seen: unknown[] = [];
  const driver = backend.timers('t', (timestamp, _domain, namespace) => {
    seen.push([timestamp, backend.currentKey, namespace, perWindow.value()]);
    perWindow.clear();
  });
  for (const key of ['a', 'b']) {
    for (const end of [10, 20]) {
      backend.setCurrentKey(key);
      backend.setCurrentNamespace(end);
      perWindow.update(`${key}${end}`);
      driver.service.registerEventTimeTimer(end);
    }
  }
  driver.advance(20, () => {});
  assert.deepEqual(seen, [
    [10, 'a', 10, 'a10'],
    [10, 'b', 10, 'b10'],
    [20, 'a', 20, 'a20'],
    [20, 'b', 20, 'b20'],
  ]);
  assert.equal(backend.size, 0);
});

test('what a timer registers at or below the watermark fires in the same burst, in order', () => {
  const opened: Opened = open({}, (timestamp) => {
    if (timestamp === 10) {
      opened.driver.service.registerEventTimeTimer(15);
      opened.driver.service.registerEventTimeTimer(9);
      opened.driver.service.registerEventTimeTimer(25);
    }
  });
  setUp(opened, [
    ['a', 10],
    ['b', 20],
  ]);
  opened.driver.advance(20, () => opened.fired.push('done'));
  assert.deepEqual(
    opened.fired.map((line) => line.split(' ')[0]),
    ['10', '9', '15', '20', 'done'],
  );
  assert.equal(opened.driver.size, 1);
});

test('a timer can delete one that was to fire after it', () => {
  const opened: Opened = open({}, (timestamp) => {
    if (timestamp === 10) opened.driver.service.deleteEventTimeTimer(20);
  });
  setUp(opened, [
    ['a', 10],
    ['a', 20],
    ['b', 20],
  ]);
  opened.driver.advance(20, () => {});
  assert.deepEqual(opened.fired, ['10 event a undefined', '20 event b undefined']);
});

test('a burst stops when the gate says so, goes on when resumed, and reports its end once', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const keys = Array.from({ length: 10 }, (_, i): readonly [string, number] => [`k${i}`, i]);
  setUp(opened, keys);
  gate.allowed = 3;
  let done = 0;
  opened.driver.advance(100, () => done++);
  assert.equal(opened.fired.length, 3);
  assert.equal(opened.driver.interruptible, true);
  for (const expected of [5, 7, 9]) {
    gate.resume(2);
    assert.equal(opened.fired.length, expected);
    assert.equal(done, 0);
  }
  gate.resume(2);
  assert.equal(done, 1);
  assert.deepEqual(
    opened.fired,
    keys.map(([key, timestamp]) => `${timestamp} event ${key} undefined`),
  );
  assert.deepEqual(gate.paused, []);
});

test('the watermark is not forwarded while what the last timer set off is half done further down', () => {
  const gate = new FakeGate();
  const deeper = { resumed: false, resume: () => void (deeper.resumed = true) };
  const opened = open({ gate }, () => gate.pause(deeper));
  setUp(opened, [['a', 1]]);
  opened.driver.advance(1, () => opened.fired.push(deeper.resumed ? 'done' : 'too early'));
  assert.equal(opened.fired.length, 1);
  gate.resume(Infinity);
  assert.deepEqual(opened.fired, ['1 event a undefined', 'done']);
});

test('a half-fired burst can be snapshotted: the rest fires after the restore', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  for (let i = 0; i < 10; i++) setUp(opened, [[`k${i}`, 5]]);
  gate.allowed = 4;
  opened.driver.advance(5, () => assert.fail('the burst is half done'));
  const again = open({ from: [snapshotOf(opened.backend)] });
  assert.equal(again.driver.size, 6);
  assert.equal(again.driver.service.currentWatermark, -Infinity);
  again.driver.advance(6, () => again.fired.push('done'));
  const all = [...opened.fired, ...again.fired.slice(0, -1)];
  assert.deepEqual(
    all.toSorted(),
    Array.from({ length: 10 }, (_, i) => `5 event k${i} undefined`),
  );
  assert.equal(again.fired.at(-1), 'done');
});

test('processing-time timers fire when their time has come, the earliest first', () => {
  const opened = open();
  const { backend, driver, time, fired } = opened;
  const start = time.now;
  for (const [key, after] of [
    ['a', 30],
    ['b', 10],
    ['c', 20],
    ['d', 10],
  ] as const) {
    backend.setCurrentKey(key);
    driver.service.registerProcessingTimeTimer(start + after);
  }
  assert.deepEqual(time.scheduled, [start + 10], 'one call is scheduled, for the earliest');
  time.advance(9);
  assert.deepEqual(fired, []);
  time.advance(1);
  assert.deepEqual(fired.splice(0), [`${start + 10} processing b undefined`, `${start + 10} processing d undefined`]);
  time.advance(20);
  assert.deepEqual(fired, [`${start + 20} processing c undefined`, `${start + 30} processing a undefined`]);
  assert.deepEqual(time.scheduled, []);
  assert.equal(driver.service.currentProcessingTime(), start + 30);
});

test('a processing-time timer can register the next one', () => {
  const opened: Opened = open({}, (timestamp) => {
    opened.driver.service.registerProcessingTimeTimer(timestamp + 10);
  });
  opened.backend.setCurrentKey('k');
  opened.driver.service.registerProcessingTimeTimer(opened.time.now + 10);
  opened.time.advance(100);
  assert.equal(opened.fired.length, 10);
  assert.deepEqual(opened.time.scheduled, [opened.time.now + 10]);
});

test('processing-time timers that are overdue fire at once after a restore', () => {
  const first = open();
  first.backend.setCurrentKey('k');
  for (const after of [10, 20, 5000]) first.driver.service.registerProcessingTimeTimer(first.time.now + after);
  const snapshot = snapshotOf(first.backend);
  const time = new FakeTime();
  time.now += 1000;
  const second = open({ time, from: [snapshot] });
  time.advance(0);
  assert.equal(second.fired.length, 2);
  assert.equal(second.driver.size, 1);
});

test('a clock that strikes within a burst of the watermark waits for its end', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const { backend, driver, time, fired } = opened;
  setUp(opened, [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  backend.setCurrentKey('clock');
  driver.service.registerProcessingTimeTimer(time.now + 10);
  gate.allowed = 2;
  driver.advance(3, () => fired.push('done'));
  time.advance(10);
  assert.equal(fired.length, 2);
  assert.equal(gate.paused.length, 1);
  gate.resume(Infinity);
  assert.deepEqual(fired, [
    '1 event a undefined',
    '2 event b undefined',
    '3 event c undefined',
    'done',
    `${time.now} processing clock undefined`,
  ]);
});

test('a waiting burst of the clock does not follow a watermark that is half done further down', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const { backend, driver, time, fired } = opened;
  setUp(opened, [
    ['a', 1],
    ['b', 2],
  ]);
  backend.setCurrentKey('clock');
  driver.service.registerProcessingTimeTimer(time.now + 10);
  gate.allowed = 1;
  driver.advance(2, () => gate.pause({ resume: () => fired.push('deeper') }));
  time.advance(10);
  gate.resume(Infinity);
  assert.deepEqual(
    fired.map((line) => line.split(' ')[0]),
    ['1', '2'],
  );
  gate.resume(Infinity);
  assert.deepEqual(fired.slice(2), ['deeper', `${time.now} processing clock undefined`]);
});

test('a clock that strikes while something else is half done takes its place behind it', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  opened.backend.setCurrentKey('k');
  opened.driver.service.registerProcessingTimeTimer(opened.time.now + 10);
  gate.pause({ resume: () => opened.fired.push('the other') });
  opened.time.advance(10);
  assert.deepEqual(opened.fired, []);
  gate.resume(Infinity);
  assert.deepEqual(opened.fired, ['the other', `${opened.time.now} processing k undefined`]);
});

test('a burst of the clock stops and goes on like one of the watermark, and takes what comes due meanwhile', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const { backend, driver, time, fired } = opened;
  for (let i = 0; i < 6; i++) {
    backend.setCurrentKey(`k${i}`);
    driver.service.registerProcessingTimeTimer(time.now + 10);
  }
  backend.setCurrentKey('later');
  driver.service.registerProcessingTimeTimer(time.now + 50);
  // Asked once before the burst, and after every timer.
  gate.allowed = 3;
  time.advance(10);
  assert.equal(fired.length, 2);
  setUp(opened, [['event', 1]]);
  gate.resume(3);
  assert.equal(fired.length, 5);
  time.advance(60);
  gate.resume(Infinity);
  time.advance(0);
  assert.equal(fired.length, 7);
  assert.match(fired[6] as string, /processing later/);
  assert.equal(driver.size, 1);
});

test('the watermark that comes while a burst of the clock is half done fires with it', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const { backend, driver, time, fired } = opened;
  for (const key of ['a', 'b', 'c']) {
    backend.setCurrentKey(key);
    driver.service.registerProcessingTimeTimer(time.now + 10);
  }
  setUp(opened, [['event', 1]]);
  gate.allowed = 2;
  time.advance(10);
  assert.equal(fired.length, 1);
  let done = 0;
  driver.advance(1, () => done++);
  assert.equal(fired.length, 1, 'nothing fires while the gate is shut');
  gate.resume(Infinity);
  assert.equal(done, 1);
  assert.deepEqual(
    fired.map((line) => line.split(' ')[2]),
    ['a', 'event', 'b', 'c'],
  );
});

test('a clock that strikes in the middle of a handler waits for its turn', () => {
  const opened: Opened = open({}, (timestamp) => {
    if (timestamp === 1) opened.time.advance(10);
  });
  setUp(opened, [
    ['a', 1],
    ['b', 2],
  ]);
  opened.driver.service.registerProcessingTimeTimer(opened.time.now + 10);
  opened.driver.advance(2, () => opened.fired.push('done'));
  assert.deepEqual(opened.fired, [
    '1 event a undefined',
    '2 event b undefined',
    'done',
    `${opened.time.now} processing b undefined`,
  ]);
});

test('a watermark after a burst that was resumed fires at once', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  setUp(opened, [
    ['a', 1],
    ['a', 2],
    ['a', 3],
  ]);
  gate.allowed = 1;
  opened.driver.advance(2, () => {});
  gate.resume(Infinity);
  opened.driver.advance(3, () => opened.fired.push('done'));
  assert.deepEqual(opened.fired.slice(1), ['2 event a undefined', '3 event a undefined', 'done']);
});

test('a watermark cannot come before the burst of the one before has ended', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  setUp(opened, [
    ['a', 1],
    ['a', 2],
  ]);
  gate.allowed = 1;
  opened.driver.advance(2, () => {});
  assert.throws(() => opened.driver.advance(3, () => {}), { code: 'INTERNAL_INVARIANT' });
});

test('a clock that strikes late takes all that is due in one burst, and nothing is scheduled before its end', () => {
  const gate = new FakeGate();
  const scheduled: number[] = [];
  const opened: Opened = open({ gate }, (timestamp) => {
    if (timestamp === due) opened.driver.service.registerProcessingTimeTimer(due + 1);
    scheduled.push(opened.time.scheduled.length);
  });
  const due = opened.time.now + 10;
  opened.backend.setCurrentKey('k');
  for (const timestamp of [due, due + 20]) opened.driver.service.registerProcessingTimeTimer(timestamp);
  opened.time.now += 100;
  // Asked once before the burst, and after every timer.
  gate.allowed = 4;
  opened.time.advance(0);
  assert.deepEqual(opened.fired, [
    `${due} processing k undefined`,
    `${due + 1} processing k undefined`,
    `${due + 20} processing k undefined`,
  ]);
  assert.deepEqual(scheduled, [0, 0, 0]);
});

test('the clock is set anew only when an earlier timer comes', () => {
  const time = new FakeTime();
  const asked: number[] = [];
  const { schedule } = time;
  time.schedule = (at, callback) => {
    asked.push(at);
    return schedule(at, callback);
  };
  const { backend, driver } = open({ time });
  backend.setCurrentKey('k');
  for (const after of [20, 30, 10]) driver.service.registerProcessingTimeTimer(time.now + after);
  driver.advance(1, () => {});
  assert.deepEqual(asked, [time.now + 20, time.now + 10]);
});

test('timers that are closed fire no more, on no clock and from no pause', () => {
  const gate = new FakeGate();
  const opened = open({ gate });
  const { backend, driver, time, fired } = opened;
  setUp(opened, [
    ['a', 1],
    ['a', 2],
  ]);
  const start = time.now;
  for (const after of [5, 10]) driver.service.registerProcessingTimeTimer(start + after);
  gate.allowed = 1;
  driver.advance(2, () => fired.push('done'));
  time.advance(5);
  assert.deepEqual(fired, ['1 event a undefined']);
  backend.close();
  gate.resume(Infinity);
  assert.deepEqual(fired, ['1 event a undefined']);
  const other = open();
  other.backend.setCurrentKey('k');
  other.driver.service.registerProcessingTimeTimer(other.time.now + 5);
  other.backend.close();
  assert.deepEqual(other.time.scheduled, []);
});

test('a namespace that cannot be a key leaves nothing behind', () => {
  const { backend, driver } = open();
  backend.setCurrentKey('k');
  backend.setCurrentNamespace(() => {});
  assert.throws(() => driver.service.registerEventTimeTimer(1), MillstreamError);
  assert.equal(driver.size, 0);
  assert.equal(backend.size, 0);
});

test('a timer at the end of time fires with the last watermark, and on no clock', () => {
  const opened = open();
  opened.backend.setCurrentKey('k');
  opened.driver.service.registerEventTimeTimer(Infinity);
  opened.driver.service.registerProcessingTimeTimer(Infinity);
  assert.deepEqual(opened.time.scheduled, []);
  opened.driver.advance(Number.MAX_SAFE_INTEGER, () => {});
  assert.deepEqual(opened.fired, []);
  opened.driver.advance(Infinity, () => {});
  assert.deepEqual(opened.fired, ['Infinity event k undefined']);
});

test('a timer at NaN is refused', () => {
  const opened = open();
  opened.backend.setCurrentKey('k');
  for (const register of ['registerEventTimeTimer', 'registerProcessingTimeTimer'] as const) {
    assert.throws(
      () => opened.driver.service[register](NaN),
      (error) => error instanceof MillstreamError && error.code === 'OPTION_INVALID',
    );
  }
  assert.equal(opened.backend.size, 0);
});

test('timers of several names are apart, in snapshots too', () => {
  const run = (from?: readonly OperatorSnapshot[]) => {
    const { backend } = harness(from === undefined ? {} : { from });
    const fired: string[] = [];
    const one = backend.timers('one', (timestamp) => fired.push(`one ${timestamp}`));
    const two = backend.timers('two', (timestamp) => fired.push(`two ${timestamp}`));
    backend.setCurrentKey('k');
    return { backend, one, two, fired };
  };
  const before = run();
  before.one.service.registerEventTimeTimer(1);
  before.two.service.registerEventTimeTimer(1);
  before.two.service.registerEventTimeTimer(2);
  const after = run([snapshotOf(before.backend)]);
  after.one.advance(5, () => {});
  assert.deepEqual(after.fired, ['one 1']);
  after.two.advance(5, () => {});
  assert.deepEqual(after.fired, ['one 1', 'two 1', 'two 2']);
});

test('a timer queue behaves like a sorted list, however often timestamps come and go', () => {
  const operation = fc.record({
    action: fc.constantFrom('add' as const, 'add', 'remove', 'poll', 'drop row'),
    row: fc.nat(4),
    namespace: fc.integer({ min: -1, max: 1 }),
    timestamp: fc.constantFrom(-5, 0, 1, 2, 3.5, 1e15, Infinity, -Infinity),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
      const queue = new TimerQueue();
      let model: { row: number; namespace: number; timestamp: number }[] = [];
      for (const { action, row, namespace, timestamp } of operations) {
        const is = (timer: (typeof model)[number]): boolean =>
          timer.row === row && timer.namespace === namespace && timer.timestamp === timestamp;
        const found = queue.find(row, namespace, timestamp);
        assert.equal(found >= 0, model.some(is));
        if (action === 'add' && found < 0) {
          queue.add(row, namespace, timestamp);
          model.push({ row, namespace, timestamp });
        } else if (action === 'remove' && found >= 0) {
          queue.remove(found);
          model = model.filter((timer) => !is(timer));
        } else if (action === 'drop row') {
          for (let timer = queue.ofRow(row); timer >= 0; timer = queue.ofRow(row)) queue.remove(timer);
          model = model.filter((timer) => timer.row !== row);
        } else if (action === 'poll' && model.length > 0) {
          // The first in registration order of those at the earliest timestamp.
          const earliest = Math.min(...model.map((timer) => timer.timestamp));
          const expected = model.find((timer) => timer.timestamp === earliest) as (typeof model)[number];
          const timer = queue.peek();
          assert.deepEqual(
            { row: queue.rowOf(timer), namespace: queue.namespaceOf(timer), timestamp: queue.timestampOf(timer) },
            expected,
          );
          queue.remove(timer);
          model = model.filter((other) => other !== expected);
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.earliest, Math.min(...model.map((timer) => timer.timestamp)));
        assert.equal(
          Array.from({ length: queue.limit }, (_, timer) => queue.has(timer)).filter(Boolean).length,
          model.length,
        );
      }
    }),
    { numRuns: 500 },
  );
});
