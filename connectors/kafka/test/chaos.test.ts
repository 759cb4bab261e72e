/** A few rounds of the chaos test; `npm run chaos` runs many, with more state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference, isSame } from './chaos/compare.ts';
import { chaos } from './chaos/run.ts';

const ROUNDS = 4;

test(
  'processes of a job and its broker are killed, and every record is written once',
  { timeout: 600_000 },
  async () => {
    const lines: string[] = [];
    const report = await chaos({
      rounds: ROUNDS,
      seed: 4,
      accounts: 3_000,
      unaligned: true,
      log: (line) => lines.push(line),
    });
    const story = lines.join('\n');
    assert.deepEqual(report.topic, { missing: [], surplus: [] }, story);
    assert.deepEqual(report.files, { missing: [], surplus: [] }, story);
    assert.ok(report.recordsOut > 3_000, story);
    const { loss, duplicate } = report.planted;
    assert.equal(loss.missing.length, 1);
    assert.equal(loss.surplus.length, 0);
    assert.equal(duplicate.missing.length, 0);
    assert.equal(duplicate.surplus.length, 1);
  },
);

test('the comparison counts records that are the same', () => {
  assert.ok(isSame(difference(['a', 'b', 'a'], ['a', 'a', 'b'])));
  assert.deepEqual(difference(['a', 'a', 'b'], ['a', 'b', 'b']), { missing: ['a'], surplus: ['b'] });
});
