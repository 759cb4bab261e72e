/** The enumerator of a hybrid source: runs that of one source after the other. */

import { sourceAt, type HybridPosition, type HybridSplit, type HybridStep, type StepFinished } from './hybrid-step.ts';
import type { EnumeratorContext, Source, SplitEnumerator } from './source.ts';

export interface HybridEnumeratorState {
  readonly position: HybridPosition;
  /** Of the enumerator of the source that is read. */
  readonly inner: unknown;
}

export class HybridEnumerator<T> implements SplitEnumerator<HybridSplit, HybridEnumeratorState> {
  readonly #steps: readonly HybridStep<T>[];
  readonly #context: EnumeratorContext<HybridSplit>;
  readonly #readers = new Set<number>();
  /** Readers that have read all of the current source. */
  readonly #finished = new Set<number>();
  readonly #closing: Promise<void>[] = [];
  #position: HybridPosition;
  #inner: SplitEnumerator<unknown, unknown>;

  constructor(
    steps: readonly HybridStep<T>[],
    context: EnumeratorContext<HybridSplit>,
    restored: HybridEnumeratorState | undefined,
  ) {
    this.#steps = steps;
    this.#context = context;
    this.#position = restored?.position ?? { step: 0, from: undefined };
    this.#inner = this.#open(restored?.inner);
  }

  #open(restored: unknown): SplitEnumerator<unknown, unknown> {
    const source = sourceAt(this.#steps, this.#position);
    return source.createEnumerator(this.#innerContext(source, this.#position.step), restored);
  }

  #innerContext(source: Source<T>, step: number): EnumeratorContext<unknown> {
    const context = this.#context;
    return {
      parallelism: context.parallelism,
      readers: () => context.readers(),
      assign: (subtask, splits) =>
        context.assign(
          subtask,
          splits.map((split) => ({ step, id: source.splitId(split), split })),
        ),
      noMoreSplits: (subtask) => context.toReader(subtask, { noMoreSplits: step }),
      toReader: (subtask, event) => context.toReader(subtask, { event }),
      call: (work, done, everyMs) => {
        // What a source began to look for has no meaning for the next one.
        context.call(work, (result) => void (this.#position.step === step && done(result)), everyMs);
      },
      world: context.world,
    };
  }

  start(): void {
    this.#inner.start();
  }

  addReader(subtask: number): void {
    this.#readers.add(subtask);
    this.#finished.delete(subtask);
    this.#context.toReader(subtask, { position: this.#position });
    this.#inner.addReader(subtask);
  }

  handleSplitRequest(subtask: number): void {
    this.#inner.handleSplitRequest(subtask);
  }

  addSplitsBack(splits: readonly HybridSplit[], subtask: number): void {
    const own = splits.filter(({ step }) => step === this.#position.step);
    this.#inner.addSplitsBack(
      own.map(({ split }) => split),
      subtask,
    );
  }

  handleEvent(subtask: number, event: unknown): void {
    const { finished, inner } = event as Partial<StepFinished> & { readonly inner?: unknown };
    if (finished === undefined) this.#inner.handleEvent?.(subtask, inner);
    else if (finished === this.#position.step) {
      this.#finished.add(subtask);
      if (this.#finished.size === this.#context.parallelism) this.#switch();
    }
  }

  #switch(): void {
    const step = this.#position.step + 1;
    if (step >= this.#steps.length) return;
    const previous = this.#inner.snapshot();
    this.#closing.push(Promise.resolve(this.#inner.close()));
    this.#position = { step, from: { now: this.#context.world.clock.now(), previous } };
    this.#finished.clear();
    this.#inner = this.#open(undefined);
    this.#inner.start();
    for (const subtask of this.#readers) {
      this.#context.toReader(subtask, { position: this.#position });
      this.#inner.addReader(subtask);
    }
  }

  snapshot(): HybridEnumeratorState {
    return { position: this.#position, inner: this.#inner.snapshot() };
  }

  checkpointComplete(checkpoint: number): void {
    this.#inner.checkpointComplete?.(checkpoint);
  }

  async close(): Promise<void> {
    await Promise.all(this.#closing);
    await this.#inner.close();
  }
}
