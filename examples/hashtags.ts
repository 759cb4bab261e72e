/**
 * Counts hashtags per five minutes of event time, and per tenth of a second of processing time, and replays the same
 * tweets twice: all at once, and spread over a second.
 *
 * Event time gives the same answer both times, because it is in the data. Processing time counts what happened to
 * arrive together.
 */

import {
  createEnvironment,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
  WatermarkStrategy,
  type DataStream,
  type TimeWindow,
  type WindowAssigner,
} from 'millstream';

interface Tweet {
  readonly time: number;
  readonly text: string;
}

const MINUTE = 60_000;
const TENTH_MS = 100;
const START = Date.parse('2026-03-01T09:00:00Z');

const TWEETS: readonly Tweet[] = [
  'a new release of #typescript',
  '#streaming in #typescript',
  'what are #watermarks in #streaming',
  'again #watermarks',
  'never mind, #streaming',
].map((text, index) => ({ time: START + index * 2 * MINUTE, text }));

const sleep = (milliseconds: number): Promise<void> => new Promise((awake) => setTimeout(awake, milliseconds));

/** A line for each hashtag in each window. */
function count(
  tweets: DataStream<Tweet>,
  windows: WindowAssigner<string, TimeWindow>,
  label: (window: TimeWindow) => string,
): DataStream<string> {
  return tweets
    .flatMap((tweet) => tweet.text.match(/#\w+/g) ?? [])
    .keyBy((tag) => tag)
    .window(windows)
    .aggregate({ createAccumulator: () => 0, add: (_tag, n) => n + 1, getResult: (n) => n }, (tag, ctx, [n = 0]) => [
      `${label(ctx.window())} ${tag} ${n}`,
    ]);
}

async function replay(pauseMs: number): Promise<{ event: string[]; processing: string[] }> {
  const env = createEnvironment();
  const tweets = env
    .fromAsyncIterable(async function* () {
      for (const tweet of TWEETS) {
        yield tweet;
        await sleep(pauseMs);
      }
      await sleep(2 * TENTH_MS);
    })
    .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((tweet) => tweet.time));
  const clock = (window: TimeWindow): string => new Date(window.start).toISOString().slice(11, 16);
  const lines = await count(tweets, TumblingEventTimeWindows.of(5 * MINUTE), clock)
    .union(count(tweets, TumblingProcessingTimeWindows.of(TENTH_MS), () => 'processing'))
    .executeAndCollect();
  const { event = [], processing = [] } = Object.groupBy(lines.toSorted(), (line) =>
    line.startsWith('processing') ? 'processing' : 'event',
  );
  return { event, processing };
}

const [fast, slow] = [await replay(0), await replay(TENTH_MS + 50)];
for (const line of fast.event) console.log(line);
console.log(`event time: the replays ${String(fast.event) === String(slow.event) ? 'agree' : 'differ'}`);
console.log(`processing time: the replays ${String(fast.processing) === String(slow.processing) ? 'agree' : 'differ'}`);
