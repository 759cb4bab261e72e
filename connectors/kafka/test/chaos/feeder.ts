/**
 * Feeds the input while brokers die: each record exactly once. A partition has one writer, so that its end says what
 * arrived; after a failure the feeder goes on from there.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer } from 'kafkajs';
import { MOVES, PARTITIONS, QUOTES, type EventMaker, type Written } from './events.ts';

/** Records of one request. */
const CHUNK = 10_000;

const PAUSE_MS = 100;

export class Feeder {
  readonly #kafka: () => Kafka;
  readonly #events: EventMaker;
  readonly #arrived = new Map<string, number>();
  #producer: Producer | undefined;

  /** @param kafka makes a client; after a failure a new one, with new connections. */
  constructor(kafka: () => Kafka, events: EventMaker) {
    this.#kafka = kafka;
    this.#events = events;
  }

  /** Records that the input holds. */
  get fed(): number {
    return [...this.#arrived.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Ends of the partitions of a topic. */
  ends(topic: string): readonly number[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => this.#arrived.get(`${topic} ${partition}`) ?? 0);
  }

  /** Opens or audits accounts. */
  async each(kind: 'open' | 'audit', accounts: number): Promise<void> {
    for (let from = 0; from < accounts; from += CHUNK)
      await this.#write(MOVES, [...this.#events.each(kind, from, Math.min(accounts, from + CHUNK))]);
  }

  /** One tick of event time. */
  async tick(moves: number, quotes: number): Promise<void> {
    const tick = this.#events.tick(moves, quotes);
    await this.#write(MOVES, tick.moves);
    await this.#write(QUOTES, tick.quotes);
  }

  /** Ticks as the time passes, until told to stop. */
  async run(
    rate: { readonly moves: number; readonly quotes: number; readonly tickMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      await this.tick(rate.moves, rate.quotes);
      await sleep(Math.max(0, rate.tickMs - (performance.now() - began)));
    }
  }

  async #write(topic: string, records: readonly Written[]): Promise<void> {
    await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) =>
        this.#writeTo(
          topic,
          partition,
          records.filter((record) => record.partition === partition),
        ),
      ),
    );
  }

  async #writeTo(topic: string, partition: number, records: readonly Written[]): Promise<void> {
    if (records.length === 0) return;
    const name = `${topic} ${partition}`;
    const begin = this.#arrived.get(name) ?? 0;
    let left = records;
    while (left.length > 0) {
      try {
        const producer = await this.#connected();
        await producer.send({ topic, messages: left.map((record) => ({ ...record })), acks: -1, timeout: 5_000 });
        left = [];
      } catch {
        const end = await this.#end(topic, partition);
        left = records.slice(end - begin);
      }
    }
    this.#arrived.set(name, begin + records.length);
  }

  async #connected(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer;
    const producer = this.#kafka().producer({ retry: { retries: 0 } });
    await producer.connect();
    return (this.#producer ??= producer);
  }

  async #end(topic: string, partition: number): Promise<number> {
    for (;;) {
      // What is still on its way over the old connections may not arrive any more.
      await this.close();
      await sleep(PAUSE_MS);
      const admin = this.#kafka().admin();
      try {
        await admin.connect();
        const offsets = await admin.fetchTopicOffsets(topic);
        const found = offsets.find((offset) => offset.partition === partition);
        if (found !== undefined) return Number(found.high);
      } catch {
        // The broker is not back yet.
      } finally {
        await admin.disconnect().catch(() => {});
      }
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => {});
  }
}
