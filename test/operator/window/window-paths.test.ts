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
  type Sample,
  spec,
} from './window-cases.ts';

const foldings = fc.constantFrom<Folding[]>('list', 'reduce', 'aggregate', 'aggregate+process');

function give(harness: OperatorHarness, item: TortureInput): void {
  if (item.kind === 'element') harness.element(item.value, item.timestamp);
  else if (item.kind === 'watermark') harness.watermark(item.timestamp);
  else if (item.kind === 'processing-time') harness.processingTime(item.time);
  else if (item.kind === 'status') harness.status(item.idle);
}

/** Runs `items` in one operator after the other, each restored from the one before; `cuts` are where they change. */
function runAcross(
  definitions: readonly OperatorDefinition[],
  items: readonly TortureInput[],
  ...cuts: readonly number[]
): HarnessOutput[] {
  const output: HarnessOutput[] = [];
  let harness: OperatorHarness | undefined;
  definitions.forEach((definition, turn) => {
    const from = turn === 0 ? 0 : (cuts[turn - 1] as number);
    const now = harness?.clock.now();
    const before = harness?.snapshot();
    const own = new OperatorHarness(definition, {
      sides: ['late'],
      ...(before === undefined || now === undefined ? {} : { restore: before, now }),
    });
    const seen = items.slice(0, from).findLast((item) => item.kind === 'watermark');
    if (seen !== undefined) give(own, seen);
    const again = own.output.length;
    for (const item of items.slice(from, cuts[turn])) give(own, item);
    output.push(...own.output.slice(again));
    harness = own;
  });
  return output;
}

/** Options for which another operator than the general one runs. */
const specialised = modelOptions.filter((options) => definitionFor(options, 'reduce').describe?.['path'] !== 'general');

/** Where in a stream, in percent. */
const share = fc.integer({ min: 0, max: 100 });

const cutAt = (items: readonly TortureInput[], percent: number): number => Math.floor((percent * items.length) / 100);

/** Streams of one key, so that what comes after a restore meets what was there before. */
const denseStream = stream
  .filter((items) => items.length > 12)
  .map((items) =>
    items.map((item) =>
      item.kind === 'element' ? { ...item, value: { ...(item.value as Sample), key: 'only' } } : item,
    ),
  );

test('a job may go on in the other operator from any snapshot', () => {
  fc.assert(
    fc.property(specialised, foldings, stream, fc.boolean(), share, (options, folding, items, toGeneral, cut) => {
      const own = definitionFor(options, folding);
      const general = definitionFor(options, folding, {}, { general: true });
      const output = runAcross(toGeneral ? [own, general] : [general, own], items, cutAt(items, cut));
      assert.deepEqual(
        told(output, folding),
        wanted(windowModel(options, items), folding, options.windows.kind === 'global'),
      );
    }),
    { numRuns: 500 },
  );
});

test('a job may go to and fro between shared slices and windows by themselves', () => {
  const sliding = specialised.filter(({ windows }) => windows.kind === 'sliding');
  fc.assert(
    fc.property(
      sliding,
      fc.constantFrom<Folding[]>('reduce', 'aggregate', 'aggregate+process'),
      denseStream,
      fc.boolean(),
      fc.array(share, { minLength: 2, maxLength: 4 }),
      (options, folding, items, generalFirst, shares) => {
        const cuts = shares.map((percent) => cutAt(items, percent)).toSorted((a, b) => a - b);
        const definitions = [generalFirst, ...cuts.map((_, i) => (i % 2 === 0) !== generalFirst)].map((general) =>
          definitionFor(options, folding, {}, { general }),
        );
        assert.deepEqual(
          told(runAcross(definitions, items, ...cuts), folding),
          wanted(windowModel(options, items), folding, false),
        );
      },
    ),
    { numRuns: 300 },
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
    const output = runAcross([windows(general), windows(!general)], items, 1);
    assert.deepEqual(output[0], {
      kind: 'element',
      value: { key: 'a', id: 3, gap: 1 },
      timestamp: Infinity,
      rowKind: 0,
    });
    assert.equal(output.length, 2);
  }
});
