/**
 * The end of a stream: a sink's writer. What it prepares for a checkpoint is committed by `async-commits.ts` once the
 * checkpoint is complete.
 */

import type { Sink, SinkWriter, WriteContext } from '../connect/sink.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { Commits, GlobalCommitCoordinator, type Pending } from './async-commits.ts';
import type { CoordinatorFactory } from './coordinator.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

const WRITER_STATES = 'writer-states';
const COMMITTABLES = 'committables';

export function sinkDefinition<T>(sink: Sink<T, never, never>): {
  readonly definition: OperatorDefinition;
  readonly coordinator: CoordinatorFactory | undefined;
} {
  const erased = sink as unknown as Sink<T>;
  return {
    definition: {
      kind: 'sink',
      input: 'records',
      output: 'none',
      changelog: sink.changelog === true,
      create: () => new WritingOperator(erased),
      // A writer behind a call that all jobs of a thread share would be called as slowly as the most varied of them.
      inline: (code) => {
        const { self, value, timestamp, kind } = code;
        const waiting = code.fresh('waiting');
        code.line(`${self}.about.timestamp = ${timestamp}; ${self}.about.rowKind = ${kind};`);
        code.line(`const ${waiting} = ${self}.writer.write(${value}, ${self}.about);`);
        code.line(`if (${waiting} !== undefined) ${self}.await(${waiting});`);
      },
      describe: { sink: sink.name, guarantee: sink.guarantee },
    },
    coordinator:
      sink.createGlobalCommitter === undefined
        ? undefined
        : (context) => new GlobalCommitCoordinator(sink as unknown as Sink<unknown>, context),
  };
}

class WritingOperator<T> extends PlainOperator<never> implements InputOperator<T> {
  readonly #sink: Sink<T>;
  #commits!: Commits;
  // What the element path uses.
  writer!: SinkWriter<T, unknown, unknown>;
  /** One object for all records: a writer reads it during `write` only. */
  readonly about = { timestamp: 0, watermark: -Infinity, rowKind: 0 } satisfies {
    -readonly [K in keyof WriteContext]: WriteContext[K];
  };

  constructor(sink: Sink<T>) {
    super();
    this.#sink = sink;
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    const states = context.operatorState.list<unknown>(WRITER_STATES, this.#sink.writerState ?? 'split').items;
    this.#commits = new Commits(
      context,
      this.#sink.createCommitter?.(context.world),
      this.#sink.createGlobalCommitter !== undefined,
    );
    this.writer = this.#sink.createWriter(
      {
        subtask: context.task.subtask,
        parallelism: context.task.parallelism,
        attempt: context.task.attempt,
        jobId: context.task.jobId,
        restoredCheckpoint: context.restored ? 0 : undefined,
        checkpointing: context.task.checkpointing,
        now: () => context.now(),
        after: (delayMs, callback) => void context.at(context.now() + delayMs, callback),
        fail: (error) =>
          context.mail(() => {
            throw error;
          }),
        metrics: context.metrics,
        world: context.world,
      },
      states,
    );
    this.#commits.keep(context.operatorState.list<Pending>(COMMITTABLES, 'split').items);
    // What the restored checkpoint holds was complete: it is committed (again) before anything new is written.
    const committing = this.#commits.commit(Infinity);
    if (committing !== undefined) context.hold(committing);
  }

  await(waiting: Promise<void>): void {
    this.context.hold(waiting);
  }

  override watermark(timestamp: Timestamp): void {
    this.about.watermark = timestamp;
    this.writer.writeWatermark?.(timestamp);
  }

  override finish(): void {
    const waiting = this.writer.flush(true);
    if (waiting !== undefined) this.context.hold(waiting);
  }

  beforeBarrier(checkpoint: number, type: 'checkpoint' | 'savepoint'): void | Promise<void> {
    const flushed = this.writer.flush(false);
    // A savepoint prepares nothing: what is open stays open.
    if (type === 'savepoint') return flushed;
    if (flushed !== undefined) return flushed.then(() => this.#prepare(checkpoint));
    return this.#prepare(checkpoint);
  }

  #prepare(checkpoint: number): void | Promise<void> {
    const prepared = this.writer.prepareCommit?.(checkpoint);
    if (prepared === undefined) return;
    if (prepared instanceof Promise) return prepared.then((committables) => this.#keep(checkpoint, committables));
    this.#keep(checkpoint, prepared);
  }

  #keep(checkpoint: number, committables: readonly unknown[]): void {
    this.#commits.keep(committables.map((committable) => ({ checkpoint, committable })));
  }

  override snapshot(writer: SnapshotWriter): void {
    const store = this.context.operatorState;
    store
      .list<unknown>(WRITER_STATES, this.#sink.writerState ?? 'split')
      .update(this.writer.snapshot?.(writer.checkpoint) ?? []);
    store.list<Pending>(COMMITTABLES, 'split').update(this.#commits.pending);
  }

  checkpointComplete(checkpoint: number): void {
    this.#commits.commit(checkpoint)?.catch((error: unknown) =>
      this.context.mail(() => {
        throw error;
      }),
    );
  }

  settled(): Promise<void> {
    return this.#commits.idle;
  }

  override close(): Promise<void> {
    return this.#commits.close(this.writer);
  }
}
