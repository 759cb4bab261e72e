/**
 * The checkpoints of a job: the shell around the pure coordinator (`checkpoint/coordinator.ts`), which carries out what
 * that decides, gathers what the tasks acknowledged, and hands it to the keeper once it is whole.
 */

import { MillstreamError } from '../base/error.ts';
import type { Cancellation, World } from '../base/world.ts';
import type { BarrierElement } from '../data/element.ts';
import { createCoordinator, nextWakeAt, step, type CoordinatorState, type Step } from '../checkpoint/coordinator.ts';
import type { CoordinatorEffect, CoordinatorEvent } from '../checkpoint/protocol.ts';
import type { CheckpointSettings } from '../graph/settings.ts';
import { snapshotBytes } from '../state/snapshot-data.ts';
import type { JobProgress, SavepointOptions } from '../graph/launch.ts';
import type { CheckpointFacts, CheckpointKeeper, SavepointPlace } from './checkpoint-keeper.ts';
import type { CompletedCheckpoint } from './completed-checkpoint.ts';
import type { TaskSnapshot } from '../runtime/task-listener.ts';

/** What the checkpoints ask of the current attempt. */
export interface CheckpointedAttempt {
  readonly epoch: number;
  readonly tasks: readonly string[];
  readonly sources: readonly string[];
  /** With `stop`, a source reads nothing behind the barrier. */
  trigger(task: string, barrier: BarrierElement, stop: boolean): void;
  drainSource(task: string): void;
  snapshotCoordinators(checkpoint: number): ReadonlyMap<string, unknown>;
  /** What takes the place of some of these once every task has acknowledged. */
  gatheredCoordinators(checkpoint: number): ReadonlyMap<string, unknown>;
  notifyComplete(checkpoint: number): void;
  notifyAborted(checkpoint: number): void;
  fail(error: Error): void;
  /** All tasks have ended and what had to be committed is. */
  finished(): void;
}

/** What has come in for a checkpoint that is not complete yet. */
interface Gathering {
  readonly coordinators: ReadonlyMap<string, unknown>;
  /** By task. */
  readonly snapshots: Map<string, TaskSnapshot>;
  /** When its barriers overtake: see `BarrierElement`. */
  readonly unalignedAt: number | undefined;
  readonly triggeredAt: number;
}

/** A checkpoint that is complete and not subsumed. */
interface Stored {
  readonly completed: CompletedCheckpoint;
  readonly facts: CheckpointFacts;
}

/** Somebody who waits for a checkpoint or savepoint. */
interface Waiting extends PromiseWithResolvers<CompletedCheckpoint> {
  /** Whether the job is to stop behind it; undefined for checkpoints. */
  readonly stops: boolean | undefined;
  /** Set for savepoints, until they go there. */
  target: SavepointPlace | undefined;
}

export class JobCheckpoints {
  readonly #world: World;
  readonly #jobName: string;
  readonly #settings: CheckpointSettings;
  readonly #completed: (checkpoint: CompletedCheckpoint) => void;
  readonly #keeper: CheckpointKeeper;
  readonly #requests = new Map<string, Waiting>();
  readonly #gathering = new Map<number, Gathering>();
  readonly #stored = new Map<number, Stored>();
  #state: CoordinatorState;
  #attempt: CheckpointedAttempt | undefined;
  #timer: Cancellation | undefined;
  #nextRequest = 0;
  #lastComplete: JobProgress['lastCheckpoint'];
  #lastFailure: JobProgress['lastCheckpointFailure'];
  #stoppedBehind: CompletedCheckpoint | undefined;
  #answering: Promise<unknown> = Promise.resolve();

  constructor(
    world: World,
    jobName: string,
    settings: CheckpointSettings,
    keeper: CheckpointKeeper,
    completed: (checkpoint: CompletedCheckpoint) => void,
  ) {
    this.#world = world;
    this.#keeper = keeper;
    this.#jobName = jobName;
    this.#completed = completed;
    this.#settings = settings;
    this.#state = createCoordinator(settings);
  }

  get #now(): number {
    return this.#world.clock.now();
  }

  // What happens to the job.

  attemptStarted(attempt: CheckpointedAttempt, restored: number | undefined): void {
    this.#attempt = attempt;
    // A job that starts again did not stop.
    this.#stoppedBehind = undefined;
    this.#gathering.clear();
    this.#hear({
      kind: 'attempt-started',
      now: this.#now,
      epoch: attempt.epoch,
      tasks: attempt.tasks,
      sources: attempt.sources,
      restored,
    });
  }

  allRunning(epoch: number): void {
    this.#hear({ kind: 'all-tasks-running', now: this.#now, epoch });
  }

  attemptFailed(epoch: number, reason: string): void {
    this.#hear({ kind: 'attempt-failed', now: this.#now, epoch, reason });
  }

  taskEnded(epoch: number, task: string): void {
    this.#hear({ kind: 'task-ended', now: this.#now, epoch, task });
  }

  acknowledged(epoch: number, task: string, checkpoint: number, snapshot: TaskSnapshot): void {
    const bytes = bytesOf(snapshot);
    const decided = step(this.#state, { kind: 'acknowledged', now: this.#now, epoch, checkpoint, task, bytes });
    // Kept before the effects are carried out: the last one to come completes the checkpoint.
    if (decided.effects.some((effect) => effect.kind === 'refuse')) {
      this.#keeper.discard(checkpoint, snapshot);
    } else {
      this.#gathering.get(checkpoint)?.snapshots.set(task, snapshot);
    }
    this.#carryOut(decided);
  }

  /** `counts`: a snapshot went wrong; else the task was merely in no position to take one. */
  declined(epoch: number, task: string, checkpoint: number, reason: string, counts: boolean): void {
    this.#hear({ kind: 'declined', now: this.#now, epoch, checkpoint, task, reason, counts });
  }

  /** The job is over. */
  close(reason: string): void {
    this.#hear({ kind: 'closed', now: this.#now, reason });
    this.#attempt = undefined;
  }

  // What its owner asks for.

  checkpoint(): Promise<CompletedCheckpoint> {
    return this.#ask(undefined, undefined, (request) => ({
      kind: 'trigger-requested',
      now: this.#now,
      request,
      type: 'checkpoint',
    }));
  }

  /** @param options where the savepoint goes, in a directory of its own; by default that of the settings. */
  async savepoint(options: SavepointOptions): Promise<CompletedCheckpoint> {
    return await this.#ask(false, this.#keeper.savepointPlace(options), (request) => ({
      kind: 'trigger-requested',
      now: this.#now,
      request,
      type: 'savepoint',
    }));
  }

  /** The savepoint behind which the job stops. */
  async stop(drain: boolean, options: SavepointOptions): Promise<CompletedCheckpoint> {
    return await this.#ask(true, this.#keeper.savepointPlace(options), (request) => ({
      kind: 'stop-requested',
      now: this.#now,
      request,
      drain,
    }));
  }

  #ask(
    stops: Waiting['stops'],
    target: SavepointPlace | undefined,
    event: (request: string) => CoordinatorEvent,
  ): Promise<CompletedCheckpoint> {
    const request = String(this.#nextRequest++);
    const waiting: Waiting = { ...Promise.withResolvers<CompletedCheckpoint>(), stops, target };
    this.#requests.set(request, waiting);
    this.#hear(event(request));
    return waiting.promise;
  }

  /** The last one that is complete, and the last one that was given up. */
  get progress(): Omit<JobProgress, 'waitingFor'> {
    return { lastCheckpoint: this.#lastComplete, lastCheckpointFailure: this.#lastFailure };
  }

  /** Whether somebody waits for a checkpoint, so that the end of the job must not come without one. */
  get wanted(): boolean {
    return this.#requests.size > 0;
  }

  // The shell.

  #hear(event: CoordinatorEvent): void {
    this.#carryOut(step(this.#state, event));
  }

  #carryOut({ state, effects }: Step): void {
    this.#state = state;
    for (const effect of effects) this.#do(effect);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    const wake = nextWakeAt(this.#state);
    this.#timer =
      wake === undefined
        ? undefined
        : this.#world.clock.after(Math.max(0, wake - this.#now), () => this.#hear({ kind: 'tick', now: this.#now }));
  }

  #do(effect: CoordinatorEffect): void {
    const attempt = this.#attempt;
    switch (effect.kind) {
      case 'inject-barrier':
        return this.#inject(effect);
      case 'trigger-ended':
        return attempt?.trigger(effect.task, this.#barrier(effect), false);
      case 'drain-sources':
        for (const source of effect.sources) attempt?.drainSource(source);
        return;
      case 'complete':
        return this.#complete(effect);
      case 'notify-complete':
        return attempt?.notifyComplete(effect.checkpoint);
      case 'notify-aborted':
        return attempt?.notifyAborted(effect.checkpoint);
      case 'discard':
        this.#lastFailure = { id: effect.checkpoint, at: this.#now, reason: effect.reason };
        this.#keeper.discard(effect.checkpoint, this.#gathering.get(effect.checkpoint)?.snapshots);
        this.#gathering.delete(effect.checkpoint);
        this.#stored.delete(effect.checkpoint);
        return;
      case 'refuse':
        return;
      case 'subsume':
        this.#stored.delete(effect.checkpoint);
        return;
      case 'answer':
        return this.#answer(effect.request, effect.outcome);
      case 'fail-job':
        return attempt?.fail(
          new MillstreamError(
            'CHECKPOINT_FAILED',
            `Job "${this.#jobName}" gives up its checkpoints: ${effect.reason}.`,
          ),
        );
      case 'finished':
        return attempt?.finished();
    }
  }

  /** The coordinators' part is taken before any barrier leaves: what they say from then on comes behind it. */
  #inject(effect: Extract<CoordinatorEffect, { kind: 'inject-barrier' }>): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    const unalignedAt = this.#unalignedAt(effect.type);
    this.#keeper.begin(effect.checkpoint);
    this.#gathering.set(effect.checkpoint, {
      triggeredAt: this.#now,
      coordinators: attempt.snapshotCoordinators(effect.checkpoint),
      snapshots: new Map(),
      unalignedAt,
    });
    const barrier = this.#barrier(effect);
    for (const task of [...effect.sources, ...effect.ended]) attempt.trigger(task, barrier, effect.stop);
  }

  #barrier(effect: { readonly checkpoint: number; readonly commits: boolean; readonly epoch: number }): BarrierElement {
    const unalignedAt = this.#gathering.get(effect.checkpoint)?.unalignedAt;
    // To operators a savepoint is what does not commit; the one behind which a job stops does.
    return {
      kind: 'barrier',
      checkpoint: effect.checkpoint,
      triggeredAt: this.#now,
      type: effect.commits ? 'checkpoint' : 'savepoint',
      epoch: effect.epoch,
      ...(unalignedAt === undefined ? {} : { unalignedAt }),
    };
  }

  /**
   * When the barriers of a checkpoint begin to overtake. Those of savepoints never do, and while barriers are under way
   * that keep their places the next ones do too: tasks pass barriers in the order of their checkpoints.
   */
  #unalignedAt(type: 'checkpoint' | 'savepoint'): number | undefined {
    const { unaligned, mode, alignedTimeoutMs } = this.#settings;
    if (!unaligned || mode !== 'exactly-once' || type === 'savepoint') return undefined;
    if ([...this.#gathering.values()].some((pending) => pending.unalignedAt === undefined)) return undefined;
    return alignedTimeoutMs === 0 ? 0 : this.#now + alignedTimeoutMs;
  }

  #complete(effect: Extract<CoordinatorEffect, { kind: 'complete' }>): void {
    const { epoch, checkpoint, commits, durationMs, bytes } = effect;
    this.#store(effect).then(
      (stored) => {
        this.#lastComplete = { id: checkpoint, at: this.#now, durationMs, bytes };
        this.#stored.set(checkpoint, stored);
        if (commits) this.#completed(stored.completed);
        this.#hear({ kind: 'stored', now: this.#now, epoch, checkpoint });
        this.#gathering.delete(checkpoint);
        if (!commits) this.#stored.delete(checkpoint);
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#hear({ kind: 'store-failed', now: this.#now, epoch, checkpoint, reason });
      },
    );
  }

  /**
   * A savepoint on the way belongs to whoever asked for it: what came before it has not been committed. The one behind
   * which the job stops is a checkpoint, too: from it the job goes on should the savepoint fail, or the stopping.
   */
  async #store({
    epoch,
    checkpoint,
    commits,
    type,
  }: Extract<CoordinatorEffect, { kind: 'complete' }>): Promise<Stored> {
    const gathering = this.#gathering.get(checkpoint) as Gathering;
    const { triggeredAt } = gathering;
    // In the order of the subtasks, whoever was first: each gets its own back while the parallelism stays.
    const snapshots = (this.#attempt?.tasks ?? []).flatMap((task) => gathering.snapshots.get(task) ?? []);
    const gathered = this.#attempt?.gatheredCoordinators(checkpoint) ?? [];
    const coordinators = new Map([...gathering.coordinators, ...gathered]);
    const operators = Map.groupBy(
      snapshots.flatMap((snapshot) => snapshot.operators),
      ({ operatorId }) => operatorId,
    );
    const content: CompletedCheckpoint = {
      id: checkpoint,
      operators,
      coordinators,
      channels: snapshots.flatMap((snapshot) => snapshot.channels),
      location: undefined,
      owned: true,
    };
    const facts = { epoch, triggeredAt };
    const completed = commits ? await this.#keeper.complete(content, facts) : content;
    if (type === 'checkpoint') return { completed, facts };
    const savepoint = await this.#keeper.completeSavepoint(content, facts, this.#placeFor(commits));
    // A job that has been restarted meanwhile has not stopped.
    if (commits && epoch === this.#state.epoch) this.#stoppedBehind = savepoint;
    return { completed: savepoint, facts };
  }

  /** Where the savepoint goes that was asked for first, of those that stop the job or those that do not. */
  #placeFor(stops: boolean): SavepointPlace {
    const waiting = [...this.#requests.values()].find((one) => one.stops === stops && one.target !== undefined);
    if (waiting?.target === undefined) return this.#keeper.savepointPlace({});
    const { target } = waiting;
    waiting.target = undefined;
    return target;
  }

  /** The savepoint behind which the job has stopped, when it has. */
  get stoppedBehind(): CompletedCheckpoint | undefined {
    return this.#stoppedBehind;
  }

  #answer(request: string, outcome: Extract<CoordinatorEffect, { kind: 'answer' }>['outcome']): void {
    const waiting = this.#requests.get(request);
    this.#requests.delete(request);
    if (outcome.kind === 'refused') {
      waiting?.reject(
        new MillstreamError(
          'CHECKPOINT_FAILED',
          `The checkpoint of job "${this.#jobName}" was refused: ${outcome.reason}.`,
        ),
      );
      return;
    }
    const stored = this.#stored.get(outcome.checkpoint);
    if (stored === undefined || waiting === undefined) return;
    if (waiting.target === undefined) waiting.resolve(stored.completed);
    else this.#answering = Promise.all([this.#answering, this.#alsoSavepoint(stored, waiting, waiting.target)]);
  }

  /** Who asked for a stop when the job was ending by itself gets its last checkpoint as a savepoint. */
  async #alsoSavepoint({ completed, facts }: Stored, waiting: Waiting, place: SavepointPlace): Promise<void> {
    try {
      this.#stoppedBehind = await this.#keeper.completeSavepoint(completed, facts, place);
      waiting.resolve(this.#stoppedBehind);
    } catch (error) {
      waiting.reject(error);
    }
  }

  /** Settles when everybody who is to have a savepoint has it. */
  async settled(): Promise<void> {
    await this.#answering;
  }
}

function bytesOf({ operators, channels }: TaskSnapshot): number {
  const held = channels.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return operators.reduce((sum, snapshot) => sum + snapshotBytes(snapshot), held);
}
