/**
 * Stops a job with a savepoint, and looks at its state with nothing but Apache Arrow; then doubles what is in it, with
 * the engine's own tools, and lets the job go on from that.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEnvironment, valueState, type LaunchOptions, type JobClient } from 'millstream';
import { editSavepoint } from 'millstream/savepoints';
import { printSavepoint } from './read.ts';

const basket = valueState<{ items: number; last: Date }>('basket');

const ORDERS = ['Ann', 'Bob', 'Ann', 'Cem', 'Ann', 'Bob'];

async function start(count: number, options: LaunchOptions = {}): Promise<JobClient> {
  const env = createEnvironment({ settings: { maxParallelism: 4 } });
  env
    .fromGenerator((index) => ORDERS[index % ORDERS.length] as string, { count, recordsPerSecond: 4 })
    .uid('orders')
    .keyBy((customer) => customer)
    .process({
      state: { basket },
      *processElement(customer, ctx) {
        const items = (ctx.state.basket.value()?.items ?? 0) + 1;
        ctx.state.basket.update({ items, last: new Date(items * 1000) });
        yield `${customer} has ${items}`;
      },
    })
    .uid('baskets')
    .collect('lines');
  return await env.executeAsync('baskets', options);
}

const directory = mkdtempSync(join(tmpdir(), 'millstream-open-'));
const first = await start(600);
for await (const line of first.collected<string>('lines')) {
  if (line !== 'Ann has 3') continue;
  const { path } = await first.stopWithSavepoint({ directory });
  if (path === undefined) throw new Error('a savepoint in a directory has a path');
  printSavepoint(fileURLToPath(path));
  const doubled = await editSavepoint(path);
  doubled.edit('baskets', basket, ({ value }) => ({ ...value, items: value.items * 2 }));
  const fromSavepoint = await doubled.remove('orders').write(join(directory, 'doubled'));
  const second = await start(6, { fromSavepoint });
  for await (const more of second.collected<string>('lines')) console.log(more);
}
rmSync(directory, { recursive: true });
