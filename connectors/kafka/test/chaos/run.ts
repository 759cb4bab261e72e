/**
 * The chaos test: runs the job in real processes, kills one of them again and again, and compares in the end what was
 * written with the truth, record by record.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessCluster, type JobClient } from 'millstream';
import { KafkaCluster } from '../broker/cluster.ts';
import { difference, isSame, told, type Difference } from './compare.ts';
import { Dice, EventMaker, MOVES, PARTITIONS, QUOTES, TICK_MS } from './events.ts';
import { Feeder } from './feeder.ts';
import { GROUP, type ChaosParameters } from './job.ts';
import { Killer, type Victim } from './killer.ts';
import { PhaseWatch, type Phase } from './phases.ts';
import { readTopic } from './read-topic.ts';
import { truthOf, type Truth } from './truth.ts';

export interface ChaosOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Accounts, each with a kilobyte of state. */
  readonly accounts: number;
  readonly unaligned: boolean;
  readonly log: (line: string) => void;
}

export interface ChaosReport {
  readonly seconds: number;
  readonly rounds: number;
  readonly perPhase: Readonly<Record<Phase, number>>;
  readonly perVictim: Readonly<Record<Victim, number>>;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Live bytes of keyed state, and of the working files of it, on disk before the first kill. */
  readonly stateBytes: number;
  readonly fileBytes: number;
  /** What the state took in the checkpoints at the same time. */
  readonly checkpointBytes: number;
  readonly restarts: number;
  readonly topic: Difference;
  readonly files: Difference;
  /** What the comparison says of one record that was taken away, and of one that was written twice. */
  readonly planted: { readonly loss: Difference; readonly duplicate: Difference };
}

const OUTPUT = 'output';

/** Changes and quotes in each tick of event time. */
const RATE = { moves: 60, quotes: 20, tickMs: TICK_MS };

/** After a kill the job must commit something new within this time. */
const PROGRESS_MS_MAX = 300_000;

const POLL_MS = 20;

const MEGABYTE = 1024 * 1024;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'millstream-chaos-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of ['files', 'state', 'jobs', 'checkpoints']) mkdirSync(join(directory, name));
  // Alone in its cluster, a broker that is slow must not be given up for dead.
  const broker = await KafkaCluster.start({
    settings: { 'broker.session.timeout.ms': 6_000, 'broker.heartbeat.interval.ms': 1_000 },
  });
  stack.defer(() => broker.stop());
  // By their event time the records are old, and brokers delete what is older than the retention.
  for (const topic of [MOVES, QUOTES, OUTPUT]) await broker.createTopic(topic, PARTITIONS, { 'retention.ms': '-1' });
  const watch = stack.use(new PhaseWatch(directory));
  const cluster = stack.use(
    await ProcessCluster.start({
      taskManagers: 2,
      jobDirectory: join(directory, 'jobs'),
      heartbeat: { intervalMs: 1_000, timeoutMs: 60_000 },
    }),
  );
  return await new ChaosRun(options, directory, broker, watch, cluster).run();
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #directory: string;
  readonly #broker: KafkaCluster;
  readonly #watch: PhaseWatch;
  readonly #cluster: ProcessCluster;
  readonly #feeder: Feeder;

  constructor(
    options: ChaosOptions,
    directory: string,
    broker: KafkaCluster,
    watch: PhaseWatch,
    cluster: ProcessCluster,
  ) {
    this.#options = options;
    this.#directory = directory;
    this.#broker = broker;
    this.#watch = watch;
    this.#cluster = cluster;
    this.#feeder = new Feeder(
      () => broker.client({ connectionTimeout: 1_000, requestTimeout: 10_000, retry: { retries: 0 } }),
      new EventMaker(options.seed, options.accounts),
    );
  }

  async run(): Promise<ChaosReport> {
    const { rounds, seed, accounts, log } = this.#options;
    const began = performance.now();
    const client = await this.#submit();
    await this.#feeder.tick(0, 0);
    await this.#feeder.each('open', accounts);
    await this.#caughtUp();
    const state = await this.#state(client);
    log(
      `${accounts} accounts are open: ${megabytes(state.live)} of keyed state on disk (${megabytes(state.files)} of working files), ${megabytes(state.checkpoint)} in checkpoints`,
    );
    const feeding = new AbortController();
    const fed = this.#feeder.run(RATE, feeding.signal);
    const killer = new Killer(this.#cluster, this.#broker, this.#watch, new Dice(seed));
    for (let round = 0; round < rounds; round++) await this.#round(round, killer, client);
    feeding.abort();
    await fed;
    await this.#feeder.each('audit', accounts);
    await this.#feeder.tick(0, 0);
    await this.#caughtUp();
    await client.stopWithSavepoint({ drain: true, format: 'native', directory: join(this.#directory, 'savepoints') });
    const { restarts } = await client.result();
    await this.#feeder.close();
    log(`the job has stopped after ${restarts} restarts of its last JobManager; comparing`);
    const report = await this.#compare();
    return {
      ...report,
      seconds: (performance.now() - began) / 1_000,
      rounds,
      perPhase: killer.perPhase,
      perVictim: killer.perVictim,
      stateBytes: state.live,
      fileBytes: state.files,
      checkpointBytes: state.checkpoint,
      restarts,
    };
  }

  async #submit(): Promise<JobClient> {
    const parameters: ChaosParameters = {
      brokers: this.#broker.bootstrap,
      directory: this.#directory,
      output: OUTPUT,
      unaligned: this.#options.unaligned,
      // Less than the state of a slot: most of it lies on the disk only.
      stateMemoryMegabytes: 64,
    };
    return await this.#cluster.run(new URL('./job.ts', import.meta.url), { parameters: { ...parameters } });
  }

  /** Everything that was fed is behind a checkpoint. */
  async #caughtUp(): Promise<void> {
    for (;;) {
      const admin = this.#broker.client({ retry: { retries: 3, initialRetryTime: 50 } }).admin();
      try {
        await admin.connect();
        const groups = await admin.fetchOffsets({ groupId: GROUP, topics: [MOVES, QUOTES] });
        const read = groups.every(({ topic, partitions }) =>
          partitions.every(({ partition, offset }) => Number(offset) >= (this.#feeder.ends(topic)[partition] ?? 0)),
        );
        if (read && groups.length === 2) return;
      } catch {
        // The broker is not back yet.
      } finally {
        await admin.disconnect().catch(() => {});
      }
      await sleep(POLL_MS * 5);
    }
  }

  async #state(client: JobClient): Promise<{ live: number; files: number; checkpoint: number }> {
    const { operators } = await client.metrics();
    const sum = (name: string): number => operators.reduce((total, { values }) => total + (values[name] ?? 0), 0);
    return {
      live: sum('state.liveBytes'),
      files: bytesBelow(join(this.#directory, 'state')),
      checkpoint: bytesBelow(join(this.#directory, 'checkpoints')),
    };
  }

  /** Resolves when the job, where it was hit, has opened anew and has committed something since. */
  async #progress(client: JobClient, what: string, opened: number): Promise<void> {
    const giveUpAt = performance.now() + PROGRESS_MS_MAX;
    let commits = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const status = await client.status();
      const ended = status === 'failed' || status === 'finished' || status === 'cancelled';
      if (ended || performance.now() > giveUpAt) {
        const exceptions = JSON.stringify(await client.exceptions(), undefined, 1);
        throw new Error(`After ${what} the job is ${status} and commits nothing: ${exceptions}`);
      }
      if (status !== 'running' || this.#watch.opened < opened) commits = Number.MAX_SAFE_INTEGER;
      else if (commits === Number.MAX_SAFE_INTEGER) commits = this.#watch.commits;
      else if (this.#watch.commits >= commits + 2) return;
      await sleep(POLL_MS);
    }
  }

  async #round(number: number, killer: Killer, client: JobClient): Promise<void> {
    const { log } = this.#options;
    const start = performance.now();
    const kill = await killer.round(number);
    const { victim, during, wanted } = kill;
    const killed = performance.now();
    // Both subtasks open again, unless it was the broker, which the job may outlast.
    await this.#progress(client, `round ${number + 1} (${victim})`, victim === 'broker' ? 0 : kill.opened + 2);
    const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
    const place = during.length === 0 ? 'between checkpoints' : `during ${during.join(' and ')}`;
    const why = wanted === undefined ? ' (any moment)' : during.includes(wanted) ? '' : ` (${wanted} did not come)`;
    log(
      `round ${number + 1}: ${victim} killed ${place}${why} after ${seconds(killed - start)}, committing again after ${seconds(performance.now() - killed)}`,
    );
    const [last] = await client.exceptions();
    if (process.env['CHAOS_TRACE'] !== undefined && last !== undefined)
      log(`  ${last.error.message} ${last.concurrent.map((e) => e.message).join(' // ')}`);
  }

  async #compare(): Promise<Pick<ChaosReport, 'recordsIn' | 'recordsOut' | 'topic' | 'files' | 'planted'>> {
    const truth = await this.#truth();
    const records = await this.#output();
    const lines = this.#lines();
    const topic = difference(truth.records, records);
    const files = difference(truth.lines, lines);
    for (const [name, differs] of Object.entries({ topic, files }))
      if (!isSame(differs)) this.#options.log(`${name}: ${told(differs)}`);
    return {
      recordsIn: this.#feeder.fed,
      recordsOut: records.length + lines.length,
      topic,
      files,
      planted: { loss: this.#plantLoss(truth), duplicate: await this.#plantDuplicate(truth) },
    };
  }

  async #truth(): Promise<Truth> {
    const kafka = this.#broker.client();
    const [moves, quotes] = [await readTopic(kafka, MOVES), await readTopic(kafka, QUOTES)];
    if (moves.length + quotes.length !== this.#feeder.fed)
      throw new Error(`The input holds ${moves.length + quotes.length} records, but ${this.#feeder.fed} were written.`);
    return truthOf(moves, quotes);
  }

  /**
   * What is committed, by Kafka's own consumer. kafkajs reads it as well, but takes the list of aborted transactions for
   * sorted, which brokers do not promise: where the two differ, it has shown records that were aborted.
   */
  async #output(): Promise<string[]> {
    const messages = await this.#broker.oracle.read(this.#broker.bootstrap, OUTPUT);
    const records = messages.map(({ value }) => String(value));
    const byKafkajs = (await readTopic(this.#broker.client(), OUTPUT)).map(({ value }) => value);
    const differs = difference(records, byKafkajs);
    if (!isSame(differs)) this.#options.log(`kafkajs and Kafka's consumer differ: kafkajs ${told(differs)}`);
    return records;
  }

  #lines(): string[] {
    const path = join(this.#directory, 'files');
    return readdirSync(path)
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) =>
        readFileSync(join(path, name), 'utf8')
          .split('\n')
          .filter((one) => one !== ''),
      );
  }

  /** Takes a line out of one of the files. */
  #plantLoss(truth: Truth): Difference {
    const path = join(this.#directory, 'files');
    const file = readdirSync(path)
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(path, name))
      .find((name) => statSync(name).size > 0);
    if (file === undefined) throw new Error('There is no file to take a line from.');
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(1).join('\n'));
    return difference(truth.lines, this.#lines());
  }

  /** Writes a record of the output again. */
  async #plantDuplicate(truth: Truth): Promise<Difference> {
    const producer = this.#broker.client().producer();
    await producer.connect();
    await producer.send({ topic: OUTPUT, messages: [{ value: truth.records[0] ?? 'nothing', partition: 0 }] });
    await producer.disconnect();
    return difference(truth.records, await this.#output());
  }
}

function bytesBelow(path: string): number {
  let bytes = 0;
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    try {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
    } catch {
      // Gone since it was listed.
    }
  }
  return bytes;
}

export function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}
