/** The interval join: by examples, and against all pairs on random streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { intervalJoin, type IntervalJoinSpec } from '../../src/operator/interval-join.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import {
  element,
  element2,
  side,
  sortedBetweenWatermarks,
  torture,
  watermark,
  type TortureInput,
} from '../../src/testing/torture.ts';
import type { HarnessOutput } from '../../src/testing/operator-harness.ts';

interface Sample {
  readonly key: string;
  readonly id: number;
}

const joined = (lowerBound: number, upperBound: number, parts: Partial<IntervalJoinSpec> = {}): OperatorDefinition =>
  intervalJoin({
    key1: (value: Sample) => value.key,
    key2: (value: Sample) => value.key,
    lowerBound,
    upperBound,
    leftLateTag: 'left',
    rightLateTag: 'right',
    f: {
      *processElement(left, right, ctx) {
        yield `${(left as Sample).id}@${ctx.getLeftTimestamp()}-${(right as Sample).id}@${ctx.getRightTimestamp()}`;
      },
    },
    ...parts,
  });

const of = (key: string, id: number): Sample => ({ key, id });

test('records within the bounds meet, whichever comes first', () => {
  torture(() => joined(-5, 10), { inputs: 2 })
    .given(
      element(of('a', 1), 100),
      element2(of('a', 2), 95),
      element2(of('a', 3), 110),
      element2(of('a', 4), 111),
      element2(of('b', 5), 100),
      element(of('a', 6), 101),
      watermark(300),
    )
    .expect(
      element('1@100-2@95', 100),
      element('1@100-3@110', 110),
      element('6@101-3@110', 110),
      element('6@101-4@111', 111),
      watermark(300),
    )
    .leavesNoState();
});

test('records behind the watermark go to the side output of their side', () => {
  torture(() => joined(-5, 5), { inputs: 2 })
    .given(
      element(of('a', 1), 100),
      watermark(101),
      element(of('a', 2), 100),
      element2(of('a', 3), 100),
      element2(of('a', 4), 101),
      watermark(200),
    )
    .expect(
      watermark(101),
      side('left', of('a', 2), 100),
      side('right', of('a', 3), 100),
      element('1@100-4@101', 101),
      watermark(200),
    )
    .leavesNoState();
});

test('a record is kept as long as the other side may still match it, and no longer', () => {
  torture(() => joined(10, 20), { inputs: 2 })
    .given(element(of('a', 1), 100), watermark(119), element2(of('a', 2), 120), watermark(120))
    .expect(watermark(119), element('1@100-2@120', 120), watermark(120))
    .leavesNoState();
});

test('a record without a timestamp is refused', () => {
  assert.throws(
    () =>
      torture(() => joined(-5, 5), { inputs: 2 })
        .given(element(of('a', 1)))
        .agree(),
    /TIMESTAMP_MISSING/,
  );
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ left: fc.boolean(), key: fc.constantFrom('a', 'b'), at: fc.integer({ min: -8, max: 8 }) }),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
);

test('random streams give every pair within the bounds that the watermark allows', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: -10, max: 10 }),
      fc.nat({ max: 12 }),
      (steps, lower, width) => {
        const items: TortureInput[] = [];
        const expected: HarnessOutput[] = [];
        const seen: { left: boolean; sample: Sample; at: number }[] = [];
        let now = 50;
        let id = 0;
        let time = -Infinity;
        for (const each of steps) {
          if (typeof each === 'number') {
            now += each;
            // Between two timestamps: a record at the watermark itself is neither late nor sure of its partners.
            time = now + 0.5;
            items.push(watermark(time));
            expected.push(watermark(time));
            continue;
          }
          const record = { left: each.left, sample: of(each.key, id++), at: now + each.at };
          items.push((each.left ? element : element2)(record.sample, record.at));
          if (record.at < time) {
            expected.push(side(each.left ? 'left' : 'right', record.sample, record.at));
            continue;
          }
          for (const other of seen) {
            const [l, r] = record.left ? [record, other] : [other, record];
            if (
              other.left === record.left ||
              other.sample.key !== each.key ||
              r.at < l.at + lower ||
              r.at > l.at + lower + width
            )
              continue;
            expected.push({
              kind: 'element',
              value: `${l.sample.id}@${l.at}-${r.sample.id}@${r.at}`,
              timestamp: Math.max(l.at, r.at),
              rowKind: 0,
            });
          }
          seen.push(record);
        }
        items.push(watermark(Infinity));
        expected.push(watermark(Infinity));
        const given = torture(() => joined(lower, lower + width), { inputs: 2, sides: ['left', 'right'] }).given(
          ...items,
        );
        assert.deepEqual(sortedBetweenWatermarks(given.agree()), sortedBetweenWatermarks(expected));
        given.leavesNoState();
      },
    ),
    { numRuns: 200 },
  );
});
