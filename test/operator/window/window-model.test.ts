/** All window operators against the naive model, on random streams, run in every way that the torturer knows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { torture } from '../../../src/testing/torture.ts';
import { windowModel } from '../../../src/testing/window-model.ts';
import { definitionFor, modelOptions, stream, told, wanted, type Folding } from './window-cases.ts';

const foldings = fc.constantFrom<Folding[]>('list', 'reduce', 'aggregate', 'aggregate+process');

test('random windows over random streams give what the model gives, however they are run', () => {
  fc.assert(
    fc.property(modelOptions, foldings, stream, (options, folding, items) => {
      const given = torture(() => definitionFor(options, folding), { sides: ['late'] }).given(...items);
      const output = given.agree();
      assert.deepEqual(
        told(output, folding),
        wanted(windowModel(options, items), folding, options.windows.kind === 'global'),
      );
      // A global window never ends.
      if (options.windows.kind !== 'global') given.leavesNoState();
    }),
    { numRuns: 350 },
  );
});
