/** Sources and sinks of one's own: what the enumerator and readers tell each other, what writers hear and restore. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SinkWriter } from '../../src/connect/sink.ts';
import type { Source, SplitEnumerator } from '../../src/connect/source.ts';
import type { SavepointHandle } from '../../src/graph/launch.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { environment } from './environments.ts';

test('readers and their enumerator tell each other what they like', async () => {
  const heard: unknown[] = [];
  const source: Source<string, never, null> = {
    name: 'asking',
    boundedness: 'bounded',
    replayable: true,
    parallelism: 1,
    splitId: () => '',
    createEnumerator: (context): SplitEnumerator<never, null> => ({
      start() {},
      addReader() {},
      handleSplitRequest() {},
      addSplitsBack() {},
      handleEvent(subtask, event) {
        heard.push([subtask, event]);
        context.toReader(subtask, { answer: 42n });
      },
      snapshot: () => null,
      close() {},
    }),
    createReader: (context) => {
      let answer: unknown;
      const answered = Promise.withResolvers<void>();
      return {
        start: () => context.toEnumerator({ question: new Date(0) }),
        addSplits() {},
        noMoreSplits() {},
        poll(output) {
          if (answer === undefined) return 'waiting';
          output.collect(String((answer as { answer: bigint }).answer));
          return 'finished';
        },
        available: () => answered.promise,
        snapshot: () => [],
        fromEnumerator(event) {
          answer = event;
          answered.resolve();
        },
        close() {},
      };
    },
  };
  assert.deepEqual(await environment().fromSource(source).executeAndCollect(), ['42']);
  assert.deepEqual(heard, [[0, { question: new Date(0) }]]);
});

test('a writer hears the watermarks between the records, and is flushed for the last time at their end', async () => {
  const heard: string[] = [];
  const env = environment();
  env
    .fromData(5, 15)
    .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps<number>((n) => n))
    .keyBy(() => 0)
    .window(TumblingEventTimeWindows.of(10))
    .sum((n) => n)
    .sinkTo({
      name: 'listening',
      guarantee: 'at-least-once',
      createWriter: (): SinkWriter<number> => ({
        write: (value, { timestamp }) => void heard.push(`${value} at ${timestamp}`),
        writeWatermark: (watermark) => void heard.push(`watermark ${watermark}`),
        flush: (endOfInput) => void heard.push(`flush ${endOfInput}`),
        prepareCommit: () => {
          heard.push('prepare commit');
          return [];
        },
        close() {},
      }),
    });
  await env.execute();
  assert.deepEqual(
    heard.filter((line) => !/watermark \d/.test(line)),
    // The barrier with which a job commits what it wrote last comes behind, and finds nothing to flush.
    ['5 at 9', '15 at 19', 'watermark Infinity', 'flush true', 'prepare commit'],
  );
});

test('writers whose state is a union are all given the states of all', async () => {
  const restored: (readonly string[])[] = [];
  const describe = (parallelism: number) => {
    const env = environment({ settings: { parallelism } });
    env
      .fromGenerator((i) => i, { recordsPerSecond: 1_000 })
      .uid('numbers')
      .sinkTo({
        name: 'keeping',
        guarantee: 'at-least-once',
        writerState: 'union',
        createWriter: ({ subtask }, states: readonly string[]): SinkWriter<number, never, string> => {
          restored.push(states);
          return { write() {}, flush() {}, snapshot: () => [`writer ${subtask}`], close() {} };
        },
      })
      .uid('keeping');
    return env;
  };
  const first = await describe(3).executeAsync();
  const savepoint: SavepointHandle = await first.stopWithSavepoint();
  assert.deepEqual(restored.splice(0), [[], [], []]);
  const second = await describe(2).executeAsync('again', { fromSavepoint: savepoint });
  while (restored.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await second.cancel();
  const all = ['writer 0', 'writer 1', 'writer 2'];
  assert.deepEqual(
    restored.map((states) => states.toSorted()),
    [all, all],
  );
});
