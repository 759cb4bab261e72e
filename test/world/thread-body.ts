/** What the threads of threads.test.ts do: the input says which. */

import { getHeapSpaceStatistics } from 'node:v8';
import { ring } from '../../src/base/doorbell.ts';
import { threadHost } from '../../src/world/thread-host.ts';

const host = threadHost();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const BODIES: Readonly<Record<string, (argument: never) => unknown>> = {
  echo: () => host.onMessage((message) => host.post(message)),
  /** Takes its messages without its event loop. */
  poll: () => {
    for (let sum = 0; ;) {
      const letter = host.poll();
      if (letter === undefined) continue;
      if (letter.message === 'end') return host.post(sum);
      sum += letter.message as number;
    }
  },
  throw: () => {
    throw new RangeError('thrown on purpose');
  },
  exit: () => process.exit(7),
  loop: () => {
    host.post('looping');
    for (;;);
  },
  /** Grows one table, turn by turn: the allocation that meets the limit is large. */
  leakTable: async () => {
    const table = new Map<number, number>();
    for (;;) {
      for (let count = 0; count < 20_000; count++) table.set(table.size, table.size);
      await turn();
    }
  },
  leakArray: async () => {
    const numbers: number[] = [];
    for (;;) {
      for (let count = 0; count < 50_000; count++) numbers.push(numbers.length + 0.5);
      await turn();
    }
  },
  /** Holds far less than the limit and makes far more garbage. */
  churn: async () => {
    let kept: unknown[] = [];
    for (let round = 0; round < 300; round++) {
      kept = Array.from({ length: 20_000 }, (_, index) => ({ index, text: `text ${index}` }));
      await turn();
    }
    host.post(kept.length);
  },
  /** Makes objects that live for a short while, and tells how many megabytes the young generation has become. */
  youth: async () => {
    const kept: unknown[][] = [];
    for (let round = 0; round < 150; round++) {
      kept[round % 8] = Array.from({ length: 20_000 }, (_, index) => ({ index, text: `text ${index}` }));
      await turn();
    }
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    host.post(Math.round((young?.space_size ?? 0) / 2 ** 20));
  },
  /** Counts in shared memory and rings after each step; sometimes yields, so that the waiter falls asleep. */
  ringer: async ({ counter, cell, count }: { counter: Int32Array; cell: Int32Array; count: number }) => {
    for (let step = 0; step < count; step++) {
      Atomics.add(counter, 0, 1);
      ring(cell);
      if (step % 100 === 0) await turn();
    }
  },
};

const { body, argument } = host.input as { readonly body: string; readonly argument: never };
await BODIES[body]?.(argument);
