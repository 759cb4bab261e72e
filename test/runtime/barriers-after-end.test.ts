import assert from 'node:assert/strict';
import { test } from 'node:test';
import { job, type Sink, type SinkWriter } from 'millstream';
import type { ConnectorWorld } from '../../src/connect/source.ts';
import { simulate } from '../../src/testing/simulate.ts';

/** Takes its time to prepare, and cannot do it twice at once. */
class OneAtATime implements SinkWriter<number, number> {
  readonly #world: ConnectorWorld;
  #preparing = false;

  constructor(world: ConnectorWorld) {
    this.#world = world;
  }

  /** Slower than its sources, which have ended long before: then it has ended itself when it hears of checkpoints. */
  async write(): Promise<void> {
    await this.#world.storage.status('/');
  }

  flush(): void {}

  async prepareCommit(): Promise<readonly number[]> {
    assert.ok(!this.#preparing, 'one checkpoint is prepared after the other');
    this.#preparing = true;
    for (let i = 0; i < 10; i++) await this.#world.storage.status('/');
    this.#preparing = false;
    return [];
  }

  close(): void {}
}

const sink: Sink<number, number, never> = {
  name: 'one at a time',
  guarantee: 'exactly-once',
  createWriter: ({ world }) => new OneAtATime(world),
  createCommitter: () => ({ commit() {}, close() {} }),
};

test('a sink whose task has ended prepares for one checkpoint at a time', async () => {
  const program = job('ending', (env) => {
    env.fromSequence(1, 100).rebalance().sinkTo(sink);
  });
  const none = {
    crashes: 0,
    effectCrashes: 0,
    jobManagerCrashes: 0,
    hangs: 0,
    slowdowns: 0,
    partitions: 0,
    fullDisks: 0,
    resets: 0,
    savepoints: 0,
    stops: 0,
    cancels: 0,
  };
  await simulate(program, { seeds: 5, faults: none });
});
