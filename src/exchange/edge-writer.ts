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
import { ColumnCollector } from '../kernel/column-collector.ts';
import { lent } from '../kernel/owned-batch.ts';
import { ColumnPartitioner } from '../kernel/partition.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import type { Gate } from '../base/gate.ts';
import type { ChannelWriter } from './channel.ts';
import { ChannelStateWriter, type ChannelStatePlace, type ChannelStateSnapshot } from './channel-state.ts';

/** Non-negative integer keys below this are hashed once: a look-up is a fifth of a hash, and 16 KB stay in the cache. */
const REMEMBERED_KEYS = 8192;

/**
 * Rows up to which column batches for one channel are put together. Parts of at least half as many leave as they are:
 * putting them together would cost a copy and save nothing.
 */
const COLLECTED_ROWS = 2048;

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
  /** Where the state of each channel goes; given when barriers may overtake on this edge. */
  readonly places?: readonly ChannelStatePlace[];
}

export class EdgeWriter {
  readonly #channels: readonly ChannelWriter[];
  readonly #batches: (RecordBatch | undefined)[];
  /** Small column batches by channel. */
  readonly #collectors: (ColumnCollector | undefined)[];
  #partitioner: ColumnPartitioner | undefined;
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
    this.#collectors = options.channels.map(() => undefined);
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
    throw new MillstreamError(
      'USER_CODE',
      `The partitioner behind "${this.#options.operator}" returned ${String(channel)}; it must return a whole number from 0 to ${this.#last}.`,
    );
  }

  /** A column batch, which is its sender's again when this returns. */
  columns(batch: ColumnBatch): void {
    if (batch.selected === 0) return;
    switch (this.#options.partitioning.kind) {
      case 'hash-columns':
        this.#partitioned(batch);
        return;
      case 'broadcast':
        for (let channel = 0; channel <= this.#last; channel++) this.#columnsTo(channel, batch);
        return;
      case 'rebalance':
      case 'rescale':
        this.#next = this.#next === this.#last ? 0 : this.#next + 1;
        this.#columnsTo(this.#next, batch);
        return;
      case 'shuffle':
        this.#columnsTo(Math.floor(this.#options.random.next() * this.#channels.length), batch);
        return;
      default:
        this.#columnsTo(0, batch);
    }
  }

  #partitioned(batch: ColumnBatch): void {
    const partitioner = (this.#partitioner ??= this.#makePartitioner());
    const parts = partitioner.split(batch);
    for (let channel = 0; channel <= this.#last; channel++) {
      const part = parts[channel];
      if (part !== undefined) this.#columnsTo(channel, part);
    }
  }

  #makePartitioner(): ColumnPartitioner {
    const { partitioning, maxParallelism, operator } = this.#options;
    if (partitioning.kind !== 'hash-columns')
      throw new MillstreamError('INTERNAL_INVARIANT', 'columns are partitioned by columns');
    return new ColumnPartitioner({
      columns: partitioning.columns,
      channelOfGroup: this.#channelOfGroup,
      maxParallelism,
      channels: this.#channels.length,
      tag: `edge/${operator}`,
    });
  }

  /** Sends a batch, or puts it to other small ones for the same channel. */
  #columnsTo(channel: number, batch: ColumnBatch): void {
    let collector = this.#collectors[channel];
    const rows = batch.selected;
    const large = rows * 2 >= COLLECTED_ROWS;
    if (
      collector !== undefined &&
      collector.rows > 0 &&
      (large || collector.schema !== batch.schema || collector.rows + rows > COLLECTED_ROWS)
    ) {
      this.#sendCollected(channel, collector);
    }
    if (large) {
      this.#sendData(this.#channels[channel] as ChannelWriter, lent(batch));
      return;
    }
    if (collector?.schema !== batch.schema) {
      collector = new ColumnCollector(batch.schema, COLLECTED_ROWS);
      this.#collectors[channel] = collector;
    }
    collector.append(batch);
    this.#dirty = true;
  }

  #sendCollected(channel: number, collector: ColumnCollector): void {
    this.#sendData(this.#channels[channel] as ChannelWriter, collector.take());
  }

  // Control.

  watermark(timestamp: number): void {
    this.#control({ kind: 'watermark', timestamp });
  }

  status(idle: boolean): void {
    this.#control({ kind: 'status', idle });
  }

  /** Sends a barrier in its place. */
  barrier(barrier: BarrierElement): void {
    this.#control(barrier);
  }

  /** Whether barriers may overtake on this edge. */
  get overtakes(): boolean {
    return this.#options.places !== undefined;
  }

  /**
   * Sends a barrier ahead of everything that waits here. Returns what it has overtaken. A barrier that has been sent in
   * its place is sent ahead only where it still waits.
   */
  overtake(barrier: BarrierElement, inPlace = false): readonly ChannelStateSnapshot[] {
    const { places } = this.#options;
    if (places === undefined) return [];
    if (!inPlace) this.flush();
    const states = this.#channels.flatMap((channel, i): ChannelStateSnapshot[] => {
      if (inPlace && !channel.awaits(barrier.checkpoint)) return [];
      const { identity, encoder } = places[i] as ChannelStatePlace;
      const overtaken = new ChannelStateWriter(encoder);
      channel.overtake(barrier, overtaken);
      return overtaken.empty ? [] : [{ ...identity, end: 'sender', bytes: overtaken.finish() }];
    });
    this.#observe();
    return states;
  }

  /** Whether a barrier of the checkpoint still waits for room in one of the channels. */
  awaits(checkpoint: number): boolean {
    return this.#closed && this.#channels.some((channel) => channel.awaits(checkpoint));
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
      const collector = this.#collectors[channel];
      if (collector !== undefined && collector.rows > 0) this.#sendCollected(channel, collector);
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
