/**
 * The examples that describe their job with an environment, and how each is simulated. Those that are job modules
 * (flights, savepoints) are among the jobs of `../jobs`.
 */

import type { SimulateOptions } from '../../../src/testing/simulate.ts';
import type { SimulatedFaults } from '../../../src/testing/simulation/simulated-run.ts';
import { multisetDifference } from '../../../src/testing/simulation/multiset.ts';

export interface SimulatedExample extends Pick<SimulateOptions, 'prepare' | 'check'> {
  readonly faults?: SimulatedFaults;
  /** The options that it is run with. */
  readonly arguments?: readonly string[];
  /** Whether it uses `setTimeout`, to stand for something outside. */
  readonly timers?: boolean;
  /** Whether its job fails by itself. */
  readonly mayRestart?: boolean;
  /** Of the lines that it prints itself. */
  readonly prints?: RegExp;
}

/** For sources that cannot be replayed: what such a job has read is gone with the attempt that read it. */
const NOTHING_LOST: SimulatedFaults = {
  crashes: 0,
  effectCrashes: 0,
  jobManagerCrashes: 0,
  hangs: 0,
  partitions: 0,
  fullDisks: 0,
  resets: 0,
  stops: 0,
  cancels: 0,
};

const WORDS_PORT = 9_999;
const WORDS = 'to be, or not to be, that is the question\nwhether it is nobler in the mind to suffer\n';

export const SIMULATED_EXAMPLES: Readonly<Record<string, SimulatedExample>> = {
  // Calls that are awaited take real turns of time: who hangs for longer than they may take misses their answers.
  'async-enrichment': { timers: true, faults: { hangs: 0, slowdowns: 0 } },
  auctions: {},
  'co-group': {},
  'connected-join': {},
  'control-stream': {},
  'custom-window': {},
  'early-results': {},
  'fraud-detection': {},
  // What processing time counts together differs from run to run, which is what the example shows.
  hashtags: {
    timers: true,
    faults: NOTHING_LOST,
    check: (run, undisturbed) => {
      const inEventTime = (one: typeof run): readonly unknown[] =>
        [...one.collected.values()].flat().filter((line) => !String(line).startsWith('processing'));
      const { missing, extra } = multisetDifference(inEventTime(undisturbed), inEventTime(run));
      if (missing.length + extra.length > 0) throw new Error(`missing ${missing.join()}, extra ${extra.join()}`);
    },
  },
  'interval-join': {},
  'own-operator': {},
  // Its table outlives the runs, so that it holds the rows of all of them: each number as often as every other.
  'own-sink': { mayRestart: true, prints: /^(\d+)00 rows, 200 different ones/ },
  'own-source': {},
  'sensor-temperatures': {},
  'side-outputs': {},
  // Forgets by the clock: who hangs, or starts again later, forgets what was to be remembered.
  'state-ttl': { timers: true, faults: { ...NOTHING_LOST, slowdowns: 0 } },
  'web-sessions': {},
  'window-joins': {},
  'word-count': {
    arguments: ['--port', String(WORDS_PORT)],
    faults: NOTHING_LOST,
    prepare: (_disk, simulation) =>
      simulation.serve('server', WORDS_PORT, (stream) => {
        void stream.write(new TextEncoder().encode(WORDS)).then(() => stream.close());
      }),
  },
};
