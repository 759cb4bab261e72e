/** Asynchronous functions in whole jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environment, WAYS } from './environments.ts';

for (const { name, options } of WAYS) {
  test(`asyncMap never has more calls under way than its capacity, with ${name}`, async () => {
    let running = 0;
    let most = 0;
    const env = environment(options);
    const results = await env
      .fromSequence(1, 60)
      .asyncMap(
        async (n) => {
          most = Math.max(most, ++running);
          for (let i = 0; i <= n % 3; i++) await new Promise((resolve) => setImmediate(resolve));
          running--;
          return n * 2;
        },
        { capacity: 4, mode: 'unordered' },
      )
      .executeAndCollect();
    assert.deepEqual(
      results.toSorted((a, b) => a - b),
      Array.from({ length: 60 }, (_, i) => 2 * (i + 1)),
    );
    assert.ok(most <= 4 * env.getParallelism(), `${most} at once`);
    assert.ok(most > 1);
  });
}

test('asyncMap keeps the order, and asyncFlatMap gives any number of records', async () => {
  const results = await environment()
    .fromData(3, 1, 2)
    .asyncMap((n) => new Promise<number>((resolve) => setTimeout(resolve, 5 * n, n)))
    .asyncFlatMap(async (n) => Array.from({ length: n }, (_, i) => `${n}.${i}`))
    .executeAndCollect();
  assert.deepEqual(results, ['3.0', '3.1', '3.2', '1.0', '2.0', '2.1']);
});

test('a rejected call fails the job with the record and the reason', async () => {
  const failing = environment()
    .fromData('x')
    .asyncMap(async (word) => {
      throw new Error(`nothing about ${word}`);
    })
    .name('Look up')
    .executeAndCollect();
  await assert.rejects(failing, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'USER_CODE');
    assert.match(error.message, /Look up.*"x".*nothing about x/);
    return true;
  });
});
