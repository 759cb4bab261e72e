/** The specialised operators and the general one read each other's snapshots, and are chosen where they fit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperatorDefinition } from '../../../src/operator/operator.ts';
import { OperatorHarness, type HarnessOutput } from '../../../src/testing/operator-harness.ts';
import { element, watermark, type TortureInput } from '../../../src/testing/torture.ts';
import { windowModel } from '../../../src/testing/window-model.ts';
import { windowDefinition } from '../../../src/operator/window/window-definition.ts';
import { GlobalWindows } from '../../../src/time/windows/global-windows.ts';
import {
  definitionFor,
  erased,
  keepingOf,
  modelOptions,
  stream,
  told,
  wanted,
  type Folding,
  spec,
} from './window-cases.ts';

const foldings = fc.constantFrom<Folding[]>('list', 'reduce', 'aggregate', 'aggregate+process');

function give(harness: OperatorHarness, item: TortureInput): void {
  if (item.kind === 'element') harness.element(item.value, item.timestamp);
  else if (item.kind === 'watermark') harness.watermark(item.timestamp);
  else if (item.kind === 'processing-time') harness.processingTime(item.time);
  else if (item.kind === 'status') harness.status(item.idle);
}

/** Runs `items` up to `cut` in one operator and the rest in another that was restored from it. */
function runAcross(
  first: OperatorDefinition,
  second: OperatorDefinition,
  items: readonly TortureInput[],
  cut: number,
): HarnessOutput[] {
  const before = new OperatorHarness(first, { sides: ['late'] });
  for (const item of items.slice(0, cut)) give(before, item);
  const after = new OperatorHarness(second, { sides: ['late'], restore: before.snapshot(), now: before.clock.now() });
  const seen = items.slice(0, cut).findLast((item) => item.kind === 'watermark');
  if (seen !== undefined) give(after, seen);
  const again = after.output.length;
  for (const item of items.slice(cut)) give(after, item);
  return [...before.output, ...after.output.slice(again)];
}

test('a job may go on in the other operator from any snapshot', () => {
  // Slices belong to several windows, and do not come apart.
  const apart = ['general', 'shared slices'];
  const specialised = modelOptions.filter(
    (options) => !apart.includes(String(definitionFor(options, 'reduce').describe?.path)),
  );
  fc.assert(
    fc.property(
      specialised,
      foldings,
      stream,
      fc.boolean(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (options, folding, items, toGeneral, share) => {
        const own = definitionFor(options, folding);
        const general = definitionFor(options, folding, {}, { general: true });
        const [first, second] = toGeneral ? [own, general] : [general, own];
        const output = runAcross(first, second, items, Math.floor(share * items.length));
        assert.deepEqual(
          told(output, folding),
          wanted(windowModel(options, items), folding, options.windows.kind === 'global'),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('windows that wait for the end of the stream go on in the other operator', () => {
  const windows = (general: boolean): OperatorDefinition =>
    windowDefinition(
      spec({ assigner: erased(GlobalWindows.createWithEndOfStreamTrigger()), keeping: keepingOf('reduce') }),
      { general },
    );
  assert.equal(windows(false).describe?.['path'], 'count per key');
  const items: readonly TortureInput[] = [
    element({ key: 'a', id: 1, gap: 1 }, 1),
    element({ key: 'a', id: 2, gap: 1 }, 2),
    watermark(Infinity),
  ];
  for (const general of [false, true]) {
    const output = runAcross(windows(general), windows(!general), items, 1);
    assert.deepEqual(output[0], {
      kind: 'element',
      value: { key: 'a', id: 3, gap: 1 },
      timestamp: Infinity,
      rowKind: 0,
    });
    assert.equal(output.length, 2);
  }
});
