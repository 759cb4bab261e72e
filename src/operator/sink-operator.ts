/**
 * The end of a stream: a sink's writer. What it prepares for a checkpoint is committed by `async-commits.ts` once the
 * checkpoint is complete.
 */

import type { PreCommitter, Sink, SinkWriter, WriteContext, WriterContext } from '../connect/sink.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { COMMIT_RETRIES_DEFAULT, Commits, type Pending } from './async-commits.ts';
import type { CoordinatorFactory } from './coordinator.ts';
import { GlobalCommitCoordinator, type FromGlobal } from './async-global-commits.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

const WRITER_STATES = 'writer-states';
const PRE_COMMITTER_STATES = 'pre-committer-states';
const COMMITTABLES = 'committables';
const REPORTED = 'reported-committables';
/** The id of the checkpoint, so that who is restored from it can tell. */
const CHECKPOINT = 'checkpoint';

/** How the sink of a job is run. */
export interface SinkOperatorOptions {
  /** Flink's `sink.committer.retries`. */
  readonly committerRetries?: number;
}

export function sinkDefinition<T>(
  sink: Sink<T, never, never>,
  options: SinkOperatorOptions = {},
): {
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
      create: () => new WritingOperator(erased, options.committerRetries ?? COMMIT_RETRIES_DEFAULT),
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
        : (context, restored) => new GlobalCommitCoordinator(sink as unknown as Sink<unknown>, context, restored),
  };
}

class WritingOperator<T> extends PlainOperator<never> implements InputOperator<T> {
  readonly #sink: Sink<T>;
  readonly #committerRetries: number;
  #commits!: Commits;
  #preCommitter: PreCommitter<unknown> | undefined;
  #endOfInput = false;
  // What the element path uses.
  writer!: SinkWriter<T, unknown, unknown>;
  /** One object for all records: a writer reads it during `write` only. */
  readonly about = { timestamp: 0, watermark: -Infinity, rowKind: 0 } satisfies {
    -readonly [K in keyof WriteContext]: WriteContext[K];
  };

  constructor(sink: Sink<T>, committerRetries: number) {
    super();
    this.#sink = sink;
    this.#committerRetries = committerRetries;
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    const sink = this.#sink;
    const store = context.operatorState;
    const states = store.list<unknown>(WRITER_STATES, sink.writerState ?? 'split').items;
    const preStates = store.list<unknown>(PRE_COMMITTER_STATES, 'split').items;
    const about = writerContext(context, store.list<number>(CHECKPOINT, 'union').items);
    this.#commits = new Commits(context, {
      committer: sink.createCommitter?.(context.world),
      postCommitter: sink.createPostCommitter?.(about),
      tellsGlobal: sink.createGlobalCommitter !== undefined,
      retries: this.#committerRetries,
    });
    this.writer = sink.createWriter(about, states);
    this.#preCommitter = sink.createPreCommitter?.(about, preStates);
    if (!context.restored) return;
    // What the restored checkpoint holds was complete: it is committed (again) before anything new is written.
    const committing = this.#commits.restore(
      store.list<Pending>(COMMITTABLES, 'split').items,
      store.list<Pending>(REPORTED, 'split').items,
    );
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
    this.#endOfInput = true;
    const waiting = this.writer.flush(true);
    if (waiting !== undefined) this.context.hold(waiting);
  }

  beforeBarrier(checkpoint: number, type: 'checkpoint' | 'savepoint'): void | Promise<void> {
    // What the end of the input has flushed is out: the task takes no barrier before that has settled.
    const flushed = this.#endOfInput ? undefined : this.writer.flush(false);
    if (flushed !== undefined) return flushed.then(() => this.#prepare(checkpoint, type));
    return this.#prepare(checkpoint, type);
  }

  #prepare(checkpoint: number, type: 'checkpoint' | 'savepoint'): void | Promise<void> {
    // A savepoint prepares nothing: what is open stays open.
    if (type === 'savepoint') return this.writer.prepareSavepoint?.(checkpoint);
    const prepared = this.writer.prepareCommit?.(checkpoint) ?? [];
    if (prepared instanceof Promise) return prepared.then((committables) => this.#preCommit(checkpoint, committables));
    return this.#preCommit(checkpoint, prepared);
  }

  #preCommit(checkpoint: number, prepared: readonly unknown[]): void | Promise<void> {
    const passed = this.#preCommitter?.process(checkpoint, prepared, this.#endOfInput) ?? prepared;
    if (passed instanceof Promise) return passed.then((committables) => this.#keep(checkpoint, committables));
    this.#keep(checkpoint, passed);
  }

  #keep(checkpoint: number, committables: readonly unknown[]): void {
    const { subtask } = this.context.task;
    this.#commits.keep(committables.map((committable) => ({ checkpoint, subtask, committable })));
  }

  override snapshot({ checkpoint }: SnapshotWriter): void {
    const store = this.context.operatorState;
    const states = this.writer.snapshot?.(checkpoint) ?? [];
    store.list<unknown>(WRITER_STATES, this.#sink.writerState ?? 'split').update(states);
    if (this.#preCommitter !== undefined)
      store.list<unknown>(PRE_COMMITTER_STATES, 'split').update(this.#preCommitter.snapshot(checkpoint));
    store.list<Pending>(COMMITTABLES, 'split').update(this.#commits.pending);
    store.list<Pending>(REPORTED, 'split').update(this.#commits.reported);
    store.list<number>(CHECKPOINT, 'union').update([checkpoint]);
  }

  checkpointComplete(checkpoint: number): void {
    this.#commits.commit(checkpoint)?.catch((error: unknown) =>
      this.context.mail(() => {
        throw error;
      }),
    );
  }

  fromCoordinator(message: unknown): void {
    this.#commits.forget((message as FromGlobal).forgetUpTo);
  }

  settled(): Promise<void> {
    return this.#commits.idle;
  }

  override close(): Promise<void> {
    return this.#commits.close([this.writer, this.#preCommitter]);
  }
}

function writerContext(context: OperatorContext<never>, checkpoints: readonly number[]): WriterContext {
  const { task } = context;
  return {
    subtask: task.subtask,
    parallelism: task.parallelism,
    attempt: task.attempt,
    jobId: task.jobId,
    restoredCheckpoint: context.restored ? Math.max(0, ...checkpoints) : undefined,
    checkpointing: task.checkpointing,
    now: () => context.now(),
    after: (delayMs, callback) => void context.at(context.now() + delayMs, callback),
    fail: (error) =>
      context.mail(() => {
        throw error;
      }),
    metrics: context.metrics,
    world: context.world,
  };
}
