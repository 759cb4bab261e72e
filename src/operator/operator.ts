/**
 * The operator contract: what one stage of a chain is, who calls it, and what it must promise.
 *
 * ## One running instance
 *
 * An operator instance belongs to one task and is called on one thread, in this order: `open` once; then any
 * interleaving of `element`, `watermark`, `status`, `resume`, `snapshot` and the checkpoint notifications; then
 * `finish` at most once, when its bounded input has ended; then `close` once, also after a failure. No two calls
 * overlap and none may suspend. An operator that must wait for the outside world calls {@link OperatorContext.hold}
 * with a promise, and gets no further input until it has settled.
 *
 * Outputs are plain calls: `output.emit` runs the rest of the chain before it returns. An operator that makes many
 * outputs from one input asks the gate between them (see `base/gate.ts`) and continues in `resume`. Until it has resumed to
 * its end it is given no element, watermark or finish; a barrier may come while a burst of *timers* is half done,
 * because the timers that have not fired are state.
 *
 * `watermark`, `status` and `finish` must be forwarded to the output by the operator itself, after everything that
 * they make it emit. `snapshot` writes everything that, handed to `open` of a fresh instance, makes that one
 * indistinguishable from this one.
 *
 * ## One definition, generated code
 *
 * The chain of a task is one generated function, whose text is unique to the job and the vertex (see
 * `runtime/chain-code.ts`); {@link OperatorDefinition} says how an operator takes part in it: by `inline`, which
 * writes statements straight into that function, by `create`, whose instance is called by it, or by both, where
 * `inline` is the element path of the instance. There is no other way in which an operator is ever run.
 */

import type { MetricGroup } from '../observe/metrics.ts';
import type { AnyStateDescriptor } from '../state/descriptor.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import type { OperatorStateStore } from '../state/operator-state.ts';
import type { PartTaker, RestoredKeyedState, RestoredState, SnapshotWriter } from '../state/snapshot.ts';
import type { ViewedState } from '../state/views.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { Cancellation, World } from '../base/world.ts';
import type { Checkpointing } from '../connect/sink.ts';
import type { ConnectorWorld } from '../connect/source.ts';
import type { Gate } from '../base/gate.ts';
import type { Resumable } from '../base/resumable.ts';
import type { DropFacts, DropReason } from './dropped.ts';
import type { InlineCode } from './inline-code.ts';

/** Milliseconds since the epoch; `NO_TIMESTAMP` when a record has none. */
export type Timestamp = number;

/** Code of a row kind: 0 `+I`, 1 `-U`, 2 `+U`, 3 `-D`. */
export type RowKindCode = number;

/** Where an operator emits to: the rest of its chain. */
export interface Output<T> {
  emit(value: T, timestamp: Timestamp, kind: RowKindCode): void;
  /** Emits to the side output `tag`; dropped, and not counted, when nobody reads it. */
  side(tag: string, value: unknown, timestamp: Timestamp): void;
  watermark(timestamp: Timestamp): void;
  status(idle: boolean): void;
  finish(): void;
}

/** Who the instance is. */
export interface TaskIdentity {
  readonly jobName: string;
  readonly jobId: string;
  readonly operatorName: string;
  /** The operator's uid, or the stable identifier derived from the graph when none was given. */
  readonly operatorId: string;
  readonly subtask: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** How often the job has been restarted. */
  readonly attempt: number;
  /** `batch` promises a bounded input whose records arrive grouped by key where the operator is keyed. */
  readonly mode: 'streaming' | 'batch';
  /** `undefined` when the job takes no checkpoints by itself. */
  readonly checkpointing: Checkpointing | undefined;
}

/** What an operator instance is given when it is opened: its surroundings, until it is closed. */
export interface OperatorContext<Out = unknown> {
  readonly task: TaskIdentity;
  readonly output: Output<Out>;
  readonly gate: Gate;
  readonly metrics: MetricGroup;
  /** Keyed state of this operator; created on first use, shared by all inputs. */
  keyedBackend(): KeyedBackend;
  readonly operatorState: OperatorStateStore;
  readonly types: TypeRegistry;
  /** The parameters that the job was started with. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Paths of the files that the job registered, by name. */
  readonly cachedFiles: Readonly<Record<string, string>>;
  /** Whether a checkpoint is being restored. */
  readonly restored: boolean;
  /**
   * What `snapshot` wrote, dealt out to this subtask; empty on a fresh start. For operators that keep keyed state in
   * tables of their own: what belongs to `keyedBackend` and `operatorState` is restored there.
   */
  readonly restoredState: RestoredState;
  /** Wall-clock time in milliseconds, the same for all operators of the task. */
  now(): number;
  /** Runs `callback` on the task's thread between two records, not before `time`; not part of any snapshot. */
  at(time: Timestamp, callback: () => void): Cancellation;
  /** Runs `callback` on the task's thread between two records: how completions of promises come back. */
  mail(callback: () => void): void;
  /** Gives this operator and those before it no input until `work` has settled; a rejection fails the task. */
  hold(work: Promise<unknown>): void;
  /** The outside world, for connectors and for spilling. */
  readonly world: ConnectorWorld & Pick<World, 'working'>;
  /** Sends a message to the coordinator of this operator (a source's enumerator, a collecting client). */
  toCoordinator(message: unknown): void;
  /** A record was dropped: counted, a sample kept to be seen, and sent to whoever reads what is dropped. */
  dropped(reason: DropReason, value: unknown, timestamp: Timestamp, facts?: DropFacts): void;
}

/** What every operator has. See the contract on top of this file. */
export interface Operator extends Resumable {
  /**
   * Asked before `open`, once for each state that is restored of those that the definition `takes`: who takes it in. The
   * context is the one that `open` is given; nothing can be emitted yet.
   */
  taker?(state: RestoredKeyedState, context: OperatorContext<never>): PartTaker;
  open(context: OperatorContext<never>): void;
  /** Strictly increasing. */
  watermark(timestamp: Timestamp): void;
  status(idle: boolean): void;
  finish(): void;
  /**
   * Before the barrier of a checkpoint is forwarded; may still emit. A promise holds the barrier back. A `savepoint`
   * commits nothing; one behind which the job stops comes as a `checkpoint`, which does.
   */
  beforeBarrier?(checkpoint: number, type: 'checkpoint' | 'savepoint'): void | Promise<void>;
  /** Writes what the operator keeps besides its backend and what {@link viewed} shows, whole and at once. */
  snapshot(writer: SnapshotWriter): void;
  /** Keyed state in tables of its own, as far as it can be viewed. Asked once, after `open`. */
  viewed?(): ViewedState | undefined;
  /** The checkpoint is durable. May come late, or be skipped in favour of a later one. */
  checkpointComplete?(checkpoint: number): void;
  checkpointAborted?(checkpoint: number): void;
  /** A message of this operator's coordinator. */
  fromCoordinator?(message: unknown): void;
  /** Settles when nothing is under way in the background, such as a commit: a finished job waits for it. */
  settled?(): Promise<void>;
  close(): void | Promise<void>;
}

/**
 * An operator with inputs. For an operator over columns an element is a whole `ColumnBatch`, without a timestamp of its
 * own; what it keeps of a batch, it copies. `element` is absent where the definition's `inline` is the element path.
 */
export interface InputOperator<In = never> extends Operator {
  element?(value: In, timestamp: Timestamp, kind: RowKindCode): void;
  /** The second input. Further ones are `element3`, `element4` and so on, of the same form. */
  element2?(value: never, timestamp: Timestamp, kind: RowKindCode): void;
}

/** The method that takes the elements of an input, counted from 0. */
export function elementMethod(input: number): string {
  return input === 0 ? 'element' : `element${input + 1}`;
}

/** The shape in which data crosses an edge: JavaScript values one by one, or column batches. */
export type DataShape = 'records' | 'columns';

/**
 * How an operator takes part in a chain. Frozen data and factories; nothing in it runs before a task is opened, and
 * the same definition makes the instances of all subtasks.
 */
export interface OperatorDefinition {
  /** What it is, in one word that plans and metrics show: `map`, `window`, `sink`. */
  readonly kind: string;
  readonly input: DataShape | 'none';
  readonly output: DataShape | 'none';
  /** Makes an instance; absent for operators without state and lifecycle, which are `inline` only. */
  readonly create?: () => Operator;
  /** Writes the element path of input 0 into the chain's function. */
  readonly inline?: (code: InlineCode) => void;
  /** Key selectors by input, where the operator is keyed: the runtime announces a batch's keys to the backend. */
  readonly keySelectors?: readonly ((value: never) => unknown)[];
  /** True where a keyed operator puts its bounded input in order by itself; others get theirs sorted by key in BATCH mode. */
  readonly sortsByKey?: boolean;
  /**
   * Names of keyed states that instances take in while they are read (see {@link Operator.taker}), so that they are
   * never in memory as bytes as a whole. Of these `restoredState` gives no entries.
   */
  readonly takes?: readonly string[];
  /** The keyed state that instances declare before they run; absent where that is not known. */
  readonly states?: () => readonly AnyStateDescriptor[];
  /** False where records with another row kind than `+I` would be wrong: refused when the graph is built. */
  readonly changelog?: boolean;
  /** True where records with other row kinds may come out of it whatever goes in. Others pass on what they get. */
  readonly emitsChangelog?: boolean;
  /** Facts for the plan: window kind, slice sharing, trigger. */
  readonly describe?: Readonly<Record<string, string | number | boolean>>;
}
