/**
 * The transactional ids of one writer. One is used for each checkpoint; when its transaction is committed, it is used
 * again, under a new epoch: so a late commit of the old transaction can never end the new one.
 *
 * On a start the pool takes the lease of its class, and then ends what earlier attempts have left: it commits what a
 * savepoint had sealed, and aborts whatever else is open, except what was prepared: that is the committers' affair,
 * whoever they are. An earlier attempt that still runs makes its next identity first and looks at its lease then. So
 * either its identity is among those that are fenced, or it finds the lease taken; in no case does it write on.
 *
 * Nor does it hurt those that came later, however long it slept, and wherever. To make an identity is to abort what is
 * open under its id, and brokers ask nobody for leave. So an id is written under by the attempt alone that made it, and
 * nobody makes it but under a name that is free. What an attempt fences, it has seen before it looked at its lease: that
 * is older than any later attempt.
 */

import { MillstreamError, type WriterContext } from 'millstream';
import {
  KafkaFailure,
  type KafkaClient,
  type ProducerIdentity,
  type TransactionDescription,
  type TransactionIdentity,
  type TransactionState,
} from './client.ts';
import { retry, type RetryOptions } from './retry.ts';
import { commitTransaction, lossMessage, type KafkaCommittable } from './transaction.ts';
import { leaseId, parseLeaseId, parseTransactionalId, transactionalId } from './transactional-id.ts';

/** What a checkpoint holds of a writer. Every writer of the next attempt sees those of all. */
export interface KafkaWriterState {
  readonly subtask: number;
  /** Transactions that may not be committed yet. */
  readonly prepared: readonly TransactionIdentity[];
  /** Transactions that a savepoint has closed: they are committed when it is restored. */
  readonly sealed: readonly KafkaCommittable[];
  /** Identities that were made only to fence those before them: nobody writes with them. */
  readonly fences: readonly TransactionIdentity[];
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

/** States of transactions whose producers need a new identity before they write again. */
const OVER: ReadonlySet<TransactionState> = new Set(['CompleteCommit', 'CompleteAbort', 'Dead']);

/** Where the brokers do not say: their own default. */
const TIMEOUT_MS_UNKNOWN = 900_000;

export class TransactionPool {
  readonly #options: PoolOptions;
  /** May not be used before they are known to be over, and never if an earlier attempt made them; oldest first. */
  readonly #prepared: TransactionIdentity[] = [];
  /** What was prepared, by name: not to be touched. */
  readonly #restored = new Map<string, TransactionIdentity>();
  readonly #fences = new Map<string, TransactionIdentity>();
  /** By subtask. */
  readonly #leases = new Map<number, ProducerIdentity>();
  #sealed: KafkaCommittable[] = [];
  #nextNumber = 0;
  #timeoutMs = TIMEOUT_MS_UNKNOWN;

  constructor(options: PoolOptions, restored: readonly KafkaWriterState[]) {
    this.#options = options;
    const { subtask, parallelism } = options.context;
    for (const state of restored) {
      for (const one of [...state.prepared, ...state.sealed]) this.#restored.set(one.transactionalId, one);
      for (const one of state.fences)
        if (this.#isOwnId(one.transactionalId)) this.#fences.set(one.transactionalId, one);
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
    return this.#prepared.length;
  }

  snapshot(): KafkaWriterState {
    const { subtask } = this.#options.context;
    return { subtask, prepared: [...this.#prepared], sealed: [...this.#sealed], fences: [...this.#fences.values()] };
  }

  /** Takes over from earlier attempts. Nothing is taken from the pool before. */
  async start(): Promise<void> {
    await this.#settleTimeout();
    const { client, prefix } = this.#options;
    await this.#takeLeases(await this.#retry(() => client.listTransactions(`${prefix}-`)));
    await this.#commitSealed();
    await this.#fenceLingering();
  }

  /** Of all subtasks of the class: the job may have run at a higher parallelism. */
  async #takeLeases(ids: readonly string[]): Promise<void> {
    const { prefix, context } = this.#options;
    const subtasks = new Set([context.subtask]);
    for (const id of ids) {
      const subtask = parseLeaseId(prefix, id);
      if (subtask !== undefined && this.#isOwn(subtask)) subtasks.add(subtask);
    }
    for (const subtask of subtasks) await this.#takeLease(subtask);
  }

  async #takeLease(subtask: number): Promise<void> {
    const { client, prefix } = this.#options;
    this.#leases.set(subtask, await this.#retry(() => client.initProducer(leaseId(prefix, subtask), this.#timeoutMs)));
  }

  #isOwn(subtask: number): boolean {
    const { context } = this.#options;
    return subtask % context.parallelism === context.subtask;
  }

  #isOwnId(id: string): boolean {
    const name = parseTransactionalId(this.#options.prefix, id);
    return name !== undefined && this.#isOwn(name.subtask);
  }

  /** Fails as fenced when a later attempt has taken one of these leases, held by this one or not. */
  async #checkLeases(subtasks: readonly number[]): Promise<void> {
    const { client, prefix, context } = this.#options;
    const ids = subtasks.map((subtask) => leaseId(prefix, subtask));
    const found = await this.#retry(() => client.describeTransactions(ids));
    for (const [index, subtask] of subtasks.entries()) {
      const lease = found[index];
      const own = this.#leases.get(subtask);
      if (lease === undefined) {
        // Forgotten, as brokers forget ids that nobody has used for days.
        if (subtask === context.subtask) await this.#takeLease(subtask);
      } else if (own === undefined || !sameProducer(own, lease)) {
        throw new KafkaFailure('fenced', `the lease ${lease.transactionalId} has been taken by a later attempt`);
      }
    }
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
      if (onLostTransaction === 'fail') throw new MillstreamError('SINK_DATA_LOST', loss);
      context.world.print(loss, 'error');
    }
    this.#prepared.push(...this.#sealed.map(identityOf));
    this.#sealed = [];
  }

  /** A new epoch for an id aborts what is open under it, and fences who had it. */
  async #fenceLingering(): Promise<void> {
    const lingering = await this.#lingering();
    const { prefix, context } = this.#options;
    const names = lingering.map((id) => parseTransactionalId(prefix, id));
    await this.#checkLeases([...new Set([context.subtask, ...names.map((name) => name?.subtask ?? 0)])]);
    await Promise.all(lingering.map(async (id) => void this.#fences.set(id, await this.#init(id))));
  }

  /** Ids of this writer's class under which somebody could still write, unless what they stand for was prepared. */
  async #lingering(): Promise<readonly string[]> {
    const { client, prefix } = this.#options;
    const ids = new Set([...this.#fences.keys(), ...this.#restored.keys()].filter((id) => this.#isOwnId(id)));
    for (const id of await this.#retry(() => client.listTransactions(`${prefix}-`))) if (this.#isOwnId(id)) ids.add(id);
    await this.#probe(ids);
    const all = [...ids].toSorted();
    const descriptions = await this.#retry(() => client.describeTransactions(all));
    return all.filter((id, index) => {
      const found = descriptions[index];
      return !this.#isPrepared(id, found) && !this.#isFence(id, found) && found !== undefined && !OVER.has(found.state);
    });
  }

  /** A list may lack what a broker is just taking over; asking for an id waits for that. Adds own ids that are missing. */
  async #probe(ids: Set<string>): Promise<void> {
    const { client, prefix, context } = this.#options;
    const { subtask } = context;
    const numbers = [...ids]
      .map((id) => parseTransactionalId(prefix, id))
      .filter((name) => name?.subtask === subtask)
      .map((name) => name?.number ?? 0);
    // Numbers count up, and the oldest are forgotten first.
    const first = numbers.length === 0 ? 0 : Math.min(...numbers);
    const last = numbers.length === 0 ? -1 : Math.max(...numbers);
    for (let number = first; number < last; number++) ids.add(transactionalId(prefix, { subtask, number }));
    for (this.#nextNumber = last + 1; ; this.#nextNumber++) {
      const id = transactionalId(prefix, { subtask, number: this.#nextNumber });
      const [description] = await this.#retry(() => client.describeTransactions([id]));
      if (description === undefined) return;
      ids.add(id);
    }
  }

  /** Whether the identity that the broker knows is one that only fences. One that was used since, or forgotten, is none. */
  #isFence(id: string, found: TransactionDescription | undefined): boolean {
    const fence = this.#fences.get(id);
    if (fence === undefined) return false;
    if (found !== undefined && sameProducer(fence, found)) return true;
    this.#fences.delete(id);
    return false;
  }

  /** Whether what the broker knows of an id is what was prepared: it may have been used again since. */
  #isPrepared(id: string, found: TransactionDescription | undefined): boolean {
    const prepared = this.#restored.get(id);
    if (prepared === undefined) return false;
    if (found === undefined || sameProducer(prepared, found)) return true;
    this.#restored.delete(id);
    const index = this.#prepared.findIndex((one) => one.transactionalId === id);
    if (index !== -1) this.#prepared.splice(index, 1);
    return false;
  }

  async #init(id: string, last?: ProducerIdentity): Promise<TransactionIdentity> {
    const { client } = this.#options;
    const producer = await this.#retry(() => client.initProducer(id, this.#timeoutMs, last));
    return { transactionalId: id, ...producer };
  }

  /** An identity for one transaction. */
  async take(): Promise<TransactionIdentity> {
    const identity = (await this.#renew()) ?? (await this.#create());
    await this.#checkLeases([this.#options.context.subtask]);
    return identity;
  }

  async #renew(): Promise<TransactionIdentity | undefined> {
    const over = await this.#takeOver();
    return over === undefined ? undefined : await this.#init(over.transactionalId, over);
  }

  /**
   * Under a name that nobody has had. The lease's identity is named as the one before: for an id that does not exist
   * that counts for nothing, and one that does exist is refused.
   */
  async #create(): Promise<TransactionIdentity> {
    const { client, prefix, context } = this.#options;
    const { subtask } = context;
    for (;;) {
      const id = transactionalId(prefix, { subtask, number: this.#nextNumber++ });
      if (this.#restored.has(id)) continue;
      const [found] = await this.#retry(() => client.describeTransactions([id]));
      if (found !== undefined) continue;
      try {
        return await this.#init(id, this.#leases.get(subtask));
      } catch (error) {
        if (!isFenced(error)) throw error;
        // A later attempt has been faster; or it is there by an attempt of this call whose answer was lost.
        await this.#checkLeases([subtask]);
      }
    }
  }

  /** Removes the prepared transactions of earlier attempts that are committed by now, and one of this one, to return. */
  async #takeOver(): Promise<TransactionIdentity | undefined> {
    if (this.#prepared.length === 0) return undefined;
    const asked = [...this.#prepared];
    const { client } = this.#options;
    const descriptions = await this.#retry(() => client.describeTransactions(asked.map((one) => one.transactionalId)));
    for (const [index, prepared] of asked.entries()) {
      if (!isCommitted(prepared, descriptions[index])) continue;
      this.#prepared.splice(this.#prepared.indexOf(prepared), 1);
      if (!this.#restored.has(prepared.transactionalId)) return prepared;
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
  return found?.state === 'CompleteCommit' && sameProducer(prepared, found);
}

function sameProducer(a: ProducerIdentity, b: ProducerIdentity): boolean {
  return a.producerId === b.producerId && a.epoch === b.epoch;
}

function identityOf({ transactionalId: id, producerId, epoch }: TransactionIdentity): TransactionIdentity {
  return { transactionalId: id, producerId, epoch };
}

/** Whether another attempt has taken over. */
export function isFenced(error: unknown): boolean {
  return error instanceof KafkaFailure && error.kind === 'fenced';
}
