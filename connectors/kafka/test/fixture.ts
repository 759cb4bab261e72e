/** What the tests against brokers have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRealWorld } from '../../../src/world/real-world.ts';
import type { ConnectorWorld, MetricGroup } from 'millstream';
import type { KafkaClient, KafkaMessage } from '@millstream/kafka';
import { connectionSettings } from '../src/connection-options.ts';
import { PlatformClient } from '../src/platform-client.ts';
import { retry } from '../src/retry.ts';
import type { KafkaCluster } from './broker/cluster.ts';

export const WORLD: ConnectorWorld = createRealWorld();

/** The client under test, by itself. */
export function clientOf(cluster: KafkaCluster): PlatformClient {
  return new PlatformClient(connectionSettings('test', { brokers: cluster.bootstrap }), 'test');
}

let topics = 0;

/** A name that no other test of the file uses. */
export function freshTopic(name = 'topic'): string {
  return `${name}-${++topics}`;
}

/** What one may write with kafkajs. */
export interface Written {
  readonly key?: string | null;
  readonly value: string | Buffer | null;
  readonly partition?: number;
  readonly timestamp?: string;
  readonly headers?: Record<string, string>;
}

/** Writes by the second client. */
export async function write(cluster: KafkaCluster, topic: string, messages: readonly Written[]): Promise<void> {
  // A write of which a part failed is tried again as a whole.
  const producer = cluster.client().producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await producer.send({ topic, messages: messages.map((message) => ({ ...message })) });
  await producer.disconnect();
}

/** Writes by the second client, in transactions that end as told. */
export async function writeTransactions(
  cluster: KafkaCluster,
  topic: string,
  transactions: readonly { readonly values: readonly string[]; readonly end: 'commit' | 'abort' }[],
): Promise<void> {
  const producer = cluster
    .client()
    .producer({ transactionalId: `oracle-${topic}`, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const { values, end } of transactions) {
    const transaction = await producer.transaction();
    // Each in a batch of its own.
    for (const value of values) await transaction.send({ topic, messages: [{ value, partition: 0 }] });
    await transaction[end]();
  }
  await producer.disconnect();
}

/** Reads what is committed by a client that shares no code with the one under test, until there are `count` records. */
export async function read(cluster: KafkaCluster, topic: string, count: number): Promise<KafkaMessage[]> {
  const giveUpAt = Date.now() + 20_000;
  for (;;) {
    const messages = await cluster.oracle.read(cluster.bootstrap, topic);
    // Brokers answer a commit before readers can see it.
    if (messages.length >= count || Date.now() > giveUpAt) return messages;
    await sleep(50);
  }
}

/** The values of {@link read}, sorted. */
export async function readValues(cluster: KafkaCluster, topic: string, count: number): Promise<string[]> {
  const messages = await read(cluster, topic, count);
  return messages.map(({ value }) => String(value)).toSorted();
}

/** Repeats what a cluster that has just come up may refuse. */
export async function patiently<T>(client: KafkaClient, work: () => Promise<T>): Promise<T> {
  const { signal } = new AbortController();
  return await retry({ world: WORLD, client, timeoutMs: 20_000, signal }, work);
}

/** Waits for something that has no promise. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(`Waited in vain: ${what}`);
    await sleep(20);
  }
}

/** Metrics by their path. */
export class Metrics implements MetricGroup {
  readonly #gauges: Map<string, () => number>;
  readonly #counters: Map<string, { count: number; inc(by?: number): void; mark(by?: number): void }>;
  readonly #prefix: string;

  constructor(parent?: Metrics, name = '') {
    this.#gauges = parent === undefined ? new Map() : parent.#gauges;
    this.#counters = parent === undefined ? new Map() : parent.#counters;
    this.#prefix = parent === undefined ? '' : `${parent.#prefix}${name}.`;
  }

  counter(name: string): { count: number; inc(by?: number): void; mark(by?: number): void } {
    const path = this.#prefix + name;
    let counter = this.#counters.get(path);
    if (counter === undefined) {
      const made = {
        count: 0,
        inc: (by = 1): void => void (made.count += by),
        mark: (by = 1): void => void (made.count += by),
      };
      this.#counters.set(path, (counter = made));
    }
    return counter;
  }

  meter(name: string): { count: number; inc(by?: number): void; mark(by?: number): void } {
    return this.counter(name);
  }

  gauge(name: string, read: () => number): void {
    this.#gauges.set(this.#prefix + name, read);
  }

  histogram(): never {
    throw new Error('the Kafka connector keeps no histograms');
  }

  group(name: string): Metrics {
    return new Metrics(this, name);
  }

  value(path: string): number {
    const value = this.#gauges.get(path)?.() ?? this.#counters.get(path)?.count;
    if (value === undefined) throw new Error(`there is no metric ${path}`);
    return value;
  }
}
