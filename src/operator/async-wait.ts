/**
 * `asyncMap` and `asyncFlatMap`: functions that answer later, without holding up the task.
 *
 * Each element starts a call and takes its place in a queue; results leave from the queue when their turn has come
 * (see `async-queue.ts`). While the queue is full the operator takes no input. Promises come back as mail, so that
 * everything here runs on the task's thread, between two records.
 *
 * The inputs whose results have not left are the operator's state: after a restore their calls are made again.
 */

import { describeThrown, MillstreamError } from '../base/error.ts';
import type { Cancellation } from '../base/world.ts';
import { describeRecord } from '../data/describe-record.ts';
import { asyncSettings, retriesError, retryDelayMs, type AsyncOptions, type AsyncSettings } from './async-options.ts';
import { OrderedQueue, UnorderedQueue, type AsyncEntry, type AsyncQueue } from './async-queue.ts';
import { EmissionDrain } from './emission-drain.ts';
import { FunctionOperator } from './function-operator.ts';
import type { AsyncFunction, OrClass } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import type { OperatorListState } from '../state/operator-state.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { isLambda } from './user-function.ts';

export type AsyncLambda<T, R> = (value: T, signal: AbortSignal) => PromiseLike<R>;

/** `results` makes the records of what a call gave. */
export function asyncWait<T, R, Out>(
  given: AsyncLambda<T, R> | OrClass<AsyncFunction<T, R>>,
  options: AsyncOptions<T, R>,
  results: (result: R) => Iterable<Out>,
): OperatorDefinition {
  const settings = asyncSettings(options);
  const pattern: OrClass<AsyncFunction<T, R>> = isLambda(given) ? { asyncInvoke: given } : given;
  // A function that names one parameter has no use for the signal.
  const abortable = !isLambda(given) || given.length !== 1;
  return {
    kind: 'async-wait',
    input: 'records',
    output: 'records',
    create: () => new AsyncWaitOperator(pattern, settings, results, abortable),
    describe: {
      mode: settings.mode,
      capacity: settings.capacity,
      ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
    },
  };
}

/** What is kept of an input in a snapshot. */
interface SavedInput<T> {
  readonly value: T;
  readonly timestamp: Timestamp;
  readonly kind: RowKindCode;
}

const IN_FLIGHT = 'in-flight';

/** One input from its arrival until its results have left. */
class Call<T, Out> implements AsyncEntry {
  readonly value: T;
  readonly timestamp: Timestamp;
  readonly kind: RowKindCode;
  state: 'running' | 'timing-out' | 'done' = 'running';
  results: Iterable<Out> = [];
  /** Why it has no results, where its record is to be left out. */
  dropped: string | undefined;
  repetitions = 0;
  abort: AbortController | undefined;
  timer: Cancellation | undefined;

  constructor(value: T, timestamp: Timestamp, kind: RowKindCode) {
    this.value = value;
    this.timestamp = timestamp;
    this.kind = kind;
  }

  get done(): boolean {
    return this.state === 'done';
  }
}

class AsyncWaitOperator<T, R, Out> extends FunctionOperator<AsyncFunction<T, R>, Out> implements InputOperator<T> {
  readonly #settings: AsyncSettings<T, R>;
  readonly #results: (result: R) => Iterable<Out>;
  readonly #abortable: boolean;
  readonly #queue: AsyncQueue<Call<T, Out>>;
  #drain!: EmissionDrain<Out>;
  #release: (() => void) | undefined;
  /** Output has no room: the gate resumes this operator when there is some. */
  #paused = false;
  #finishing = false;
  #closed = false;

  constructor(
    given: OrClass<AsyncFunction<T, R>>,
    settings: AsyncSettings<T, R>,
    results: (result: R) => Iterable<Out>,
    abortable: boolean,
  ) {
    super(given, false);
    this.#settings = settings;
    this.#results = results;
    this.#abortable = abortable;
    this.#queue = settings.mode === 'ordered' ? new OrderedQueue() : new UnorderedQueue();
  }

  /** What waits for output is all in the queue, which is state. */
  get interruptible(): boolean {
    return true;
  }

  override open(context: OperatorContext<Out>): void {
    this.#drain = new EmissionDrain(context.gate, context.output);
    super.open(context);
    for (const { value, timestamp, kind } of this.#saved.items) this.element(value, timestamp, kind);
  }

  get #saved(): OperatorListState<SavedInput<T>> {
    return this.context.operatorState.list<SavedInput<T>>(IN_FLIGHT, 'split');
  }

  element(value: T, timestamp: Timestamp, kind: RowKindCode): void {
    const call = new Call<T, Out>(value, timestamp, kind);
    this.#queue.add(call);
    const { timeoutMs } = this.#settings;
    if (timeoutMs !== undefined)
      call.timer = this.context.at(this.context.now() + timeoutMs, () => this.#timedOut(call));
    this.#invoke(call);
    this.#holdOrRelease();
  }

  #invoke(call: Call<T, Out>): void {
    if (this.#abortable) call.abort = new AbortController();
    this.#await(call, () => this.f.asyncInvoke(call.value, call.abort?.signal as AbortSignal), 'running');
  }

  /** Brings the outcome back as mail. What comes after the call has gone on to another state is ignored. */
  #await(call: Call<T, Out>, start: () => R | PromiseLike<R>, during: Call<T, Out>['state']): void {
    const turn = call.repetitions;
    const back = (settle: () => void): void => {
      if (this.#closed) return;
      this.context.mail(() => {
        if (call.state === during && call.repetitions === turn) settle();
      });
    };
    // Also what is thrown before there is a promise becomes a rejection.
    new Promise<R>((resolve) => resolve(start())).then(
      (result) => back(() => this.#settled(call, result)),
      (error: unknown) => back(() => this.#rejected(call, error)),
    );
  }

  #settled(call: Call<T, Out>, result: R): void {
    const { retry } = this.#settings;
    if (call.state === 'running' && retry?.ifResult?.(result) === true && this.#repeat(call)) return;
    call.results = this.#results(result);
    this.#completed(call);
  }

  #completed(call: Call<T, Out>): void {
    call.state = 'done';
    call.timer?.cancel();
    this.#queue.completed(call);
    this.#pump();
  }

  /** Fails the job, or leaves the record out. That is told when its turn comes, as results are: until then it is state. */
  #failed(code: 'USER_CODE' | 'ASYNC_TIMEOUT', call: Call<T, Out>, what: string, cause: unknown): void {
    if (!this.#settings.dropsFailed) throw this.#failure(code, call, what, cause);
    call.dropped = `its call ${what}`;
    this.#completed(call);
  }

  #rejected(call: Call<T, Out>, error: unknown): void {
    const { retry } = this.#settings;
    if (call.state === 'running' && retry !== undefined && retriesError(retry, error) && this.#repeat(call)) return;
    this.#failed('USER_CODE', call, `failed: ${describeThrown(error)}`, error);
  }

  /** Makes the call again after its delay, if it may be. */
  #repeat(call: Call<T, Out>): boolean {
    const { retry } = this.#settings;
    if (retry === undefined || call.repetitions >= retry.attempts) return false;
    call.repetitions++;
    const turn = call.repetitions;
    this.context.at(this.context.now() + retryDelayMs(retry, turn), () => {
      if (call.state === 'running' && call.repetitions === turn) this.#invoke(call);
    });
    return true;
  }

  #timedOut(call: Call<T, Out>): void {
    if (call.state !== 'running') return;
    call.state = 'timing-out';
    call.abort?.abort();
    const { f } = this;
    const { onTimeout, timeoutMs } = this.#settings;
    const answer = onTimeout ?? f.timeout?.bind(f);
    if (answer === undefined) this.#failed('ASYNC_TIMEOUT', call, `took longer than ${timeoutMs} ms`, undefined);
    else this.#await(call, () => answer(call.value), 'timing-out');
  }

  #failure(code: 'USER_CODE' | 'ASYNC_TIMEOUT', call: Call<T, Out>, what: string, cause: unknown): MillstreamError {
    const { operatorName, operatorId, subtask } = this.context.task;
    const record = describeRecord(call.value);
    const repeated =
      call.repetitions === 0
        ? ''
        : ` (after ${call.repetitions} ${call.repetitions === 1 ? 'repetition' : 'repetitions'})`;
    return new MillstreamError(
      code,
      `Operator "${operatorName}" (uid ${operatorId}, subtask ${subtask}): the call for record ${record} ${what}${repeated}`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: { operator: operatorName, uid: operatorId, subtask, record },
      },
    );
  }

  // What leaves.

  override watermark(timestamp: Timestamp): void {
    this.#control(() => this.output.watermark(timestamp));
  }

  override status(idle: boolean): void {
    this.#control(() => this.output.status(idle));
  }

  override finish(): void {
    this.#finishing = true;
    this.#control(() => this.output.finish());
  }

  #control(action: () => void): void {
    this.#queue.addControl(action);
    this.#pump();
  }

  override resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Sends on what may leave, as long as there is room for it. */
  #pump(): void {
    while (!this.#paused && !this.#drain.waiting) {
      if (this.context.gate.outputsClosed) {
        this.#paused = true;
        this.context.gate.pause(this);
        break;
      }
      const next = this.#queue.next();
      if (next === undefined) break;
      if (typeof next === 'function') next();
      else if (next.dropped !== undefined) this.#drop(next, next.dropped);
      else this.#drain.emitAll(next.results, undefined, next.timestamp, next.kind);
      if (this.#drain.waiting) this.#drain.afterwards(() => this.#pump());
    }
    this.#holdOrRelease();
  }

  #drop({ value, timestamp }: Call<T, Out>, error: string): void {
    this.context.dropped('failed', value, timestamp, { error });
  }

  /**
   * Takes no input while the queue is full, nor ends while it has anything. While output waits for room the gate holds
   * the input already, and a hold of one's own would keep it from resuming.
   */
  #holdOrRelease(): void {
    const waiting = this.#paused || this.#drain.waiting;
    const hold = !waiting && this.#queue.size >= (this.#finishing ? 1 : this.#settings.capacity);
    if (hold && this.#release === undefined) {
      this.context.hold(new Promise<void>((resolve) => (this.#release = resolve)));
    } else if (!hold) {
      this.#release?.();
      this.#release = undefined;
    }
  }

  override snapshot(writer: SnapshotWriter): void {
    const inputs = Array.from(this.#queue.entries(), ({ value, timestamp, kind }): SavedInput<T> => ({
      value,
      timestamp,
      kind,
    }));
    this.#saved.update(inputs);
    super.snapshot(writer);
  }

  override close(): void | Promise<void> {
    this.#closed = true;
    for (const call of this.#queue.entries()) {
      call.timer?.cancel();
      call.abort?.abort();
    }
    this.#drain?.close();
    return super.close();
  }
}
