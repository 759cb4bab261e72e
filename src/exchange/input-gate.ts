/**
 * The receiving end of all edges of a task: chooses the channel to read next, merges watermarks and idleness over the
 * channels, and aligns barriers. What it hands out is either data of one input or an event for the whole task.
 */

import type { ColumnBatch } from '../data/column-batch.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import { watermarkMerge, type WatermarkMerge } from '../time/watermark-merge.ts';
import { Alignment, type AlignmentResult } from './alignment.ts';
import type { ChannelReader } from './channel.ts';

/** One channel of the task, and the input of the head operator that it feeds. */
export interface InputChannel {
  readonly reader: ChannelReader;
  readonly input: number;
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
  | { readonly kind: 'barrier'; readonly barrier: BarrierElement }
  | { readonly kind: 'superseded'; readonly checkpoint: number }
  | { readonly kind: 'end'; readonly drained: boolean };

export class InputGate {
  readonly #channels: readonly InputChannel[];
  readonly #alignment: Alignment;
  readonly #merge: WatermarkMerge;
  readonly #ended: Uint8Array;
  readonly #events: InputEvent[] = [];
  #open: number;
  #next = 0;
  #drained = true;

  constructor(channels: readonly InputChannel[], exactlyOnce: boolean) {
    this.#channels = channels;
    this.#alignment = new Alignment(channels.length, exactlyOnce);
    this.#merge = watermarkMerge(channels.length);
    this.#ended = new Uint8Array(channels.length);
    this.#open = channels.length;
  }

  /** The next thing to do, or undefined when nothing has arrived on a channel that may be read. */
  poll(): InputEvent | undefined {
    const waiting = this.#events.shift();
    if (waiting !== undefined) return waiting;
    const channels = this.#channels.length;
    for (let tried = 0; tried < channels; tried++) {
      const channel = this.#next;
      this.#next = channel + 1 === channels ? 0 : channel + 1;
      if (this.#ended[channel] === 1 || this.#alignment.holds(channel)) continue;
      const event = this.#read(channel);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  /** Reads until something concerns the task, or the channel has nothing more to say. */
  #read(channel: number): InputEvent | undefined {
    const { reader, input } = this.#channels[channel] as InputChannel;
    for (;;) {
      const element = reader.poll();
      if (element === undefined) return undefined;
      if (!('kind' in element)) return { kind: 'data', input, data: element, channel };
      const event = this.#control(channel, element);
      if (event !== undefined) return event;
      if (this.#ended[channel] === 1 || this.#alignment.holds(channel)) return undefined;
    }
  }

  #control(channel: number, element: ControlElement): InputEvent | undefined {
    switch (element.kind) {
      case 'watermark': {
        const merged = this.#merge.observe(channel, element.timestamp);
        return merged === undefined ? undefined : { kind: 'watermark', timestamp: merged };
      }
      case 'status': {
        const change = this.#merge.status(channel, element.idle);
        if (change.idle !== undefined) this.#events.push({ kind: 'status', idle: change.idle });
        if (change.watermark !== undefined) this.#events.unshift({ kind: 'watermark', timestamp: change.watermark });
        return this.#events.shift();
      }
      case 'barrier':
        return this.#aligned(this.#alignment.onBarrier(channel, element));
      case 'end':
        return this.#end(channel, element.drained);
    }
  }

  #aligned(result: AlignmentResult): InputEvent | undefined {
    switch (result.kind) {
      case 'waiting':
        return undefined;
      case 'aligned':
        return { kind: 'barrier', barrier: result.barrier };
      case 'superseded': {
        const next = this.#aligned(result.next);
        if (next !== undefined) this.#events.unshift(next);
        return { kind: 'superseded', checkpoint: result.checkpoint };
      }
    }
  }

  #end(channel: number, drained: boolean): InputEvent | undefined {
    this.#ended[channel] = 1;
    this.#open--;
    if (!drained) this.#drained = false;
    const aligned = this.#aligned(this.#alignment.onEnd(channel));
    if (this.#open === 0) this.#events.push({ kind: 'end', drained: this.#drained });
    return aligned ?? this.#events.shift();
  }

  /**
   * A barrier that can be served while other work is paused: one at the head of a channel. The channel whose batch is
   * half read is left out: its barrier stands behind the rows that are still to come.
   */
  pollBarrier(except: number): InputEvent | undefined {
    for (let channel = 0; channel < this.#channels.length; channel++) {
      if (channel === except || this.#ended[channel] === 1 || this.#alignment.holds(channel)) continue;
      const { reader } = this.#channels[channel] as InputChannel;
      if (reader.peekBarrier() === undefined) continue;
      const event = this.#control(channel, reader.poll() as ControlElement);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  /** Gives up a checkpoint that the coordinator aborted, and reads on. */
  abortAlignment(checkpoint: number): void {
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
