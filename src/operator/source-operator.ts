/**
 * The head of a job: a source reader with event time assigned to what it reads.
 *
 * Splits come from the enumerator through the coordinator and leave with their positions in snapshots. Each split has
 * a watermark of its own; the operator emits their minimum every auto-watermark interval.
 */

import type { IndexRange, RangeOutput } from '../connect/index-range.ts';
import type { PollResult, ReaderContext, ReaderOutput, Source, SourceReader } from '../connect/source.ts';
import { MillstreamError } from '../base/error.ts';
import type { Cancellation } from '../base/world.ts';
import { UNDECODABLE_TAG } from '../connect/undecodable.ts';
import { MAX_WATERMARK, MIN_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { alignSplits, WatermarkSamples, type AlignmentGroup } from '../time/watermark-alignment.ts';
import { MAIN_SPLIT, SplitWatermarks, type SplitWatermark, type WatermarkChange } from '../time/split-watermarks.ts';
import type { WatermarkAlignment, WatermarkStrategy } from '../time/watermark-strategy.ts';
import type { CoordinatorContext, CoordinatorFactory, OperatorCoordinator } from './coordinator.ts';
import type { Gate } from '../base/gate.ts';
import { sideOutput } from './side-output.ts';
import type { OperatorContext, OperatorDefinition } from './operator.ts';
import type { SourceOperator, SourceOutput } from './source-driver.ts';

/** The list of splits in a snapshot. */
const SPLITS = 'splits';

/** What the operator and the enumerator say to each other. */
type ToEnumerator =
  | { readonly kind: 'restored'; readonly splits: readonly unknown[] }
  | { readonly kind: 'request' }
  | { readonly kind: 'event'; readonly event: unknown }
  | { readonly kind: 'watermark'; readonly watermark: number; readonly idle: boolean };
type FromEnumerator =
  | { readonly kind: 'limit'; readonly limit: number }
  | { readonly kind: 'splits'; readonly splits: readonly unknown[] }
  | { readonly kind: 'no-more' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'event'; readonly event: unknown };

/** What of the settings of a job concerns its sources. */
export interface SourceOperatorOptions {
  readonly autoWatermarkIntervalMs: number;
  readonly alignmentBufferSize: number;
  readonly allowUnalignedSplits: boolean;
}

/** The definition of a source node, and the coordinator that runs its enumerator. */
export function sourceDefinition<T>(
  source: Source<T, never, never>,
  strategy: WatermarkStrategy<T>,
  options: SourceOperatorOptions,
): { readonly definition: OperatorDefinition; readonly coordinator: CoordinatorFactory } {
  const erased = source as unknown as Source<T, unknown, unknown>;
  return {
    definition: {
      kind: 'source',
      input: 'none',
      output: 'records',
      create: () => new ReadingOperator(erased, strategy, options),
      describe: { source: source.name, boundedness: source.boundedness, replayable: source.replayable },
    },
    coordinator: (context, restored) =>
      new EnumeratorCoordinator(erased, strategy.alignment, context, restored as CoordinatorState | undefined),
  };
}

class ReadingOperator<T, Split> implements SourceOperator, RangeOutput<T> {
  readonly #source: Source<T, Split, unknown>;
  readonly #strategy: WatermarkStrategy<T>;
  readonly #options: SourceOperatorOptions;
  readonly #samples: WatermarkSamples;
  readonly #splits = new Map<string, SplitOutput<T>>();
  #context!: OperatorContext<T>;
  #output!: SourceOutput<T>;
  #gate!: Gate;
  #reader!: SourceReader<T, Split>;
  #watermarks!: SplitWatermarks<T>;
  /** For sources that emit without naming a split; made when first used, as it would hold back the others. */
  #main: SplitOutput<T> | undefined;
  #ticker: Cancellation | undefined;
  #aligner: Cancellation | undefined;
  /** Set while this subtask is ahead of its alignment group: reading goes on when it resolves. */
  #ahead: PromiseWithResolvers<void> | undefined;
  /** Restored splits on their way back to the enumerator: part of this subtask's snapshots until it has them. */
  #givenBack: readonly Split[] = [];
  #stopped: 'no' | 'drained' | 'undrained' = 'no';
  #ended = false;
  #idle = false;
  #lastWatermark = MIN_WATERMARK;

  constructor(source: Source<T, Split, unknown>, strategy: WatermarkStrategy<T>, options: SourceOperatorOptions) {
    this.#source = source;
    this.#strategy = strategy;
    this.#options = options;
    this.#samples = new WatermarkSamples(options.alignmentBufferSize);
  }

  open(context: OperatorContext<never>): void {
    const own = context as unknown as OperatorContext<T>;
    this.#context = own;
    this.#output = own.output as SourceOutput<T>;
    this.#gate = own.gate;
    const { autoWatermarkIntervalMs, alignmentBufferSize } = this.#options;
    this.#watermarks = new SplitWatermarks(
      this.#strategy,
      () => own.now(),
      autoWatermarkIntervalMs,
      alignmentBufferSize,
    );
    const readerContext: ReaderContext = {
      subtask: own.task.subtask,
      parallelism: own.task.parallelism,
      requestSplit: () => own.toCoordinator({ kind: 'request' } satisfies ToEnumerator),
      toEnumerator: (event) => own.toCoordinator({ kind: 'event', event } satisfies ToEnumerator),
      now: () => own.now(),
      after: (delayMs, callback) => void own.at(own.now() + delayMs, callback),
      metrics: own.metrics,
      world: own.world,
    };
    this.#reader = this.#source.createReader(readerContext);
    this.#reader.start();
    const restored = own.operatorState.list<Split>(SPLITS, 'split').items;
    if (this.#source.reassignsSplits === true) {
      this.#givenBack = [...restored];
      own.toCoordinator({ kind: 'restored', splits: restored } satisfies ToEnumerator);
    } else if (restored.length > 0) this.#addSplits(restored);
    this.#scheduleWatermark();
    this.#scheduleAlignment();
  }

  #addSplits(splits: readonly Split[]): void {
    // From now on, and not only from its first record on, a split holds the watermark back.
    if (this.#main === undefined) for (const split of splits) this.forSplit(this.#source.splitId(split));
    this.#reader.addSplits(splits);
  }

  fromCoordinator(message: unknown): void {
    const said = message as FromEnumerator;
    if (said.kind === 'splits') this.#addSplits(said.splits as readonly Split[]);
    else if (said.kind === 'no-more') this.#reader.noMoreSplits();
    else if (said.kind === 'taken') this.#givenBack = [];
    else if (said.kind === 'limit') this.#align(said.limit);
    else this.#reader.fromEnumerator?.(said.event);
  }

  // What the task drives.

  poll(): PollResult {
    if (this.#ended) return 'finished';
    if (this.#ahead !== undefined && this.#stopped === 'no') return 'waiting';
    const result = this.#stopped === 'no' ? this.#reader.poll(this) : 'finished';
    if (result === 'finished') this.#end();
    return result;
  }

  /** The last watermark, unless the job stops without finishing its windows. */
  #end(): void {
    this.#ended = true;
    this.#ticker?.cancel();
    this.#aligner?.cancel();
    // Who has ended is waited for no longer.
    if (this.#strategy.alignment !== undefined)
      this.#context.toCoordinator({ kind: 'watermark', watermark: MAX_WATERMARK, idle: true } satisfies ToEnumerator);
    if (this.#stopped === 'undrained') return;
    this.#setIdle(false);
    this.#output.watermark(MAX_WATERMARK);
  }

  available(): Promise<void> {
    return this.#ahead?.promise ?? this.#reader.available();
  }

  stop(drain: boolean): void {
    this.#ahead?.resolve();
    if (this.#stopped !== 'no' || this.#ended) return;
    this.#stopped = drain ? 'drained' : 'undrained';
    // Behind the last barrier of a stop nothing may move, time included.
    this.#ticker?.cancel();
  }

  // What the reader emits into.

  collect(value: T, timestamp?: number): void {
    (this.#main ??= this.#withoutSplits()).collect(value, timestamp);
  }

  collectRange(range: IndexRange<T>): PollResult {
    return (this.#main ??= this.#withoutSplits()).collectRange(range);
  }

  /** The reader names no splits when it emits: one watermark stands for all, and none of them holds it back. */
  #withoutSplits(): SplitOutput<T> {
    for (const splitId of this.#splits.keys()) this.#watermarks.releaseSplit(splitId);
    this.#splits.clear();
    return this.#splitOutput(MAIN_SPLIT);
  }

  proceed(): boolean {
    return this.#gate.proceed();
  }

  forSplit(splitId: string): ReaderOutput<T> {
    let split = this.#splits.get(splitId);
    if (split === undefined) {
      split = this.#splitOutput(splitId);
      this.#splits.set(splitId, split);
    }
    return split;
  }

  #splitOutput(splitId: string): SplitOutput<T> {
    return new SplitOutput(
      this,
      splitId,
      this.#watermarks.addSplit(splitId),
      this.#watermarks,
      this.#output,
      this.#gate,
      () => this.#change(this.#watermarks.take()),
    );
  }

  releaseSplit(splitId: string): void {
    if (!this.#splits.delete(splitId)) return;
    this.#watermarks.releaseSplit(splitId);
  }

  side(tag: string, value: unknown): void {
    if (tag === UNDECODABLE_TAG) sideOutput(this.#context, 'undecodable', tag, value, NO_TIMESTAMP);
    else this.#output.side(tag, value, NO_TIMESTAMP);
  }

  dropped(value: unknown, split?: string): void {
    const { error } = (value ?? {}) as { readonly error?: unknown };
    this.#context.dropped('undecodable', value, NO_TIMESTAMP, {
      ...(typeof error === 'string' ? { error } : {}),
      ...(split === undefined ? {} : { split }),
    });
  }

  // Time.

  #scheduleWatermark(): void {
    if (this.#options.autoWatermarkIntervalMs <= 0) return;
    this.#ticker = this.#context.at(this.#context.now() + this.#options.autoWatermarkIntervalMs, () => {
      if (this.#ended) return;
      // While something is paused in the middle of its work, time stands still: the next tick catches up.
      if (!this.#gate.hasPaused) this.#emitTime();
      this.#scheduleWatermark();
    });
  }

  #emitTime(): void {
    this.#change(this.#watermarks.onPeriodic(this.#context.now(), this.#gate.blocked));
  }

  /** A watermark comes before the status when the source falls idle, and after it when it wakes. */
  #change(change: WatermarkChange): void {
    if (change.idle === false) this.#setIdle(false);
    if (change.watermark !== undefined && change.watermark > this.#lastWatermark) {
      this.#lastWatermark = change.watermark;
      this.#output.watermark(change.watermark);
    }
    if (change.idle === true) this.#setIdle(true);
  }

  /** Tells the alignment group how far this subtask has come. */
  #scheduleAlignment(): void {
    const { alignment } = this.#strategy;
    if (alignment === undefined) return;
    this.#aligner = this.#context.at(this.#context.now() + alignment.updateIntervalMs, () => {
      if (this.#ended) return;
      this.#samples.add(this.#lastWatermark);
      this.#watermarks.sample();
      this.#context.toCoordinator({
        kind: 'watermark',
        watermark: this.#lastWatermark,
        idle: this.#idle,
      } satisfies ToEnumerator);
      this.#scheduleAlignment();
    });
  }

  /** Splits that are ahead of the group stop; where the reader cannot stop single ones, all of them do. */
  #align(limit: number): void {
    const { pause, resume } = alignSplits(this.#watermarks.splits, limit);
    if (this.#reader.pauseOrResumeSplits === undefined) this.#checkAlignable(pause);
    else if (pause.length > 0 || resume.length > 0) this.#reader.pauseOrResumeSplits(pause, resume);
    const ahead = this.#samples.oldest(this.#lastWatermark) > limit;
    if (ahead === (this.#ahead !== undefined)) return;
    if (ahead) {
      this.#ahead = Promise.withResolvers<void>();
    } else {
      this.#ahead?.resolve();
      this.#ahead = undefined;
    }
  }

  /** The watermark of several splits is that of the slowest: those ahead of it would run away unseen. */
  #checkAlignable(ahead: readonly string[]): void {
    if (ahead.length === 0 || this.#splits.size <= 1 || this.#options.allowUnalignedSplits) return;
    throw new MillstreamError(
      'OPTION_INVALID',
      `Source "${this.#source.name}" takes part in watermark alignment, its split "${ahead[0]}" is ahead of the group, and its reader cannot pause single splits. Give the reader \`pauseOrResumeSplits\`, or set \`allowUnalignedSplits\` to stop it as a whole.`,
      { details: { option: 'allowUnalignedSplits' } },
    );
  }

  #setIdle(idle: boolean): void {
    if (idle === this.#idle) return;
    this.#idle = idle;
    this.#output.status(idle);
  }

  // The rest of the operator contract: a source has no input, so control reaches it from its task only.

  watermark(timestamp: number): void {
    this.#output.watermark(timestamp);
  }

  status(idle: boolean): void {
    this.#output.status(idle);
  }

  finish(): void {
    this.#output.finish();
  }

  resume(): void {}

  snapshot(writer: SnapshotWriter): void {
    const splits = this.#reader.snapshot(writer.checkpoint);
    this.#context.operatorState.list<Split>(SPLITS, 'split').update([...splits, ...this.#givenBack]);
  }

  checkpointComplete(checkpoint: number): void {
    this.#reader.checkpointComplete?.(checkpoint);
  }

  async close(): Promise<void> {
    this.#ticker?.cancel();
    this.#aligner?.cancel();
    await this.#reader?.close();
  }
}

/** What the outputs of splits have in common. */
interface SplitParent<T> extends ReaderOutput<T> {
  dropped(value: unknown, split?: string): void;
}

/** Where the records of one split go: its own watermark, the operator's output. */
class SplitOutput<T> implements RangeOutput<T> {
  readonly #parent: SplitParent<T>;
  readonly #id: string;
  readonly #split: SplitWatermark<T>;
  readonly #watermarks: SplitWatermarks<T>;
  readonly #output: SourceOutput<T>;
  readonly #gate: Gate;
  readonly #moved: () => void;

  constructor(
    parent: SplitParent<T>,
    id: string,
    split: SplitWatermark<T>,
    watermarks: SplitWatermarks<T>,
    output: SourceOutput<T>,
    gate: Gate,
    moved: () => void,
  ) {
    this.#parent = parent;
    this.#id = id;
    this.#split = split;
    this.#watermarks = watermarks;
    this.#output = output;
    this.#gate = gate;
    this.#moved = moved;
  }

  collect(value: T, timestamp: number = NO_TIMESTAMP): void {
    this.#output.emit(value, this.#split.onEvent(value, timestamp), 0);
    // A punctuated watermark stands behind the record that caused it, unless that record is still on its way.
    if (this.#watermarks.due && !this.#gate.hasPaused) this.#moved();
  }

  /** The same for each record of a range, in a loop that no other job shares. */
  collectRange(range: IndexRange<T>): PollResult {
    return this.#output.drive(range, this.#split, this.#watermarks, this.#moved);
  }

  proceed(): boolean {
    return this.#gate.proceed();
  }

  forSplit(splitId: string): ReaderOutput<T> {
    return this.#parent.forSplit(splitId);
  }

  releaseSplit(splitId: string): void {
    this.#parent.releaseSplit(splitId);
  }

  side(tag: string, value: unknown): void {
    this.#parent.side(tag, value);
  }

  dropped(value: unknown): void {
    this.#parent.dropped(value, this.#id === MAIN_SPLIT ? undefined : this.#id);
  }
}

interface CoordinatorState {
  readonly enumerator: unknown;
}

/** Runs the split enumerator of a source beside the JobManager. */
class EnumeratorCoordinator implements OperatorCoordinator {
  readonly #context: CoordinatorContext;
  readonly #enumerator: ReturnType<Source<unknown, unknown, unknown>['createEnumerator']>;
  readonly #readers = new Set<number>();
  /** What waits until all readers have given their splits back; undefined when nothing waits any more. */
  #early: (() => void)[] | undefined;
  readonly #group: AlignmentGroup | undefined;
  readonly #alignment: WatermarkAlignment | undefined;
  #givenBack = 0;
  #announcer: Cancellation | undefined;
  readonly #timers = new Set<Cancellation>();
  #closed = false;

  constructor(
    source: Source<unknown, unknown, unknown>,
    alignment: WatermarkAlignment | undefined,
    context: CoordinatorContext,
    restored: CoordinatorState | undefined,
  ) {
    this.#context = context;
    this.#alignment = alignment;
    this.#early = source.reassignsSplits === true ? [] : undefined;
    this.#group = alignment === undefined ? undefined : context.alignment(alignment.group, alignment.maxDriftMs);
    this.#enumerator = source.createEnumerator(
      {
        parallelism: context.parallelism,
        readers: () => [...this.#readers].sort((a, b) => a - b),
        assign: (subtask, splits) => context.toTask(subtask, { kind: 'splits', splits } satisfies FromEnumerator),
        noMoreSplits: (subtask) => context.toTask(subtask, { kind: 'no-more' } satisfies FromEnumerator),
        toReader: (subtask, event) => context.toTask(subtask, { kind: 'event', event } satisfies FromEnumerator),
        call: (work, done, everyMs) => this.#call(work, done, everyMs),
        world: context.world,
      },
      restored?.enumerator,
    );
  }

  #call<R>(work: () => Promise<R>, done: (result: R) => void, everyMs: number | undefined): void {
    work().then(
      (result) => {
        if (this.#closed) return;
        try {
          done(result);
        } catch (error) {
          this.#context.fail(error);
          return;
        }
        if (everyMs !== undefined && !this.#closed) this.#callLater(work, done, everyMs);
      },
      (error: unknown) => this.#closed || this.#context.fail(error),
    );
  }

  #callLater<R>(work: () => Promise<R>, done: (result: R) => void, everyMs: number): void {
    const timer = this.#context.world.clock.after(everyMs, () => {
      this.#timers.delete(timer);
      this.#call(work, done, everyMs);
    });
    this.#timers.add(timer);
  }

  start(): void {
    this.#enumerator.start();
    this.#announceLimit();
  }

  /** Every update interval, as in Flink: all readers hear how far they may go. */
  #announceLimit(): void {
    const group = this.#group;
    if (group === undefined || this.#closed) return;
    for (const subtask of this.#readers)
      this.#context.toTask(subtask, { kind: 'limit', limit: group.limit } satisfies FromEnumerator);
    this.#announcer = this.#context.world.clock.after((this.#alignment as WatermarkAlignment).updateIntervalMs, () =>
      this.#announceLimit(),
    );
  }

  taskStarted(subtask: number): void {
    this.#onceAllAreBack(() => {
      this.#readers.add(subtask);
      this.#enumerator.addReader(subtask);
    });
  }

  /** What readers were restored with is there before they are, and before any of them asks. */
  #takeBack(subtask: number, splits: readonly unknown[]): void {
    if (splits.length > 0) this.#enumerator.addSplitsBack(splits, subtask);
    this.#context.toTask(subtask, { kind: 'taken' } satisfies FromEnumerator);
    this.#givenBack++;
    if (this.#givenBack < this.#context.parallelism) return;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const call of early) call();
  }

  #onceAllAreBack(call: () => void): void {
    if (this.#early === undefined) call();
    else this.#early.push(call);
  }

  fromTask(subtask: number, message: unknown): void {
    const said = message as ToEnumerator;
    if (said.kind === 'restored') this.#takeBack(subtask, said.splits);
    else if (said.kind === 'request') this.#onceAllAreBack(() => this.#enumerator.handleSplitRequest(subtask));
    else if (said.kind === 'watermark')
      this.#group?.report(`${this.#context.operatorName}/${subtask}`, said.watermark, said.idle);
    else this.#onceAllAreBack(() => this.#enumerator.handleEvent?.(subtask, said.event));
  }

  snapshot(): CoordinatorState {
    return { enumerator: this.#enumerator.snapshot() };
  }

  checkpointComplete(checkpoint: number): void {
    this.#enumerator.checkpointComplete?.(checkpoint);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#announcer?.cancel();
    await this.#enumerator.close();
  }
}
