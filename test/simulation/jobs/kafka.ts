/**
 * Kafka to Kafka, exactly once: counts per key, written in transactions. What a reader of committed records sees in the
 * end is what it sees without faults, each record once, whatever happened to the brokers and to the cluster.
 */

import { job } from 'millstream';
import { kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';
import { SimulatedKafka, simulatedKafkaClient } from '@millstream/kafka/testing';
import type { SimulatedDisk } from '../../../src/testing/simulation/storage.ts';
import type { Simulation } from '../../../src/testing/simulated-world.ts';
import type { SimulatedRun } from '../../../src/testing/simulation/simulated-run.ts';
import { multisetDifference } from '../../../src/testing/simulation/multiset.ts';

const PARTITIONS = 3;
const RECORDS = 300;
const KEYS = 9;

/** As long as a run may take with all its restarts; an expired transaction is data loss. */
const TRANSACTION_TIMEOUT_MS = 600_000;

/** Faults of the brokers fall into this time, as do most of a run's. */
const FAULTS_WITHIN_MS = 500;

/** The cluster of each run. */
const clusters = new WeakMap<SimulatedDisk, SimulatedKafka>();

const CLUSTER = { brokers: 'simulated', client: simulatedKafkaClient };

export default job('kafka', (env) => {
  env.setParallelism(2);
  env
    .fromSource(
      kafkaSource({
        ...CLUSTER,
        topics: ['words'],
        groupId: 'counts',
        value: String,
        bounded: OffsetsInitializer.latest(),
        // Many small fetches.
        partitionFetchBytes: 400,
        bufferBytes: 800,
      }),
    )
    .map((word) => ({ word, count: 1 }))
    .keyBy((one) => one.word)
    .reduce((a, b) => ({ word: a.word, count: a.count + b.count }))
    .sinkTo(
      kafkaSink({
        ...CLUSTER,
        topic: 'counts',
        key: ({ word }) => word,
        value: ({ word, count }) => `${word} ${count}`,
        deliveryGuarantee: 'exactly-once',
        transactionalIdPrefix: 'counts',
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
        batchBytes: 300,
        lingerMs: 1,
      }),
    );
});

export function prepare(disk: SimulatedDisk, simulation: Simulation): void {
  const kafka = new SimulatedKafka(simulation);
  clusters.set(disk, kafka);
  kafka.createTopic('words', PARTITIONS);
  kafka.createTopic('counts', PARTITIONS);
  for (let n = 0; n < RECORDS; n++)
    kafka.write('words', [{ value: `word-${(n * n) % KEYS}-${n % 2}`, partition: n % PARTITIONS }]);
  if (simulation.seed !== 0) kafka.disturb({ withinMs: FAULTS_WITHIN_MS });
}

/** What was committed, and that nothing is left open. */
export function check(run: SimulatedRun, undisturbed: SimulatedRun): void {
  for (const each of [run, undisturbed]) clusterOf(each).settle();
  const { missing, extra } = multisetDifference(written(undisturbed), written(run));
  const open = clusterOf(run)
    .transactions()
    .filter(({ state }) => state === 'Ongoing');
  if (missing.length === 0 && extra.length === 0 && open.length === 0) return;
  throw new Error(
    `missing ${missing.join(', ')}; extra ${extra.join(', ')}; open ${open.map((one) => one.transactionalId).join(', ')}. Faults: ${run.faults.join('; ')}.`,
  );
}

function written(run: SimulatedRun): readonly string[] {
  return clusterOf(run)
    .committed('counts')
    .map(({ value }) => Buffer.from(value ?? []).toString());
}

function clusterOf(run: SimulatedRun): SimulatedKafka {
  const kafka = clusters.get(run.disk);
  if (kafka === undefined) throw new Error('the run has no cluster of Kafka');
  return kafka;
}
