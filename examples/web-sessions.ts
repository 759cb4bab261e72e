/**
 * Finds the visits in a web log: page views of one visitor with less than half an hour between them.
 *
 * The log is not in order, as logs of several servers never are. Sessions grow and merge as late lines come.
 */

import { createEnvironment, EventTimeSessionWindows, WatermarkStrategy } from 'millstream';

const MINUTE = 60_000;

const LOG = `
2026-03-01T08:00:12Z ada  /
2026-03-01T08:01:40Z ada  /products
2026-03-01T08:03:05Z bob  /
2026-03-01T08:55:00Z ada  /products/42
2026-03-01T08:28:30Z ada  /cart
2026-03-01T09:10:00Z ada  /checkout
2026-03-01T09:02:11Z bob  /jobs
2026-03-01T11:00:00Z ada  /orders
`;

interface View {
  readonly time: number;
  readonly visitor: string;
  readonly page: string;
}

function parse(line: string): View {
  const [time = '', visitor = '', page = ''] = line.split(/\s+/);
  return { time: Date.parse(time), visitor, page };
}

const clock = (time: number): string => new Date(time).toISOString().slice(11, 16);

const env = createEnvironment();

env
  .fromCollection(LOG.trim().split('\n'))
  .map(parse)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forBoundedOutOfOrderness(30 * MINUTE, (view) => view.time))
  .keyBy((view) => view.visitor)
  .window(EventTimeSessionWindows.withGap(30 * MINUTE))
  .process(function* (visitor, ctx, views) {
    const pages = [...views].toSorted((a, b) => a.time - b.time);
    const last = ctx.window().end - 30 * MINUTE;
    yield `${visitor}  ${clock(ctx.window().start)} to ${clock(last)}  ${pages.map((view) => view.page).join(' → ')}`;
  })
  .print();

await env.execute('web sessions');
