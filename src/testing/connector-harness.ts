/**
 * Drives a source or a sink by hand, as the runtime would: the enumerator and its readers, the writers and their
 * committer. For tests of connectors, one's own included.
 */

import { isDeepStrictEqual } from 'node:util';
import { MillstreamError } from '../base/error.ts';
import type { Cancellation, Clock } from '../base/world.ts';
import type { Checkpointing, Committer, PreCommitter, Sink, SinkWriter } from '../connect/sink.ts';
import type {
  ConnectorWorld,
  PollResult,
  ReaderOutput,
  Source,
  SourceReader,
  SplitEnumerator,
} from '../connect/source.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { OperatorMetricGroup } from '../runtime/metrics.ts';
import { createRealWorld } from '../world/real-world.ts';

/** A record that a source emitted. */
export interface SourceRecord<T> {
  readonly value: T;
  /** `undefined` when the source gave none. */
  readonly timestamp: number | undefined;
  readonly subtask: number;
  /** `undefined` when the reader named no split. */
  readonly split: string | undefined;
}

/** A checkpoint of a source: plain values, as they would lie in storage. */
export interface SourceSnapshot {
  readonly enumerator: unknown;
  /** The splits of each reader. */
  readonly readers: readonly (readonly unknown[])[];
  readonly checkpoint: number;
}

/** How a source is run. */
export interface SourceRunOptions {
  /** Where the source finds its files and sockets. Default the real World. */
  readonly world?: ConnectorWorld;
  /** Default 1, or what the source demands. */
  readonly parallelism?: number;
  /** Where to go on from; the parallelism may differ from the one it was taken with. */
  readonly restore?: SourceSnapshot;
}

/**
 * Starts a source: its enumerator and one reader for each subtask.
 *
 * @example
 * ```ts
 * const run = runSource(sequenceSource(1, 100), { parallelism: 2 });
 * await run.take(10);
 * const snapshot = run.snapshot();
 * await run.close();
 * const rest = runSource(sequenceSource(1, 100), { restore: snapshot });
 * console.log((await rest.finish()).length); // 90
 * await rest.close();
 * ```
 */
export function runSource<T, Split, State>(
  source: Source<T, Split, State>,
  options: SourceRunOptions = {},
): SourceRun<T> {
  return new SourceRun(source, options);
}

/**
 * A source that is driven by hand; made by `runSource`.
 *
 * @example
 * ```ts
 * const run = runSource(collectionSource(['a', 'b']));
 * console.log(await run.finish()); // [ 'a', 'b' ]
 * await run.close();
 * ```
 */
export class SourceRun<T> {
  /** Everything that was emitted, in order. */
  readonly records: SourceRecord<T>[] = [];
  /** What went to side outputs. */
  readonly sides: { readonly tag: string; readonly value: unknown }[] = [];
  /** Undecodable records that were left out. */
  readonly dropped: unknown[] = [];
  /** Splits whose outputs the readers released. */
  readonly released: string[] = [];
  readonly #source: Source<T>;
  readonly #world: ConnectorWorld;
  readonly #alarms: Alarms;
  readonly #enumerator: SplitEnumerator<unknown, unknown>;
  readonly #readers: Reader<T>[] = [];
  #mail: (() => void)[] = [];
  #wake: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wanted = 0;
  #checkpoint: number;
  #closed = false;

  constructor(source: Source<T>, options: SourceRunOptions) {
    const parallelism = source.parallelism ?? options.parallelism ?? 1;
    const { world = createRealWorld(), restore } = options;
    this.#source = source;
    this.#world = world;
    this.#alarms = new Alarms(world.clock);
    this.#checkpoint = restore?.checkpoint ?? 0;
    const restored = restore === undefined ? undefined : structuredClone(restore);
    this.#enumerator = source.createEnumerator(
      {
        parallelism,
        readers: () => this.#readers.map((reader) => reader.subtask),
        assign: (subtask, splits) => this.#post(() => this.#reader(subtask).reader.addSplits(structuredClone(splits))),
        noMoreSplits: (subtask) => this.#post(() => this.#reader(subtask).reader.noMoreSplits()),
        toReader: (subtask, event) => this.#post(() => this.#reader(subtask).reader.fromEnumerator?.(event)),
        call: (work, done, everyMs) => this.#call(work, done, everyMs),
        world,
      },
      restored?.enumerator,
    );
    this.#enumerator.start();
    const splits = restored?.readers.flat() ?? [];
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const own = splits.filter((_, index) => index % parallelism === subtask);
      this.#readers.push(this.#startReader(subtask, parallelism, own));
    }
  }

  #startReader(subtask: number, parallelism: number, splits: readonly unknown[]): Reader<T> {
    const reader = this.#source.createReader({
      subtask,
      parallelism,
      requestSplit: () => this.#post(() => this.#enumerator.handleSplitRequest(subtask)),
      toEnumerator: (event) => this.#post(() => this.#enumerator.handleEvent?.(subtask, event)),
      now: () => this.#world.clock.now(),
      after: (delayMs, callback) => this.#alarms.after(delayMs, () => this.#post(callback)),
      metrics: new OperatorMetricGroup(),
      world: this.#world,
    });
    reader.start();
    if (splits.length > 0) reader.addSplits(splits);
    this.#post(() => this.#enumerator.addReader(subtask));
    return { subtask, reader, result: 'more' };
  }

  /** Whether all readers have finished. */
  get finished(): boolean {
    return this.#readers.every((reader) => reader.result === 'finished');
  }

  /** Reads `count` records more, or to the end; waits as long as that takes. Returns them. */
  async take(count: number): Promise<readonly SourceRecord<T>[]> {
    const start = this.records.length;
    this.#wanted = start + count;
    while (!this.finished && this.records.length < this.#wanted) {
      if (!this.#turn()) await this.#available();
    }
    return this.records.slice(start);
  }

  /** Reads to the end; returns all values since the start of the run. */
  async finish(): Promise<readonly T[]> {
    await this.take(Number.POSITIVE_INFINITY);
    return this.records.map((record) => record.value);
  }

  /** Reads what is at hand, without waiting for more. */
  poll(): void {
    this.#wanted = Number.POSITIVE_INFINITY;
    while (!this.finished && this.#turn());
  }

  /** A checkpoint, taken between two records. */
  snapshot(): SourceSnapshot {
    this.#deliver();
    const checkpoint = ++this.#checkpoint;
    return structuredClone({
      enumerator: this.#enumerator.snapshot(),
      readers: this.#readers.map(({ reader }) => [...reader.snapshot(checkpoint)]),
      checkpoint,
    });
  }

  /** Tells the source that a checkpoint is complete. */
  complete(snapshot: SourceSnapshot): void {
    this.#enumerator.checkpointComplete?.(snapshot.checkpoint);
    for (const { reader } of this.#readers) reader.checkpointComplete?.(snapshot.checkpoint);
  }

  /** Watermark alignment: stops and restarts reading of splits. */
  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    for (const { reader } of this.#readers) reader.pauseOrResumeSplits?.(pause, resume);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#alarms.cancel();
    for (const { reader } of this.#readers) await reader.close();
    await this.#enumerator.close();
  }

  /** Polls each reader once; false when none had anything. */
  #turn(): boolean {
    this.#deliver();
    let moved = false;
    for (const reader of this.#readers) {
      if (reader.result === 'finished' || this.records.length >= this.#wanted) continue;
      reader.result = reader.reader.poll(this.#output(reader.subtask, undefined));
      if (reader.result !== 'waiting') moved = true;
    }
    return moved || this.#mail.length > 0;
  }

  async #available(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const waiting = this.#readers.filter((reader) => reader.result === 'waiting');
    await Promise.race([promise, ...waiting.map((reader) => reader.reader.available())]);
    this.#wake = undefined;
  }

  #output(subtask: number, split: string | undefined): ReaderOutput<T> {
    return {
      collect: (value, timestamp) => void this.records.push({ value, timestamp, subtask, split }),
      proceed: () => this.records.length < this.#wanted,
      forSplit: (id) => this.#output(subtask, id),
      releaseSplit: (id) => void this.released.push(id),
      side: (tag, value) => void this.sides.push({ tag, value }),
      dropped: (value) => void this.dropped.push(value),
    };
  }

  #call<R>(work: () => Promise<R>, done: (result: R) => void, everyMs: number | undefined): void {
    work().then(
      (result) => {
        this.#post(() => done(result));
        if (everyMs === undefined || this.#closed) return;
        this.#alarms.after(everyMs, () => this.#call(work, done, everyMs));
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#post(() => {});
      },
    );
  }

  #post(letter: () => void): void {
    if (this.#closed) return;
    this.#mail.push(letter);
    this.#wake?.();
  }

  #deliver(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    while (this.#mail.length > 0) for (const letter of this.#mail.splice(0)) letter();
  }

  #reader(subtask: number): Reader<T> {
    const reader = this.#readers[subtask];
    if (reader === undefined) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `The enumerator speaks to the reader of subtask ${subtask}, which there is none of.`,
      );
    }
    return reader;
  }
}

/** What is to happen later, unless the run is closed before. */
class Alarms {
  readonly #clock: Clock;
  readonly #pending = new Set<Cancellation>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(delayMs: number, callback: () => void): void {
    const alarm = this.#clock.after(delayMs, () => {
      this.#pending.delete(alarm);
      callback();
    });
    this.#pending.add(alarm);
  }

  cancel(): void {
    for (const alarm of this.#pending) alarm.cancel();
    this.#pending.clear();
  }
}

interface Reader<T> {
  readonly subtask: number;
  readonly reader: SourceReader<T, unknown>;
  result: PollResult;
}

/** Where a source is interrupted, and how it goes on. */
export interface ReplayOptions extends SourceRunOptions {
  /** After how many records to interrupt. Default: after each. */
  readonly cuts?: readonly number[];
  /** Parallelism after the interruption. Default: the same. */
  readonly restoredParallelism?: number;
}

/**
 * Asserts that a source loses and repeats nothing: reads it once without interruption, then once for each cut, where
 * it is stopped, restored into a new instance from the snapshot, and read to its end. Throws an error that names the
 * cut and the records that are missing or too many.
 *
 * @example
 * ```ts
 * await assertReplays(() => sequenceSource(1, 20), { parallelism: 3 });
 * ```
 */
export async function assertReplays<T, Split, State>(
  makeSource: () => Source<T, Split, State>,
  options: ReplayOptions = {},
): Promise<void> {
  const { restore: _restore, ...plain } = options;
  const whole = await readAll(makeSource(), plain);
  const cuts = options.cuts ?? whole.map((_, index) => index);
  for (const cut of cuts) {
    const before = runSource(makeSource(), plain);
    await before.take(cut);
    const snapshot = before.snapshot();
    await before.close();
    const first = before.records.map((record) => record.value);
    const parallelism = options.restoredParallelism ?? options.parallelism ?? 1;
    const rest = await readAll(makeSource(), { ...plain, parallelism, restore: snapshot });
    const missing = without(whole, [...first, ...rest]);
    const extra = without([...first, ...rest], whole);
    if (missing.length > 0 || extra.length > 0) {
      const list = (values: readonly T[]): string => JSON.stringify(values.slice(0, 5));
      throw new Error(
        `Interrupted after ${cut} records, the source lost ${missing.length} ${list(missing)} and repeated ${extra.length} ${list(extra)} of ${whole.length} records.`,
      );
    }
  }
}

async function readAll<T, Split, State>(
  source: Source<T, Split, State>,
  options: SourceRunOptions,
): Promise<readonly T[]> {
  const run = runSource(source, options);
  try {
    return await run.finish();
  } finally {
    await run.close();
  }
}

/** `values` without one occurrence of each of `others`. */
function without<T>(values: readonly T[], others: readonly T[]): readonly T[] {
  const left = [...others];
  return values.filter((value) => {
    const index = left.findIndex((other) => isDeepStrictEqual(other, value));
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
}

/** A checkpoint of a sink: plain values, as they would lie in storage. */
export interface SinkSnapshot {
  readonly checkpoint: number;
  /** The states of each writer. */
  readonly writers: readonly (readonly unknown[])[];
  /** The states of the pre-committers, of each subtask; absent for a sink without. */
  readonly preCommitters?: readonly (readonly unknown[])[];
  /** What is committed once the checkpoint is complete. */
  readonly committables: readonly unknown[];
}

/** How a sink is run. */
export interface SinkRunOptions {
  /** Where the sink finds its files and sockets. Default the real World. */
  readonly world?: ConnectorWorld;
  /** Default 1, or what the sink demands. */
  readonly parallelism?: number;
  /** Where to go on from. Its committables are committed before anything is written, as after a crash. */
  readonly restore?: SinkSnapshot;
  readonly jobId?: string;
  /** What the writers are told of checkpoints. Default: that there are none by themselves. */
  readonly checkpointing?: Checkpointing;
}

/** How the committer answered. */
export interface CommitReport {
  readonly committed: number;
  readonly already: number;
  readonly retried: number;
  readonly failed: readonly Error[];
}

/**
 * Starts a sink: one writer for each subtask, and its committer.
 *
 * @example
 * ```ts
 * const seen: number[] = [];
 * const run = await runSink(callbackSink((value: number) => void seen.push(value)));
 * await run.write(1);
 * await run.finish();
 * await run.close();
 * console.log(seen); // [ 1 ]
 * ```
 */
export async function runSink<T, Committable, State>(
  sink: Sink<T, Committable, State>,
  options: SinkRunOptions = {},
): Promise<SinkRun<T>> {
  const run = new SinkRun(sink, options);
  if (options.restore !== undefined) await run.commit(options.restore);
  return run;
}

/**
 * A sink that is driven by hand; made by `runSink`.
 *
 * @example
 * ```ts
 * const run = await runSink(discardSink<number>());
 * await run.write(1);
 * const snapshot = await run.checkpoint();
 * await run.commit(snapshot);
 * await run.close();
 * ```
 */
export class SinkRun<T> {
  readonly #writers: SinkWriter<T, unknown, unknown>[] = [];
  readonly #preCommitters: PreCommitter<unknown>[] = [];
  readonly #committer: Committer<unknown> | undefined;
  readonly #alarms: Alarms;
  #mail: (() => void)[] = [];
  #checkpoint: number;
  #watermark = Number.NEGATIVE_INFINITY;
  #failure: { readonly error: unknown } | undefined;

  constructor(sink: Sink<T>, options: SinkRunOptions) {
    const { world = createRealWorld(), jobId = 'job' } = options;
    const restore = options.restore === undefined ? undefined : structuredClone(options.restore);
    const parallelism = sink.parallelism ?? options.parallelism ?? 1;
    const states = restore?.writers.flat() ?? [];
    const preStates = restore?.preCommitters?.flat() ?? [];
    this.#checkpoint = restore?.checkpoint ?? 0;
    this.#committer = sink.createCommitter?.(world);
    this.#alarms = new Alarms(world.clock);
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const context = {
        subtask,
        parallelism,
        attempt: restore === undefined ? 0 : 1,
        jobId,
        restoredCheckpoint: restore?.checkpoint,
        checkpointing: options.checkpointing,
        now: () => world.clock.now(),
        after: (delayMs: number, callback: () => void) =>
          this.#alarms.after(delayMs, () => void this.#mail.push(callback)),
        fail: (error: unknown) => void (this.#failure ??= { error }),
        metrics: new OperatorMetricGroup(),
        world,
      };
      this.#writers.push(
        sink.createWriter(
          context,
          states.filter((_, index) => sink.writerState === 'union' || index % parallelism === subtask),
        ),
      );
      const own = preStates.filter((_, index) => index % parallelism === subtask);
      const preCommitter = sink.createPreCommitter?.(context, own);
      if (preCommitter !== undefined) this.#preCommitters.push(preCommitter);
    }
  }

  /** Writes one value, and waits where the writer asks for it. */
  async write(
    value: T,
    options: { readonly subtask?: number; readonly timestamp?: number; readonly rowKind?: number } = {},
  ): Promise<void> {
    const { subtask = 0, timestamp = NO_TIMESTAMP, rowKind = 0 } = options;
    this.turn();
    await this.#writer(subtask).write(value, { timestamp, watermark: this.#watermark, rowKind });
  }

  async watermark(watermark: number): Promise<void> {
    this.turn();
    this.#watermark = watermark;
    for (const writer of this.#writers) writer.writeWatermark?.(watermark);
    await Promise.resolve();
  }

  /** What a task does between two records: timers that are due call back, failures of the background are thrown. */
  turn(): void {
    for (const letter of this.#mail.splice(0)) letter();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Flushes, prepares and snapshots all writers. What is returned is not committed until `commit` is called with it. */
  async checkpoint(): Promise<SinkSnapshot> {
    return await this.#snapshot(false, true);
  }

  /** As a checkpoint, but nothing is prepared, and so nothing will be committed. */
  async savepoint(): Promise<SinkSnapshot> {
    return await this.#snapshot(false, false);
  }

  /** Tells the committer that a checkpoint is complete. May be called again with the same one. */
  async commit(snapshot: SinkSnapshot): Promise<CommitReport> {
    const report = { committed: 0, already: 0, retried: 0, failed: [] as Error[] };
    const requests = structuredClone(snapshot.committables).map((committable) => {
      let answer: 'committed' | 'already' | 'retried' | Error = 'committed';
      return {
        committable,
        retries: 0,
        alreadyCommitted: () => void (answer = 'already'),
        retryLater: () => void (answer = 'retried'),
        failed: (reason: Error) => void (answer = reason),
        count: () => {
          if (answer instanceof Error) report.failed.push(answer);
          else report[answer]++;
        },
      };
    });
    if (requests.length > 0) await this.#committer?.commit(requests);
    for (const request of requests) request.count();
    this.turn();
    return report;
  }

  /** How many writers there are. */
  get parallelism(): number {
    return this.#writers.length;
  }

  /** The checkpoint at the end of the input: flushes for the last time. Nothing may be written behind it. */
  async finalCheckpoint(): Promise<SinkSnapshot> {
    return await this.#snapshot(true, true);
  }

  /** The input ends: flushes for the last time and commits. */
  async finish(): Promise<CommitReport> {
    return await this.commit(await this.finalCheckpoint());
  }

  /** Closes the writers as after a failure: nothing is flushed. */
  async close(): Promise<void> {
    this.#alarms.cancel();
    for (const writer of this.#writers) await writer.close();
    for (const preCommitter of this.#preCommitters) await preCommitter.close();
    await this.#committer?.close();
  }

  async #snapshot(endOfInput: boolean, prepare: boolean): Promise<SinkSnapshot> {
    this.turn();
    const checkpoint = ++this.#checkpoint;
    const committables: unknown[] = [];
    for (const [subtask, writer] of this.#writers.entries()) {
      await writer.flush(endOfInput);
      if (!prepare) {
        await writer.prepareSavepoint?.(checkpoint);
        continue;
      }
      const prepared = (await writer.prepareCommit?.(checkpoint)) ?? [];
      const preCommitter = this.#preCommitters[subtask];
      committables.push(...((await preCommitter?.process(checkpoint, prepared, endOfInput)) ?? prepared));
    }
    this.turn();
    const writers = this.#writers.map((writer) => [...(writer.snapshot?.(checkpoint) ?? [])]);
    const preCommitters = this.#preCommitters.map((preCommitter) => [...preCommitter.snapshot(checkpoint)]);
    return structuredClone({
      checkpoint,
      writers,
      ...(preCommitters.length === 0 ? {} : { preCommitters }),
      committables,
    });
  }

  #writer(subtask: number): SinkWriter<T, unknown, unknown> {
    const writer = this.#writers[subtask];
    if (writer === undefined) throw new MillstreamError('OPTION_INVALID', `There is no writer of subtask ${subtask}.`);
    return writer;
  }
}
