/** Asynchronous calls: order, watermarks, capacity, timeouts, retries, snapshots. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AsyncOptions } from '../../src/operator/async-options.ts';
import { asyncWait } from '../../src/operator/async-wait.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';

/** Calls that the test answers. */
class Calls {
  readonly open = new Map<string, PromiseWithResolvers<string>>();
  readonly made: string[] = [];
  readonly aborted: string[] = [];

  readonly call = (value: string, signal: AbortSignal): Promise<string> => {
    const pending = Promise.withResolvers<string>();
    this.made.push(value);
    this.open.set(value, pending);
    signal.addEventListener('abort', () => this.aborted.push(value));
    return pending.promise;
  };

  answer(value: string, result = value.toUpperCase()): void {
    this.open.get(value)?.resolve(result);
  }

  fail(value: string): void {
    this.open.get(value)?.reject(new Error(`no ${value}`));
  }
}

function harnessOf(
  calls: Calls,
  options: AsyncOptions<string, string> = {},
  restore?: OperatorSnapshot,
): OperatorHarness {
  const definition = asyncWait<string, string, string>(calls.call, options, (result) => [result]);
  return new OperatorHarness(definition, restore === undefined ? {} : { restore });
}

const told = (harness: OperatorHarness) =>
  harness.output.map((seen) =>
    seen.kind === 'element' ? seen.value : seen.kind === 'watermark' ? seen.timestamp : seen.kind,
  );

test('ordered results leave in the order of the records, whatever the order of the answers', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls);
  for (const value of ['a', 'b', 'c']) harness.element(value, 1);
  calls.answer('c');
  calls.answer('b');
  await harness.settled();
  assert.deepEqual(harness.values, []);
  calls.answer('a');
  await harness.settled();
  assert.deepEqual(harness.values, ['A', 'B', 'C']);
});

test('unordered results leave as they come, but never across a watermark', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, { mode: 'unordered' });
  harness.element('a', 1);
  harness.element('b', 2);
  harness.watermark(2);
  harness.element('c', 3);
  harness.watermark(3);
  calls.answer('c');
  calls.answer('b');
  await harness.settled();
  assert.deepEqual(told(harness), ['B']);
  calls.answer('a');
  await harness.settled();
  assert.deepEqual(told(harness), ['B', 'A', 2, 'C', 3]);
});

test('the end of the input waits for every call', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, { mode: 'unordered' });
  harness.element('a');
  harness.finish();
  assert.deepEqual(told(harness), []);
  calls.answer('a');
  await harness.settled();
  assert.deepEqual(told(harness), ['A', 'finish']);
});

test('results of random calls obey the order of their mode', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.nat()),
      fc.constantFrom<('ordered' | 'unordered')[]>('ordered', 'unordered'),
      async (watermarks, choices, mode) => {
        const calls = new Calls();
        const harness = harnessOf(calls, { mode });
        const given: (string | number)[] = [];
        watermarks.forEach((isWatermark, i) => {
          if (isWatermark) harness.watermark(i);
          else harness.element(`r${i}`, i);
          given.push(isWatermark ? i : `R${i}`);
        });
        const open = [...calls.made];
        while (open.length > 0) {
          const [value] = open.splice((choices.next().value as number) % open.length, 1);
          calls.answer(value as string);
          await harness.settled();
        }
        const seen = told(harness);
        if (mode === 'ordered') assert.deepEqual(seen, given);
        else assert.deepEqual(betweenWatermarks(seen), betweenWatermarks(given));
      },
    ),
    { numRuns: 200 },
  );
});

/** Results between two watermarks in a fixed order. */
function betweenWatermarks(seen: readonly unknown[]): unknown[] {
  const groups: unknown[][] = [[]];
  for (const one of seen) {
    if (typeof one === 'number') groups.push([one], []);
    else groups.at(-1)?.push(one);
  }
  return groups.map((group) => group.toSorted());
}

test('calls that are under way are made again after a restore, and those that have left are not', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls);
  for (const value of ['a', 'b', 'c']) harness.element(value, 7);
  calls.answer('a');
  calls.answer('c');
  await harness.settled();
  assert.deepEqual(harness.values, ['A']);
  const again = new Calls();
  const restored = harnessOf(again, {}, harness.snapshot());
  assert.deepEqual(again.made, ['b', 'c']);
  for (const value of again.made) again.answer(value);
  await restored.settled();
  assert.deepEqual(
    restored.output,
    ['B', 'C'].map((value) => ({ kind: 'element', value, timestamp: 7, rowKind: 0 })),
  );
});

test('a call that takes too long fails the job, aborts its signal and names the record', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, { timeoutMs: 10 });
  harness.element('slow');
  harness.processingTime(9);
  assert.deepEqual(calls.aborted, []);
  assert.throws(
    () => harness.processingTime(10),
    (error: Error & { code?: string }) => error.code === 'ASYNC_TIMEOUT' && /"slow".*10 ms/.test(error.message),
  );
  assert.deepEqual(calls.aborted, ['slow']);
});

test('a timeout handler gives the result instead, and a late answer is ignored', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, { timeoutMs: 10, onTimeout: (value) => `${value}?` });
  harness.element('slow');
  harness.processingTime(10);
  calls.answer('slow');
  await harness.settled();
  assert.deepEqual(harness.values, ['slow?']);
});

test('a function object may have the timeout handler', async () => {
  const definition = asyncWait<string, string, string>(
    { asyncInvoke: () => new Promise(() => {}), timeout: (value) => `${value}!` },
    { timeoutMs: 5 },
    (result) => [result],
  );
  const harness = new OperatorHarness(definition);
  harness.element('slow');
  harness.processingTime(5);
  await harness.settled();
  assert.deepEqual(harness.values, ['slow!']);
});

test('a failed call is made again after growing delays, and its last failure fails the job', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, {
    retry: { kind: 'exponential-delay', attempts: 3, initialDelayMs: 10, maxDelayMs: 15 },
  });
  harness.element('a');
  const failAt = async (time: number, made: number): Promise<void> => {
    harness.processingTime(time - 1);
    assert.equal(calls.made.length, made);
    harness.processingTime(time);
    assert.equal(calls.made.length, made + 1);
    calls.fail('a');
    await harness.settled();
  };
  calls.fail('a');
  await harness.settled();
  await failAt(10, 1);
  await failAt(25, 2);
  harness.processingTime(40);
  assert.equal(calls.made.length, 4);
  calls.fail('a');
  await assert.rejects(
    harness.settled(),
    (error: Error & { code?: string }) =>
      error.code === 'USER_CODE' && /"a".*no a.*after 3 repetitions/.test(error.message),
  );
});

test('a result may ask for another call', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, {
    retry: { kind: 'fixed-delay', attempts: 5, delayMs: 1, ifResult: (result) => result === '' },
  });
  harness.element('a');
  calls.answer('a', '');
  await harness.settled();
  assert.deepEqual(harness.values, []);
  harness.processingTime(1);
  calls.answer('a', 'there');
  await harness.settled();
  assert.deepEqual(harness.values, ['there']);
});

test('an error that the predicate does not name fails the job at once', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, {
    retry: { kind: 'fixed-delay', attempts: 5, delayMs: 1, ifError: (error) => /busy/.test(String(error)) },
  });
  harness.element('a');
  calls.fail('a');
  await assert.rejects(harness.settled(), { code: 'USER_CODE' });
});

test('retries count against the timeout', async () => {
  const calls = new Calls();
  const harness = harnessOf(calls, { timeoutMs: 25, retry: { kind: 'fixed-delay', attempts: 100, delayMs: 10 } });
  harness.element('a');
  for (const time of [10, 20]) {
    calls.fail('a');
    await harness.settled();
    harness.processingTime(time);
  }
  assert.throws(() => harness.processingTime(25), { code: 'ASYNC_TIMEOUT' });
});

test('wrong options are refused by name', () => {
  const define = (options: AsyncOptions<string, string>) => () =>
    asyncWait<string, string, string>(
      async (value) => value,
      options,
      (result) => [result],
    );
  assert.throws(define({ capacity: 0 }), /capacity/);
  assert.throws(define({ timeoutMs: -1 }), /timeoutMs/);
  assert.throws(define({ mode: 'sorted' as 'ordered' }), /mode/);
  assert.throws(define({ retry: { kind: 'fixed-delay', attempts: 0, delayMs: 1 } }), /attempts/);
  assert.throws(
    define({ retry: { kind: 'exponential-delay', attempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: 0.5 } }),
    /multiplier/,
  );
});
