/**
 * The transaction coordinator: which producer may write under a transactional id, what its last transaction is about,
 * and how it ends. A decision is answered at once and carried out a little later, partition by partition.
 */

import {
  KafkaFailure,
  partitionName,
  type ProducerIdentity,
  type TopicPartition,
  type TransactionDescription,
  type TransactionEnd,
  type TransactionIdentity,
  type TransactionState,
} from '../client.ts';

/** What the coordinator needs of the cluster. */
export interface TransactionsOptions {
  readonly timeoutMaxMs: number;
  readonly now: () => number;
  readonly after: (delay: number, callback: () => void) => void;
  /** How long it takes until markers are written, or tried again. */
  readonly markerDelayMs: () => number;
  readonly newProducerId: () => number;
  /** Whether the coordinator of that id is at work now. */
  readonly available: (transactionalId: string) => boolean;
  /** Writes a marker; false when the partition has no leader now. */
  readonly mark: (partition: TopicPartition, producer: ProducerIdentity, end: TransactionEnd) => boolean;
}

interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  epoch: number;
  /** That of the identity before, for who asks again because the answer was lost. */
  lastEpoch: number;
  timeoutMs: number;
  state: TransactionState;
  startedAt: number;
  readonly partitions: Map<string, TopicPartition>;
}

/** Before the first epoch. */
const NO_EPOCH = -1;

export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #byId = new Map<string, Transaction>();

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  init(transactionalId: string, timeoutMs: number, last: ProducerIdentity | undefined): ProducerIdentity {
    if (timeoutMs <= 0 || timeoutMs > this.#options.timeoutMaxMs)
      throw new KafkaFailure('transaction-timeout', 'INVALID_TRANSACTION_TIMEOUT');
    const known = this.#byId.get(transactionalId);
    if (known === undefined) return this.#create(transactionalId, timeoutMs);
    if (last !== undefined && last.producerId !== known.producerId) throw fenced();
    switch (known.state) {
      case 'Ongoing':
        // Whoever has it open may not end it any more.
        known.epoch++;
        known.lastEpoch = NO_EPOCH;
        this.#prepare(known, 'abort');
        throw concurrent();
      case 'PrepareCommit':
      case 'PrepareAbort':
      case 'PrepareEpochFence':
        throw concurrent();
      case 'Empty':
      case 'CompleteCommit':
      case 'CompleteAbort':
      case 'Dead':
        return this.#bump(known, timeoutMs, last);
    }
  }

  #create(transactionalId: string, timeoutMs: number): ProducerIdentity {
    const producerId = this.#options.newProducerId();
    this.#byId.set(transactionalId, {
      transactionalId,
      producerId,
      epoch: 0,
      lastEpoch: NO_EPOCH,
      timeoutMs,
      state: 'Empty',
      startedAt: -1,
      partitions: new Map(),
    });
    return { producerId, epoch: 0 };
  }

  #bump(known: Transaction, timeoutMs: number, last: ProducerIdentity | undefined): ProducerIdentity {
    const { producerId } = known;
    if (last !== undefined && last.epoch !== known.epoch) {
      if (last.epoch !== known.lastEpoch) throw fenced();
      return { producerId, epoch: known.epoch };
    }
    known.lastEpoch = last === undefined ? NO_EPOCH : known.epoch;
    known.epoch++;
    known.timeoutMs = timeoutMs;
    known.state = 'Empty';
    known.startedAt = -1;
    return { producerId, epoch: known.epoch };
  }

  /** The transaction, when this is the producer that may write it. */
  #of({ transactionalId, producerId, epoch }: TransactionIdentity): Transaction {
    const known = this.#byId.get(transactionalId);
    if (known === undefined || known.producerId !== producerId)
      throw new KafkaFailure('transaction-unknown', 'INVALID_PRODUCER_ID_MAPPING');
    if (known.epoch !== epoch) throw fenced();
    return known;
  }

  add(identity: TransactionIdentity, partitions: readonly TopicPartition[]): void {
    const known = this.#of(identity);
    if (isDecided(known)) throw concurrent();
    if (known.state !== 'Ongoing') {
      known.state = 'Ongoing';
      known.startedAt = this.#options.now();
      known.partitions.clear();
      this.#expire(known);
    }
    for (const { topic, partition } of partitions)
      known.partitions.set(partitionName({ topic, partition }), { topic, partition });
  }

  /** A leader asks whether it may take the first batch of a transaction. */
  verify(identity: TransactionIdentity, partition: TopicPartition): void {
    const known = this.#of(identity);
    if (isDecided(known)) throw concurrent();
    if (known.state !== 'Ongoing' || !known.partitions.has(partitionName(partition))) throw noTransaction();
  }

  end(identity: TransactionIdentity, end: TransactionEnd): void {
    const known = this.#of(identity);
    const commits = end === 'commit';
    switch (known.state) {
      case 'Ongoing':
        this.#prepare(known, end);
        return;
      case 'CompleteCommit':
      case 'CompleteAbort':
        if ((known.state === 'CompleteCommit') === commits) return;
        throw noTransaction();
      case 'PrepareCommit':
      case 'PrepareAbort':
        if ((known.state === 'PrepareCommit') === commits) throw concurrent();
        throw noTransaction();
      case 'Empty':
      case 'Dead':
      case 'PrepareEpochFence':
        throw noTransaction();
    }
  }

  #expire(transaction: Transaction): void {
    const { startedAt, timeoutMs } = transaction;
    const { after, available } = this.#options;
    const look = (): void => {
      if (transaction.state !== 'Ongoing' || transaction.startedAt !== startedAt) return;
      if (!available(transaction.transactionalId)) {
        after(this.#options.markerDelayMs(), look);
        return;
      }
      transaction.epoch++;
      transaction.lastEpoch = NO_EPOCH;
      this.#prepare(transaction, 'abort');
    };
    after(timeoutMs, look);
  }

  #prepare(transaction: Transaction, end: TransactionEnd): void {
    transaction.state = end === 'commit' ? 'PrepareCommit' : 'PrepareAbort';
    const { after, available, markerDelayMs } = this.#options;
    const write = (): void => {
      if (available(transaction.transactionalId)) this.#carryOut(transaction);
      if (isDecided(transaction)) after(markerDelayMs(), write);
    };
    after(markerDelayMs(), write);
  }

  /** Writes the markers that can be written; when none is left, the transaction is over. */
  #carryOut(transaction: Transaction): void {
    if (!isDecided(transaction)) return;
    const { state, producerId, epoch, partitions } = transaction;
    const end = state === 'PrepareCommit' ? 'commit' : 'abort';
    for (const [name, partition] of partitions)
      if (this.#options.mark(partition, { producerId, epoch }, end)) partitions.delete(name);
    if (partitions.size === 0) transaction.state = end === 'commit' ? 'CompleteCommit' : 'CompleteAbort';
  }

  /** Carries out what is decided, as far as the partitions have leaders. */
  settle(): void {
    for (const transaction of this.#byId.values()) this.#carryOut(transaction);
  }

  describe(transactionalId: string): TransactionDescription | undefined {
    const known = this.#byId.get(transactionalId);
    if (known === undefined) return undefined;
    const { producerId, epoch, state, timeoutMs, startedAt, partitions } = known;
    return { transactionalId, producerId, epoch, state, timeoutMs, startedAt, partitions: [...partitions.values()] };
  }

  list(): readonly string[] {
    return [...this.#byId.keys()];
  }
}

/** Whether its end is certain, and not carried out yet. */
function isDecided({ state }: Transaction): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort';
}

function fenced(): KafkaFailure {
  return new KafkaFailure('fenced', 'PRODUCER_FENCED');
}

function concurrent(): KafkaFailure {
  return new KafkaFailure('busy', 'CONCURRENT_TRANSACTIONS');
}

function noTransaction(): KafkaFailure {
  return new KafkaFailure('transaction-state', 'INVALID_TXN_STATE');
}
