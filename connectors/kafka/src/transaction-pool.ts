/**
 * The transactional ids of one writer. One is used for each checkpoint; when its transaction is committed, it is used
 * again, under a new epoch: so a late commit of the old transaction can never end the new one.
 *
 * On a start the pool first ends what earlier attempts have left: it commits what a savepoint had sealed, and aborts
 * whatever else is open in its class of ids, except what was prepared: that is the committers' affair, whoever they are.
 */

import { MillstreamError, type WriterContext } from 'millstream';
import { KafkaFailure, type KafkaClient, type TransactionDescription, type TransactionIdentity } from './client.ts';
import { retry, type RetryOptions } from './retry.ts';
import { commitTransaction, lossMessage, type KafkaCommittable } from './transaction.ts';
import { parseTransactionalId, transactionalId } from './transactional-id.ts';

/** What a checkpoint holds of a writer. Every writer of the next attempt sees those of all. */
export interface KafkaWriterState {
  readonly subtask: number;
  /** Transactions that may not be committed yet. */
  readonly prepared: readonly TransactionIdentity[];
  /** Transactions that a savepoint has closed: they are committed when it is restored. */
  readonly sealed: readonly KafkaCommittable[];
}

/** How the pool works. */
export interface PoolOptions {
  readonly context: WriterContext;
  readonly client: KafkaClient;
  readonly prefix: string;
  /** `undefined`: as long as the brokers allow, but at most an hour. */
  readonly transactionTimeoutMs: number | undefined;
  readonly unreachableTimeoutMs: number;
  readonly onLostTransaction: 'fail' | 'ignore';
  readonly signal: AbortSignal;
}

/** Flink's default, where the brokers allow it. */
const TIMEOUT_MS_MAX = 3_600_000;

/** Where the brokers do not say: their own default. */
const TIMEOUT_MS_UNKNOWN = 900_000;

export class TransactionPool {
  readonly #options: PoolOptions;
  /** May not be used before they are known to be over; oldest first. */
  readonly #prepared: TransactionIdentity[] = [];
  readonly #free: TransactionIdentity[] = [];
  /** What other writers' states forbid to touch. */
  readonly #forbidden = new Set<string>();
  #sealed: KafkaCommittable[] = [];
  #nextNumber = 0;
  #timeoutMs = TIMEOUT_MS_UNKNOWN;

  constructor(options: PoolOptions, restored: readonly KafkaWriterState[]) {
    this.#options = options;
    const { subtask, parallelism } = options.context;
    for (const state of restored) {
      for (const { transactionalId: id } of [...state.prepared, ...state.sealed]) this.#forbidden.add(id);
      if (state.subtask % parallelism !== subtask) continue;
      this.#prepared.push(...state.prepared);
      this.#sealed.push(...state.sealed);
    }
  }

  /** How long the brokers leave a transaction open. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  get size(): number {
    return this.#prepared.length + this.#free.length;
  }

  snapshot(): KafkaWriterState {
    return { subtask: this.#options.context.subtask, prepared: [...this.#prepared], sealed: [...this.#sealed] };
  }

  /** Ends what was left open. Nothing is taken from the pool before. */
  async start(): Promise<void> {
    await this.#settleTimeout();
    await this.#commitSealed();
    await this.#abortLingering();
  }

  async #settleTimeout(): Promise<void> {
    const { client, transactionTimeoutMs, context } = this.#options;
    const most = await this.#retry(() => client.transactionTimeoutMaxMs());
    if (transactionTimeoutMs !== undefined && most !== undefined && transactionTimeoutMs > most) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `The Kafka sink cannot write transactions of transactionTimeoutMs = ${transactionTimeoutMs}: the brokers allow ${most} (transaction.max.timeout.ms). Lower the one or raise the other.`,
      );
    }
    this.#timeoutMs = transactionTimeoutMs ?? Math.min(TIMEOUT_MS_MAX, most ?? TIMEOUT_MS_UNKNOWN);
    const { checkpointing } = context;
    if (checkpointing === undefined) return;
    const needed = checkpointing.intervalMs + checkpointing.timeoutMs;
    if (this.#timeoutMs >= needed) return;
    throw new MillstreamError(
      'OPTION_INVALID',
      `The Kafka sink would lose data: the brokers abort a transaction after ${this.#timeoutMs} ms, and a checkpoint may take ${needed} ms to commit it (interval ${checkpointing.intervalMs} ms, timeout ${checkpointing.timeoutMs} ms). Raise transactionTimeoutMs, and transaction.max.timeout.ms of the brokers, or lower those of the checkpoints.`,
    );
  }

  async #commitSealed(): Promise<void> {
    const { context, client, unreachableTimeoutMs, signal, onLostTransaction } = this.#options;
    const settle = { world: context.world, client, timeoutMs: unreachableTimeoutMs, signal };
    for (const sealed of this.#sealed) {
      const { outcome, fate } = await commitTransaction(sealed, settle);
      if (outcome !== 'lost') continue;
      const loss = `Data of a savepoint is lost: ${lossMessage(sealed, fate, context.now())}`;
      if (onLostTransaction === 'fail') throw new MillstreamError('SINK_FAILED', loss);
      context.world.print(loss, 'error');
    }
    this.#prepared.push(...this.#sealed.map(identityOf));
    this.#sealed = [];
  }

  /** A new epoch for an id aborts what is open under it, and fences who had it. */
  async #abortLingering(): Promise<void> {
    const ids = await this.#lingering();
    this.#free.push(...(await Promise.all(ids.map((id) => this.#init(id)))));
  }

  /** Ids of this writer's class that exist and were not prepared. */
  async #lingering(): Promise<readonly string[]> {
    const { client, prefix, context } = this.#options;
    const ids = new Set<string>();
    for (const id of await this.#retry(() => client.listTransactions(`${prefix}-`))) {
      const name = parseTransactionalId(prefix, id);
      if (name !== undefined && name.subtask % context.parallelism === context.subtask) ids.add(id);
    }
    // A list may lack what a broker is just taking over; asking for each id waits for that.
    for (let number = 0; ; number++) {
      const id = transactionalId(prefix, { subtask: context.subtask, number });
      const [description] = await this.#retry(() => client.describeTransactions([id]));
      if (description !== undefined) ids.add(id);
      else if (!this.#forbidden.has(id)) break;
    }
    return [...ids].filter((id) => !this.#forbidden.has(id)).toSorted();
  }

  async #init(id: string, last?: TransactionIdentity): Promise<TransactionIdentity> {
    const { client } = this.#options;
    const producer = await this.#retry(() => client.initProducer(id, this.#timeoutMs, last));
    return { transactionalId: id, ...producer };
  }

  /** An identity for one transaction. */
  async take(): Promise<TransactionIdentity> {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    const over = await this.#takeOver();
    if (over !== undefined) return await this.#init(over.transactionalId, over);
    const { prefix, context } = this.#options;
    for (;;) {
      const id = transactionalId(prefix, { subtask: context.subtask, number: this.#nextNumber++ });
      const known =
        this.#forbidden.has(id) || [...this.#free, ...this.#prepared].some((one) => one.transactionalId === id);
      if (!known) return await this.#init(id);
    }
  }

  /** Removes and returns a prepared transaction that is committed by now. */
  async #takeOver(): Promise<TransactionIdentity | undefined> {
    if (this.#prepared.length === 0) return undefined;
    const asked = [...this.#prepared];
    const { client } = this.#options;
    const descriptions = await this.#retry(() => client.describeTransactions(asked.map((one) => one.transactionalId)));
    for (const [index, prepared] of asked.entries()) {
      if (!isCommitted(prepared, descriptions[index])) continue;
      this.#prepared.splice(this.#prepared.indexOf(prepared), 1);
      this.#forbidden.delete(prepared.transactionalId);
      return prepared;
    }
    return undefined;
  }

  /** The transaction goes into the checkpoint: hands off until it is over. */
  prepare(transaction: TransactionIdentity): void {
    this.#prepared.push(transaction);
  }

  /** The transaction goes into a savepoint, and into the next checkpoint. */
  seal(committable: KafkaCommittable): void {
    this.#sealed.push(committable);
  }

  /** What savepoints have sealed since the last checkpoint: it is committed with this one. */
  takeSealed(): readonly KafkaCommittable[] {
    const sealed = this.#sealed;
    this.#sealed = [];
    this.#prepared.push(...sealed.map(identityOf));
    return sealed;
  }

  #retry<T>(work: () => Promise<T>): Promise<T> {
    const { context, client, unreachableTimeoutMs, signal } = this.#options;
    const options: RetryOptions = { world: context.world, client, timeoutMs: unreachableTimeoutMs, signal };
    return retry(options, work);
  }
}

function isCommitted(prepared: TransactionIdentity, found: TransactionDescription | undefined): boolean {
  return (
    found?.state === 'CompleteCommit' && found.producerId === prepared.producerId && found.epoch === prepared.epoch
  );
}

function identityOf({ transactionalId: id, producerId, epoch }: TransactionIdentity): TransactionIdentity {
  return { transactionalId: id, producerId, epoch };
}

/** Whether another attempt has taken over. */
export function isFenced(error: unknown): boolean {
  return error instanceof KafkaFailure && error.kind === 'fenced';
}
