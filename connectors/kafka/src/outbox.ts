/** What waits to be written to one partition, in order. */

import { BatchBuilder, type Bytes, type HeaderList } from './batch-builder.ts';
import { partitionName, type TopicPartition } from './client.ts';

/** Sequence numbers are counted modulo this. */
const SEQUENCES = 2 ** 31;

/** A batch that takes no more records. */
export interface SealedBatch {
  readonly outbox: Outbox;
  readonly builder: BatchBuilder;
  readonly baseSequence: number;
  /** The whole batch, once it has been sent. */
  bytes: Buffer | undefined;
  /** When it was sent first, monotonic. */
  triedAt: number | undefined;
}

export class Outbox implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly id: string;
  /** Sealed and not on their way, in order. */
  readonly ready: SealedBatch[] = [];
  /** On their way, in order. */
  readonly inFlight: SealedBatch[] = [];
  /** Came back and have to be sent again, once nothing is on its way. */
  readonly returned: SealedBatch[] = [];
  leader: number | undefined;
  /** Whether the partition is part of the open transaction. */
  added = false;
  /**
   * Whether the broker has acknowledged a batch of this identity. Until then only one is on its way: a broker that knows
   * nothing of a producer takes any sequence number for the first.
   */
  established = false;
  /** Not sent to before this monotonic time. */
  notBefore = 0;
  failures = 0;
  #open: BatchBuilder | undefined;
  #nextSequence = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
    this.id = partitionName(this);
  }

  /** Bytes of the batch that is being filled. */
  get openBytes(): number {
    return this.#open?.length ?? 0;
  }

  get empty(): boolean {
    return (
      this.#open === undefined && this.ready.length === 0 && this.inFlight.length === 0 && this.returned.length === 0
    );
  }

  /** Returns by how many bytes it has grown. */
  append(timestamp: number, key: Bytes, value: Bytes, headers: HeaderList | undefined): number {
    const open = (this.#open ??= new BatchBuilder());
    const before = open.count === 0 ? 0 : open.length;
    open.append(timestamp, key, value, headers);
    return open.length - before;
  }

  /** Closes the batch that is being filled; false when there is none. */
  seal(): boolean {
    const builder = this.#open;
    if (builder === undefined) return false;
    this.#open = undefined;
    this.ready.push({
      outbox: this,
      builder,
      baseSequence: this.#nextSequence,
      bytes: undefined,
      triedAt: undefined,
    });
    this.#nextSequence = (this.#nextSequence + builder.count) % SEQUENCES;
    return true;
  }

  /** Once nothing is on its way any more: what came back goes first, in its order. */
  putBack(): void {
    const returned = this.returned.splice(0).sort((a, b) => this.#age(b) - this.#age(a));
    this.ready.unshift(...returned);
  }

  /** How many sequence numbers ago the batch was sealed. */
  #age({ baseSequence }: SealedBatch): number {
    return (this.#nextSequence - baseSequence + SEQUENCES) % SEQUENCES;
  }

  /** A new producer identity counts from 0. Only while empty. */
  restart(): void {
    this.#nextSequence = 0;
    this.added = false;
    this.established = false;
  }
}
