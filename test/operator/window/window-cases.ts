/** What the tests of windows share: random streams, a window operation over them, and its output in the model's form. */
import fc from 'fast-check';
import { windowDefinition, type WindowDefinitionOptions } from '../../../src/operator/window/window-definition.ts';
import type { WindowCall } from '../../../src/operator/window/window-functions.ts';
import type { WindowKeeping } from '../../../src/operator/window/window-fold.ts';
import type { WindowSpec } from '../../../src/operator/window/window-spec.ts';
import type { OperatorDefinition } from '../../../src/operator/operator.ts';
import type { HarnessOutput } from '../../../src/testing/operator-harness.ts';
import {
  active,
  element,
  idle,
  processingTime,
  sortedBetweenWatermarks,
  watermark,
  type TortureInput,
} from '../../../src/testing/torture.ts';
import type { ModelOutput, WindowModelOptions } from '../../../src/testing/window-model.ts';
import { CountTrigger } from '../../../src/time/triggers/count-trigger.ts';
import { NeverTrigger } from '../../../src/time/triggers/never-trigger.ts';
import { PurgingTrigger } from '../../../src/time/triggers/purging-trigger.ts';
import type { Trigger } from '../../../src/time/triggers/trigger.ts';
import { GlobalWindows } from '../../../src/time/windows/global-windows.ts';
import { EventTimeSessionWindows, ProcessingTimeSessionWindows } from '../../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from '../../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from '../../../src/time/windows/tumbling-windows.ts';
import { TimeWindow, type Window } from '../../../src/time/windows/window.ts';

/** A record of the random streams: `id` is a power of two, so that a sum says which records are in it. */
export interface Sample {
  readonly key: unknown;
  readonly id: number;
  readonly gap: number;
}

/** Operators know nothing of the types of windows. */
export const erased = (assigner: unknown): WindowSpec['assigner'] => assigner as WindowSpec['assigner'];

export const spec = (parts: Partial<WindowSpec>): WindowSpec => ({
  key: (value: Sample) => value.key,
  assigner: erased(TumblingEventTimeWindows.of(10)),
  trigger: undefined,
  evictor: undefined,
  allowedLateness: 0,
  lateTag: undefined,
  keeping: { kind: 'list' },
  call: undefined,
  ...parts,
});

/** How the records of a window become one number. */
export type Folding = 'list' | 'reduce' | 'aggregate' | 'aggregate+process';

export function keepingOf(folding: Folding, associative = true): WindowKeeping {
  switch (folding) {
    case 'list':
      return { kind: 'list' };
    case 'reduce':
      return { kind: 'reduce', reduce: (a: Sample, b: Sample): Sample => ({ ...a, id: a.id + b.id }), associative };
    case 'aggregate':
    case 'aggregate+process':
      return { kind: 'aggregate', aggregate: SUMMING };
  }
}

/** Changes its accumulators in place, so that sharing one by mistake shows. */
const SUMMING = {
  createAccumulator: () => ({ key: undefined as unknown, sum: 0 }),
  add(value: Sample, accumulator: { key: unknown; sum: number }) {
    accumulator.key = value.key;
    accumulator.sum += value.id;
    return accumulator;
  },
  getResult: (accumulator: { key: unknown; sum: number }) => ({ key: accumulator.key, sum: accumulator.sum }),
  merge(a: { key: unknown; sum: number }, b: { key: unknown; sum: number }) {
    a.key = b.key;
    a.sum += b.sum;
    return a;
  },
};

interface Fired {
  readonly key: unknown;
  readonly window: string | undefined;
  readonly sum: number;
}

/** Tells key, window and sum of what fired. */
function callOf(folding: Folding): WindowCall | undefined {
  switch (folding) {
    case 'list':
      return {
        process: (key, ctx, elements, out) => {
          const samples = [...elements] as Sample[];
          out.collect({
            key,
            window: (ctx as { window(): Window }).window().key,
            sum: samples.reduce((sum, { id }) => sum + id, 0),
          } satisfies Fired);
        },
      };
    case 'aggregate+process':
      return {
        *process(key, ctx, elements) {
          for (const { sum } of elements as Iterable<{ sum: number }>)
            yield { key, window: (ctx as { window(): Window }).window().key, sum } satisfies Fired;
        },
      };
    default:
      return undefined;
  }
}

/** What came out, as the model tells it. */
export function told(output: readonly HarnessOutput[], folding: Folding): readonly HarnessOutput[] {
  return sortedBetweenWatermarks(
    output.map((seen) => {
      if (seen.kind !== 'element') return seen;
      if (folding === 'reduce') {
        const { key, id } = seen.value as Sample;
        return { ...seen, value: { key, window: undefined, sum: id } };
      }
      return folding === 'aggregate' ? { ...seen, value: { ...(seen.value as Fired), window: undefined } } : seen;
    }),
  ).map((seen) => (seen.kind === 'element' ? { ...seen, value: { ...(seen.value as Fired) } } : seen));
}

/** What the model says, in the same form. */
export function wanted(
  output: readonly ModelOutput<Sample>[],
  folding: Folding,
  global: boolean,
): readonly HarnessOutput[] {
  return sortedBetweenWatermarks(
    output.flatMap((seen): HarnessOutput[] => {
      switch (seen.kind) {
        case 'watermark':
        case 'status':
          return [seen];
        case 'late':
          return [{ kind: 'side', tag: 'late', value: seen.value, timestamp: seen.timestamp }];
        case 'fired': {
          const named = folding === 'list' || folding === 'aggregate+process';
          const window = global ? 'global' : new TimeWindow(seen.span.start, seen.span.end).key;
          const value = {
            key: seen.key,
            window: named ? window : undefined,
            sum: seen.values.reduce((sum, { id }) => sum + id, 0),
          };
          return [
            {
              kind: 'element',
              value,
              timestamp: seen.span.end === Infinity ? Infinity : seen.span.end - 1,
              rowKind: 0,
            },
          ];
        }
      }
    }),
  );
}

function assignerOf({
  windows,
  domain,
}: Pick<WindowModelOptions<Sample>, 'windows' | 'domain'>): WindowSpec['assigner'] {
  const event = domain === 'event';
  switch (windows.kind) {
    case 'tumbling':
      return erased(
        (event ? TumblingEventTimeWindows : TumblingProcessingTimeWindows).of(windows.size, windows.offset),
      );
    case 'sliding':
      return erased(
        (event ? SlidingEventTimeWindows : SlidingProcessingTimeWindows).of(
          windows.size,
          windows.slide,
          windows.offset,
        ),
      );
    case 'session':
      return erased((event ? EventTimeSessionWindows : ProcessingTimeSessionWindows).withDynamicGap(windows.gap));
    case 'global':
      return erased(GlobalWindows.create());
  }
}

function triggerFor(
  { trigger, purging }: WindowModelOptions<Sample>,
  assigner: WindowSpec['assigner'],
): WindowSpec['trigger'] {
  if (trigger === 'time' && !purging) return undefined;
  const plain: Trigger<unknown, Window> =
    trigger === 'time'
      ? assigner.getDefaultTrigger()
      : trigger === 'never'
        ? NeverTrigger.create()
        : CountTrigger.of(trigger.count);
  return purging ? PurgingTrigger.of(plain) : plain;
}

export function definitionFor(
  model: WindowModelOptions<Sample>,
  folding: Folding,
  parts: Partial<WindowSpec> = {},
  options: WindowDefinitionOptions = {},
): OperatorDefinition {
  const assigner = assignerOf(model);
  const whole = spec({
    assigner,
    trigger: triggerFor(model, assigner),
    allowedLateness: model.allowedLateness,
    lateTag: 'late',
    keeping: keepingOf(folding),
    call: callOf(folding),
    ...parts,
  });
  return windowDefinition(whole, options);
}

const SESSION = { kind: 'session', gap: (value: Sample) => value.gap } as const;

/** Sizes and times are even, so that no clock stands exactly at the end of a window. */
const even = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min / 2, max: max / 2 }).map((half) => half * 2);

const windows: fc.Arbitrary<WindowModelOptions<Sample>['windows']> = fc.oneof(
  fc.record({
    kind: fc.constant('tumbling' as const),
    size: fc.constantFrom(4, 10),
    offset: fc.constantFrom(0, 2, -2),
  }),
  fc
    .record({
      kind: fc.constant('sliding' as const),
      size: fc.constantFrom(4, 6, 10),
      slide: fc.constantFrom(2, 4, 12),
      offset: fc.constantFrom(0, 0, -1),
    })
    .map((made) => (made.offset === -1 ? { ...made, offset: -(made.slide / 2) - ((made.slide / 2) % 2) } : made))
    .filter((made) => Math.abs(made.offset) < made.slide),
  fc.constant(SESSION),
  fc.constant({ kind: 'global' as const }),
);

export const modelOptions: fc.Arbitrary<WindowModelOptions<Sample>> = fc
  .record({
    windows,
    domain: fc.constantFrom('event' as const, 'event' as const, 'processing' as const),
    trigger: fc.oneof(
      { weight: 3, arbitrary: fc.constant('time' as const) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((count) => ({ count })) },
    ),
    purging: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    allowedLateness: fc.constantFrom(0, 0, 4, 20),
  })
  .map((options) => ({
    ...options,
    key: (value: Sample) => value.key,
    ...(options.windows.kind === 'global'
      ? { trigger: options.trigger === 'time' ? ('never' as const) : options.trigger, domain: 'processing' as const }
      : {}),
    ...(options.domain === 'processing' || options.windows.kind === 'global' ? { allowedLateness: 0 } : {}),
  }));

const keys = fc.constantFrom<unknown[]>(1, 2, 3, 'a', 'b');

type Step =
  | { readonly kind: 'element'; readonly key: unknown; readonly at: number; readonly gap: number }
  | { readonly kind: 'time'; readonly by: number }
  | { readonly kind: 'silence' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('element' as const),
      key: keys,
      at: even(-12, 8),
      gap: fc.constantFrom(2, 4, 10),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), by: even(2, 14) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'silence' as const }) },
);

/** Out-of-order elements around the watermark, and a clock that moves with it. Ends with the end of time. */
export const stream: fc.Arbitrary<readonly TortureInput[]> = fc.array(step, { maxLength: 30 }).map((steps) => {
  const items: TortureInput[] = [];
  let now = 20;
  let id = 1;
  items.push(processingTime(now));
  for (const each of steps) {
    if (each.kind === 'element') {
      items.push(element({ key: each.key, id, gap: each.gap } satisfies Sample, now + each.at));
      id *= 2;
    } else if (each.kind === 'silence') {
      items.push(idle(), active());
    } else {
      now += each.by;
      // An odd watermark is the last time of a window now and then.
      items.push(watermark(now - 1 - (each.by % 4 === 0 ? 1 : 0)), processingTime(now));
    }
  }
  items.push(processingTime(now + 1_000), watermark(Infinity));
  return items;
});
