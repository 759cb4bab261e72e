/**
 * The receiving end of all edges of a task: chooses the channel to read next, merges watermarks and idleness over the
 * channels, and aligns barriers or lets them overtake. What it hands out is either data of one input or an event for
 * the whole task.
 *
 * After a restore from an unaligned checkpoint there are channels besides, which hold what was on its way then. They
 * are read to their end before anything new is.
 */

import type { ColumnBatch } from '../data/column-batch.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import { watermarkMerge, type WatermarkMerge } from '../time/watermark-merge.ts';
import { Alignment, type AlignmentResult } from './alignment.ts';
import type { ChannelReader } from './channel.ts';
import type { ChannelStatePlace } from './channel-state.ts';
import { ChannelCuts, type BatchInUse, type CutDone } from './channel-cuts.ts';

/** One channel of the task, and the input of the head operator that it feeds. */
export interface InputChannel {
  readonly reader: ChannelReader;
  readonly input: number;
  /** Where its state goes; given when barriers may overtake. */
  readonly place?: ChannelStatePlace;
}

/** A channel of an earlier attempt, with what was on its way in it. */
export interface RestoredChannel extends InputChannel {
  /** The channel that it was, if that is still there: its watermarks are that channel's. */
  readonly continues?: number;
}

export interface InputGateOptions {
  /** Whether channels are held back while barriers are aligned. */
  readonly exactlyOnce: boolean;
  /** Whether barriers may overtake; then every channel has a place for its state. */
  readonly unaligned: boolean;
  readonly restored: readonly RestoredChannel[];
}

export type InputEvent =
  | {
      readonly kind: 'data';
      readonly input: number;
      readonly data: RecordBatch | ColumnBatch;
      readonly channel: number;
    }
  | { readonly kind: 'watermark'; readonly timestamp: number }
  | { readonly kind: 'status'; readonly idle: boolean }
  /** Every channel has been read up to the barrier. */
  | { readonly kind: 'barrier'; readonly barrier: BarrierElement }
  /** The barrier is due, whatever is before it in the channels: see `cut`. */
  | { readonly kind: 'overtaking'; readonly barrier: BarrierElement }
  | { readonly kind: 'superseded'; readonly checkpoint: number }
  | { readonly kind: 'end'; readonly drained: boolean };

const IN_ORDER: InputGateOptions = Object.freeze({ exactlyOnce: true, unaligned: false, restored: [] });

export class InputGate {
  /** The channels of this attempt, then those that were restored. */
  readonly #channels: readonly InputChannel[];
  readonly #live: number;
  readonly #alignment: Alignment;
  readonly #unaligned: boolean;
  readonly #cuts: ChannelCuts;
  /** Barriers that have come and may overtake, by checkpoint. */
  readonly #coming = new Map<number, BarrierElement>();
  readonly #merge: WatermarkMerge;
  /** The place of each channel in the merge. */
  readonly #mergedAs: Int32Array;
  readonly #ended: Uint8Array;
  readonly #events: InputEvent[] = [];
  #open: number;
  /** Restored channels that are not read to their end. */
  #restored: number;
  #next = 0;
  #drained = true;

  constructor(channels: readonly InputChannel[], options: Partial<InputGateOptions> = {}) {
    const { exactlyOnce, unaligned, restored } = { ...IN_ORDER, ...options };
    this.#channels = [...channels, ...restored];
    this.#live = channels.length;
    this.#alignment = new Alignment(channels.length, exactlyOnce);
    this.#unaligned = unaligned && exactlyOnce;
    this.#cuts = new ChannelCuts(this.#channels, [
      ...restored.map((_, i) => channels.length + i),
      ...channels.map((_, i) => i),
    ]);
    let merged = channels.length;
    this.#mergedAs = Int32Array.from(this.#channels, (_, i) => {
      const continues = i < channels.length ? i : (restored[i - channels.length] as RestoredChannel).continues;
      return continues ?? merged++;
    });
    this.#merge = watermarkMerge(merged);
    this.#ended = new Uint8Array(this.#channels.length);
    this.#open = channels.length;
    this.#restored = restored.length;
  }

  /** Event time had come to `watermark` when the task's state was stored: it does not go back. */
  resumeTime(watermark: number): void {
    this.#merge.resume(watermark);
  }

  /** The next thing to do, or undefined when nothing has arrived on a channel that may be read. */
  poll(): InputEvent | undefined {
    const waiting = this.#events.shift();
    if (waiting !== undefined) return waiting;
    if (this.#restored > 0) return this.#pollRestored();
    const channels = this.#live;
    for (let tried = 0; tried < channels; tried++) {
      const channel = this.#next;
      this.#next = channel + 1 === channels ? 0 : channel + 1;
      if (this.#ended[channel] === 1 || this.#alignment.holds(channel)) continue;
      const event = this.#read(channel);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  #pollRestored(): InputEvent | undefined {
    for (let channel = this.#live; channel < this.#channels.length; channel++) {
      if (this.#ended[channel] === 1) continue;
      const event = this.#read(channel);
      if (event !== undefined) return event;
      this.#retire(channel);
      const rest = this.#events.shift();
      if (rest !== undefined) return rest;
    }
    return this.poll();
  }

  /** A restored channel has been read to its end. */
  #retire(channel: number): void {
    this.#ended[channel] = 1;
    this.#restored--;
    this.#cuts.ended(channel);
    const merged = this.#mergedAs[channel] as number;
    // It is not waited for any more.
    if (merged >= this.#live) this.#status(merged, true);
  }

  /** Reads until something concerns the task, or the channel has nothing more to say. */
  #read(channel: number): InputEvent | undefined {
    const { reader, input } = this.#channels[channel] as InputChannel;
    for (;;) {
      const element = reader.poll();
      if (element === undefined) return undefined;
      if (this.#cuts.any) this.#cuts.record(channel, element);
      if (!('kind' in element)) return { kind: 'data', input, data: element, channel };
      const event = this.#control(channel, element);
      if (event !== undefined) return event;
      if (this.#ended[channel] === 1 || (channel < this.#live && this.#alignment.holds(channel))) return undefined;
    }
  }

  #control(channel: number, element: ControlElement): InputEvent | undefined {
    switch (element.kind) {
      case 'watermark': {
        const merged = this.#merge.observe(this.#mergedAs[channel] as number, element.timestamp);
        return merged === undefined ? undefined : { kind: 'watermark', timestamp: merged };
      }
      case 'status':
        this.#status(this.#mergedAs[channel] as number, element.idle);
        return this.#events.shift();
      case 'barrier':
        return this.#barrier(channel, element);
      case 'end':
        return this.#end(channel, element.drained);
    }
  }

  #status(merged: number, idle: boolean): void {
    const change = this.#merge.status(merged, idle);
    if (change.idle !== undefined) this.#events.push({ kind: 'status', idle: change.idle });
    if (change.watermark !== undefined) this.#events.unshift({ kind: 'watermark', timestamp: change.watermark });
  }

  // Barriers.

  #barrier(channel: number, barrier: BarrierElement): InputEvent | undefined {
    const { checkpoint } = barrier;
    if (this.#cuts.settled(checkpoint)) {
      this.#cuts.passed(channel, checkpoint);
      return undefined;
    }
    this.#expect(barrier);
    return this.#aligned(this.#alignment.onBarrier(channel, barrier));
  }

  #aligned(result: AlignmentResult): InputEvent | undefined {
    switch (result.kind) {
      case 'waiting':
        return undefined;
      case 'aligned':
        this.#settle(result.barrier.checkpoint);
        return { kind: 'barrier', barrier: result.barrier };
      case 'superseded': {
        this.#settle(result.checkpoint);
        const next = this.#aligned(result.next);
        if (next !== undefined) this.#events.unshift(next);
        return { kind: 'superseded', checkpoint: result.checkpoint };
      }
    }
  }

  #settle(checkpoint: number): void {
    this.#coming.delete(checkpoint);
    this.#cuts.settle(checkpoint);
  }

  /** Notes a barrier that may overtake; the earliest time at which it does counts. */
  #expect(barrier: BarrierElement): void {
    const { unalignedAt } = barrier;
    if (!this.#unaligned || unalignedAt === undefined || this.#cuts.settled(barrier.checkpoint)) return;
    const known = this.#coming.get(barrier.checkpoint)?.unalignedAt;
    if (known === undefined || unalignedAt < known) this.#coming.set(barrier.checkpoint, barrier);
  }

  /**
   * Looks for barriers that have come, wherever they stand in their channels. Returns the first that is due to overtake
   * at the time `now`, again with every call until it is cut or given up. One that is due takes older ones along, because
   * barriers leave a task in the order of their checkpoints.
   */
  overtaking(now: number): InputEvent | undefined {
    if (!this.#unaligned) return undefined;
    for (let channel = 0; channel < this.#live; channel++) {
      const { reader } = this.#channels[channel] as InputChannel;
      if (this.#ended[channel] === 1 || !reader.takeAnnouncement()) continue;
      this.#cuts.arrived(channel);
      for (const barrier of reader.barriers()) this.#expect(barrier);
    }
    if (this.#coming.size === 0) return undefined;
    if (this.overtakingAt > now) return undefined;
    let first: BarrierElement | undefined;
    for (const barrier of this.#coming.values())
      if (first === undefined || barrier.checkpoint < first.checkpoint) first = barrier;
    return { kind: 'overtaking', barrier: first as BarrierElement };
  }

  /** When `overtaking` has something new to say though nothing arrives; `Infinity`: never. */
  get overtakingAt(): number {
    let at = Infinity;
    for (const { unalignedAt } of this.#coming.values()) at = Math.min(at, unalignedAt as number);
    return at;
  }

  /**
   * Begins the cut of a barrier that overtakes: the task takes its snapshot now, and `done` is called with what is
   * before the barrier in the channels once all of that has come. `inUse` is the batch that is half read.
   */
  cut(checkpoint: number, inUse: BatchInUse | undefined, done: CutDone): void {
    this.#coming.delete(checkpoint);
    const delivered = this.#alignment.release(checkpoint);
    this.#cuts.begin(
      checkpoint,
      (channel) => this.#ended[channel] === 1 || (channel < this.#live && delivered?.[channel] === 1),
      this.#events.find((event) => event.kind === 'watermark'),
      inUse,
      done,
    );
  }

  #end(channel: number, drained: boolean): InputEvent | undefined {
    this.#ended[channel] = 1;
    this.#open--;
    if (!drained) this.#drained = false;
    this.#cuts.ended(channel);
    const aligned = this.#aligned(this.#alignment.onEnd(channel));
    if (this.#open === 0) this.#events.push({ kind: 'end', drained: this.#drained });
    return aligned ?? this.#events.shift();
  }

  /**
   * A barrier that can be served while other work is paused: one at the head of a channel. The channel whose batch is
   * half read is left out: its barrier stands behind the rows that are still to come.
   */
  pollBarrier(except: number): InputEvent | undefined {
    if (this.#restored > 0) return undefined;
    for (let channel = 0; channel < this.#live; channel++) {
      if (channel === except || this.#ended[channel] === 1 || this.#alignment.holds(channel)) continue;
      const { reader } = this.#channels[channel] as InputChannel;
      if (reader.peekBarrier() === undefined) continue;
      const event = this.#control(channel, reader.poll() as ControlElement);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  /** Gives up a checkpoint that the coordinator aborted, and reads on. */
  abort(checkpoint: number): void {
    this.#coming.delete(checkpoint);
    this.#cuts.abort(checkpoint);
    if (this.#alignment.pending === checkpoint) this.#alignment.abort();
  }

  recycle(channel: number, batch: RecordBatch): void {
    (this.#channels[channel] as InputChannel).reader.recycle(batch);
  }

  get queued(): number {
    return this.#channels.reduce((sum, { reader }) => sum + reader.queued, 0);
  }

  close(): void {
    for (const { reader } of this.#channels) reader.close();
  }
}
