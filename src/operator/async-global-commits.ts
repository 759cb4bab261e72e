/**
 * The global committer beside the JobManager: it is handed a checkpoint once every subtask has committed its part.
 *
 * Nothing that was gathered here is kept here. Each subtask keeps in its state what it has committed, and tells it again
 * after a restore, so that a failure between the commit and the global one loses nothing. It may forget when the global
 * commit is itself part of a complete checkpoint: the state of this coordinator is how far it has come, and what lies
 * at or below that is not handed over again, whoever still remembers it.
 *
 * A failure between a global commit and the next checkpoint has the same checkpoint handed over once more, as a whole.
 */

import { invariant } from '../base/assert.ts';
import type { GlobalCommitter, Sink } from '../connect/sink.ts';
import type { CoordinatorContext, OperatorCoordinator } from './coordinator.ts';

/** A committable of a checkpoint. */
export interface Committed {
  readonly checkpoint: number;
  readonly committable: unknown;
}

/** From a subtask: what it has committed since it spoke last, and that nothing up to there is left to commit. */
export interface ToGlobal {
  /** `restored`: all that the restored checkpoint held. */
  readonly upTo: number | 'restored';
  readonly committed: readonly Committed[];
}

/** To the subtasks: they need not remember what they committed up to there. */
export interface FromGlobal {
  readonly forgetUpTo: number;
}

/** How far the coordinator has come, in a checkpoint. */
interface GlobalState {
  readonly checkpoint: number;
  /** Up to which checkpoint everything was committed globally. */
  readonly done: number;
}

export class GlobalCommitCoordinator implements OperatorCoordinator {
  readonly #committer: GlobalCommitter<unknown>;
  readonly #context: CoordinatorContext;
  readonly #restored: GlobalState;
  /** Per checkpoint, what the subtasks committed. */
  readonly #gathered = new Map<number, unknown[]>();
  /** Per subtask, up to where it has told. */
  readonly #told = new Map<number, number>();
  /** What `done` was when the checkpoint was taken. */
  readonly #doneAt = new Map<number, number>();
  #handed: number;
  #done: number;
  #committing: Promise<void> = Promise.resolve();
  #state: 'running' | 'failed' | 'closed' = 'running';

  constructor(sink: Sink<unknown>, context: CoordinatorContext, restored: unknown) {
    const committer = sink.createGlobalCommitter?.(context.world);
    invariant(committer !== undefined, 'a coordinator of commits needs a global committer');
    this.#context = context;
    this.#restored = (restored as GlobalState | undefined) ?? { checkpoint: 0, done: 0 };
    this.#done = this.#restored.done;
    this.#handed = this.#done;
    this.#committer = committer;
  }

  start(): void {}

  taskStarted(): void {}

  fromTask(subtask: number, message: unknown): void {
    const { upTo, committed } = message as ToGlobal;
    for (const { checkpoint, committable } of committed) {
      // Part of a checkpoint that is through: other subtasks may have forgotten theirs.
      if (checkpoint <= this.#handed) continue;
      const so = this.#gathered.get(checkpoint);
      if (so === undefined) this.#gathered.set(checkpoint, [committable]);
      else so.push(committable);
    }
    this.#told.set(subtask, upTo === 'restored' ? this.#restored.checkpoint : upTo);
    if (this.#told.size === this.#context.parallelism) this.#handUpTo(Math.min(...this.#told.values()));
  }

  #handUpTo(level: number): void {
    if (level <= this.#handed) return;
    this.#handed = level;
    const ready = [...this.#gathered].filter(([checkpoint]) => checkpoint <= level).sort(([a], [b]) => a - b);
    for (const [checkpoint] of ready) this.#gathered.delete(checkpoint);
    this.#committing = this.#committing.then(async () => {
      try {
        for (const [checkpoint, committed] of ready) {
          if (this.#state !== 'running') return;
          await this.#committer.commit(checkpoint, committed);
        }
        if (this.#state !== 'failed') this.#done = level;
      } catch (error) {
        this.#state = 'failed';
        this.#context.fail(error);
      }
    });
  }

  snapshot(checkpoint: number): GlobalState {
    this.#doneAt.set(checkpoint, this.#done);
    return { checkpoint, done: this.#done };
  }

  checkpointComplete(checkpoint: number): void {
    const done = this.#doneAt.get(checkpoint) ?? 0;
    for (const earlier of this.#doneAt.keys()) if (earlier <= checkpoint) this.#doneAt.delete(earlier);
    if (done === 0) return;
    for (let subtask = 0; subtask < this.#context.parallelism; subtask++)
      this.#context.toTask(subtask, { forgetUpTo: done } satisfies FromGlobal);
  }

  /** After a failure the rest is told again; at the end of a job everything has been told. */
  async close(): Promise<void> {
    await this.#committing;
    this.#state = 'closed';
    await this.#committer.close();
  }
}
