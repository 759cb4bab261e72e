import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, type Sink, type SingleOutputStream } from 'millstream';
import { ColumnSchema, DataTypes, rowsOf, type ColumnBatch, type ColumnStream } from 'millstream/columns';

const ROWS = ColumnSchema.of({ n: DataTypes.INT().notNull() });
const COUNT = 1_000;

/** One record makes a thousand, which no gate can stop, in batches of ten. */
function overdrawn(columns: (stream: ColumnStream<{ n: number }>) => void): Promise<unknown> {
  const env = createEnvironment();
  const numbers: SingleOutputStream<{ n: number }> = env.fromData([0]).process({
    processElement(_, _ctx, out: { collect(value: { n: number }): void }) {
      for (let n = 0; n < COUNT; n++) out.collect({ n });
    },
  });
  columns(numbers.toColumns(ROWS, { batchRows: 10 }).select((row) => ({ n: row.n.plus(0) })));
  return env.execute();
}

test('a batch that is half read stays as it is while more are made', async () => {
  const seen: number[] = [];
  await overdrawn((stream) =>
    stream
      .toRows()
      .map(({ n }) => {
        const until = performance.now() + 0.05;
        while (performance.now() < until);
        return n;
      })
      .sinkTo(collecting((n: number) => void seen.push(n))),
  );
  assert.deepEqual(
    seen,
    Array.from({ length: COUNT }, (_, n) => n),
  );
});

test('a batch stays as it is until the promise of the writer that took it', async () => {
  const seen: number[] = [];
  await overdrawn((stream) =>
    stream.sinkTo(
      collecting(async (batch: ColumnBatch) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        for (const { n } of rowsOf(batch)) seen.push(n as number);
      }),
    ),
  );
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    Array.from({ length: COUNT }, (_, n) => n),
  );
});

function collecting<T>(write: (value: T) => void | Promise<void>): Sink<T, never, never> {
  return {
    name: 'collecting',
    guarantee: 'at-most-once',
    createWriter: () => ({ write, flush: () => {}, close: () => {} }),
  };
}
