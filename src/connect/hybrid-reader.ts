/** The reader of a hybrid source: runs that of one source after the other, as its enumerator says. */

import {
  hybridSplitId,
  sourceAt,
  type HybridPosition,
  type HybridSplit,
  type HybridStep,
  type StepFinished,
} from './hybrid-step.ts';
import type { PollResult, ReaderContext, ReaderOutput, Source, SourceReader } from './source.ts';

/** What the enumerator says. */
interface Word {
  readonly position?: HybridPosition;
  /** The step whose splits are all handed out. */
  readonly noMoreSplits?: number;
  /** For the reader of the current source. */
  readonly event?: unknown;
}

/** The source that is being read. */
interface Current<T> {
  readonly position: HybridPosition;
  readonly source: Source<T>;
  readonly reader: SourceReader<T, unknown>;
}

export class HybridReader<T> implements SourceReader<T, HybridSplit> {
  readonly #steps: readonly HybridStep<T>[];
  readonly #context: ReaderContext;
  readonly #closing: Promise<void>[] = [];
  #current: Current<T> | undefined;
  /** Splits that came before the word which source they are of. */
  #early: HybridSplit[] = [];
  #told = false;
  #wake: (() => void) | undefined;
  #output: { readonly outer: ReaderOutput<T>; readonly inner: ReaderOutput<T> } | undefined;

  constructor(steps: readonly HybridStep<T>[], context: ReaderContext) {
    this.#steps = steps;
    this.#context = context;
  }

  /** The enumerator says where the source stands, once it knows of this reader. */
  start(): void {}

  addSplits(splits: readonly HybridSplit[]): void {
    const current = this.#current;
    const own = splits.filter(({ step }) => step === current?.position.step);
    if (own.length > 0) current?.reader.addSplits(own.map(({ split }) => split));
    this.#early.push(...splits.filter((split) => !own.includes(split)));
    this.#wake?.();
  }

  /** The enumerators of the sources say so, each for its own step. */
  noMoreSplits(): void {}

  fromEnumerator(event: unknown): void {
    const word = event as Word;
    if (word.position !== undefined) this.#enter(word.position);
    else if (word.noMoreSplits === undefined) this.#current?.reader.fromEnumerator?.(word.event);
    else if (word.noMoreSplits === this.#current?.position.step) this.#current.reader.noMoreSplits();
    this.#wake?.();
  }

  #enter(position: HybridPosition): void {
    if (this.#current?.position.step === position.step) return;
    if (this.#current !== undefined) this.#closing.push(Promise.resolve(this.#current.reader.close()));
    const source = sourceAt(this.#steps, position);
    const reader = source.createReader({
      ...this.#context,
      toEnumerator: (inner) => this.#context.toEnumerator({ inner }),
    });
    this.#current = { position, source, reader };
    this.#output = undefined;
    this.#told = false;
    reader.start();
    this.addSplits(this.#early.splice(0));
  }

  poll(output: ReaderOutput<T>): PollResult {
    const current = this.#current;
    if (current === undefined || this.#told) return 'waiting';
    const result = current.reader.poll(this.#innerOutput(current, output));
    if (result !== 'finished') return result;
    if (current.position.step === this.#steps.length - 1) return 'finished';
    this.#told = true;
    this.#context.toEnumerator({ finished: current.position.step } satisfies StepFinished);
    return 'waiting';
  }

  #innerOutput({ position }: Current<T>, outer: ReaderOutput<T>): ReaderOutput<T> {
    if (this.#output?.outer !== outer) this.#output = { outer, inner: stepOutput(outer, position.step) };
    return this.#output.inner;
  }

  available(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#current !== undefined && !this.#told) void this.#current.reader.available().then(resolve);
    return promise;
  }

  snapshot(checkpoint: number): readonly HybridSplit[] {
    const current = this.#current;
    if (current === undefined) return [...this.#early];
    const { position, source, reader } = current;
    const own = reader.snapshot(checkpoint).map((split) => ({ step: position.step, id: source.splitId(split), split }));
    return [...own, ...this.#early];
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    const current = this.#current;
    if (current === undefined) return;
    const prefix = hybridSplitId(current.position.step, '');
    const own = (ids: readonly string[]): readonly string[] =>
      ids.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
    current.reader.pauseOrResumeSplits?.(own(pause), own(resume));
  }

  checkpointComplete(checkpoint: number): void {
    this.#current?.reader.checkpointComplete?.(checkpoint);
  }

  async close(): Promise<void> {
    this.#wake?.();
    await Promise.all(this.#closing);
    await this.#current?.reader.close();
  }
}

/** The same output, where splits are named as those of one source. */
function stepOutput<T>(outer: ReaderOutput<T>, step: number): ReaderOutput<T> {
  return {
    collect: (value, timestamp) => outer.collect(value, timestamp),
    proceed: () => outer.proceed(),
    forSplit: (id) => outer.forSplit(hybridSplitId(step, id)),
    releaseSplit: (id) => outer.releaseSplit(hybridSplitId(step, id)),
    side: (tag, value) => outer.side(tag, value),
    dropped: (value) => outer.dropped(value),
  };
}
