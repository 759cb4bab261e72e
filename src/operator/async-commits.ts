/**
 * Committing what a sink's writer prepared: outside the element path, one checkpoint after the other.
 *
 * Committables wait in the operator's state until their checkpoint is complete, and stay there until they are committed:
 * a later checkpoint that completes before holds them too. After a restore they are handed to the committer again.
 */

import { MillstreamError } from '../base/error.ts';
import type { CommitRequest, Committer, GlobalCommitter, Sink } from '../connect/sink.ts';
import type { CoordinatorContext, OperatorCoordinator } from './coordinator.ts';
import type { OperatorContext } from './operator.ts';

/** How often a committable may ask to be tried later before it is given up. Flink's `sink.committer.retries`. */
const COMMIT_RETRIES_MAX = 10;
const COMMIT_RETRY_MS = 1_000;

/** A committable, and the checkpoint that must be complete before it is committed. */
export interface Pending {
  readonly checkpoint: number;
  readonly committable: unknown;
}

/** What a subtask tells the global committer once its part of a checkpoint is committed. */
interface Committed {
  readonly checkpoint: number;
  readonly committed: readonly unknown[];
}

/** The commits of one subtask. */
export class Commits {
  readonly #context: OperatorContext<never>;
  readonly #committer: Committer<unknown> | undefined;
  readonly #tellGlobal: boolean;
  /** Prepared, and not known to be committed. */
  #pending: readonly Pending[] = [];
  readonly #begun = new Set<Pending>();
  #committing: Promise<void> = Promise.resolve();
  #resumePause: (() => void) | undefined;
  #closed = false;

  constructor(context: OperatorContext<never>, committer: Committer<unknown> | undefined, tellGlobal: boolean) {
    this.#context = context;
    this.#committer = committer;
    this.#tellGlobal = tellGlobal;
  }

  /** What a snapshot has to hold. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  keep(pending: readonly Pending[]): void {
    if (pending.length > 0) this.#pending = [...this.#pending, ...pending];
  }

  /**
   * Commits what is kept up to a complete checkpoint, after what was begun before. Undefined when there is nothing to
   * do; rejects when a committable is lost.
   */
  commit(checkpoint: number): Promise<void> | undefined {
    const ready = this.#pending.filter((one) => one.checkpoint <= checkpoint && !this.#begun.has(one));
    if (ready.length === 0) return undefined;
    for (const one of ready) this.#begun.add(one);
    const done = this.#committing.then(async () => {
      await this.#run(ready);
      this.#pending = this.#pending.filter((one) => !ready.includes(one));
      for (const one of ready) this.#begun.delete(one);
    });
    this.#committing = done.catch(() => {});
    return done;
  }

  /** Settles when nothing is under way. */
  get idle(): Promise<void> {
    return this.#committing;
  }

  async #run(pending: readonly Pending[]): Promise<void> {
    const sink = this.#context.task.operatorName;
    let waiting = pending;
    for (let retries = 0; waiting.length > 0 && !this.#closed; retries++) {
      const again = new Set<Pending>();
      const requests = waiting.map((one) => new Request(one, retries, again, sink));
      await this.#committer?.commit(requests);
      for (const request of requests) request.check();
      if (again.size > 0 && retries >= COMMIT_RETRIES_MAX) {
        throw new MillstreamError(
          'SINK_FAILED',
          `${again.size} committables of sink "${sink}" were not committed after ${COMMIT_RETRIES_MAX} retries.`,
        );
      }
      waiting = [...again];
      if (waiting.length > 0) await this.#pause();
    }
    if (!this.#tellGlobal || waiting.length > 0) return;
    const committed = pending.map((one) => one.committable);
    const checkpoint = pending.reduce((latest, one) => Math.max(latest, one.checkpoint), 0);
    this.#context.toCoordinator({ checkpoint, committed } satisfies Committed);
  }

  /** Cut short by `close`, for a closed operator's timers do not ring. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#resumePause = resolve;
      this.#context.at(this.#context.now() + COMMIT_RETRY_MS, resolve);
    });
  }

  /** Waits for what is under way, without trying again, then closes the writer and the committer. */
  async close(writer: { close(): void | Promise<void> } | undefined): Promise<void> {
    this.#closed = true;
    this.#resumePause?.();
    await this.#committing;
    await writer?.close();
    await this.#committer?.close();
  }
}

class Request implements CommitRequest<unknown> {
  readonly committable: unknown;
  readonly retries: number;
  readonly #pending: Pending;
  readonly #again: Set<Pending>;
  readonly #sink: string;
  #failure: Error | undefined;

  constructor(pending: Pending, retries: number, again: Set<Pending>, sink: string) {
    this.committable = pending.committable;
    this.retries = retries;
    this.#pending = pending;
    this.#again = again;
    this.#sink = sink;
  }

  alreadyCommitted(): void {}

  retryLater(): void {
    this.#again.add(this.#pending);
  }

  failed(reason: Error): void {
    this.#failure = reason;
  }

  check(): void {
    if (this.#failure === undefined) return;
    throw new MillstreamError(
      'SINK_FAILED',
      `Data of checkpoint ${this.#pending.checkpoint} is lost: sink "${this.#sink}" could not commit ${JSON.stringify(this.committable)}: ${this.#failure.message}`,
      { cause: this.#failure },
    );
  }
}

/** Gathers what the subtasks committed, and hands a checkpoint over once a later one shows that all have told. */
export class GlobalCommitCoordinator implements OperatorCoordinator {
  readonly #committer: GlobalCommitter<unknown>;
  readonly #context: CoordinatorContext;
  readonly #gathered = new Map<number, unknown[]>();
  #committing: Promise<void> = Promise.resolve();

  constructor(sink: Sink<unknown>, context: CoordinatorContext) {
    this.#context = context;
    this.#committer = (sink.createGlobalCommitter as NonNullable<Sink<unknown>['createGlobalCommitter']>)(
      context.world,
    );
  }

  start(): void {}

  taskStarted(): void {}

  fromTask(_subtask: number, message: unknown): void {
    const { checkpoint, committed } = message as Committed;
    const so = this.#gathered.get(checkpoint);
    if (so === undefined) this.#gathered.set(checkpoint, [...committed]);
    else so.push(...committed);
    for (const [earlier, all] of this.#gathered) if (earlier < checkpoint) this.#hand(earlier, all);
  }

  #hand(checkpoint: number, committed: readonly unknown[]): void {
    this.#gathered.delete(checkpoint);
    this.#committing = this.#committing.then(() => this.#committer.commit(checkpoint, committed));
    this.#committing.catch((error: unknown) => this.#context.fail(error));
  }

  snapshot(): undefined {
    return undefined;
  }

  checkpointComplete(): void {}

  async close(): Promise<void> {
    for (const [checkpoint, all] of [...this.#gathered].sort(([a], [b]) => a - b)) this.#hand(checkpoint, all);
    await this.#committing.catch(() => {});
    await this.#committer.close();
  }
}
