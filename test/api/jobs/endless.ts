/** Counts what it has processed, and how much of that its last snapshot covers, in two accumulators. */

import { IntCounter, job, type MapFunction, type RuntimeContext } from 'millstream';

class Counting implements MapFunction<number, number> {
  #processed = new IntCounter();
  #covered = new IntCounter();
  #since = 0;

  open(context: RuntimeContext): void {
    this.#processed = context.addAccumulator('processed', this.#processed);
    this.#covered = context.addAccumulator('covered', this.#covered);
  }

  map(value: number): number {
    this.#processed.add(1);
    this.#since++;
    return value;
  }

  initializeState(): void {}

  snapshotState(): void {
    this.#covered.add(this.#since);
    this.#since = 0;
  }
}

export default job('endless', (env) => {
  env
    .fromGenerator((index) => index, { recordsPerSecond: 10_000 })
    .map(Counting)
    .filter(() => false)
    .collect('nothing');
});
