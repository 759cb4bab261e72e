/**
 * The end of a stream: a sink's writer, and the committing of what it prepared.
 *
 * Committables of a checkpoint wait in the operator's state until the checkpoint is complete, and are then handed to
 * the committer, again after a restore, until it has answered for each. Commits run one after the other, and outside
 * the element path: a commit that is still under way holds nothing back but the next one.
 */

import { MillstreamError } from '../base/error.ts';
import type { CommitRequest, Committer, GlobalCommitter, Sink, SinkWriter, WriteContext } from '../connect/sink.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import type { CoordinatorContext, CoordinatorFactory, OperatorCoordinator } from './coordinator.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

const WRITER_STATES = 'writer-states';
const COMMITTABLES = 'committables';

/** How often a committable may ask to be tried later before it is given up. Flink's `sink.committer.retries`. */
const COMMIT_RETRIES_MAX = 10;
const COMMIT_RETRY_MS = 1_000;

/** Committables of one checkpoint, as they are kept in state. */
interface Pending {
  readonly checkpoint: number;
  readonly committable: unknown;
}

export function sinkDefinition<T>(sink: Sink<T, never, never>): { readonly definition: OperatorDefinition; readonly coordinator: CoordinatorFactory | undefined } {
  const erased = sink as unknown as Sink<T>;
  return {
    definition: {
      kind: 'sink',
      input: 'records',
      output: 'none',
      changelog: sink.changelog === true,
      create: () => new WritingOperator(erased),
      describe: { sink: sink.name, guarantee: sink.guarantee },
    },
    coordinator: sink.createGlobalCommitter === undefined ? undefined : (context) => new GlobalCommitCoordinator(sink as unknown as Sink<unknown>, context),
  };
}

class WritingOperator<T> extends PlainOperator<never> implements InputOperator<T> {
  readonly #sink: Sink<T>;
  #writer!: SinkWriter<T, unknown, unknown>;
  #committer: Committer<unknown> | undefined;
  #pending: Pending[] = [];
  #committing: Promise<void> = Promise.resolve();
  /** One object for all records: a writer reads it during `write` only. */
  readonly #about = { timestamp: 0, watermark: -Infinity, rowKind: 0 } satisfies { -readonly [K in keyof WriteContext]: WriteContext[K] };
  #closed = false;

  constructor(sink: Sink<T>) {
    super();
    this.#sink = sink;
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    const states = context.operatorState.list<unknown>(WRITER_STATES, 'split').items;
    this.#committer = this.#sink.createCommitter?.(context.world);
    this.#writer = this.#sink.createWriter(
      {
        subtask: context.task.subtask,
        parallelism: context.task.parallelism,
        attempt: context.task.attempt,
        jobId: context.task.jobId,
        restoredCheckpoint: context.restored ? 0 : undefined,
        now: () => context.now(),
        after: (delayMs, callback) => void context.at(context.now() + delayMs, callback),
        fail: (error) => context.mail(() => { throw error; }),
        metrics: context.metrics,
        world: context.world,
      },
      states,
    );
    this.#pending = [...context.operatorState.list<Pending>(COMMITTABLES, 'split').items];
    // What the restored checkpoint holds was complete: it is committed (again) before anything new is written.
    if (this.#pending.length > 0) context.hold(this.#commit(this.#pending.splice(0)));
  }

  element(value: T, timestamp: Timestamp, kind: RowKindCode): void {
    const about = this.#about;
    about.timestamp = timestamp;
    about.rowKind = kind;
    const waiting = this.#writer.write(value, about);
    if (waiting !== undefined) this.context.hold(waiting);
  }

  override watermark(timestamp: Timestamp): void {
    this.#about.watermark = timestamp;
    this.#writer.writeWatermark?.(timestamp);
  }

  override finish(): void {
    const waiting = this.#writer.flush(true);
    if (waiting !== undefined) this.context.hold(waiting);
  }

  beforeBarrier(checkpoint: number, type: 'checkpoint' | 'savepoint'): void | Promise<void> {
    const flushed = this.#writer.flush(false);
    // A savepoint prepares nothing: what is open stays open.
    if (type === 'savepoint') return flushed;
    if (flushed !== undefined) return flushed.then(() => this.#prepare(checkpoint));
    return this.#prepare(checkpoint);
  }

  #prepare(checkpoint: number): void | Promise<void> {
    const prepared = this.#writer.prepareCommit?.(checkpoint);
    if (prepared === undefined) return;
    if (prepared instanceof Promise) return prepared.then((committables) => this.#keep(checkpoint, committables));
    this.#keep(checkpoint, prepared);
  }

  #keep(checkpoint: number, committables: readonly unknown[]): void {
    for (const committable of committables) this.#pending.push({ checkpoint, committable });
  }

  override snapshot(writer: SnapshotWriter): void {
    const store = this.context.operatorState;
    store.list<unknown>(WRITER_STATES, 'split').update(this.#writer.snapshot?.(writer.checkpoint) ?? []);
    store.list<Pending>(COMMITTABLES, 'split').update(this.#pending);
  }

  checkpointComplete(checkpoint: number): void {
    const ready = this.#pending.filter((pending) => pending.checkpoint <= checkpoint);
    if (ready.length === 0) return;
    this.#pending = this.#pending.filter((pending) => pending.checkpoint > checkpoint);
    this.#committing = this.#committing.then(() => this.#commit(ready));
    this.#committing.catch((error: unknown) => this.#closed || this.context.mail(() => { throw error; }));
  }

  async #commit(pending: readonly Pending[]): Promise<void> {
    let waiting = pending;
    for (let retries = 0; waiting.length > 0; retries++) {
      const again = new Set<Pending>();
      const requests = waiting.map((one) => commitRequest(one, retries, again, this.context.task.operatorName));
      await this.#committer?.commit(requests);
      for (const request of requests) request.check();
      if (again.size > 0 && retries >= COMMIT_RETRIES_MAX) {
        throw new MillstreamError('SINK_FAILED', `${again.size} committables of sink "${this.context.task.operatorName}" were not committed after ${COMMIT_RETRIES_MAX} retries.`);
      }
      waiting = [...again];
      if (waiting.length > 0) await new Promise<void>((resolve) => void this.context.at(this.context.now() + COMMIT_RETRY_MS, resolve));
    }
    const committed = pending.map((one) => one.committable);
    const checkpoint = pending.reduce((latest, one) => Math.max(latest, one.checkpoint), 0);
    if (this.#sink.createGlobalCommitter !== undefined) this.context.toCoordinator({ checkpoint, committed } satisfies Committed);
  }

  override async close(): Promise<void> {
    this.#closed = true;
    await this.#committing.catch(() => {});
    await this.#writer?.close();
    await this.#committer?.close();
  }
}

function commitRequest(pending: Pending, retries: number, again: Set<Pending>, sink: string): CommitRequest<unknown> & { check(): void } {
  let failure: Error | undefined;
  return {
    committable: pending.committable,
    retries,
    alreadyCommitted: () => {},
    retryLater: () => void again.add(pending),
    failed: (reason) => void (failure = reason),
    check: () => {
      if (failure !== undefined) {
        throw new MillstreamError('SINK_FAILED', `Data of checkpoint ${pending.checkpoint} is lost: sink "${sink}" could not commit ${JSON.stringify(pending.committable)}: ${failure.message}`, { cause: failure });
      }
    },
  };
}

/** What a subtask tells the global committer once its part of a checkpoint is committed. */
interface Committed {
  readonly checkpoint: number;
  readonly committed: readonly unknown[];
}

/** Gathers what the subtasks committed, and hands it over once the checkpoint is complete and all have told. */
class GlobalCommitCoordinator implements OperatorCoordinator {
  readonly #committer: GlobalCommitter<unknown>;
  readonly #context: CoordinatorContext;
  readonly #gathered = new Map<number, unknown[]>();
  #committing: Promise<void> = Promise.resolve();

  constructor(sink: Sink<unknown>, context: CoordinatorContext) {
    this.#context = context;
    this.#committer = (sink.createGlobalCommitter as NonNullable<Sink<unknown>['createGlobalCommitter']>)(context.world);
  }

  start(): void {}

  taskStarted(): void {}

  fromTask(_subtask: number, message: unknown): void {
    const { checkpoint, committed } = message as Committed;
    const so = this.#gathered.get(checkpoint);
    if (so === undefined) this.#gathered.set(checkpoint, [...committed]);
    else so.push(...committed);
    // Earlier checkpoints have heard from all: a subtask tells in order.
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
