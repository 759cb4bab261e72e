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

import type { World } from '../base/world.ts';
import type { BarrierElement } from '../data/element.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import { NO_TIMESTAMP, RecordBatch } from '../data/record-batch.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import type { InputEvent, InputGate } from '../exchange/input-gate.ts';
import { headOf, type JobVertex } from '../graph/job-graph.ts';
import { operatorId } from '../graph/stream-graph.ts';
import type { DroppedSample, OperatorMetrics } from '../graph/launch.ts';
import type { SnapshotFiles } from '../state/snapshot.ts';
import { Gate } from '../base/gate.ts';
import { releaseColumns } from '../kernel/owned-batch.ts';
import type { SourceOperator } from '../operator/source-driver.ts';
import { Chain, type ChainEnvironment } from './chain.ts';
import { TaskBarriers } from './task-barriers.ts';
import type { TaskListener } from './task-listener.ts';
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
  readonly #barriers: TaskBarriers;
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
    this.#barriers = new TaskBarriers({
      world: options.world,
      gate: this.#gate,
      chain: this.#chain,
      inputs: options.inputs,
      edges: this.#edges,
      files: options.environment.files,
      operatorId: operatorId(headOf(options.vertex)),
      subtask: options.subtask,
      listener: options.listener,
      batchInUse: () => (this.#batch === undefined ? undefined : { channel: this.#batchChannel, batch: this.#batch }),
      post: (callback) => this.post(callback),
      wake: options.wake,
    });
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

  /** Before the first turn, where state lies in files: has operators take in what is read for them alone. */
  async takeIn(files: Pick<SnapshotFiles, 'stream'>): Promise<void> {
    try {
      await this.#chain.takeIn(files);
    } catch (error) {
      throw this.#chain.blame(error, NO_RECORD);
    }
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
      return this.#barriers.writeSlice() ? 'again' : result;
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
    const { restoredWatermark } = this.#chain;
    if (restoredWatermark === undefined) return;
    this.#options.inputs?.resumeTime(restoredWatermark);
    this.#chain.watermark(restoredWatermark);
  }

  #serveMail(): void {
    const count = this.#mail.length;
    for (let i = 0; i < count; i++) (this.#mail[i] as () => void)();
    this.#mail.splice(0, count);
  }

  #work(): TurnResult {
    for (const edge of this.#edges) edge.pump();
    if (this.#options.unaligned) this.#barriers.hasten(this.#state === 'running', (event) => this.#handle(event));
    if (this.#state !== 'running') return this.#mail.length > 0 ? 'again' : 'waiting';
    if (!this.#barriers.tryAll()) return this.#barriers.finishElement();
    if (this.#gate.hasPaused && (this.#gate.blocked || !this.#gate.resumePaused())) return this.#whilePaused();
    if (this.#gate.blocked) return 'waiting';
    return this.#source === undefined ? this.#consume(this.#options.inputs as InputGate) : this.#produce(this.#source);
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
        this.#barriers.arrived({ barrier: event.barrier, cuts: false });
        return;
      case 'overtaking':
        this.#barriers.arrived({ barrier: event.barrier, cuts: true });
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

  /**
   * The coordinator's trigger: sources inject the barrier; a task that has ended answers at once. With `stop`, the
   * barrier is the last that a source sends: it reads nothing behind it, and windows and timers stay as they are.
   */
  trigger(barrier: BarrierElement, stop: boolean): void {
    this.post(() => {
      if (this.#state === 'ended') this.#barriers.arrivedAfterEnd(barrier);
      else if (this.#source === undefined) return;
      else if (this.#state !== 'running')
        this.#options.listener.declined(barrier.checkpoint, 'the task is not running', false);
      else {
        if (stop) this.#stopSource(false);
        this.#barriers.arrived({ barrier, cuts: false });
      }
    });
  }

  checkpointComplete(checkpoint: number): void {
    this.post(() => this.#barriers.complete(checkpoint));
  }

  checkpointAborted(checkpoint: number): void {
    this.post(() => this.#barriers.aborted(checkpoint));
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
      if (this.#source === undefined) deliver();
      else this.#barriers.deliverBehind(deliver);
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
    this.#barriers.close();
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
      ...this.#barriers.metrics(),
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
