/**
 * A day of event time with keys that come and go: one stream into tumbling, sliding and session windows and into state
 * with a time to live, all of which count. At the end a stream of one key goes on for longer than that time, so that
 * what has expired can be seen to be gone.
 *
 * Parameters: records, tail (records of the last key behind them), recordsPerSecond, stepMs (event time between two
 * records), ttlMs.
 */

import {
  EventTimeSessionWindows,
  generatorSource,
  job,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type KeyedProcessFunction,
  type SingleOutputStream,
  type StateDeclarations,
  type ValueStateDescriptor,
} from 'millstream';
import { checksumSink, ExpectedChecksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

interface Count {
  readonly key: number;
  readonly n: number;
  readonly time: number;
}

const MINUTE_MS = 60_000;

/** Keys of one minute; the next minute has others. */
const KEYS_PER_MINUTE = 200;

/** Overlapping windows in the sliding branch. */
const SLIDES = 10;

/** Entries that a record's visit cleans up: many more than a record makes. */
const CLEANUP_ENTRIES = 64;

const LAST_KEY = -1;

function event(index: number, records: number, stepMs: number): Count {
  const time = index * stepMs;
  const key = index < records ? Math.floor(time / MINUTE_MS) * KEYS_PER_MINUTE + (index % KEYS_PER_MINUTE) : LAST_KEY;
  return { key, n: 1, time };
}

const add = (a: Count, b: Count): Count => ({ key: a.key, n: a.n + b.n, time: a.time });

/** The sum of this over all results is the same however the counts are divided between windows. */
const fold = ({ key, n }: Count): number => Math.imul(2 * key + 1, n);

/** What the sinks named by their branch saw, in results that add up; see `expected`. */
export const BRANCHES = ['tumbling', 'sliding', 'session', 'ttl'] as const;

interface Seen extends StateDeclarations {
  readonly seen: ValueStateDescriptor<number>;
}

/** Passes every record on, and counts each key as long as it comes back in time. */
function counting(ttlMs: number, lastTime: number): KeyedProcessFunction<number, Count, Count, Seen> {
  const seen = valueState<number>('seen', {
    ttl: { timeToLive: ttlMs, cleanup: { incremental: { entries: CLEANUP_ENTRIES, everyRecord: true } } },
  });
  return {
    state: { seen },
    processElement(value, ctx, out) {
      if (value.time >= lastTime) ctx.state.seen.clear();
      else ctx.state.seen.update((ctx.state.seen.value() ?? 0) + 1);
      out.collect(value);
    },
  };
}

export default job('soak', (env, parameters) => {
  const [records, tail, recordsPerSecond, stepMs, ttlMs] = [
    'records',
    'tail',
    'recordsPerSecond',
    'stepMs',
    'ttlMs',
  ].map((name) => Number(parameters[name])) as [number, number, number, number, number];
  const events = env
    .fromSource(
      generatorSource((index) => event(index, records, stepMs), { count: records + tail, recordsPerSecond }),
      WatermarkStrategy.forMonotonousTimestamps((value: Count) => value.time),
    )
    .keyBy((value) => value.key);
  const branches: Record<(typeof BRANCHES)[number], SingleOutputStream<Count>> = {
    tumbling: events.window(TumblingEventTimeWindows.of(MINUTE_MS)).reduce(add),
    sliding: events
      .window(SlidingEventTimeWindows.of(SLIDES * MINUTE_MS, MINUTE_MS))
      .reduce(add, { associative: true }),
    session: events.window(EventTimeSessionWindows.withGap(2 * MINUTE_MS)).reduce(add),
    ttl: events.process<Count>(counting(ttlMs, (records + tail - 1) * stepMs)),
  };
  for (const branch of BRANCHES) branches[branch].uid(branch).sinkTo(checksumSink(fold)).uid(`${branch}-sink`);
});

/** The checksum of each branch's sink; the number of results is not part of it. */
export function expected(parameters: Parameters): Readonly<Record<(typeof BRANCHES)[number], number>> {
  const once = new ExpectedChecksum();
  const { records, tail, stepMs } = parameters;
  for (let i = 0; i < Number(records) + Number(tail); i++) once.add(fold(event(i, Number(records), Number(stepMs))));
  const sliding = Math.imul(once.checksum, SLIDES) >>> 0;
  return { tumbling: once.checksum, sliding, session: once.checksum, ttl: once.checksum };
}
