/**
 * The job of the chaos test: a ledger of accounts with heavy state, windows and joins by event time; from Kafka to Kafka
 * and to files, exactly once. What it writes does not depend on how its inputs interleave.
 */

import {
  fileSink,
  job,
  text,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type Collector,
} from 'millstream';
import { kafkaSink, kafkaSource } from '@millstream/kafka';
import { deskOf, MOVES, QUOTES, readMove, readQuote, WINDOW_MS } from './events.ts';
import { changed, line, openAccount, type Account } from './ledger.ts';
import { probeOf } from './phases.ts';
import { probedSink, probedSource, probedStore } from './probed.ts';

/** What the job is told. */
export interface ChaosParameters {
  readonly brokers: string;
  /** Where its checkpoints, its working files, its output and the pipe of the probe lie. */
  readonly directory: string;
  readonly output: string;
  readonly unaligned: boolean;
  readonly stateMemoryMegabytes: number;
}

export const GROUP = 'chaos';

export default job('chaos', (env, given) => {
  const { brokers, directory, output, unaligned, stateMemoryMegabytes } = given as unknown as ChaosParameters;
  const probe = probeOf(directory);
  env.set({
    parallelism: 2,
    maxParallelism: 32,
    stateBackend: 'disk',
    stateMemoryMegabytes,
    stateDirectory: `${directory}/state`,
    autoWatermarkIntervalMs: 20,
    restart: { kind: 'fixed-delay', attempts: 1_000_000, delayMs: 20 },
    checkpoint: {
      intervalMs: 200,
      timeoutMs: 60_000,
      tolerableFailures: 1_000_000,
      unaligned,
      alignedTimeoutMs: unaligned ? 20 : 0,
      directory: probedStore(`${directory}/checkpoints`, probe),
    },
  });
  const strategy = WatermarkStrategy.forMonotonousTimestamps<string>();
  const from = (topic: string): ReturnType<typeof kafkaSource<string>> =>
    probedSource(kafkaSource({ brokers, topics: [topic], groupId: GROUP, value: String }), probe);
  const moves = env.fromSource(from(MOVES), strategy, MOVES).uid(MOVES).map(readMove);
  const quotes = env.fromSource(from(QUOTES), strategy, QUOTES).uid(QUOTES).map(readQuote);

  moves
    .keyBy(({ account }) => account)
    .process({
      state: { account: valueState<Account>('account') },
      open: () => {
        probe.begin('restore');
        probe.hold('restore');
        probe.end('restore');
        probe.opened();
      },
      processElement({ kind, account, amount }, ctx, out: Collector<string>) {
        let own = ctx.state.account.value() ?? openAccount(account);
        if (kind === 'move') own = changed(own, amount);
        if (kind !== 'audit') ctx.state.account.update(own);
        if (kind !== 'open') out.collect(line(kind, account, own));
      },
    })
    .uid('ledger')
    .sinkTo(
      probedSink(
        fileSink<string>({
          path: `${directory}/files`,
          format: text(),
          bucket: () => '',
          rolling: { onCheckpoint: true },
        }),
        probe,
      ),
    )
    .uid('files');

  const changes = moves.filter(({ kind }) => kind === 'move');
  const windows = changes
    .keyBy(({ account }) => deskOf(account))
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .aggregate(
      {
        createAccumulator: () => ({ count: 0, sum: 0 }),
        add: ({ amount }, { count, sum }) => ({ count: count + 1, sum: sum + amount }),
        getResult: (totals) => totals,
        merge: (a, b) => ({ count: a.count + b.count, sum: a.sum + b.sum }),
      },
      {
        process: (desk: number, context, [totals], out: Collector<string>) =>
          out.collect(`window ${desk} ${context.window().start} ${totals?.count} ${totals?.sum}`),
      },
    )
    .uid('windows');
  const joins = changes
    .join(quotes)
    .where(({ account }) => deskOf(account))
    .equalTo(({ desk }) => desk)
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .apply(({ account, amount }, { price }) => `join ${deskOf(account)} ${amount} ${price}`)
    .uid('joins');
  windows
    .union(joins)
    .sinkTo(
      probedSink(
        kafkaSink<string>({
          brokers,
          topic: output,
          value: (record) => record,
          deliveryGuarantee: 'exactly-once',
          transactionalIdPrefix: 'chaos',
        }),
        probe,
      ),
    )
    .uid('kafka');
});
