/** What every sink that commits must keep, checked against a sink as it is: `assertCommits`. */

import { inspect } from 'node:util';
import type { Sink } from '../connect/sink.ts';
import type { ConnectorWorld } from '../connect/source.ts';
import { runSink, type SinkRun, type SinkSnapshot } from './connector-harness.ts';
import { multisetDifference } from './simulation/multiset.ts';

/** A fresh place to write to, and the sink that writes there. */
export interface CommitTarget<T> {
  /** Called for every instance: each is another process. */
  readonly makeSink: () => Sink<T, never, never> | Sink<T>;
  /** What a reader sees there. */
  readonly published: () => Promise<readonly T[]> | readonly T[];
  /** Where the sink finds its files and sockets. Default the real World. */
  readonly world?: ConnectorWorld;
  /** Takes the place away. */
  readonly close?: () => void | Promise<void>;
}

/** What is written, and how. */
export interface CommitContractOptions<T> {
  /** At least three different values. */
  readonly values: readonly T[];
  /** Of the writers that go on after a restore. Default 1; those before are two, where the sink allows it. */
  readonly restoredParallelism?: number;
}

/** One situation: writes into a fresh place, and checks what is seen there. */
type Situation<T> = (situation: Situated<T>) => Promise<void>;

const SITUATIONS: Readonly<Record<string, Situation<never>>> = {
  'nothing is seen before the commit, and everything behind it': nothingBefore,
  'the same is committed twice': twice,
  'the process dies before the commit, and another one commits': otherProcess,
  'the process dies behind the commit, before anybody notes it, and another one commits again': again,
  'two processes commit the same, as one that was given up is still alive': zombie,
  'a savepoint is taken': savepoint,
  'a savepoint is restored twice': savepointTwice,
  'a savepoint is restored when what it holds was committed since': savepointLater,
};

/**
 * Asserts that a sink commits as the contract asks: nothing is seen before its checkpoint is complete, committing again
 * changes nothing, and any other process can commit from the checkpoint alone; savepoints commit nothing, and may be
 * restored more than once and late. For sinks that are exactly once.
 *
 * @param makeTarget Makes a fresh place to write to, for each situation.
 * @throws an error that names the situation, and the values that are missing or too many.
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir, readFile } from 'node:fs/promises';
 * await assertCommits<string>(
 *   async () => {
 *     const path = await mkdtemp('/tmp/sink-');
 *     return {
 *       makeSink: () => fileSink<string>({ path, format: text(), bucket: noBuckets() }),
 *       published: async () => {
 *         const names = (await readdir(path)).filter((name) => !name.startsWith('.'));
 *         const texts = await Promise.all(names.map((name) => readFile(`${path}/${name}`, 'utf8')));
 *         return texts.flatMap((content) => content.split('\n').slice(0, -1));
 *       },
 *     };
 *   },
 *   { values: ['a', 'b', 'c'] },
 * );
 * ```
 */
export async function assertCommits<T>(
  makeTarget: () => CommitTarget<T> | Promise<CommitTarget<T>>,
  options: CommitContractOptions<T>,
): Promise<void> {
  for (const [name, situation] of Object.entries(SITUATIONS)) {
    const target = await makeTarget();
    const situated = new Situated(target, options);
    try {
      await (situation as unknown as Situation<T>)(situated);
    } catch (error) {
      throw new Error(`When ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      await situated.close();
      await target.close?.();
    }
  }
}

/** The instances of a sink in one situation. */
class Situated<T> {
  readonly #target: CommitTarget<T>;
  readonly #options: CommitContractOptions<T>;
  readonly #runs = new Set<SinkRun<T>>();
  #jobs = 0;

  constructor(target: CommitTarget<T>, options: CommitContractOptions<T>) {
    this.#target = target;
    this.#options = options;
  }

  /** Another process of the same job, or, where it is `forked`, of another. */
  async start(restore?: SinkSnapshot, forked = false): Promise<SinkRun<T>> {
    const { makeSink, world } = this.#target;
    const { restoredParallelism = 1 } = this.#options;
    const run = await runSink(makeSink() as Sink<T>, {
      parallelism: restore === undefined ? 2 : restoredParallelism,
      jobId: forked ? `fork-${++this.#jobs}` : 'job',
      checkpointing: { intervalMs: 60_000, timeoutMs: 600_000 },
      ...(world === undefined ? {} : { world }),
      ...(restore === undefined ? {} : { restore }),
    });
    this.#runs.add(run);
    return run;
  }

  async write(run: SinkRun<T>): Promise<void> {
    for (const [index, value] of this.#options.values.entries())
      await run.write(value, { subtask: index % run.parallelism });
  }

  async die(run: SinkRun<T>): Promise<void> {
    this.#runs.delete(run);
    await run.close();
  }

  /** Goes on to the end of an empty input. */
  async finish(run: SinkRun<T>): Promise<void> {
    await run.finish();
    await this.die(run);
  }

  /** Asserts that a reader sees all values, each once, or nothing. */
  async sees(what: 'everything' | 'nothing', when: string): Promise<void> {
    const expected = what === 'everything' ? this.#options.values : [];
    const { missing, extra } = multisetDifference(expected, await this.#target.published());
    if (missing.length === 0 && extra.length === 0) return;
    const list = (values: readonly unknown[]): string => inspect(values, { maxArrayLength: 5, breakLength: Infinity });
    throw new Error(`${when} a reader misses ${list(missing)} and sees ${list(extra)} too many`);
  }

  async close(): Promise<void> {
    for (const run of this.#runs) await run.close();
  }
}

async function nothingBefore<T>(at: Situated<T>): Promise<void> {
  const run = await at.start();
  await at.write(run);
  await at.sees('nothing', 'before the checkpoint');
  const checkpoint = await run.checkpoint();
  await at.sees('nothing', 'before the commit');
  await run.commit(checkpoint);
  await at.finish(run);
  await at.sees('everything', 'at the end');
}

async function twice<T>(at: Situated<T>): Promise<void> {
  const run = await at.start();
  await at.write(run);
  await run.checkpoint().then((checkpoint) => commitTwice(run, checkpoint));
  const last = await run.finalCheckpoint();
  await commitTwice(run, last);
  await at.sees('everything', 'at the end');
}

async function commitTwice<T>(run: SinkRun<T>, checkpoint: SinkSnapshot): Promise<void> {
  const first = await run.commit(checkpoint);
  const second = await run.commit(checkpoint);
  const [failure] = [...first.failed, ...second.failed];
  if (failure !== undefined) throw failure;
  if (second.already !== first.committed + first.already)
    throw new Error(
      `the committer calls ${second.already} of ${first.committed + first.already} committables committed already, the second time`,
    );
}

async function otherProcess<T>(at: Situated<T>): Promise<void> {
  const first = await at.start();
  await at.write(first);
  const checkpoint = await first.checkpoint();
  await at.die(first);
  await at.sees('nothing', 'before the restore');
  await at.finish(await at.start(checkpoint));
  await at.sees('everything', 'at the end');
}

async function again<T>(at: Situated<T>): Promise<void> {
  const first = await at.start();
  await at.write(first);
  const checkpoint = await first.checkpoint();
  await first.commit(checkpoint);
  await at.die(first);
  for (let restart = 0; restart < 2; restart++) await at.die(await at.start(checkpoint));
  await at.finish(await at.start(checkpoint));
  await at.sees('everything', 'at the end');
}

async function zombie<T>(at: Situated<T>): Promise<void> {
  const first = await at.start();
  await at.write(first);
  const checkpoint = await first.checkpoint();
  const second = await at.start(checkpoint);
  // It wakes up, and hears at last that its checkpoint was complete. It may find that it has been fenced off.
  await first.commit(checkpoint).catch(() => {});
  await at.finish(second);
  await at.sees('everything', 'at the end');
}

async function savepoint<T>(at: Situated<T>): Promise<void> {
  const run = await at.start();
  await at.write(run);
  await run.commit(await run.savepoint());
  await at.sees('nothing', 'behind the savepoint');
  await at.finish(run);
  await at.sees('everything', 'at the end');
}

async function savepointTwice<T>(at: Situated<T>): Promise<void> {
  const first = await at.start();
  await at.write(first);
  const taken = await first.savepoint();
  await at.die(first);
  for (let restore = 1; restore <= 2; restore++) {
    await at.finish(await at.start(taken, true));
    await at.sees('everything', `after restore ${restore}`);
  }
}

async function savepointLater<T>(at: Situated<T>): Promise<void> {
  const first = await at.start();
  await at.write(first);
  const taken = await first.savepoint();
  await at.finish(first);
  await at.sees('everything', 'before the restore');
  await at.finish(await at.start(taken, true));
  await at.sees('everything', 'at the end');
}
