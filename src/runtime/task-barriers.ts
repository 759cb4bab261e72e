/**
 * The barriers of a task: takes them in the order of their checkpoints, has the operators prepare, forwards them, and
 * answers with the task's part of the checkpoint, which is written between turns.
 *
 * A barrier that has come waits until nothing is half done that must not be. A task that has ended still answers for
 * its state; there is nothing to forward then.
 */

import type { Gate } from '../base/gate.ts';
import type { Cancellation, World } from '../base/world.ts';
import type { BarrierElement } from '../data/element.ts';
import type { BatchInUse } from '../exchange/channel-cuts.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import type { InputEvent, InputGate } from '../exchange/input-gate.ts';
import type { OperatorSnapshot, SnapshotFiles } from '../state/snapshot.ts';
import { ChannelFiles } from './channel-files.ts';
import { ChannelSnapshots, overtakesAt, type ArrivedBarrier } from './channel-snapshots.ts';
import type { Chain } from './chain.ts';
import { SnapshotWriting } from './snapshot-writing.ts';
import type { TaskListener } from './task-listener.ts';

export interface TaskBarriersOptions {
  readonly world: World;
  readonly gate: Gate;
  readonly chain: Chain;
  /** Undefined for sources. */
  readonly inputs: InputGate | undefined;
  readonly edges: readonly EdgeWriter[];
  readonly files: SnapshotFiles | undefined;
  /** The head operator of the task. */
  readonly operatorId: string;
  readonly subtask: number;
  readonly listener: Pick<TaskListener, 'acknowledged' | 'declined'>;
  /** The batch that the task is in the middle of. */
  readonly batchInUse: () => BatchInUse | undefined;
  /** Runs a callback in the next turn of the task. */
  readonly post: (callback: () => void) => void;
  readonly wake: () => void;
}

export class TaskBarriers {
  readonly #options: TaskBarriersOptions;
  readonly #channelSnapshots: ChannelSnapshots;
  readonly #channelFiles: ChannelFiles;
  readonly #snapshots: SnapshotWriting;
  /** Checkpoints whose barriers have been passed: their acknowledgements may still be on their way. */
  readonly #passed = new Set<number>();
  /** Barriers that have come and are not passed, first to last. */
  #waiting: readonly ArrivedBarrier[] = [];
  /** Those that have come since the task has ended: operators prepare for the first, the others wait. */
  #afterEnd: BarrierElement[] = [];
  /** What coordinators said behind the trigger of a barrier that is not passed. */
  #behind: readonly { readonly checkpoint: number; readonly deliver: () => void }[] = [];
  /** The checkpoint for whose sake output was last overdrawn. */
  #overdrawnFor = 0;
  #alarm: { readonly at: number; readonly timer: Cancellation } | undefined;

  constructor(options: TaskBarriersOptions) {
    const { world, inputs, edges, files, operatorId, subtask, post } = options;
    this.#options = options;
    this.#channelSnapshots = new ChannelSnapshots(inputs, edges);
    this.#channelFiles = new ChannelFiles({ files, operatorId, subtask, post });
    this.#snapshots = new SnapshotWriting(world.clock, post);
  }

  get #now(): number {
    return this.#options.world.clock.now();
  }

  /** Looks for barriers that overtake, which must not wait for their turn among what is read. */
  hasten(running: boolean, handle: (event: InputEvent) => void): void {
    const now = this.#now;
    const { inputs } = this.#options;
    this.#channelSnapshots.look(now);
    const event = running ? inputs?.overtaking(now) : undefined;
    if (event !== undefined) handle(event);
    const at = Math.min(inputs?.overtakingAt ?? Infinity, this.#channelSnapshots.overtakingAt);
    if (at > now && at < (this.#alarm?.at ?? Infinity)) this.#setAlarm(at, now);
  }

  #setAlarm(at: number, now: number): void {
    this.#alarm?.timer.cancel();
    const timer = this.#options.world.clock.after(at - now, () => {
      this.#alarm = undefined;
      this.#options.wake();
    });
    this.#alarm = { at, timer };
  }

  /** A barrier has come from the inputs, or from the coordinator. */
  arrived(arrived: ArrivedBarrier): void {
    const { checkpoint } = arrived.barrier;
    if (this.#waiting.some(({ barrier }) => barrier.checkpoint === checkpoint)) return;
    this.#waiting = [...this.#waiting, arrived];
    this.tryAll();
  }

  /** Takes what can be taken now. False when something must settle first. */
  tryAll(): boolean {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) if (!this.#try(next)) return false;
    return true;
  }

  /**
   * Goes on with what must settle before the barrier. An element whose output has no room may overdraw for a turn, so
   * that a barrier that overtakes need not wait for the receiver.
   */
  finishElement(): 'again' | 'waiting' {
    if (this.#options.gate.held || !this.#options.gate.hasPaused) return 'waiting';
    const { barrier } = this.#waiting[0] as ArrivedBarrier;
    if (barrier.checkpoint === this.#overdrawnFor || !overtakesAt(barrier, this.#now)) {
      const resumed = !this.#options.gate.blocked && this.#options.gate.resumePaused();
      if (!resumed && this.#options.gate.blocked) return 'waiting';
    } else {
      this.#overdrawnFor = barrier.checkpoint;
      this.#options.gate.overdraw(() => this.#options.gate.resumePaused());
    }
    return 'again';
  }

  /** Takes the snapshot for the barrier and forwards it, unless something must settle first. */
  #try(arrived: ArrivedBarrier): boolean {
    const { barrier } = arrived;
    if (this.#options.gate.held || (this.#options.gate.hasPaused && !this.#options.gate.interruptible)) return false;
    const before = this.#options.chain.beforeBarrier(barrier.checkpoint, barrier.type);
    if (before !== undefined) {
      this.#options.gate.hold();
      before.then(
        () =>
          this.#options.post(() => {
            this.#options.gate.release();
            this.#pass(arrived);
          }),
        (error: unknown) =>
          this.#options.post(() => {
            this.#options.gate.release();
            throw error;
          }),
      );
      return false;
    }
    this.#pass(arrived);
    return true;
  }

  #pass(arrived: ArrivedBarrier): void {
    if (this.#waiting[0] !== arrived) return;
    this.#waiting = this.#waiting.slice(1);
    const { checkpoint, type, epoch } = arrived.barrier;
    this.#passed.add(checkpoint);
    this.#options.files?.enter(epoch);
    const inUse = this.#options.batchInUse();
    // Both parts are of this moment, whenever they are complete.
    let channels: readonly ChannelStateSnapshot[] | undefined;
    let operators: readonly OperatorSnapshot[] | undefined;
    const acknowledge = (): void => {
      if (channels !== undefined && operators !== undefined)
        this.#options.listener.acknowledged(checkpoint, { operators, channels });
    };
    // The barrier leaves first: receivers can align while this task still writes its snapshot.
    this.#channelSnapshots.pass(arrived, this.#now, inUse, (states) =>
      this.#channelFiles.store(
        checkpoint,
        states,
        (stored) => {
          channels = stored;
          acknowledge();
        },
        (reason) => this.#options.listener.declined(checkpoint, reason, true),
      ),
    );
    this.#snapshots.begin(
      () => this.#options.chain.snapshot(checkpoint, type),
      (written) => {
        operators = written;
        acknowledge();
      },
      (reason) => this.#options.listener.declined(checkpoint, reason, true),
    );
    this.#releaseBehind();
  }

  /**
   * What a coordinator said after it took its part of a checkpoint must not be in the task's part: it waits behind the
   * barriers that have come.
   */
  deliverBehind(deliver: () => void): void {
    const last = this.#waiting.at(-1);
    if (last === undefined) deliver();
    else this.#behind = [...this.#behind, { checkpoint: last.barrier.checkpoint, deliver }];
  }

  #releaseBehind(): void {
    const waits = this.#behind.findIndex(({ checkpoint }) =>
      this.#waiting.some(({ barrier }) => barrier.checkpoint === checkpoint),
    );
    const free = waits < 0 ? this.#behind : this.#behind.slice(0, waits);
    this.#behind = this.#behind.slice(free.length);
    for (const { deliver } of free) deliver();
  }

  // After the end.

  /**
   * The task has ended, perhaps while its snapshot for this barrier was written: then that is the answer. Operators
   * prepare for one barrier at a time.
   */
  arrivedAfterEnd(barrier: BarrierElement): void {
    if (this.#passed.has(barrier.checkpoint)) return;
    this.#afterEnd.push(barrier);
    if (this.#afterEnd.length === 1) this.#nextAfterEnd();
  }

  #nextAfterEnd(): void {
    for (let barrier = this.#afterEnd[0]; barrier !== undefined; barrier = this.#afterEnd[0]) {
      const acknowledge = this.#prepareEnded(barrier);
      if (acknowledge === undefined) return;
      acknowledge();
    }
  }

  /** What answers the barrier; undefined while operators prepare: they go on with the next one by themselves. */
  #prepareEnded(barrier: BarrierElement): (() => void) | undefined {
    const before = this.#options.chain.beforeBarrier(barrier.checkpoint, barrier.type);
    const { checkpoint, type, epoch } = barrier;
    this.#options.files?.enter(epoch);
    const acknowledge = (): void => {
      this.#afterEnd.shift();
      const overtaken = this.#channelSnapshots.passEnded(barrier, this.#now);
      const failed = (reason: string): void => this.#options.listener.declined(checkpoint, reason, true);
      this.#snapshots.begin(
        () => this.#options.chain.snapshot(checkpoint, type),
        (operators) =>
          this.#channelFiles.store(
            checkpoint,
            overtaken,
            (channels) => this.#options.listener.acknowledged(checkpoint, { operators, channels }),
            failed,
          ),
        failed,
      );
    };
    if (before === undefined) return acknowledge;
    before.then(
      () =>
        this.#options.post(() => {
          acknowledge();
          this.#nextAfterEnd();
        }),
      (error: unknown) =>
        this.#options.post(() => {
          throw error;
        }),
    );
    return undefined;
  }

  // What becomes of checkpoints.

  complete(checkpoint: number): void {
    for (const passed of this.#passed) if (passed <= checkpoint) this.#passed.delete(passed);
    this.#options.chain.checkpointComplete(checkpoint);
  }

  aborted(checkpoint: number): void {
    this.#waiting = this.#waiting.filter(({ barrier }) => barrier.checkpoint !== checkpoint);
    this.#afterEnd = this.#afterEnd.filter((barrier, index) => index === 0 || barrier.checkpoint !== checkpoint);
    this.#releaseBehind();
    this.#channelSnapshots.abort(checkpoint);
    this.#channelFiles.abort(checkpoint);
    this.#passed.delete(checkpoint);
    this.#options.chain.checkpointAborted(checkpoint);
  }

  /** Writes on at the snapshots. True when there is more to write at once. */
  writeSlice(): boolean {
    return this.#snapshots.slice();
  }

  metrics(): ReturnType<SnapshotWriting['metrics']> {
    return this.#snapshots.metrics();
  }

  close(): void {
    this.#snapshots.stop();
    this.#channelFiles.close();
    this.#alarm?.timer.cancel();
  }
}
