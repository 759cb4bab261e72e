/** What stopping with a savepoint promises about the records on either side of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster } from 'millstream';

const ENDLESS = new URL('./jobs/endless.ts', import.meta.url);

/** Whether something slips through is a matter of luck. */
const ROUNDS = 20;

test('nothing is processed behind the savepoint with which a job stops', async () => {
  await using cluster = await LocalCluster.start({ slots: 1 });
  let covered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const client = await cluster.run(ENDLESS);
    await client.triggerCheckpoint();
    await sleep(20);
    await client.stopWithSavepoint();
    const { accumulators } = await client.result();
    assert.equal(accumulators['processed'], accumulators['covered'], `round ${round}`);
    covered += Number(accumulators['covered']);
  }
  assert.ok(covered > 0);
});
