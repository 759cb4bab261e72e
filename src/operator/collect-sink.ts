/**
 * The sink whose records go back to the program that started the job.
 *
 * Each subtask sends batches through the coordinator to the client and waits while too many are not yet taken: the
 * client's reading pace is back pressure like any other. With checkpoints on, a batch is handed to the client only
 * once the checkpoint that covers it is complete, so that a restart never shows a record twice; without, at once.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { CoordinatorContext, CoordinatorFactory, OperatorCoordinator } from './coordinator.ts';
import type { InputOperator, OperatorContext, OperatorDefinition } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

/** Records of a batch that goes to the client. */
const BATCH_RECORDS = 256;

/** Batches of a subtask that the client has not taken before the subtask waits. */
const BATCHES_AHEAD_MAX = 8;

/** From a subtask: values as bytes, and the checkpoint up to which what came before is covered. */
export interface CollectedBatch {
  readonly kind: 'batch';
  readonly subtask: number;
  readonly attempt: number;
  /** Counts the batches of the subtask in its attempt, from 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** From a subtask: what it sent before this belongs to the checkpoint, what comes behind it does not. */
interface Cut {
  readonly kind: 'cut';
  readonly subtask: number;
  readonly checkpoint: number;
}

/** From the client, by way of the coordinator: it has taken a batch. */
interface Taken {
  readonly kind: 'taken';
}

export interface CollectOptions {
  /** Whether results wait for the checkpoint that covers them. */
  readonly withCheckpoints: boolean;
}

export function collectSink(options: CollectOptions): {
  readonly definition: OperatorDefinition;
  readonly coordinator: CoordinatorFactory;
} {
  return {
    definition: { kind: 'collect', input: 'records', output: 'none', create: () => new CollectOperator() },
    coordinator: (context, restored) =>
      new CollectCoordinator(context, options.withCheckpoints, restored as CollectState | undefined),
  };
}

class CollectOperator extends PlainOperator<never> implements InputOperator<unknown> {
  #values: unknown[] = [];
  #ahead = 0;
  #batches = 0;
  #closed = false;
  #timer = false;

  override open(context: OperatorContext<never>): void {
    super.open(context);
  }

  element(value: unknown): void {
    this.#values.push(value);
    if (this.#values.length >= BATCH_RECORDS) this.#send();
    else if (!this.#timer) this.#sendSoon();
  }

  /** A lone record leaves with the next mail: when the task has nothing else to do, that is at once. */
  #sendSoon(): void {
    this.#timer = true;
    this.context.mail(() => {
      this.#timer = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#values.length === 0) return;
    const bytes = encodeValues(this.#values, this.context.types);
    this.#values = [];
    this.context.toCoordinator({
      kind: 'batch',
      subtask: this.context.task.subtask,
      attempt: this.context.task.attempt,
      number: ++this.#batches,
      bytes,
    } satisfies CollectedBatch);
    this.#ahead++;
    // Like an edge without room: the input waits, barriers do not.
    if (this.#ahead >= BATCHES_AHEAD_MAX && !this.#closed) {
      this.#closed = true;
      this.context.gate.closeOutput();
    }
  }

  fromCoordinator(message: unknown): void {
    if ((message as Taken).kind !== 'taken') return;
    this.#ahead--;
    if (this.#ahead >= BATCHES_AHEAD_MAX || !this.#closed) return;
    this.#closed = false;
    this.context.gate.openOutput();
  }

  /** An acknowledgement may come long after the barrier, so the place of the barrier is told by itself. */
  beforeBarrier(checkpoint: number): void {
    this.#send();
    this.context.toCoordinator({ kind: 'cut', subtask: this.context.task.subtask, checkpoint } satisfies Cut);
  }

  override finish(): void {
    this.#send();
  }
}

/** What the client may not have when the checkpoint is complete. */
interface CollectState {
  /** Whose client: that of a job which starts from somebody else's savepoint has nothing to do with them. */
  readonly jobId: string;
  readonly waiting: readonly CollectedBatch[];
}

/** Which batches a client has, so that none is read twice: of every subtask in an attempt, up to which number. */
export type BatchesRead = Map<string, number>;

/** Notes that a batch is read. Returns whether it is news. */
export function isNews(
  read: BatchesRead,
  { attempt, subtask, number }: Omit<CollectedBatch, 'kind' | 'bytes'>,
): boolean {
  const from = `${attempt}/${subtask}`;
  if (number <= (read.get(from) ?? 0)) return false;
  read.set(from, number);
  return true;
}

/** Passes batches on to the client, and the client's answers back. */
class CollectCoordinator implements OperatorCoordinator {
  readonly #context: CoordinatorContext;
  readonly #withCheckpoints: boolean;
  /** Batches that no complete checkpoint covers yet, and the checkpoint behind them, once it was triggered. */
  #waiting: { batch: CollectedBatch; checkpoint: number | undefined }[] = [];
  /** Batches that were handed to the client, which has not said that it took them. */
  #handed: CollectedBatch[] = [];

  constructor(context: CoordinatorContext, withCheckpoints: boolean, restored: CollectState | undefined) {
    this.#context = context;
    this.#withCheckpoints = withCheckpoints;
    // The client knows which of them it has.
    if (restored?.jobId === context.jobId) for (const batch of restored.waiting) this.#hand(batch);
  }

  #hand(batch: CollectedBatch): void {
    this.#handed.push(batch);
    this.#context.toClient(batch);
  }

  start(): void {}

  taskStarted(): void {}

  fromTask(_subtask: number, message: unknown): void {
    const said = message as CollectedBatch | Cut;
    if (said.kind === 'cut') {
      this.#cut(said);
      return;
    }
    const batch = said;
    if (this.#withCheckpoints) {
      this.#waiting.push({ batch, checkpoint: undefined });
      // Nobody can take what must wait, so the subtask is not held back for it.
      this.#context.toTask(batch.subtask, { kind: 'taken' } satisfies Taken);
    } else {
      this.#hand(batch);
    }
  }

  fromClient(message: unknown): void {
    const { attempt, subtask, number } = message as CollectedBatch;
    this.#handed = this.#handed.filter(
      (batch) => batch.attempt !== attempt || batch.subtask !== subtask || batch.number !== number,
    );
    if (!this.#withCheckpoints) this.#context.toTask(subtask, { kind: 'taken' } satisfies Taken);
  }

  snapshot(): CollectState {
    return { jobId: this.#context.jobId, waiting: [] };
  }

  gathered(checkpoint: number): CollectState {
    const covered = this.#waiting.filter((one) => one.checkpoint !== undefined && one.checkpoint <= checkpoint);
    const waiting = [...this.#handed, ...covered.map(({ batch }) => batch)];
    return { jobId: this.#context.jobId, waiting };
  }

  #cut({ subtask, checkpoint }: Cut): void {
    for (const one of this.#waiting)
      if (one.batch.subtask === subtask && one.checkpoint === undefined) one.checkpoint = checkpoint;
  }

  checkpointComplete(checkpoint: number): void {
    const covered = this.#waiting.filter((one) => one.checkpoint !== undefined && one.checkpoint <= checkpoint);
    this.#waiting = this.#waiting.filter((one) => !covered.includes(one));
    for (const one of covered) this.#hand(one.batch);
  }

  close(): void {}
}

function encodeValues(values: readonly unknown[], types: TypeRegistry): Uint8Array {
  const writer = new ByteWriter();
  writeValue(values, writer, types);
  return writer.take();
}

export function decodeValues(bytes: Uint8Array, types: TypeRegistry): readonly unknown[] {
  return readValue(new ByteReader(bytes), types) as readonly unknown[];
}
