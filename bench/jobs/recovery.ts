/**
 * Counts per key beside a heavy page, over two subtasks: all keys once, then a hundredth of them again and again. Each
 * subtask notes the first results of every attempt in a file; `parameters`: keys, bytes, perSecond, notes (a file),
 * backend, stateMemoryMegabytes.
 */

import { appendFileSync } from 'node:fs';
import { job, valueState, type Sink } from 'millstream';

const HOT_SHARE = 100;

interface Page {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Which key record `i` has, and how often that has been there with it. */
export function accessOf(i: number, keys: number): { readonly key: number; readonly count: number } {
  if (i < keys) return { key: i, count: 1 };
  const hot = Math.max(2, Math.floor(keys / HOT_SHARE));
  return { key: (i - keys) % hot, count: 2 + Math.floor((i - keys) / hot) };
}

/** `at` is the time by the clock, `keyed` how much of the state the subtask has been seen to have. */
export interface Note {
  readonly attempt: number;
  readonly subtask: number;
  readonly at: number;
  readonly i: number;
  readonly count: number;
}

interface Counted {
  readonly i: number;
  readonly count: number;
}

/** Notes of each attempt the first record, and then one in so many. */
const NOTED = 1_000;

function notingSink(path: string): Sink<Counted> {
  return {
    name: 'notes',
    guarantee: 'at-least-once',
    createWriter: ({ attempt, subtask }) => {
      let seen = 0;
      return {
        write: ({ i, count }) => {
          if (seen++ % NOTED !== 0) return;
          const note: Note = { attempt, subtask, at: Date.now(), i, count };
          appendFileSync(path, `${JSON.stringify(note)}\n`);
        },
        flush: () => {},
        close: () => {},
      };
    },
  };
}

export default job('recovery', (env, parameters) => {
  const keys = Number(parameters['keys']);
  const bytes = Number(parameters['bytes']);
  env.setParallelism(2);
  env.setRestartStrategy({ kind: 'fixed-delay', attempts: 100, delayMs: 0 });
  env
    .fromGenerator((i) => i, {
      count: Number.MAX_SAFE_INTEGER,
      recordsPerSecond: Number(parameters['perSecond']),
    })
    .setParallelism(1)
    .uid('source')
    .keyBy((i) => accessOf(i, keys).key)
    .process<Counted, { page: ReturnType<typeof valueState<Page>> }>({
      state: { page: valueState<Page>('page') },
      processElement(i, ctx, out) {
        const before = ctx.state.page.value();
        const page = { count: (before?.count ?? 0) + 1, bytes: before?.bytes ?? new Uint8Array(bytes).fill(i) };
        ctx.state.page.update(page);
        out.collect({ i, count: page.count });
      },
    })
    .uid('pages')
    .sinkTo(notingSink(String(parameters['notes'])))
    .uid('notes');
});
