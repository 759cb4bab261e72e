/**
 * Everything that the roles of a cluster say to each other, as plain data.
 *
 * JobManager ↔ TaskManager messages cross the World's network as bytes; TaskManager ↔ slot messages cross a thread
 * border as structured clones, and only they may carry shared memory.
 */

import type { SerializedError } from '../base/error.ts';
import type { SnapshotFilesPlan } from '../checkpoint/storage/stored-snapshot-files.ts';
import type { BarrierElement } from '../data/element.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { RingMemory } from '../exchange/ring.ts';
import type { DroppedSample, OperatorMetrics, SlotMetrics } from '../graph/launch.ts';
import type { SettingsPart } from '../graph/settings.ts';
import type { TaskSnapshot } from '../runtime/task-listener.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';

/** Where the program of a job comes from: a module that every worker loads, or a graph built in this process. */
export type ProgramReference =
  | { readonly kind: 'module'; readonly url: string; readonly settings: SettingsPart }
  | { readonly kind: 'graph'; readonly id: string };

/** One attempt of one job. Messages of other attempts are ignored. */
export interface AttemptId {
  readonly jobId: string;
  readonly attempt: number;
}

/** A subtask of a vertex and the slot it runs in. */
export interface Placement {
  readonly vertex: number;
  readonly subtask: number;
  readonly taskManager: string;
  readonly slot: number;
}

export interface TaskRestore {
  readonly vertex: number;
  readonly subtask: number;
  readonly snapshots: readonly OperatorSnapshot[];
  /** What was on its way to it. */
  readonly channels: readonly ChannelStateSnapshot[];
}

/** What a slot needs to build its part of an attempt. */
export interface Deployment extends AttemptId {
  readonly jobName: string;
  readonly program: ProgramReference;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly fingerprint: readonly string[];
  readonly mode: 'streaming' | 'batch';
  readonly placements: readonly Placement[];
  /** Address for data by TaskManager and slot (`tm/slot`), where tasks of several processes are connected. */
  readonly dataAddresses: Readonly<Record<string, string>>;
  /** Where the state files of its tasks go. */
  readonly files: SnapshotFilesPlan;
  readonly restored: boolean;
  /** The max parallelism with which operators have stored state, by id. */
  readonly maxParallelism: ReadonlyMap<string, number>;
  /** False where the files that it restores are somebody else's. */
  readonly claimed: boolean;
  readonly restore: readonly TaskRestore[];
}

export interface TaskReference extends AttemptId {
  readonly vertex: number;
  readonly subtask: number;
}

/** Rings between this slot and others of its process, and the bells of the slots at their other ends. */
export interface SlotRings {
  readonly memory: Readonly<Record<string, RingMemory>>;
  readonly bells: Readonly<Record<number, Int32Array>>;
}

/** To a slot: from its TaskManager, mostly on behalf of the JobManager. */
export type ToSlot =
  | { readonly kind: 'deploy'; readonly deployment: Deployment; readonly rings: SlotRings }
  | ({ readonly kind: 'start' } & AttemptId)
  | ({ readonly kind: 'cancel' } & AttemptId)
  /** The job is over: tasks that have ended close. */
  | ({ readonly kind: 'release' } & AttemptId)
  | ({ readonly kind: 'trigger'; readonly barrier: BarrierElement; readonly stop: boolean } & TaskReference)
  | ({ readonly kind: 'drain' } & TaskReference)
  | ({ readonly kind: 'checkpoint-complete'; readonly checkpoint: number } & AttemptId)
  | ({ readonly kind: 'checkpoint-aborted'; readonly checkpoint: number } & AttemptId)
  | ({ readonly kind: 'to-operator'; readonly operatorId: string; readonly message: unknown } & TaskReference)
  | ({ readonly kind: 'report'; readonly request: number } & AttemptId)
  /** The JobManager is lost, and with it whatever runs here. Answered by `abandoned`, to the TaskManager alone. */
  | { readonly kind: 'abandon' };

/** From a slot, about its tasks. */
export type FromSlot =
  | ({ readonly kind: 'deployed' } & AttemptId)
  | ({ readonly kind: 'deploy-failed'; readonly error: SerializedError } & AttemptId)
  | ({ readonly kind: 'running' } & TaskReference)
  | ({
      readonly kind: 'acknowledged';
      readonly checkpoint: number;
      readonly snapshot: TaskSnapshot;
    } & TaskReference)
  /** `counts`: a snapshot went wrong; else the task was merely in no position to take one. */
  | ({
      readonly kind: 'declined';
      readonly checkpoint: number;
      readonly reason: string;
      readonly counts: boolean;
    } & TaskReference)
  | ({ readonly kind: 'ended' } & TaskReference)
  | ({ readonly kind: 'failed'; readonly error: SerializedError } & TaskReference)
  /** Every task of the attempt in this slot is closed. */
  | ({ readonly kind: 'vacated' } & AttemptId)
  | ({ readonly kind: 'to-coordinator'; readonly operatorId: string; readonly message: unknown } & TaskReference)
  | ({
      readonly kind: 'report';
      readonly request: number;
      readonly operators: readonly OperatorMetrics[];
      readonly dropped: readonly DroppedSample[];
      readonly accumulators: readonly Readonly<Record<string, unknown>>[];
      readonly slots: readonly SlotMetrics[];
    } & AttemptId);

/** What a slot is told on behalf of a job, once it has been deployed. */
export type ToAttempt = Exclude<ToSlot, { kind: 'deploy' | 'abandon' }>;

/** Nothing runs in the slot any more. */
export interface SlotAbandoned {
  readonly kind: 'abandoned';
}

/** Still here; sent by both sides where heartbeats are on. */
export interface HeartbeatMessage {
  readonly kind: 'heartbeat';
}

/** To a TaskManager, for one of its slots. */
export type ToTaskManager =
  | { readonly kind: 'slot'; readonly slot: number; readonly message: ToAttempt }
  | { readonly kind: 'deploy'; readonly slots: readonly number[]; readonly deployment: Deployment }
  | HeartbeatMessage;

export type FromTaskManager =
  | { readonly kind: 'register'; readonly taskManager: string; readonly slots: readonly SlotOffer[] }
  | { readonly kind: 'slot'; readonly slot: number; readonly message: FromSlot }
  /** The thread of a slot is gone, and with it every task that it ran. A new one has taken its place. */
  | { readonly kind: 'slot-lost'; readonly slot: number; readonly error: SerializedError; readonly offer: SlotOffer }
  | HeartbeatMessage;

export interface SlotOffer {
  readonly slot: number;
  /** The slot that answers for this one: itself, or the one whose thread it shares. */
  readonly host: number;
  /** Where other processes send data for this slot; undefined when only its own process can reach it. */
  readonly dataAddress: string | undefined;
  /** JavaScript heap of the slot's thread; undefined where it shares that of its process. */
  readonly heapMegabytes: number | undefined;
}
