/** Tables over columns that are taken in from files while these are read. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DataStream, SettingsPart, StreamEnvironment } from 'millstream';
import { ColumnSchema, count, DataTypes } from 'millstream/columns';
import { course, inScratch, type Sale } from './stateful-job.ts';

const SHOPS = 300;
const SALES: readonly Sale[] = Array.from({ length: SHOPS }, (_, i) => ({
  shop: `shop ${i}`,
  amount: i,
  time: i,
}));

const COLUMNS = ColumnSchema.of({ shop: DataTypes.STRING().notNull(), amount: DataTypes.DOUBLE().notNull() });

function build(parallelism: number) {
  return (env: StreamEnvironment, sales: DataStream<Sale>): void => {
    env.setMaxParallelism(16);
    sales
      .map(({ shop, amount }) => ({ shop, amount }))
      .setParallelism(1)
      .toColumns(COLUMNS, { batchRows: 1 })
      .setParallelism(1)
      .keyBy('shop')
      .aggregate((sale) => ({ n: count(), sum: sale.amount.sum() }))
      .uid('sums')
      .setParallelism(parallelism)
      .toRows()
      .map(({ shop, n, sum }) => `${shop} [[${n} ${sum}`)
      .collect('lines');
  };
}

/** No state is so small that it would not go into a file. */
function inFiles(directory: string): SettingsPart {
  return { checkpoint: { storage: 'filesystem', directory: join(directory, 'checkpoints'), inlineThresholdBytes: 0 } };
}

function linesOf(times: number): string[] {
  return SALES.map(({ shop, amount }) => `${shop} [[${times} ${times * amount}`).toSorted();
}

for (const format of ['native', 'canonical'] as const) {
  test(`a table over columns goes from two subtasks to one and back, through a ${format} savepoint`, async () => {
    await inScratch(async (directory) => {
      const settings = inFiles(directory);
      const stop = { directory, format };
      const first = await course(SALES, { settings, build: build(2), stop });
      assert.deepEqual(first.lines.toSorted(), linesOf(1));
      const second = await course(SALES, { settings, build: build(1), stop, launch: { fromSavepoint: first.path } });
      assert.deepEqual(second.lines.toSorted(), linesOf(2));
      const third = await course(SALES, { settings, build: build(2), launch: { fromSavepoint: second.path } });
      assert.deepEqual(third.lines.toSorted(), linesOf(3));
    });
  });
}

test('a table over columns comes back from compressed files', async () => {
  await inScratch(async (directory) => {
    const { checkpoint } = inFiles(directory);
    const settings: SettingsPart = { checkpoint: { ...checkpoint, compression: true } };
    const stop = { directory, format: 'native' } as const;
    const { path } = await course(SALES, { settings, build: build(2), stop });
    const second = await course(SALES, { settings, build: build(1), launch: { fromSavepoint: path } });
    assert.deepEqual(second.lines.toSorted(), linesOf(2));
  });
});

test('a table whose file is damaged fails the job with an error that names the file and the operator', async () => {
  await inScratch(async (directory) => {
    const settings = inFiles(directory);
    const { path } = await course(SALES, { settings, build: build(1), stop: { directory, format: 'native' } });
    const at = path.replace('file://', '');
    const largest = readdirSync(at, { recursive: true })
      .map((name) => join(at, String(name)))
      .filter((name) => name.endsWith('.state'))
      .toSorted((a, b) => readFileSync(b).length - readFileSync(a).length)[0] as string;
    const bytes = readFileSync(largest);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] as number) ^ 1;
    writeFileSync(largest, bytes);
    await assert.rejects(
      course(SALES, { settings, build: build(2), launch: { fromSavepoint: path } }),
      (error: Error & { code?: string; details?: Record<string, unknown> }) => {
        assert.equal(error.code, 'STATE_CORRUPT');
        assert.equal(error.details?.uid, 'sums');
        assert.match(String(error.details?.file), /\.state$/);
        assert.ok(Number(error.details?.offset) > 0);
        return true;
      },
    );
  });
});
