/**
 * The checkpoint coordinator: when a checkpoint begins, when it is complete, and when it is given up.
 *
 * A pure state machine. {@link step} takes a state and an event and returns the next state and what must be done about
 * it; it reads no clock and touches nothing. The shell needs one timer, for {@link nextWakeAt}. How the pieces fit is
 * told in `docs/internals/checkpoints.md`; traces that read like plays lie in `test/protocol`.
 */

import { invariant, unreachable } from '../base/assert.ts';
import type { Milliseconds } from '../base/world.ts';
import type {
  CheckpointType,
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorOptions,
  RequestId,
  RequestOutcome,
  TaskId,
} from './protocol.ts';

/** Requests that wait; more are refused. As in Flink. */
export const QUEUED_REQUESTS_MAX = 1000;

/** When the last checkpoint of a job without an interval failed and that was tolerated, it is tried again after this. */
const LAST_RETRY_MS: Milliseconds = 1000;

/** Tasks that a message names; of the others it gives the number. */
const NAMED_TASKS_MAX = 3;

export interface PendingCheckpoint {
  readonly checkpoint: number;
  readonly type: CheckpointType;
  readonly commits: boolean;
  /** What the job's end depends on: nothing; that it is complete; or that, and its sources have already stopped. */
  readonly role: 'ordinary' | 'last' | 'stop';
  /** `storing`: acknowledged by all, and the shell makes it durable. */
  readonly stage: 'collecting' | 'storing';
  readonly startedAt: Milliseconds;
  readonly waiting: ReadonlySet<TaskId>;
  /** The sources and the ended tasks to which it was sent when it began; the others meet it in their inputs. */
  readonly told: ReadonlySet<TaskId>;
  readonly bytes: number;
  readonly requests: readonly RequestId[];
}

export type Phase =
  /** No attempt: before the first, or between two. */
  | { readonly name: 'suspended' }
  /** Deployed; not all tasks run yet. */
  | { readonly name: 'starting' }
  | { readonly name: 'running' }
  /** The sources were told to end; the last savepoint comes when all tasks have ended. */
  | { readonly name: 'draining'; readonly requests: readonly RequestId[] }
  /** The last checkpoint is on its way: that of the end, or the savepoint behind which the sources stopped. */
  | {
      readonly name: 'finishing';
      readonly type: CheckpointType;
      readonly requests: readonly RequestId[];
      readonly last:
        | { readonly state: 'pending' }
        | { readonly state: 'stored'; readonly checkpoint: number }
        | { readonly state: 'failed'; readonly retryAt: Milliseconds };
    }
  /** All tasks have ended and the last checkpoint is complete. */
  | { readonly name: 'finished' }
  /** The job is over. */
  | { readonly name: 'closed'; readonly reason: string };

type QueuedRequest =
  | { readonly kind: CheckpointType; readonly request: RequestId }
  | { readonly kind: 'stop'; readonly request: RequestId; readonly drain: boolean };

export interface CoordinatorState {
  readonly options: CoordinatorOptions;
  readonly phase: Phase;
  readonly epoch: number;
  readonly tasks: ReadonlySet<TaskId>;
  readonly sources: ReadonlySet<TaskId>;
  readonly ended: ReadonlySet<TaskId>;
  readonly nextCheckpoint: number;
  /** In the order of their ids. */
  readonly pending: readonly PendingCheckpoint[];
  readonly queue: readonly QueuedRequest[];
  /** When the next periodic checkpoint is due; in the past while it waits for a pending one. */
  readonly periodicAt: Milliseconds | undefined;
  readonly lastCompletionAt: Milliseconds;
  /** What a restart starts from: the last completed checkpoint that commits. */
  readonly latest: number | undefined;
  /** The highest completed id, savepoints included. */
  readonly lastCompleted: number;
  /** Failures since the last completion. */
  readonly failures: number;
}

export interface Step {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

/** The state before the first attempt. */
export function createCoordinator(options: CoordinatorOptions): CoordinatorState {
  return {
    options,
    phase: { name: 'suspended' },
    epoch: 0,
    tasks: new Set(),
    sources: new Set(),
    ended: new Set(),
    nextCheckpoint: 1,
    pending: [],
    queue: [],
    periodicAt: undefined,
    lastCompletionAt: -Infinity,
    latest: undefined,
    lastCompleted: 0,
    failures: 0,
  };
}

/** What follows from an event. Neither the state nor anything in it is changed. */
export function step(state: CoordinatorState, event: CoordinatorEvent): Step {
  const turn: Turn = { state: { ...state }, effects: [], now: event.now };
  apply(turn, event);
  settle(turn);
  return { state: turn.state, effects: turn.effects };
}

/** When the coordinator must hear a `tick` at the latest, unless another event comes first; undefined: need not. */
export function nextWakeAt(state: CoordinatorState): Milliseconds | undefined {
  const { phase, options, pending } = state;
  let wake = Infinity;
  for (const checkpoint of pending) {
    if (checkpoint.stage === 'collecting') wake = Math.min(wake, checkpoint.startedAt + options.timeoutMs);
  }
  if (phase.name === 'running' && state.periodicAt !== undefined && pending.length < options.maxConcurrent) {
    wake = Math.min(wake, Math.max(state.periodicAt, state.lastCompletionAt + options.minPauseMs));
  }
  if (phase.name === 'finishing' && phase.last.state === 'failed') wake = Math.min(wake, phase.last.retryAt);
  return wake === Infinity ? undefined : wake;
}

/** One step in the making: a state whose fields (but nothing inside them) may be replaced. */
interface Turn {
  state: { -readonly [Field in keyof CoordinatorState]: CoordinatorState[Field] };
  readonly effects: CoordinatorEffect[];
  readonly now: Milliseconds;
}

// Events.

function apply(turn: Turn, event: CoordinatorEvent): void {
  switch (event.kind) {
    case 'tick':
      return;
    case 'attempt-started':
      return onAttemptStarted(turn, event);
    case 'all-tasks-running':
      return onAllTasksRunning(turn, event.epoch);
    case 'attempt-failed':
      if (event.epoch === turn.state.epoch) suspend(turn, event.reason);
      return;
    case 'closed':
      return onClosed(turn, event.reason);
    case 'trigger-requested':
      return enqueue(turn, { kind: event.type, request: event.request });
    case 'stop-requested':
      return enqueue(turn, { kind: 'stop', request: event.request, drain: event.drain });
    case 'acknowledged':
      return onAcknowledged(turn, event);
    case 'declined':
      return onDeclined(turn, event);
    case 'task-ended':
      return onTaskEnded(turn, event.epoch, event.task);
    case 'stored':
      return onStored(turn, event.epoch, event.checkpoint);
    case 'store-failed':
      return onStoreFailed(turn, event);
    default:
      return unreachable(event);
  }
}

function onAttemptStarted(turn: Turn, event: CoordinatorEvent & { kind: 'attempt-started' }): void {
  const { state } = turn;
  if (state.phase.name === 'closed') return;
  invariant(event.epoch > state.epoch, 'each attempt has a higher epoch than those before it', () => ({
    before: state.epoch,
    now: event.epoch,
  }));
  suspend(turn, 'another attempt began');
  state.phase = { name: 'starting' };
  state.epoch = event.epoch;
  state.tasks = new Set(event.tasks);
  state.sources = new Set(event.sources);
  state.ended = new Set();
  if (event.restored !== undefined) state.nextCheckpoint = Math.max(state.nextCheckpoint, event.restored + 1);
}

function onAllTasksRunning(turn: Turn, epoch: number): void {
  const { state } = turn;
  if (epoch !== state.epoch || state.phase.name !== 'starting') return;
  state.phase = { name: 'running' };
  const interval = periodOf(state.options);
  state.periodicAt = interval === undefined ? undefined : turn.now + interval;
}

function onClosed(turn: Turn, reason: string): void {
  if (turn.state.phase.name === 'closed') return;
  suspend(turn, reason);
  for (const { request } of turn.state.queue) answer(turn, request, { kind: 'refused', reason });
  turn.state.queue = [];
  turn.state.phase = { name: 'closed', reason };
}

function enqueue(turn: Turn, request: QueuedRequest): void {
  const { phase, queue } = turn.state;
  if (isOver(phase)) {
    answer(turn, request.request, {
      kind: 'refused',
      reason: phase.name === 'closed' ? phase.reason : 'the job is over',
    });
  } else if (phase.name === 'draining' || phase.name === 'finishing') {
    // The end is on its way. Who wants a stop gets the one that comes, who wants more checkpoints is too late.
    if (request.kind === 'stop') turn.state.phase = { ...phase, requests: [...phase.requests, request.request] };
    else answer(turn, request.request, { kind: 'refused', reason: 'the job is ending' });
  } else if (queue.length >= QUEUED_REQUESTS_MAX) {
    answer(turn, request.request, { kind: 'refused', reason: `${QUEUED_REQUESTS_MAX} requests are waiting already` });
  } else {
    turn.state.queue = [...queue, request];
  }
}

function onAcknowledged(turn: Turn, event: CoordinatorEvent & { kind: 'acknowledged' }): void {
  const { state } = turn;
  const { epoch, checkpoint, task } = event;
  const pending = findPending(turn, epoch, checkpoint);
  if (pending === undefined || !pending.waiting.has(task)) {
    const reason =
      epoch !== state.epoch
        ? 'of another attempt'
        : pending === undefined
          ? 'the checkpoint is not pending'
          : 'the task has acknowledged already or is none of the job';
    turn.effects.push({ kind: 'refuse', epoch, checkpoint, task, reason });
    return;
  }
  const waiting = new Set(pending.waiting);
  waiting.delete(task);
  const acknowledged: PendingCheckpoint = {
    ...pending,
    waiting,
    bytes: pending.bytes + event.bytes,
    stage: waiting.size === 0 ? 'storing' : 'collecting',
  };
  state.pending = state.pending.map((other) => (other === pending ? acknowledged : other));
  if (waiting.size > 0) return;
  const { type, commits, bytes, startedAt } = acknowledged;
  turn.effects.push({ kind: 'complete', epoch, checkpoint, type, commits, bytes, durationMs: turn.now - startedAt });
}

function onDeclined(turn: Turn, event: CoordinatorEvent & { kind: 'declined' }): void {
  const pending = findPending(turn, event.epoch, event.checkpoint);
  if (pending === undefined || !pending.waiting.has(event.task)) return;
  giveUp(turn, pending, `declined by ${event.task}: ${event.reason}`, event.counts);
}

function onTaskEnded(turn: Turn, epoch: number, task: TaskId): void {
  const { state } = turn;
  if (epoch !== state.epoch || !state.tasks.has(task) || state.ended.has(task)) return;
  state.ended = new Set(state.ended).add(task);
  for (const pending of state.pending) {
    if (!pending.waiting.has(task) || pending.told.has(task)) continue;
    const { checkpoint, type, commits } = pending;
    turn.effects.push({ kind: 'trigger-ended', epoch, checkpoint, type, commits, task });
  }
}

function onStored(turn: Turn, epoch: number, checkpoint: number): void {
  const { state } = turn;
  const pending = findPending(turn, epoch, checkpoint);
  if (pending === undefined) {
    turn.effects.push({ kind: 'discard', epoch, checkpoint, reason: 'it was given up while it was stored' });
    return;
  }
  invariant(pending.stage === 'storing', 'only a checkpoint that all tasks have acknowledged is stored');
  state.pending = state.pending.filter((other) => other !== pending);
  state.lastCompletionAt = turn.now;
  state.lastCompleted = Math.max(state.lastCompleted, checkpoint);
  state.failures = 0;
  if (pending.commits) supersede(turn, checkpoint);
  for (const request of pending.requests) answer(turn, request, { kind: 'completed', checkpoint });
  if (pending.role !== 'ordinary' && state.phase.name === 'finishing')
    state.phase = { ...state.phase, last: { state: 'stored', checkpoint } };
}

/** The checkpoint is the latest: it takes the place of the one before and of older ones that are still pending. */
function supersede(turn: Turn, checkpoint: number): void {
  const { state } = turn;
  for (const older of state.pending) {
    if (older.checkpoint < checkpoint && older.type === 'checkpoint')
      remove(turn, older, `subsumed by checkpoint ${checkpoint}`);
  }
  if (state.latest !== undefined) turn.effects.push({ kind: 'subsume', checkpoint: state.latest });
  state.latest = checkpoint;
  turn.effects.push({ kind: 'notify-complete', epoch: state.epoch, checkpoint });
}

function onStoreFailed(turn: Turn, event: CoordinatorEvent & { kind: 'store-failed' }): void {
  const pending = findPending(turn, event.epoch, event.checkpoint);
  if (pending?.stage === 'storing') giveUp(turn, pending, `could not be stored: ${event.reason}`, true);
}

// What follows by itself.

/** Brings about everything that the state calls for. */
function settle(turn: Turn): void {
  expire(turn);
  endIfAllEnded(turn);
  serveRequests(turn);
  retryLast(turn);
  triggerPeriodic(turn);
  finishIfDone(turn);
}

function expire(turn: Turn): void {
  for (const pending of turn.state.pending) {
    if (pending.stage !== 'collecting' || turn.now - pending.startedAt < turn.state.options.timeoutMs) continue;
    // As in Flink, a savepoint that took too long is the business of whoever asked for it.
    giveUp(turn, pending, `timeout: missing ${nameTasks(pending.waiting)}`, pending.type === 'checkpoint');
    if (turn.state.phase.name === 'suspended') return;
  }
}

/** When every task has ended, the last checkpoint is taken: behind it, sinks commit what they wrote at the end. */
function endIfAllEnded(turn: Turn): void {
  const { state } = turn;
  const { phase } = state;
  if ((phase.name !== 'running' && phase.name !== 'draining') || state.ended.size < state.tasks.size) return;
  const requests =
    phase.name === 'draining'
      ? phase.requests
      : state.queue.filter((queued) => queued.kind === 'stop').map((queued) => queued.request);
  for (const queued of state.queue)
    if (queued.kind !== 'stop') answer(turn, queued.request, { kind: 'refused', reason: 'the job is ending' });
  state.queue = [];
  const type = requests.length > 0 ? 'savepoint' : 'checkpoint';
  state.phase = { name: 'finishing', type, requests, last: { state: 'pending' } };
  begin(turn, type, 'last', []);
}

function serveRequests(turn: Turn): void {
  const { state } = turn;
  while (state.phase.name === 'running') {
    const free = state.pending.length < state.options.maxConcurrent;
    const next = state.queue.find((queued) => queued.kind !== 'checkpoint') ?? (free ? state.queue[0] : undefined);
    if (next === undefined) return;
    state.queue = state.queue.filter((queued) => queued !== next);
    if (next.kind === 'stop') stop(turn, next.request, next.drain);
    else begin(turn, next.kind, 'ordinary', [next.request]);
  }
}

function stop(turn: Turn, request: RequestId, drain: boolean): void {
  const { state } = turn;
  const late = state.queue;
  state.queue = [];
  if (drain) {
    state.phase = { name: 'draining', requests: [request] };
    turn.effects.push({ kind: 'drain-sources', epoch: state.epoch, sources: runningSources(state) });
  } else {
    state.phase = { name: 'finishing', type: 'savepoint', requests: [request], last: { state: 'pending' } };
    begin(turn, 'savepoint', 'stop', []);
  }
  for (const queued of late) enqueue(turn, queued);
}

function retryLast(turn: Turn): void {
  const { phase } = turn.state;
  if (phase.name !== 'finishing' || phase.last.state !== 'failed' || turn.now < phase.last.retryAt) return;
  turn.state.phase = { ...phase, last: { state: 'pending' } };
  begin(turn, phase.type, 'last', []);
}

function triggerPeriodic(turn: Turn): void {
  const { state } = turn;
  const { options, periodicAt } = state;
  const interval = periodOf(options);
  if (state.phase.name !== 'running' || interval === undefined || periodicAt === undefined) return;
  if (turn.now < periodicAt || state.pending.length >= options.maxConcurrent) return;
  const pauseEndsAt = state.lastCompletionAt + options.minPauseMs;
  if (turn.now < pauseEndsAt) {
    state.periodicAt = pauseEndsAt;
    return;
  }
  // At a fixed rate; triggers that were missed while another checkpoint was pending are not made up for.
  state.periodicAt = periodicAt + (Math.floor((turn.now - periodicAt) / interval) + 1) * interval;
  begin(turn, 'checkpoint', 'ordinary', []);
}

function finishIfDone(turn: Turn): void {
  const { state } = turn;
  const { phase } = state;
  if (phase.name !== 'finishing' || phase.last.state !== 'stored' || state.ended.size < state.tasks.size) return;
  for (const pending of state.pending) remove(turn, pending, 'the job is over');
  for (const request of phase.requests) answer(turn, request, { kind: 'completed', checkpoint: phase.last.checkpoint });
  state.phase = { name: 'finished' };
  turn.effects.push({ kind: 'finished', epoch: state.epoch });
}

// The life of one checkpoint.

function begin(
  turn: Turn,
  type: CheckpointType,
  role: PendingCheckpoint['role'],
  requests: readonly RequestId[],
): void {
  const { state } = turn;
  const checkpoint = state.nextCheckpoint++;
  const commits = type === 'checkpoint' || role !== 'ordinary';
  const sources = runningSources(state);
  const ended = [...state.ended];
  const pending: PendingCheckpoint = {
    checkpoint,
    type,
    commits,
    role,
    stage: 'collecting',
    startedAt: turn.now,
    waiting: state.tasks,
    told: new Set([...sources, ...ended]),
    bytes: 0,
    requests,
  };
  state.pending = [...state.pending, pending];
  turn.effects.push({
    kind: 'inject-barrier',
    epoch: state.epoch,
    checkpoint,
    type,
    commits,
    stop: role === 'stop',
    sources,
    ended,
  });
}

/** The checkpoint has failed, and so may have the job. */
function giveUp(turn: Turn, pending: PendingCheckpoint, reason: string, counts: boolean): void {
  const { state } = turn;
  remove(turn, pending, reason);
  if (pending.role === 'stop') {
    failJob(turn, `The savepoint ${pending.checkpoint}, behind which the job was to stop, failed: ${reason}`);
    return;
  }
  if (!counts && pending.role !== 'last') return;
  if (pending.checkpoint > state.lastCompleted) state.failures++;
  if (state.failures > state.options.tolerableFailures) {
    failJob(
      turn,
      `Checkpoint ${pending.checkpoint} failed: ${reason.replace(/\.$/, '')}. ${state.failures} failed in a row; ${state.options.tolerableFailures} are tolerated`,
    );
  } else if (pending.role === 'last' && state.phase.name === 'finishing') {
    const retryAt = turn.now + (periodOf(state.options) ?? LAST_RETRY_MS);
    state.phase = { ...state.phase, last: { state: 'failed', retryAt } };
  }
}

function failJob(turn: Turn, reason: string): void {
  turn.effects.push({ kind: 'fail-job', epoch: turn.state.epoch, reason });
  turn.state.failures = 0;
  suspend(turn, reason);
}

/** Drops a pending checkpoint whose tasks go on running. */
function remove(turn: Turn, pending: PendingCheckpoint, reason: string): void {
  drop(turn, pending, reason);
  turn.effects.push({ kind: 'notify-aborted', epoch: turn.state.epoch, checkpoint: pending.checkpoint });
}

function drop(turn: Turn, pending: PendingCheckpoint, reason: string): void {
  turn.state.pending = turn.state.pending.filter((other) => other.checkpoint !== pending.checkpoint);
  turn.effects.push({ kind: 'discard', epoch: turn.state.epoch, checkpoint: pending.checkpoint, reason });
  for (const request of pending.requests) answer(turn, request, { kind: 'refused', reason });
}

/** Ends the attempt. Requests that have not begun wait for the next one. */
function suspend(turn: Turn, reason: string): void {
  const { state } = turn;
  if (isOver(state.phase)) return;
  for (const pending of state.pending) drop(turn, pending, reason);
  if (state.phase.name === 'draining' || state.phase.name === 'finishing') {
    for (const request of state.phase.requests) answer(turn, request, { kind: 'refused', reason });
  }
  state.phase = { name: 'suspended' };
  state.periodicAt = undefined;
}

function answer(turn: Turn, request: RequestId, outcome: RequestOutcome): void {
  turn.effects.push({ kind: 'answer', request, outcome });
}

// Looking things up.

/** What a message is about, unless that is over or the message comes from another attempt. */
function findPending(turn: Turn, epoch: number, checkpoint: number): PendingCheckpoint | undefined {
  if (epoch !== turn.state.epoch) return undefined;
  return turn.state.pending.find((pending) => pending.checkpoint === checkpoint);
}

function runningSources(state: CoordinatorState): readonly TaskId[] {
  return [...state.sources].filter((source) => !state.ended.has(source));
}

/** Whether the job has come to its end: no attempt follows. */
function isOver(phase: Phase): boolean {
  return phase.name === 'finished' || phase.name === 'closed';
}

/** As in Flink, checkpoints are not scheduled more often than the pause between them allows. */
function periodOf(options: CoordinatorOptions): Milliseconds | undefined {
  return options.intervalMs === undefined ? undefined : Math.max(options.intervalMs, options.minPauseMs);
}

function nameTasks(tasks: ReadonlySet<TaskId>): string {
  const named = [...tasks].slice(0, NAMED_TASKS_MAX).join(' ');
  return tasks.size > NAMED_TASKS_MAX ? `${named} and ${tasks.size - NAMED_TASKS_MAX} more` : named;
}
