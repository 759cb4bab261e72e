/** Cuts through channels: whatever the schedule, a record is before a cut, on its way in it, or after it, once. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CutJob, type CutJobOptions, type Kind } from './cut-job.ts';
import { Dice } from './dice.ts';

const KINDS: readonly Kind[] = ['local', 'bytes', 'ring', 'network'];
const MODES: readonly CutJobOptions['mode'][] = ['aligned', 'unaligned', 'timeout'];
const SEEDS = 25;

for (const kind of KINDS) {
  describe(`over ${kind} channels`, () => {
    for (const mode of MODES) {
      test(`every ${mode} checkpoint holds each record once, in order, whatever the schedule`, () => {
        let completed = 0;
        let held = 0;
        for (let seed = 1; seed <= SEEDS; seed++) {
          const dice = new Dice(seed);
          const job = new CutJob(dice, {
            kind,
            mode,
            lastOvertakes: !dice.once(4),
            stages: [1 + dice.below(3), 1 + dice.below(3), 1 + dice.below(2)],
            records: 100 + dice.below(400),
          });
          try {
            job.run();
          } catch (error) {
            throw new Error(`seed ${seed}`, { cause: error });
          }
          completed += job.completed;
          held += job.statesHeld;
        }
        assert.ok(completed > SEEDS, `${completed} checkpoints were completed`);
        if (mode === 'aligned') assert.equal(held, 0);
        else assert.ok(held > completed, `${held} channels held something`);
      });
    }
  });
}
