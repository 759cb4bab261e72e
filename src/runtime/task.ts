/**
 * A task: one parallel instance of a vertex, on one thread.
 *
 * Its life is a sequence of turns. In a turn it serves its mail (callbacks, barriers to inject, messages of
 * coordinators), resumes what paused, then takes input, batch by batch, until the gate says stop. A turn never waits:
 * it says whether there is more to do at once, and otherwise the task is woken by its channels, timers and promises.
 *
 * States: `created` → `opening` → `running` → `ended` (all input read, everything emitted, waiting for the last
 * checkpoint) → `closed`; or from anywhere → `failed` or `cancelled` → `closed`.
 */

import type { Cancellation, World } from '../base/world.ts';
import type { BarrierElement } from '../data/element.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import { NO_TIMESTAMP, RecordBatch } from '../data/record-batch.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import type { InputEvent, InputGate } from '../exchange/input-gate.ts';
import { headOf, type JobVertex } from '../graph/job-graph.ts';
import { operatorId } from '../graph/stream-graph.ts';
import type { DroppedSample, OperatorMetrics } from '../graph/launch.ts';
import { Gate } from '../base/gate.ts';
import { releaseColumns } from '../kernel/owned-batch.ts';
import type { SourceOperator } from '../operator/source-driver.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import { Chain, type ChainEnvironment } from './chain.ts';
import { ChannelFiles } from './channel-files.ts';
import { ChannelSnapshots, overtakesAt, type ArrivedBarrier } from './channel-snapshots.ts';
import { SnapshotWriting } from './snapshot-writing.ts';
import { NO_RECORD } from './user-failure.ts';

/** A busy task hands its thread on after this long, so that sockets, timers and other tasks get theirs. */
const TURN_MS = 2;

export type TurnResult =
  /** There is more to do at once. */
  | 'again'
  /** Nothing to do until woken. */
  | 'waiting'
  /** The task is over. */
  | 'done';

/** The part of a checkpoint that is a task's. */
export interface TaskSnapshot {
  readonly operators: readonly OperatorSnapshot[];
  /** What the barrier has overtaken. */
  readonly channels: readonly ChannelStateSnapshot[];
}

/** What a task tells its owner. */
export interface TaskListener {
  running(): void;
  acknowledged(checkpoint: number, snapshot: TaskSnapshot): void;
  /** `counts`: a snapshot went wrong; else the task was merely in no position to take one. */
  declined(checkpoint: number, reason: string, counts: boolean): void;
  /** All input has been read and its results have left. */
  ended(): void;
  failed(error: Error): void;
  toCoordinator(operatorId: string, message: unknown): void;
}

export interface TaskOptions {
  readonly vertex: JobVertex;
  readonly subtask: number;
  readonly environment: ChainEnvironment;
  readonly world: World;
  /** Set by other threads when they post mail to this one. */
  readonly mailFlag: Int32Array;
  /** Makes the gate of this task's inputs; undefined for sources. Called once, with what wakes the task. */
  readonly inputs: InputGate | undefined;
  readonly edges: (gate: Gate) => readonly EdgeWriter[];
  readonly listener: TaskListener;
  /** Puts the task back into its thread's round. */
  readonly wake: () => void;
  readonly bufferTimeoutMs: number;
  /** Whether barriers may overtake in the job. */
  readonly unaligned: boolean;
}

type TaskState = 'created' | 'opening' | 'running' | 'ended' | 'closing' | 'closed';

export class Task {
  readonly #options: TaskOptions;
  readonly #gate: Gate;
  readonly #edges: readonly EdgeWriter[];
  readonly #chain: Chain;
  readonly #mail: (() => void)[] = [];
  /** Called once the mail has been served, or never will be. */
  readonly #mailWaiters: (() => void)[] = [];
  readonly #source: SourceOperator | undefined;
  #state: TaskState = 'created';
  #closing: Promise<void> | undefined;
  #batch: RecordBatch | undefined;
  /** The column batch that is in use. */
  #columns: ColumnBatch | undefined;
  #batchInput = 0;
  #batchChannel = -1;
  readonly #channelSnapshots: ChannelSnapshots;
  readonly #channelFiles: ChannelFiles;
  readonly #snapshots: SnapshotWriting;
  /** Checkpoints whose barriers have been passed: their acknowledgements may still be on their way. */
  readonly #passed = new Set<number>();
  /** Barriers that have come and are not passed, first to last. */
  #barriers: readonly ArrivedBarrier[] = [];
  /** Those that have come since the task has ended: operators prepare for the first, the others wait. */
  #barriersAfterEnd: BarrierElement[] = [];
  /** The checkpoint for whose sake output was last overdrawn. */
  #overdrawnFor = 0;
  #alarm: { readonly at: number; readonly timer: Cancellation } | undefined;
  /** What coordinators said behind the trigger of a barrier that is not passed. */
  #behindBarriers: readonly { readonly checkpoint: number; readonly deliver: () => void }[] = [];
  /** The end of the input has been seen; it is carried out once nothing is paused. */
  #ending: 'no' | 'drained' | 'undrained' | 'finishing' = 'no';
  #sourceWaiting = false;
  #lastFlush = 0;
  #busyMs = 0;

  constructor(options: TaskOptions) {
    this.#options = options;
    this.#gate = new Gate(options.world.clock, options.mailFlag);
    this.#edges = options.edges(this.#gate);
    this.#chain = new Chain(options.vertex, options.subtask, this.#gate, this.#edges, {
      ...options.environment,
      mail: (callback) => this.post(callback),
      fail: (error) => this.fail(error),
      toCoordinator: (id, message) => options.listener.toCoordinator(id, message),
    });
    this.#channelSnapshots = new ChannelSnapshots(options.inputs, this.#edges);
    this.#channelFiles = new ChannelFiles({
      files: options.environment.files,
      operatorId: operatorId(headOf(options.vertex)),
      subtask: options.subtask,
      post: (callback) => this.post(callback),
    });
    this.#snapshots = new SnapshotWriting(options.world.clock, (callback) => this.post(callback));
    this.#source = options.inputs === undefined ? (this.#chain.head as SourceOperator) : undefined;
  }

  get state(): TaskState {
    return this.#state;
  }

  /** Runs `callback` in the next turn. */
  post(callback: () => void): void {
    if (this.#state === 'closed') return;
    this.#mail.push(callback);
    this.#options.wake();
  }

  // One turn.

  turn(): TurnResult {
    if (this.#state === 'closed' || this.#state === 'closing') return 'done';
    const now = this.#options.world.clock.monotonic();
    this.#gate.beginTurn(now, now + TURN_MS);
    try {
      this.#open();
      this.#serveMail();
      for (const served of this.#mailWaiters.splice(0)) served();
      const result = this.#work();
      this.#chain.turnEnded();
      this.#flush(result);
      return this.#snapshots.slice() ? 'again' : result;
    } catch (error) {
      this.fail(this.#chain.blame(error, this.#recordAtHand()));
      return 'done';
    } finally {
      this.#busyMs += this.#options.world.clock.monotonic() - now;
    }
  }

  #open(): void {
    if (this.#state !== 'created') return;
    this.#state = 'opening';
    // Before anything that operators say to their coordinators while they open.
    this.#options.listener.running();
    this.#chain.open();
    this.#state = 'running';
  }

  #serveMail(): void {
    const count = this.#mail.length;
    for (let i = 0; i < count; i++) (this.#mail[i] as () => void)();
    this.#mail.splice(0, count);
  }

  #work(): TurnResult {
    for (const edge of this.#edges) edge.pump();
    if (this.#options.unaligned) this.#hasten();
    if (this.#state !== 'running') return this.#mail.length > 0 ? 'again' : 'waiting';
    if (this.#barriers.length > 0 && !this.#tryBarriers()) return this.#finishElement();
    if (this.#gate.hasPaused && !this.#resume()) return this.#whilePaused();
    if (this.#gate.blocked) return 'waiting';
    return this.#source === undefined ? this.#consume(this.#options.inputs as InputGate) : this.#produce(this.#source);
  }

  #resume(): boolean {
    return !this.#gate.blocked && this.#gate.resumePaused();
  }

  /** A burst is half done and cannot go on now: barriers may pass it, nothing else. */
  #whilePaused(): TurnResult {
    if (this.#options.inputs !== undefined && this.#gate.interruptible) {
      const event = this.#options.inputs.pollBarrier(this.#batch === undefined ? -1 : this.#batchChannel);
      if (event !== undefined) {
        this.#handle(event);
        return 'again';
      }
    }
    return this.#gate.blocked ? 'waiting' : 'again';
  }

  #consume(inputs: InputGate): TurnResult {
    this.#releaseColumns();
    for (;;) {
      if (this.#batch !== undefined) {
        if (!this.#runBatch(this.#batch)) return this.#gate.blocked ? 'waiting' : 'again';
        continue;
      }
      if (this.#ending !== 'no') return this.#end();
      const event = inputs.poll();
      if (event === undefined) return this.#mail.length > 0 ? 'again' : 'waiting';
      this.#handle(event);
      if (!this.#gate.proceed() && this.#batch === undefined)
        return this.#gate.blocked && !this.#gate.hasPaused ? 'waiting' : 'again';
    }
  }

  /** Runs rows of the batch; true when it is used up and nothing stopped the turn. */
  #runBatch(batch: RecordBatch): boolean {
    (this.#chain.code.run[this.#batchInput] as (batch: RecordBatch) => void)(batch);
    if (batch.cursor < batch.count) return false;
    // A record that paused keeps its batch: its values are still in use.
    if (this.#gate.hasPaused) return false;
    this.#batch = undefined;
    (this.#options.inputs as InputGate).recycle(this.#batchChannel, batch);
    return this.#gate.proceed();
  }

  /** A column batch is one element. While something is half done with it, it is in use. */
  #runColumns(input: number, batch: ColumnBatch): void {
    this.#columns = batch;
    (this.#chain.code.element[input] as (value: unknown, timestamp: number, kind: number) => void)(
      batch,
      NO_TIMESTAMP,
      0,
    );
    if (this.#gate.settled) this.#releaseColumns();
  }

  #releaseColumns(): void {
    releaseColumns(this.#columns);
    this.#columns = undefined;
  }

  #handle(event: InputEvent): void {
    switch (event.kind) {
      case 'data':
        if (event.data instanceof RecordBatch) {
          this.#batch = event.data;
          this.#batchInput = event.input;
          this.#batchChannel = event.channel;
          this.#chain.announce(event.input, event.data);
        } else this.#runColumns(event.input, event.data);
        return;
      case 'watermark':
        this.#chain.watermark(event.timestamp);
        return;
      case 'status':
        this.#chain.code.head.status(event.idle);
        return;
      case 'barrier':
        this.#arrived({ barrier: event.barrier, cuts: false });
        return;
      case 'overtaking':
        this.#arrived({ barrier: event.barrier, cuts: true });
        return;
      case 'superseded':
        this.#options.listener.declined(event.checkpoint, 'a newer checkpoint began first', false);
        return;
      case 'end':
        this.#ending = event.drained ? 'drained' : 'undrained';
        return;
    }
  }

  #produce(source: SourceOperator): TurnResult {
    if (this.#ending !== 'no') return this.#end();
    if (this.#sourceWaiting) return 'waiting';
    const result = source.poll();
    switch (result) {
      case 'more':
        return this.#gate.blocked && !this.#gate.hasPaused ? 'waiting' : 'again';
      case 'waiting':
        this.#sourceWaiting = true;
        source.available().then(
          () => this.#sourceReady(),
          (error: unknown) =>
            this.post(() => {
              throw error;
            }),
        );
        return 'waiting';
      case 'finished':
        this.#ending = this.#chain.stoppedUndrained ? 'undrained' : 'drained';
        if (this.#gate.blocked) return 'waiting';
        return this.#gate.hasPaused ? 'again' : this.#end();
    }
  }

  #sourceReady(): void {
    this.#sourceWaiting = false;
    this.#options.wake();
  }

  /** Carries out the end of the input, in steps: operators finish, then the channels end. */
  #end(): TurnResult {
    if (this.#ending === 'drained') {
      this.#ending = 'finishing';
      this.#chain.code.head.finish();
      if (this.#gate.hasPaused || this.#gate.held) return 'again';
    }
    const drained = this.#ending === 'finishing';
    for (const edge of this.#edges) edge.end(drained);
    this.#state = 'ended';
    this.#options.listener.ended();
    return 'waiting';
  }

  // Barriers.

  /** Looks for barriers that overtake, which must not wait for their turn among what is read. */
  #hasten(): void {
    const now = this.#options.world.clock.now();
    this.#channelSnapshots.look(now);
    const event = this.#state === 'running' ? this.#options.inputs?.overtaking(now) : undefined;
    if (event !== undefined) this.#handle(event);
    const at = Math.min(this.#options.inputs?.overtakingAt ?? Infinity, this.#channelSnapshots.overtakingAt);
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

  #arrived(arrived: ArrivedBarrier): void {
    const { checkpoint } = arrived.barrier;
    if (this.#barriers.some(({ barrier }) => barrier.checkpoint === checkpoint)) return;
    this.#barriers = [...this.#barriers, arrived];
    this.#tryBarriers();
  }

  #tryBarriers(): boolean {
    for (let next = this.#barriers[0]; next !== undefined; next = this.#barriers[0])
      if (!this.#tryBarrier(next)) return false;
    return true;
  }

  /**
   * Goes on with what must settle before the barrier. An element whose output has no room may overdraw for a turn, so
   * that a barrier that overtakes need not wait for the receiver.
   */
  #finishElement(): TurnResult {
    if (this.#gate.held || !this.#gate.hasPaused) return 'waiting';
    const { barrier } = this.#barriers[0] as ArrivedBarrier;
    if (barrier.checkpoint === this.#overdrawnFor || !overtakesAt(barrier, this.#options.world.clock.now())) {
      if (!this.#resume() && this.#gate.blocked) return 'waiting';
    } else {
      this.#overdrawnFor = barrier.checkpoint;
      this.#gate.overdraw(() => this.#gate.resumePaused());
    }
    return 'again';
  }

  /** Takes the snapshot for the barrier and forwards it, unless something must settle first. */
  #tryBarrier(arrived: ArrivedBarrier): boolean {
    const { barrier } = arrived;
    if (this.#gate.held || (this.#gate.hasPaused && !this.#gate.interruptible)) return false;
    const before = this.#chain.beforeBarrier(barrier.checkpoint, barrier.type);
    if (before !== undefined) {
      this.#gate.hold();
      before.then(
        () =>
          this.post(() => {
            this.#gate.release();
            this.#passBarrier(arrived);
          }),
        (error: unknown) =>
          this.post(() => {
            this.#gate.release();
            throw error;
          }),
      );
      return false;
    }
    this.#passBarrier(arrived);
    return true;
  }

  #passBarrier(arrived: ArrivedBarrier): void {
    if (this.#barriers[0] !== arrived) return;
    this.#barriers = this.#barriers.slice(1);
    const { checkpoint, type, epoch } = arrived.barrier;
    this.#passed.add(checkpoint);
    this.#options.environment.files?.enter(epoch);
    const inUse = this.#batch === undefined ? undefined : { channel: this.#batchChannel, batch: this.#batch };
    // Both parts are of this moment, whenever they are complete.
    let channels: readonly ChannelStateSnapshot[] | undefined;
    let operators: readonly OperatorSnapshot[] | undefined;
    const acknowledge = (): void => {
      if (channels !== undefined && operators !== undefined)
        this.#options.listener.acknowledged(checkpoint, { operators, channels });
    };
    // The barrier leaves first: receivers can align while this task still writes its snapshot.
    this.#channelSnapshots.pass(arrived, this.#options.world.clock.now(), inUse, (states) =>
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
      () => this.#chain.snapshot(checkpoint, type),
      (written) => {
        operators = written;
        acknowledge();
      },
      (reason) => this.#options.listener.declined(checkpoint, reason, true),
    );
    this.#releaseBehindBarriers();
  }

  #releaseBehindBarriers(): void {
    const waits = this.#behindBarriers.findIndex(({ checkpoint }) =>
      this.#barriers.some(({ barrier }) => barrier.checkpoint === checkpoint),
    );
    const free = waits < 0 ? this.#behindBarriers : this.#behindBarriers.slice(0, waits);
    this.#behindBarriers = this.#behindBarriers.slice(free.length);
    for (const { deliver } of free) deliver();
  }

  /**
   * The coordinator's trigger: sources inject the barrier; a task that has ended answers at once. With `stop`, the
   * barrier is the last that a source sends: it reads nothing behind it, and windows and timers stay as they are.
   */
  trigger(barrier: BarrierElement, stop: boolean): void {
    this.post(() => {
      if (this.#state === 'ended') {
        // The task may have ended while its snapshot was written: then that is the answer.
        if (!this.#passed.has(barrier.checkpoint)) this.#snapshotEnded(barrier);
      } else if (this.#source === undefined) return;
      else if (this.#state !== 'running')
        this.#options.listener.declined(barrier.checkpoint, 'the task is not running', false);
      else {
        if (stop) this.#stopSource(false);
        this.#arrived({ barrier, cuts: false });
      }
    });
  }

  /** Operators prepare for one barrier at a time, also when their task has ended. */
  #snapshotEnded(barrier: BarrierElement): void {
    this.#barriersAfterEnd.push(barrier);
    if (this.#barriersAfterEnd.length === 1) this.#nextAfterEnd();
  }

  #nextAfterEnd(): void {
    for (let barrier = this.#barriersAfterEnd[0]; barrier !== undefined; barrier = this.#barriersAfterEnd[0]) {
      const acknowledge = this.#prepareEnded(barrier);
      if (acknowledge === undefined) return;
      acknowledge();
    }
  }

  /** What answers the barrier; undefined while operators prepare: they go on with the next one by themselves. */
  #prepareEnded(barrier: BarrierElement): (() => void) | undefined {
    const before = this.#chain.beforeBarrier(barrier.checkpoint, barrier.type);
    const { checkpoint, type, epoch } = barrier;
    this.#options.environment.files?.enter(epoch);
    const acknowledge = (): void => {
      this.#barriersAfterEnd.shift();
      const overtaken = this.#channelSnapshots.passEnded(barrier, this.#options.world.clock.now());
      const failed = (reason: string): void => this.#options.listener.declined(checkpoint, reason, true);
      this.#snapshots.begin(
        () => this.#chain.snapshot(checkpoint, type),
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
        this.post(() => {
          acknowledge();
          this.#nextAfterEnd();
        }),
      (error: unknown) =>
        this.post(() => {
          throw error;
        }),
    );
    return undefined;
  }

  checkpointComplete(checkpoint: number): void {
    this.post(() => {
      for (const passed of this.#passed) if (passed <= checkpoint) this.#passed.delete(passed);
      this.#chain.checkpointComplete(checkpoint);
    });
  }

  checkpointAborted(checkpoint: number): void {
    this.post(() => {
      this.#barriers = this.#barriers.filter(({ barrier }) => barrier.checkpoint !== checkpoint);
      this.#barriersAfterEnd = this.#barriersAfterEnd.filter(
        (barrier, index) => index === 0 || barrier.checkpoint !== checkpoint,
      );
      this.#releaseBehindBarriers();
      this.#channelSnapshots.abort(checkpoint);
      this.#channelFiles.abort(checkpoint);
      this.#passed.delete(checkpoint);
      this.#chain.checkpointAborted(checkpoint);
    });
  }

  /**
   * What a coordinator said after it took its part of a checkpoint must not be in the task's part. So while a barrier
   * that was triggered here still waits, its messages wait behind it.
   */
  fromCoordinator(operator: string, message: unknown): void {
    this.post(() => {
      const deliver = (): void => {
        this.#sourceWaiting = false;
        this.#chain.fromCoordinator(operator, message);
      };
      const last = this.#source === undefined ? undefined : this.#barriers.at(-1);
      if (last === undefined) deliver();
      else this.#behindBarriers = [...this.#behindBarriers, { checkpoint: last.barrier.checkpoint, deliver }];
    });
  }

  /** Stops reading a source and ends event time. */
  drain(): void {
    this.post(() => {
      if (this.#source !== undefined && this.#state === 'running') this.#stopSource(true);
    });
  }

  #stopSource(drain: boolean): void {
    this.#chain.stopSource(drain);
    this.#sourceWaiting = false;
  }

  // Batches on their way.

  /** Part-filled batches leave when the task is about to wait, and when the buffer timeout has passed while it is busy. */
  #flush(result: TurnResult): void {
    const timeout = this.#options.bufferTimeoutMs;
    if (result === 'again') {
      if (timeout < 0) return;
      const now = this.#options.world.clock.monotonic();
      if (now - this.#lastFlush < timeout) return;
      this.#lastFlush = now;
    }
    for (const edge of this.#edges) edge.flush();
  }

  // The end.

  /** Fails the task: it stops, and its owner hears why. */
  fail(error: Error): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#options.listener.failed(error);
    void this.close();
  }

  /** Resolves when all that was asked of the task is done, what goes on in the background included, or it has failed. */
  async settled(): Promise<void> {
    await this.#mailServed();
    await this.#chain.settled();
    // What failed in the background says so by mail.
    await this.#mailServed();
  }

  #mailServed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === 'closing' || this.#state === 'closed') {
        resolve();
        return;
      }
      this.#mailWaiters.push(resolve);
      this.#options.wake();
    });
  }

  /** Ends the task, whatever it is doing. Whoever calls it again waits for the same end. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const opened = this.#state !== 'created';
    this.#state = 'closing';
    this.#mail.length = 0;
    this.#snapshots.stop();
    this.#channelFiles.close();
    this.#alarm?.timer.cancel();
    for (const served of this.#mailWaiters.splice(0)) served();
    try {
      if (opened) await this.#chain.close();
    } catch (error) {
      this.#options.listener.failed(this.#chain.blame(error, NO_RECORD));
    }
    for (const edge of this.#edges) edge.close();
    this.#options.inputs?.close();
    this.#state = 'closed';
  }

  // Looking in.

  #recordAtHand(): unknown {
    return this.#batch === undefined || this.#batch.cursor === 0
      ? NO_RECORD
      : this.#batch.values[this.#batch.cursor - 1];
  }

  metrics(): readonly OperatorMetrics[] {
    const bytes = this.#edges.reduce((sum, edge) => sum + edge.bytesSent, 0);
    const overdrawn = this.#edges.reduce((sum, edge) => sum + edge.overdrawn, 0);
    return this.#chain.metrics({
      busyMs: this.#busyMs,
      bytesSent: bytes,
      overdrawnBatches: overdrawn,
      queuedBatches: this.#options.inputs?.queued ?? 0,
      ...this.#snapshots.metrics(),
    });
  }

  dropped(): readonly DroppedSample[] {
    return this.#chain.dropped();
  }

  accumulators(): readonly Readonly<Record<string, unknown>>[] {
    return this.#chain.accumulators();
  }

  /** What a person needs to find the task: its vertex and subtask. */
  get label(): string {
    return `${this.#options.vertex.name} (${this.#options.subtask + 1}/${this.#options.vertex.parallelism})`;
  }

  get operatorIds(): readonly string[] {
    return this.#options.vertex.nodes.map(operatorId);
  }
}
