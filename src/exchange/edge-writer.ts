/**
 * The sending end of an edge in one task: collects records into a batch per channel and sends full ones.
 *
 * Partitioning is chosen by the text of the chain (`runtime/chain-code.ts`), which calls the method of its kind. A
 * batch leaves when it is full, when the task has nothing left to read, or when the buffer timeout has passed;
 * control elements leave at once, behind everything that came before them.
 */

import { MillstreamError } from '../base/error.ts';
import type { Random } from '../base/world.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import { keyHash } from '../data/key.ts';
import { partitionColumns } from '../kernel/partition.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import type { Gate } from '../base/gate.ts';
import type { ChannelWriter } from './channel.ts';

/** Non-negative integer keys below this are hashed once: a look-up is a fifth of a hash, and 16 KB stay in the cache. */
const REMEMBERED_KEYS = 8192;

export interface EdgeWriterOptions {
  readonly channels: readonly ChannelWriter[];
  readonly gate: Gate;
  readonly random: Random;
  /** Maximum parallelism of the receiver: the number of key groups. */
  readonly maxParallelism: number;
  /** Channel by key group; only for hash edges. */
  readonly channelOfGroup?: Int32Array;
  readonly partitioning: Partitioning;
  readonly types: TypeRegistry;
  /** Name of the sending operator, for errors. */
  readonly operator: string;
}

export class EdgeWriter {
  readonly #channels: readonly ChannelWriter[];
  readonly #batches: (RecordBatch | undefined)[];
  readonly #options: EdgeWriterOptions;
  readonly #groups: number;
  /** One less than the number of groups where that is a power of two, else -1. */
  readonly #groupMask: number;
  readonly #types: TypeRegistry;
  /** One more than the channel of each small integer key that was met; 0 for the others. */
  readonly #remembered: Uint16Array;
  readonly #channelOfGroup: Int32Array;
  readonly #last: number;
  #next: number;
  #closed = false;
  #dirty = false;

  constructor(options: EdgeWriterOptions) {
    this.#options = options;
    this.#channels = options.channels;
    this.#batches = options.channels.map(() => undefined);
    this.#groups = options.maxParallelism;
    this.#groupMask = (this.#groups & (this.#groups - 1)) === 0 ? this.#groups - 1 : -1;
    this.#types = options.types;
    this.#remembered = new Uint16Array(options.channelOfGroup === undefined ? 0 : REMEMBERED_KEYS);
    this.#channelOfGroup = options.channelOfGroup ?? new Int32Array(0);
    this.#last = options.channels.length - 1;
    // Senders begin at different receivers, so that short streams are spread too.
    this.#next = Math.floor(options.random.next() * options.channels.length);
  }

  get channelCount(): number {
    return this.#channels.length;
  }

  // What the chain's text calls, once per record.

  to(channel: number, value: unknown, timestamp: number, kind: number): void {
    let batch = this.#batches[channel];
    if (batch === undefined) batch = this.#open(channel);
    batch.push(value, timestamp, kind);
    if (batch.count === batch.capacity) this.#send(channel, batch);
  }

  toNext(value: unknown, timestamp: number, kind: number): void {
    const channel = this.#next === this.#last ? 0 : this.#next + 1;
    this.#next = channel;
    this.to(channel, value, timestamp, kind);
  }

  toAny(value: unknown, timestamp: number, kind: number): void {
    this.to(Math.floor(this.#options.random.next() * this.#channels.length), value, timestamp, kind);
  }

  toAll(value: unknown, timestamp: number, kind: number): void {
    for (let channel = 0; channel <= this.#last; channel++) this.to(channel, value, timestamp, kind);
  }

  /** The channel of a key. */
  ofKey(key: unknown): number {
    if (typeof key !== 'number' || key >>> 0 !== key || key >= REMEMBERED_KEYS) return this.#hashed(key);
    const remembered = this.#remembered[key] as number;
    return remembered > 0 ? remembered - 1 : this.#remember(key);
  }

  #remember(key: number): number {
    const channel = this.#hashed(key);
    this.#remembered[key] = channel + 1;
    return channel;
  }

  #hashed(key: unknown): number {
    // A remainder by division would cost as much as the hash.
    const hash = keyHash(key, this.#types);
    return this.#channelOfGroup[this.#groupMask >= 0 ? hash & this.#groupMask : hash % this.#groups] as number;
  }

  /** Checks what a user's partitioner returned. */
  chosen(channel: number): number {
    if (Number.isInteger(channel) && channel >= 0 && channel <= this.#last) return channel;
    throw new MillstreamError('USER_CODE', `The partitioner behind "${this.#options.operator}" returned ${String(channel)}; it must return a whole number from 0 to ${this.#last}.`);
  }

  columns(batch: ColumnBatch): void {
    const { partitioning } = this.#options;
    switch (partitioning.kind) {
      case 'broadcast':
        for (const channel of this.#channels) this.#sendData(channel, batch);
        return;
      case 'rebalance':
      case 'rescale':
      case 'shuffle':
        this.#next = this.#next === this.#last ? 0 : this.#next + 1;
        return this.#sendData(this.#channels[this.#next] as ChannelWriter, batch);
      case 'hash-columns': {
        const parts = partitionColumns(batch, partitioning.columns, this.#channelOfGroup, this.#groups, this.#channels.length);
        parts.forEach((part, channel) => part !== undefined && this.#sendData(this.#channels[channel] as ChannelWriter, part));
        return;
      }
      default:
        return this.#sendData(this.#channels[0] as ChannelWriter, batch);
    }
  }

  // Control.

  watermark(timestamp: number): void {
    this.#control({ kind: 'watermark', timestamp });
  }

  status(idle: boolean): void {
    this.#control({ kind: 'status', idle });
  }

  barrier(barrier: BarrierElement): void {
    this.#control(barrier);
  }

  end(drained: boolean): void {
    this.#control({ kind: 'end', drained });
  }

  #control(element: ControlElement): void {
    this.flush();
    for (const channel of this.#channels) channel.send(element);
    this.#observe();
  }

  // Batches.

  #open(channel: number): RecordBatch {
    const batch = (this.#channels[channel] as ChannelWriter).batch();
    this.#batches[channel] = batch;
    this.#dirty = true;
    return batch;
  }

  #send(channel: number, batch: RecordBatch): void {
    this.#batches[channel] = undefined;
    this.#sendData(this.#channels[channel] as ChannelWriter, batch);
  }

  #sendData(channel: ChannelWriter, data: RecordBatch | ColumnBatch): void {
    channel.send(data);
    if (!channel.hasRoom) this.#observe();
  }

  /** Sends what has been collected so far. */
  flush(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    for (let channel = 0; channel <= this.#last; channel++) {
      const batch = this.#batches[channel];
      if (batch !== undefined && batch.count > 0) this.#send(channel, batch);
    }
  }

  /** Closes the gate while a channel has no room, and opens it again. */
  #observe(): void {
    const full = this.#channels.some((channel) => !channel.hasRoom);
    if (full === this.#closed) return;
    this.#closed = full;
    if (full) this.#options.gate.closeOutput();
    else this.#options.gate.openOutput();
  }

  /** Tries again what had no room. Returns whether there is room now. */
  pump(): boolean {
    if (!this.#closed) return true;
    for (const channel of this.#channels) channel.pump();
    this.#observe();
    return !this.#closed;
  }

  get full(): boolean {
    return this.#closed;
  }

  get bytesSent(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.bytesSent, 0);
  }

  get overdrawn(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.overdrawn, 0);
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
  }
}
