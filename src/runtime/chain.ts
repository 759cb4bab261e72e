/**
 * The operators of one task: made from their definitions, given their contexts and state, wired by generated code,
 * and snapshotted together.
 */

import { describeThrown, MillstreamError } from '../base/error.ts';
import type { Cancellation, World } from '../base/world.ts';
import { keyGroupRange } from '../data/key.ts';
import type { Checkpointing } from '../connect/sink.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP, type RecordBatch } from '../data/record-batch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import type { JobVertex } from '../graph/job-graph.ts';
import type { DroppedSample, OperatorMetrics } from '../graph/launch.ts';
import { operatorId, type StreamNode } from '../graph/stream-graph.ts';
import type { Gate } from '../base/gate.ts';
import { dropTag, type Dropped, type DropFacts, type DropReason } from '../operator/dropped.ts';
import type { Operator, OperatorContext, TaskIdentity } from '../operator/operator.ts';
import type { SourceOperator } from '../operator/source-driver.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import { createOperatorState, type MemoryOperatorState } from '../state/operator-state-memory.ts';
import { KeyedSnapshots, type PendingSnapshot } from '../state/keyed-snapshots.ts';
import { createSnapshotWriter, inlineBytes, restoredState } from '../state/snapshot-data.ts';
import { streamParts } from '../state/restored-entries.ts';
import type {
  BytesOf,
  OperatorSnapshot,
  PartTaker,
  RestoredKeyedState,
  RestoredState,
  SnapshotFiles,
} from '../state/snapshot.ts';
import { ChainSnapshot } from './chain-snapshot.ts';
import { generateChain, type ChainCode, type ChainFrame, type ChainNode } from './chain-code.ts';
import { describeRecord } from '../data/describe-record.ts';
import { createKeyedBackend, type StateSettings } from './keyed-backend.ts';
import { OperatorMetricGroup } from './metrics.ts';
import { MutationCheck } from './mutation-check.ts';
import { NO_RECORD, userFailure } from './user-failure.ts';

/** Dropped records that each operator keeps to be looked at. */
const DROPPED_SAMPLES_MAX = 8;

/** What all operators of a task share. */
export interface ChainEnvironment {
  readonly jobId: string;
  readonly jobName: string;
  readonly attempt: number;
  readonly mode: 'streaming' | 'batch';
  /** `undefined` when the job takes no checkpoints by itself. */
  readonly checkpointing: Checkpointing | undefined;
  readonly world: World;
  readonly types: TypeRegistry;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Paths of the registered files by name. Default: none. */
  readonly cachedFiles?: Readonly<Record<string, string>>;
  /** Whether values are watched for changes after they were emitted. */
  readonly mutationCheck: boolean;
  /** Where keyed state is kept. Default: in memory. */
  readonly state?: StateSettings;
  /** The state of this subtask by operator id; undefined when the job starts from nothing. */
  readonly restore: ReadonlyMap<string, OperatorSnapshot> | undefined;
  /** Gives the bytes of what `restore` has in files. Default: everything is at hand. */
  readonly bytesOf?: BytesOf;
  /** False where the files of `restore` belong to somebody else: no checkpoint refers to them. Default true. */
  readonly claimed?: boolean;
  /** Where snapshots are written to. Default: they stay in memory. */
  readonly files?: SnapshotFiles;
}

export interface ChainCalls extends ChainEnvironment {
  mail(callback: () => void): void;
  fail(error: Error): void;
  toCoordinator(operatorId: string, message: unknown): void;
}

/** One operator with everything that belongs to it. */
class Member {
  readonly node: StreamNode;
  readonly id: string;
  readonly instance: Operator | undefined;
  readonly metrics = new OperatorMetricGroup();
  readonly dropped: DroppedSample[] = [];
  /** What expired and has not been told yet. */
  readonly expired: { readonly value: unknown; readonly facts: DropFacts }[] = [];
  context: OperatorContext | undefined;
  backend: KeyedBackend | undefined;
  operatorState: MemoryOperatorState | undefined;
  snapshots: KeyedSnapshots | undefined;
  readonly timers = new Set<Cancellation>();

  constructor(node: StreamNode) {
    this.node = node;
    this.id = operatorId(node);
    this.instance = node.definition.create?.();
  }
}

export class Chain {
  readonly code: ChainCode;
  readonly #members: readonly Member[];
  readonly #frame: ChainFrame;
  readonly #vertex: JobVertex;
  readonly #subtask: number;
  readonly #gate: Gate;
  readonly #calls: ChainCalls;
  readonly #check: MutationCheck | undefined;
  #watermark = MIN_WATERMARK;
  #stoppedUndrained = false;
  #opened = 0;
  /** Whether what operators take in part by part is there already. */
  #takenIn = false;

  constructor(vertex: JobVertex, subtask: number, gate: Gate, edges: readonly EdgeWriter[], calls: ChainCalls) {
    this.#vertex = vertex;
    this.#subtask = subtask;
    this.#gate = gate;
    this.#calls = calls;
    this.#members = vertex.nodes.map((node) => new Member(node));
    this.#frame = { at: 0, failed: undefined, counts: new Float64Array(2 * vertex.nodes.length) };
    gate.attribute(this.#frame);
    const head = vertex.nodes[0] as StreamNode;
    const inputs = head.inputs.reduce((most, edge) => Math.max(most, edge.input + 1), 0);
    this.#check = calls.mutationCheck
      ? new MutationCheck(
          calls.types,
          vertex.nodes.map((node) => node.name),
        )
      : undefined;
    this.code = generateChain(
      this.#tree(edges),
      inputs,
      gate,
      this.#frame,
      `${calls.jobId}/vertex-${vertex.id}/${subtask}/${calls.attempt}`,
      this.#check,
    );
  }

  #tree(edges: readonly EdgeWriter[]): ChainNode[] {
    const indexOf = new Map(this.#vertex.nodes.map((node, index) => [node.id, index]));
    return this.#members.map((member) => ({
      name: member.node.name,
      definition: member.node.definition,
      instance: member.instance,
      children: this.#vertex.chained
        .filter((edge) => edge.from === member.node.id)
        .map((edge) => ({ index: indexOf.get(edge.to) as number, side: edge.side })),
      edges: this.#vertex.outputs.flatMap((edge, i) =>
        edge.sourceNode === member.node.id
          ? [{ writer: edges[i] as EdgeWriter, partitioning: edge.partitioning, side: edge.side, shape: edge.shape }]
          : [],
      ),
    }));
  }

  get head(): Operator | undefined {
    return (this.#members[0] as Member).instance;
  }

  // Life.

  /** Before `open`, where state lies in files: has operators take in what they do not want in memory before. */
  async takeIn(files: Pick<SnapshotFiles, 'stream'>): Promise<void> {
    for (const [index, member] of this.#members.entries()) {
      this.#frame.at = index;
      for (const { state, taker } of this.#takers(member, index))
        await streamParts(files, state, this.#calls.types, taker);
    }
    this.#takenIn = true;
    this.#frame.at = 0;
  }

  /** What an operator takes in of what is restored. */
  *#takers(member: Member, index: number): Iterable<{ readonly state: RestoredKeyedState; readonly taker: PartTaker }> {
    const { takes = [] } = member.node.definition;
    if (takes.length === 0) return;
    const context = this.#context(member, index);
    for (const state of context.restoredState.keyed) {
      const taker = takes.includes(state.name) ? member.instance?.taker?.(state, context) : undefined;
      if (taker !== undefined) yield { state, taker };
    }
  }

  /** Opens the operators, the last first, so that nobody emits into one that is not open. */
  open(): void {
    for (let index = this.#members.length - 1; index >= 0; index--) {
      const member = this.#members[index] as Member;
      this.#frame.at = index;
      const snapshots = (member.snapshots = this.#snapshots(member));
      if (!this.#takenIn)
        for (const { state, taker } of this.#takers(member, index)) {
          for (const part of state.parts()) taker.take(part);
          taker.end();
        }
      member.instance?.open(this.#context(member, index));
      const viewed = member.instance?.viewed?.();
      if (viewed !== undefined) snapshots.add(viewed);
      this.#opened++;
    }
    this.#frame.at = 0;
  }

  #snapshots(member: Member): KeyedSnapshots {
    const { restore, types, files, bytesOf = inlineBytes, claimed = true } = this.#calls;
    return new KeyedSnapshots({
      operatorId: member.id,
      subtask: this.#subtask,
      types,
      files,
      restored: restore?.get(member.id),
      bytesOf,
      claimed,
    });
  }

  #context(member: Member, index: number): OperatorContext {
    return (member.context ??= this.#newContext(member, index));
  }

  #newContext(member: Member, index: number): OperatorContext {
    const calls = this.#calls;
    const { node } = member;
    const snapshot = calls.restore?.get(member.id);
    const restored = restoredState(snapshot === undefined ? [] : [snapshot], calls.types, calls.bytesOf);
    const operatorState = createOperatorState(calls.types, restored);
    member.operatorState = operatorState;
    const task: TaskIdentity = Object.freeze({
      jobName: calls.jobName,
      jobId: calls.jobId,
      operatorName: node.name,
      operatorId: member.id,
      subtask: this.#subtask,
      parallelism: node.parallelism,
      maxParallelism: this.#vertex.maxParallelism,
      attempt: calls.attempt,
      mode: calls.mode,
      checkpointing: calls.checkpointing,
    });
    const at = (time: number, callback: () => void): Cancellation => this.#at(member, index, time, callback);
    return {
      task,
      output: this.code.outputs[index] as NonNullable<ChainCode['outputs'][number]>,
      gate: this.#gate,
      metrics: member.metrics,
      keyedBackend: () => (member.backend ??= this.#backend(member, index, restored, at)),
      operatorState,
      types: calls.types,
      parameters: calls.parameters,
      cachedFiles: calls.cachedFiles ?? {},
      restored: snapshot !== undefined,
      restoredState: restored,
      now: () => calls.world.clock.now(),
      at,
      mail: (callback) => calls.mail(() => this.#as(index, callback)),
      hold: (work) => this.#hold(index, work),
      world: calls.world,
      toCoordinator: (message) => calls.toCoordinator(member.id, message),
      dropped: (reason, value, timestamp, facts) => this.#dropped(member, index, { reason, value, timestamp }, facts),
    };
  }

  #backend(
    member: Member,
    index: number,
    restored: RestoredState,
    at: (time: number, callback: () => void) => Cancellation,
  ): KeyedBackend {
    const { maxParallelism, parallelism } = this.#vertex;
    const backend = createKeyedBackend(
      this.#calls,
      {
        maxParallelism,
        keyGroups: keyGroupRange(maxParallelism, parallelism, this.#subtask),
        types: this.#calls.types,
        clock: () => this.#calls.world.clock.now(),
        schedule: at,
        gate: this.#gate,
        restored,
        expired: (state, key, value, entryKey) => {
          const facts = entryKey === undefined ? { state, key } : { state, key, entryKey };
          member.expired.push({ value, facts });
          if (member.expired.length === 1)
            this.#calls.mail(() => this.#as(index, () => this.#tellExpired(member, index)));
        },
      },
      member.metrics,
    );
    member.snapshots?.add(backend);
    return backend;
  }

  /** Runs a callback as the operator of that index, so that what it throws finds its owner. */
  #as(index: number, callback: () => void): void {
    const before = this.#frame.at;
    this.#frame.at = index;
    callback();
    this.#frame.at = before;
  }

  #at(member: Member, index: number, time: number, callback: () => void): Cancellation {
    const { clock } = this.#calls.world;
    const timer = clock.after(Math.max(0, time - clock.now()), () => {
      member.timers.delete(handle);
      this.#calls.mail(() => {
        if (!cancelled) this.#as(index, callback);
      });
    });
    let cancelled = false;
    const handle: Cancellation = {
      cancel: () => {
        cancelled = true;
        timer.cancel();
        member.timers.delete(handle);
      },
    };
    member.timers.add(handle);
    return handle;
  }

  #hold(index: number, work: Promise<unknown>): void {
    this.#gate.hold();
    work.then(
      () => this.#calls.mail(() => this.#gate.release()),
      (error: unknown) =>
        this.#calls.mail(() => {
          this.#gate.release();
          this.#frame.at = index;
          throw error;
        }),
    );
  }

  /** Not in the middle of the access that met it: whoever hears of it may have state of its own to touch. */
  #tellExpired(member: Member, index: number): void {
    for (const { value, facts } of member.expired.splice(0))
      this.#dropped(member, index, { reason: 'expired', value, timestamp: NO_TIMESTAMP }, facts);
  }

  #dropped(
    member: Member,
    index: number,
    { reason, value, timestamp }: { readonly reason: DropReason; readonly value: unknown; readonly timestamp: number },
    facts: DropFacts | undefined,
  ): void {
    member.metrics.counter(`dropped.${reason}`).inc();
    member.dropped.push({
      operatorId: member.id,
      subtask: this.#subtask,
      reason,
      record: describeRecord(value),
      timestamp,
    });
    if (member.dropped.length > DROPPED_SAMPLES_MAX) member.dropped.shift();
    const output = this.code.outputs[index];
    if (output === undefined || !this.#reads(member.node.id, dropTag(reason))) return;
    const dropped: Dropped = {
      ...facts,
      reason,
      value,
      timestamp: timestamp === NO_TIMESTAMP ? undefined : timestamp,
      operator: member.node.name,
      uid: member.id,
      subtask: this.#subtask,
    };
    output.side(dropTag(reason), dropped, timestamp);
  }

  /** Whether anybody reads a side output of a node. */
  #reads(node: number, side: string): boolean {
    const { chained, outputs } = this.#vertex;
    return (
      chained.some((edge) => edge.from === node && edge.side === side) ||
      outputs.some((edge) => edge.sourceNode === node && edge.side === side)
    );
  }

  /** Closes what was opened, the head first; all are closed whatever fails, and the first failure is thrown. */
  async close(): Promise<void> {
    let failure: unknown;
    let failed = false;
    for (const [index, member] of this.#members.entries()) {
      for (const timer of member.timers) timer.cancel();
      if (index < this.#members.length - this.#opened) continue;
      try {
        this.#frame.at = index;
        member.snapshots?.close();
        await member.instance?.close();
        member.backend?.close();
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    }
    if (failed) throw failure;
  }

  /** The turn of the task is over. */
  turnEnded(): void {
    this.#check?.settle();
  }

  // What flows, besides elements.

  /** Where event time stood in what is restored; undefined when that is not known. */
  get restoredWatermark(): number | undefined {
    const first = this.#members.find((member) => member.instance !== undefined);
    return first && this.#calls.restore?.get(first.id)?.watermark;
  }

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
    this.code.head.watermark(timestamp);
  }

  /** Announces the keys of a batch to the backend of a keyed head. */
  announce(input: number, batch: RecordBatch): void {
    const member = this.#members[0] as Member;
    const { backend } = member;
    const selector = member.node.definition.keySelectors?.[input];
    if (selector !== undefined) backend?.prefetch?.(() => keysOf(batch, selector));
  }

  fromCoordinator(operator: string, message: unknown): void {
    this.#members.forEach((member, index) => {
      if (member.id === operator) this.#as(index, () => member.instance?.fromCoordinator?.(message));
    });
  }

  stopSource(drain: boolean): void {
    if (!drain) this.#stoppedUndrained = true;
    (this.head as SourceOperator).stop(drain);
  }

  get stoppedUndrained(): boolean {
    return this.#stoppedUndrained;
  }

  // Checkpoints.

  /** Lets operators prepare, in chain order; a promise when one of them must wait for the outside world. */
  beforeBarrier(checkpoint: number, type: 'checkpoint' | 'savepoint'): Promise<void> | undefined {
    for (const [index, member] of this.#members.entries()) {
      this.#frame.at = index;
      // It has left the state that the checkpoint holds.
      this.#tellExpired(member, index);
      const waiting = member.instance?.beforeBarrier?.(checkpoint, type);
      if (waiting !== undefined) return this.#beforeBarrierFrom(index + 1, checkpoint, type, waiting);
    }
    return undefined;
  }

  async #beforeBarrierFrom(
    from: number,
    checkpoint: number,
    type: 'checkpoint' | 'savepoint',
    waiting: Promise<void>,
  ): Promise<void> {
    await waiting;
    for (let index = from; index < this.#members.length; index++) {
      const member = this.#members[index] as Member;
      this.#frame.at = index;
      this.#tellExpired(member, index);
      await member.instance?.beforeBarrier?.(checkpoint, type);
    }
  }

  /** Fixes the state of all operators as it is now. It is written by and by, see {@link ChainSnapshot}. */
  snapshot(checkpoint: number, type: 'checkpoint' | 'savepoint'): ChainSnapshot {
    const begun: PendingSnapshot[] = [];
    try {
      for (const [index, member] of this.#members.entries()) {
        if (member.instance === undefined || member.snapshots === undefined) continue;
        this.#frame.at = index;
        const writer = createSnapshotWriter(checkpoint, type, member.id, this.#calls.types);
        member.instance.snapshot(writer);
        member.operatorState?.snapshot(writer);
        begun.push(member.snapshots.begin(checkpoint, type, writer.finish()));
      }
    } catch (error) {
      for (const snapshot of begun) snapshot.abort();
      throw error;
    }
    return new ChainSnapshot(checkpoint, begun, this.#watermark);
  }

  checkpointComplete(checkpoint: number): void {
    this.#members.forEach((member, index) => {
      member.snapshots?.completed(checkpoint);
      this.#as(index, () => member.instance?.checkpointComplete?.(checkpoint));
    });
    const { files } = this.#calls;
    files?.completed(checkpoint, new Set(this.#members.flatMap((member) => [...(member.snapshots?.files ?? [])])));
  }

  checkpointAborted(checkpoint: number): void {
    this.#members.forEach((member, index) => {
      member.snapshots?.aborted(checkpoint);
      this.#as(index, () => member.instance?.checkpointAborted?.(checkpoint));
    });
  }

  /** Settles when no operator has anything under way in the background. */
  async settled(): Promise<void> {
    for (const member of this.#members) await member.instance?.settled?.();
  }

  // Looking in.

  /** Names the operator and the record in an error that came out of the chain. */
  blame(thrown: unknown, record: unknown): Error {
    const member = this.#members[this.#frame.at];
    if (member === undefined)
      return thrown instanceof Error
        ? thrown
        : new MillstreamError('USER_CODE', describeThrown(thrown), { cause: thrown });
    const { failed } = this.#frame;
    const given = failed === undefined ? record : failed.value;
    return userFailure(thrown, member.node, this.#subtask, this.#opened < this.#members.length ? NO_RECORD : given);
  }

  metrics(task: Readonly<Record<string, number>>): readonly OperatorMetrics[] {
    const nodes = this.#members.length;
    return this.#members.map((member, index) => ({
      operatorId: member.id,
      name: member.node.name,
      subtask: this.#subtask,
      ...(member.node.metricVariables === undefined ? {} : { variables: member.node.metricVariables }),
      values: {
        ...member.metrics.snapshot(),
        numRecordsIn: this.#frame.counts[index] as number,
        numRecordsOut: this.#recordsOut(index, nodes),
        currentWatermark: this.#watermark,
        ...(member.backend === undefined ? {} : { stateKeys: member.backend.size }),
        ...(index === 0 ? task : {}),
      },
    }));
  }

  #recordsOut(index: number, nodes: number): number {
    const { counts } = this.#frame;
    const member = this.#members[index] as Member;
    const child = this.#vertex.chained.find((edge) => edge.from === member.node.id && edge.side === undefined);
    if (member.instance !== undefined || child === undefined) return counts[nodes + index] as number;
    return counts[this.#vertex.nodes.findIndex((node) => node.id === child.to)] as number;
  }

  dropped(): readonly DroppedSample[] {
    return this.#members.flatMap((member) => member.dropped);
  }

  /** Accumulators that user functions registered, by operator. */
  accumulators(): readonly Readonly<Record<string, unknown>>[] {
    // Who looks in early finds nothing yet.
    if (this.#opened < this.#members.length) return [];
    return this.#members.flatMap((member) => {
      const { instance } = member as { readonly instance: { accumulators?(): Record<string, unknown> } | undefined };
      const own = instance?.accumulators?.();
      return own === undefined ? [] : [own];
    });
  }
}

/** The keys of the records that are left of a batch, up to one whose key cannot be had: it says so when its turn comes. */
function keysOf({ values, cursor, count }: RecordBatch, selector: (value: never) => unknown): unknown[] {
  const keys: unknown[] = [];
  try {
    for (let row = cursor; row < count; row++) keys.push(selector(values[row] as never));
  } catch {
    return keys;
  }
  return keys;
}
