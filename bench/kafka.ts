/**
 * End to end through Kafka, exactly once, with a checkpoint every 100 ms: how many records of 100 bytes two cores carry
 * beside what the broker uses, and how late a record is that somebody reads who sees committed ones only.
 *
 * The broker is a real one in a process of its own, on the same machine: the figure is records by the processor time of
 * the job alone, twice; `recordsPerSecond` is what came out by the clock, with the broker taking its share of the cores.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster } from 'millstream';
import { KafkaCluster } from '../connectors/kafka/test/broker/cluster.ts';
import { median, scaled, WrongResult, type Benchmark, type Extent, type Figure, type Outcome } from './benchmark.ts';

const RECORDS = 4_000_000;
const RECORD_BYTES = 100;
const CHECKPOINT_MS = 100;
const PARALLELISM = 2;
const CORES = 2;
const RECORDS_PER_SECOND_LEAST = 200_000;

const LATENCY_MS_MOST = 400;
const LATENCY_PER_SECOND = 20_000;
const LATENCY_SECONDS = 20;
const TICK_MS = 5;

const FILL = new URL('./jobs/kafka-fill.ts', import.meta.url);
const JOB = new URL('./jobs/kafka.ts', import.meta.url);

export const kafka: Benchmark = {
  name: 'kafka',
  run: async (extent) => {
    const broker = await KafkaCluster.start();
    try {
      return [await throughput(broker, extent), ...(await latency(broker, extent))];
    } finally {
      await broker.stop();
    }
  },
};

async function throughput(broker: KafkaCluster, { scale, runs }: Extent): Promise<Outcome> {
  const records = scaled(RECORDS, scale);
  const brokers = broker.bootstrap;
  await broker.createTopic('from', PARALLELISM);
  await using cluster = await LocalCluster.start({ slots: PARALLELISM });
  const filling = await cluster.run(FILL, { parameters: { brokers, to: 'from', records, parallelism: PARALLELISM } });
  await filling.result();
  const figures: Figure[] = [];
  // The first one warms up.
  for (let run = 0; run <= runs; run++) {
    const to = `to-${run}`;
    await broker.createTopic(to, PARALLELISM);
    const parameters = {
      brokers,
      from: 'from',
      to,
      end: records / PARALLELISM,
      parallelism: PARALLELISM,
      checkpointMs: CHECKPOINT_MS,
    };
    const cpu = process.cpuUsage();
    const start = performance.now();
    const client = await cluster.run(JOB, { parameters });
    const { checkpoints } = await client.result();
    const wallSeconds = (performance.now() - start) / 1_000;
    const used = process.cpuUsage(cpu);
    const cpuSeconds = (used.user + used.system) / 1e6;
    await checkSum(broker, to, records);
    if (run === 0) continue;
    const perCpuSecond = records / cpuSeconds;
    figures.push({
      benchmark: 'kafka',
      parameters: {
        figure: 'throughput',
        recordBytes: RECORD_BYTES,
        checkpointMs: CHECKPOINT_MS,
        parallelism: PARALLELISM,
        checkpoints,
      },
      records,
      wallSeconds,
      cpuSeconds,
      recordsPerSecond: records / wallSeconds,
      recordsPerCpuSecond: perCpuSecond,
      value: CORES * perCpuSecond,
      unit: 'records per second of two cores beside the broker',
      target: RECORDS_PER_SECOND_LEAST,
    });
  }
  const figure = median(figures, ({ cpuSeconds }) => cpuSeconds ?? 0);
  return { figure, target: { measure: 'recordsPerCpuSecond', value: RECORDS_PER_SECOND_LEAST / CORES } };
}

/** Every number came through once, by kafkajs. */
async function checkSum(broker: KafkaCluster, topic: string, records: number): Promise<void> {
  let count = 0;
  let sum = 0;
  const done = Promise.withResolvers<void>();
  const admin = broker.client().admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  const consumer = broker.client().consumer({ groupId: `check-${topic}`, readUncommitted: false });
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (Number(payload.lastOffset) + 1 >= (ends.get(payload.partition) ?? 0)) ends.delete(payload.partition);
    if (ends.size === 0) done.resolve();
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) {
        count++;
        sum += Number(value);
      }
    },
  });
  // What follows the last record is a mark, which is told of only when more comes.
  await Promise.race([done.promise, quiet(() => count, records)]);
  await consumer.disconnect();
  const expected = (records * (records - 1)) / 2;
  if (count !== records || sum !== expected)
    throw new WrongResult(`${count} records with the sum ${sum} came out of ${records} with the sum ${expected}.`);
}

/** Resolves when everything is there, and a while has brought no more; or nothing has come for long. */
async function quiet(count: () => number, expected: number): Promise<void> {
  for (let before = -1, still = 0; still < (before === expected ? 5 : 100);) {
    await sleep(100);
    still = count() === before ? still + 1 : 0;
    before = count();
  }
}

async function latency(broker: KafkaCluster, { scale }: Extent): Promise<readonly Outcome[]> {
  const seconds = Math.max(1, LATENCY_SECONDS * Math.min(1, scale));
  const brokers = broker.bootstrap;
  await broker.createTopic('paced', PARALLELISM);
  await broker.createTopic('read', PARALLELISM);
  await using cluster = await LocalCluster.start({ slots: PARALLELISM });
  const parameters = { brokers, from: 'paced', to: 'read', parallelism: PARALLELISM, checkpointMs: CHECKPOINT_MS };
  const client = await cluster.run(JOB, { parameters });
  const times: number[] = [];
  const consumer = broker.client().consumer({ groupId: 'reader', readUncommitted: false, maxWaitTimeInMs: TICK_MS });
  await consumer.connect();
  await consumer.subscribe({ topic: 'read', fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const now = Date.now();
      for (const { value } of batch.messages) times.push(now - Number(value));
    },
  });
  const sent = await pace(broker, LATENCY_PER_SECOND * Math.min(1, scale * 10), seconds);
  await quiet(() => times.length, sent);
  await consumer.disconnect();
  await client.cancel();
  if (times.length !== sent) throw new WrongResult(`${times.length} records came out of ${sent}.`);
  // The first quarter meets cold code.
  const sorted = times.slice(times.length >> 2).toSorted((a, b) => a - b);
  return [0.5, 0.99].map((quantile): Outcome => {
    const milliseconds = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
    const figure: Figure = {
      benchmark: 'kafka',
      parameters: {
        figure: 'latency',
        quantile: `p${quantile * 100}`,
        recordsPerSecond: Math.round(sent / seconds),
        checkpointMs: CHECKPOINT_MS,
        parallelism: PARALLELISM,
      },
      records: sent,
      milliseconds,
      value: milliseconds,
      unit: 'ms from being written to the input to being read committed from the output',
    };
    if (quantile !== 0.99) return { figure };
    return {
      figure: { ...figure, target: LATENCY_MS_MOST },
      target: { measure: 'milliseconds', value: LATENCY_MS_MOST, atMost: true },
    };
  });
}

/** Writes records that say when they were made. */
async function pace(broker: KafkaCluster, perSecond: number, seconds: number): Promise<number> {
  const producer = broker.client().producer();
  await producer.connect();
  const total = Math.round(perSecond * seconds);
  const start = performance.now();
  const sending = new Set<Promise<unknown>>();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * perSecond));
    const messages = Array.from({ length: due - sent }, (_, i) => ({
      value: String(Date.now()).padStart(RECORD_BYTES, '0'),
      partition: (sent + i) % PARALLELISM,
    }));
    sent = due;
    if (messages.length > 0) {
      const send = producer.send({ topic: 'paced', messages });
      sending.add(send);
      void send.finally(() => sending.delete(send));
    }
    await sleep(TICK_MS);
  }
  await Promise.all(sending);
  await producer.disconnect();
  return total;
}
