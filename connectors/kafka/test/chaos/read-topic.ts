/** Reads all that is committed in a topic with kafkajs, which shares no code with the connector. */

import type { Kafka } from 'kafkajs';
import type { ReadRecord } from './truth.ts';

let groups = 0;

export async function readTopic(kafka: Kafka, topic: string): Promise<ReadRecord[]> {
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const ends = new Map(
    offsets.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, Number(high)]),
  );
  const records: ReadRecord[] = [];
  if (ends.size === 0) return records;
  const consumer = kafka.consumer({
    groupId: `reader-${process.pid}-${groups++}`,
    readUncommitted: false,
    maxBytesPerPartition: 8 * 1024 * 1024,
  });
  const done = Promise.withResolvers<void>();
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));
  // Batches of which nothing is committed, and marks, are told of only here.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) =>
    reached(payload.partition, Number(payload.lastOffset)),
  );
  const reached = (partition: number, last: number): void => {
    const end = ends.get(partition);
    if (end !== undefined && last + 1 >= end) ends.delete(partition);
    if (ends.size === 0) done.resolve();
  };
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const { value, timestamp } of batch.messages)
        records.push({ value: String(value), timestamp: Number(timestamp) });
      reached(batch.partition, Number(batch.lastOffset()));
    },
  });
  await done.promise;
  await consumer.disconnect();
  return records;
}
