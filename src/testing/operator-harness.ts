/**
 * One operator, driven by hand, in the same generated chain that runs it in a job.
 *
 * The harness is the smallest task there can be: the operator and, behind it, a collector. Everything goes through
 * {@link Chain}: the generated element path, contexts, state, snapshots. With `stopAlways`, the collector closes the
 * gate after each output, so that whatever can be interrupted is interrupted everywhere.
 */

import { Gate } from '../base/gate.ts';
import { ColumnBatch } from '../data/column-batch.ts';
import { RecordBatch } from '../data/record-batch.ts';
import { TypeRegistry } from '../data/type-registry.ts';
import type { JobVertex } from '../graph/job-graph.ts';
import type { StreamNode } from '../graph/stream-graph.ts';
import { copyColumns } from '../kernel/column-collector.ts';
import type { OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from '../operator/operator.ts';
import { PlainOperator } from '../operator/plain-operator.ts';
import { Chain } from '../runtime/chain.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import { ManualClock, manualWorld } from './manual-world.ts';

/** What came out, in order. */
export type HarnessOutput =
  | { readonly kind: 'element'; readonly value: unknown; readonly timestamp: Timestamp; readonly rowKind: RowKindCode }
  | { readonly kind: 'side'; readonly tag: string; readonly value: unknown; readonly timestamp: Timestamp }
  | { readonly kind: 'watermark'; readonly timestamp: Timestamp }
  | { readonly kind: 'status'; readonly idle: boolean }
  | { readonly kind: 'finish' };

/** Where the operator runs, and from which state it starts. */
export interface HarnessOptions {
  /** Side outputs to collect. */
  readonly sides?: readonly string[];
  /** Inputs of the operator. Default 1. */
  readonly inputs?: number;
  readonly parallelism?: number;
  readonly subtask?: number;
  readonly maxParallelism?: number;
  readonly mode?: 'streaming' | 'batch';
  readonly types?: TypeRegistry;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** State to start from: of this operator, already cut to this subtask. */
  readonly restore?: OperatorSnapshot;
  /** Processing time at the start, in milliseconds. */
  readonly now?: number;
  /** Interrupts after every output, and whenever the gate is asked. */
  readonly stopAlways?: boolean;
}

const COLLECTOR = 1;

/**
 * Drives one operator by hand.
 *
 * @example
 * ```ts
 * import { OperatorHarness } from 'millstream/testing';
 * const doubled = { kind: 'double', input: 'records', output: 'records', inline: (code) => {
 *   code.line(`const twice = 2 * ${code.value};`);
 *   code.emit('twice');
 * } } as const satisfies OperatorDefinition;
 * const harness = new OperatorHarness(doubled);
 * harness.element(21);
 * console.log(harness.values);
 * ```
 */
export class OperatorHarness {
  readonly output: HarnessOutput[] = [];
  readonly clock: ManualClock;
  readonly #chain: Chain;
  readonly #gate: Gate;
  readonly #mail: (() => void)[] = [];
  readonly #stopAlways: boolean;
  #closed = false;
  #checkpoint = 0;
  /** Messages that the operator sent to its coordinator. */
  readonly toCoordinator: unknown[] = [];

  constructor(definition: OperatorDefinition, options: HarnessOptions = {}) {
    this.clock = new ManualClock(options.now ?? 0);
    this.#stopAlways = options.stopAlways === true;
    const world = manualWorld(this.clock);
    this.#gate = new (this.#stopAlways ? StoppingGate : Gate)(this.clock, new Int32Array(1));
    const { restore } = options;
    this.#chain = new Chain(
      vertexOf(definition, options, (seen) => this.#collect(seen)),
      options.subtask ?? 0,
      this.#gate,
      [],
      {
        jobId: 'harness',
        jobName: 'harness',
        attempt: 1,
        mode: options.mode ?? 'streaming',
        checkpointing: undefined,
        world,
        types: options.types ?? new TypeRegistry(),
        parameters: options.parameters ?? {},
        mutationCheck: false,
        restore: restore === undefined ? undefined : new Map([[restore.operatorId, restore]]),
        mail: (callback) => void this.#mail.push(callback),
        fail: (error) => {
          throw error;
        },
        toCoordinator: (_id, message) => void this.toCoordinator.push(message),
      },
    );
    this.#chain.open();
    this.#settle();
  }

  #collect(seen: HarnessOutput): void {
    this.output.push(seen);
    if (!this.#stopAlways || this.#closed || seen.kind === 'watermark' || seen.kind === 'status') return;
    this.#closed = true;
    this.#gate.closeOutput();
  }

  /** Does what a task does between inputs: serves mail and resumes what paused, until nothing is left to do. */
  #settle(): void {
    do {
      if (this.#closed) this.#gate.openOutput();
      this.#closed = false;
      this.#gate.beginTurn(this.clock.monotonic(), Infinity);
      for (let callback = this.#mail.shift(); callback !== undefined; callback = this.#mail.shift())
        this.#run(callback);
      this.#run(() => this.#gate.resumePaused());
    } while (this.#gate.hasPaused || this.#mail.length > 0);
    if (this.#closed) this.#gate.openOutput();
    this.#closed = false;
  }

  #run(work: () => void, record?: unknown): void {
    try {
      work();
    } catch (error) {
      throw this.#chain.blame(error, record);
    }
  }

  /** One element. */
  element(value: unknown, timestamp: Timestamp = -Infinity, rowKind: RowKindCode = 0, input = 0): void {
    this.batch([[value, timestamp, rowKind]], input);
  }

  /** Elements of one batch, which the operator may stop at any row. */
  batch(rows: readonly (readonly [value: unknown, timestamp?: Timestamp, rowKind?: RowKindCode])[], input = 0): void {
    const batch = new RecordBatch(Math.max(1, rows.length));
    for (const [value, timestamp = -Infinity, rowKind = 0] of rows) batch.push(value, timestamp, rowKind);
    this.#chain.announce(input, batch);
    while (batch.cursor < batch.count) {
      this.#gate.beginTurn(this.clock.monotonic(), Infinity);
      const at = batch.cursor;
      this.#run(() => this.#chain.code.run[input]?.(batch), batch.values[at]);
      this.#settle();
    }
  }

  watermark(timestamp: Timestamp): void {
    this.#gate.beginTurn(this.clock.monotonic(), Infinity);
    this.#run(() => this.#chain.watermark(timestamp));
    this.#settle();
  }

  /**
   * A watermark whose burst is interrupted by a snapshot after the first output: what the operator has fired by then
   * is in `output`, the rest must come from the returned state.
   */
  watermarkInterrupted(timestamp: Timestamp): OperatorSnapshot {
    this.watermarkUntilStopped(timestamp);
    return this.snapshot();
  }

  /** A watermark without what the task would do next: its burst stays where the gate has stopped it. */
  watermarkUntilStopped(timestamp: Timestamp): void {
    this.#gate.beginTurn(this.clock.monotonic(), Infinity);
    this.#run(() => this.#chain.watermark(timestamp));
  }

  /** Goes on after `watermarkInterrupted`. */
  resume(): void {
    this.#settle();
  }

  /** Whether the operator is in the middle of something. */
  get paused(): boolean {
    return this.#gate.hasPaused;
  }

  /** Whether what it is in the middle of may be cut by a snapshot. */
  get interruptible(): boolean {
    return this.#gate.interruptible;
  }

  status(idle: boolean): void {
    this.#run(() => this.#chain.code.head.status(idle));
    this.#settle();
  }

  /** Moves processing time. */
  processingTime(time: number): void {
    this.clock.advanceTo(time);
    this.#settle();
  }

  /** The end of the input. */
  finish(): void {
    this.#gate.beginTurn(this.clock.monotonic(), Infinity);
    this.#run(() => this.#chain.code.head.finish());
    this.#settle();
  }

  fromCoordinator(message: unknown): void {
    this.#run(() => this.#chain.fromCoordinator(OPERATOR_ID, message));
    this.#settle();
  }

  /** Lets promises of asynchronous operators settle, and delivers what came of them. */
  async settled(): Promise<void> {
    for (let i = 0; i < SETTLING_TURNS; i++) {
      await Promise.resolve();
      this.#settle();
    }
  }

  /** The operator's state, as a checkpoint would take it. */
  snapshot(type: 'checkpoint' | 'savepoint' = 'checkpoint'): OperatorSnapshot {
    const waiting = this.#chain.beforeBarrier(++this.#checkpoint, type);
    if (waiting !== undefined) throw new Error('the operator prepares its barrier asynchronously; use snapshotAsync()');
    return this.#written(type);
  }

  #written(type: 'checkpoint' | 'savepoint'): OperatorSnapshot {
    const snapshot = this.#chain.snapshot(this.#checkpoint, type);
    while (snapshot.advance(() => true) !== 'done');
    return snapshot.finishInMemory().operators[0] as OperatorSnapshot;
  }

  /** A checkpoint that is written while the operator goes on; `write` a few entries, `finish` all that is left. */
  snapshotLater(): LateSnapshot {
    const waiting = this.#chain.beforeBarrier(++this.#checkpoint, 'checkpoint');
    if (waiting !== undefined) throw new Error('the operator prepares its barrier asynchronously; use snapshotAsync()');
    const checkpoint = this.#checkpoint;
    const snapshot = this.#chain.snapshot(checkpoint, 'checkpoint');
    return {
      write(entries) {
        let left = entries;
        void snapshot.advance(() => --left > 0);
      },
      finish() {
        while (snapshot.advance(() => true) !== 'done');
        return snapshot.finishInMemory().operators[0] as OperatorSnapshot;
      },
      complete: () => this.#run(() => this.#chain.checkpointComplete(checkpoint)),
      abort: () => {
        snapshot.abort();
        this.#run(() => this.#chain.checkpointAborted(checkpoint));
      },
    };
  }

  async snapshotAsync(type: 'checkpoint' | 'savepoint' = 'checkpoint'): Promise<OperatorSnapshot> {
    await this.#chain.beforeBarrier(++this.#checkpoint, type);
    return this.#written(type);
  }

  checkpointComplete(): void {
    this.#run(() => this.#chain.checkpointComplete(this.#checkpoint));
    this.#settle();
  }

  /** The last checkpoint was given up. */
  checkpointAborted(): void {
    this.#run(() => this.#chain.checkpointAborted(this.#checkpoint));
    this.#settle();
  }

  /** Keys (and timers) that hold state. */
  get stateKeys(): number {
    return this.metric('stateKeys');
  }

  metric(name: string): number {
    return this.#chain.metrics({})[0]?.values[name] ?? 0;
  }

  /** Values that came out on the main output. */
  get values(): unknown[] {
    return this.output.flatMap((seen) => (seen.kind === 'element' ? [seen.value] : []));
  }

  async close(): Promise<void> {
    await this.#chain.close();
  }
}

/** See {@link OperatorHarness.snapshotLater}. */
export interface LateSnapshot {
  write(steps: number): void;
  finish(): OperatorSnapshot;
  complete(): void;
  abort(): void;
}

/** Ends every stretch after one unit of work. */
class StoppingGate extends Gate {
  override proceed(): boolean {
    super.proceed();
    return false;
  }
}

/** A promise chain of an asynchronous operator settles within so many turns of the microtask queue. */
const SETTLING_TURNS = 8;

const OPERATOR_ID = 'operator';

class Collector extends PlainOperator<never> {
  readonly #seen: (output: HarnessOutput) => void;
  readonly #side: string | undefined;

  constructor(seen: (output: HarnessOutput) => void, side: string | undefined) {
    super();
    this.#seen = seen;
    this.#side = side;
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
  }

  element(given: unknown, timestamp: Timestamp, rowKind: RowKindCode): void {
    // A batch is only borrowed: its arrays may serve the next one.
    const value = given instanceof ColumnBatch ? copyColumns(given) : given;
    this.#seen(
      this.#side === undefined
        ? { kind: 'element', value, timestamp, rowKind }
        : { kind: 'side', tag: this.#side, value, timestamp },
    );
  }

  override watermark(timestamp: Timestamp): void {
    if (this.#side === undefined) this.#seen({ kind: 'watermark', timestamp });
  }

  override status(idle: boolean): void {
    if (this.#side === undefined) this.#seen({ kind: 'status', idle });
  }

  override finish(): void {
    if (this.#side === undefined) this.#seen({ kind: 'finish' });
  }
}

function vertexOf(
  definition: OperatorDefinition,
  options: HarnessOptions,
  seen: (output: HarnessOutput) => void,
): JobVertex {
  const parallelism = options.parallelism ?? 1;
  const inputs = Array.from({ length: options.inputs ?? 1 }, (_, input) => ({
    source: 0,
    input,
    partitioning: { kind: 'forward' as const },
  }));
  const common = {
    description: undefined,
    parallelism,
    maxParallelism: options.maxParallelism ?? 128,
    chaining: 'always' as const,
    slotSharingGroup: 'default',
    bufferTimeoutMs: undefined,
    source: undefined,
    coordinator: undefined,
    sink: false,
  };
  const operator: StreamNode = { ...common, id: 0, name: OPERATOR_ID, uid: OPERATOR_ID, definition, inputs };
  const collectors = [undefined, ...(options.sides ?? [])].map((side, i): StreamNode => ({
    ...common,
    id: COLLECTOR + i,
    name: `collector-${i}`,
    uid: undefined,
    definition: {
      kind: 'collector',
      input: definition.output === 'columns' && side === undefined ? 'columns' : 'records',
      output: 'none',
      create: () => new Collector(seen, side),
    },
    inputs: [],
    sink: true,
  }));
  return {
    id: 0,
    name: 'harness',
    nodes: [operator, ...collectors],
    chained: [undefined, ...(options.sides ?? [])].map((side, i) => ({ from: 0, to: COLLECTOR + i, side })),
    inputs: [],
    outputs: [],
    parallelism,
    maxParallelism: options.maxParallelism ?? 128,
    slotSharingGroup: 'default',
    slotHeapMegabytes: 0,
  };
}
