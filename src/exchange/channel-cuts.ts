/**
 * Cuts: where the barriers of unaligned checkpoints pass through the channels into a task.
 *
 * A cut begins when the first barrier of its checkpoint reaches the task, which then takes its snapshot at once. What
 * the other channels deliver before the barrier comes to them too was sent before the barrier, but is not in the
 * snapshot: it is the channel's state, and written here. A channel is *open* as long as its barrier has not come.
 * Several cuts may be under way, and an element belongs to each that finds its channel open.
 */

import type { RecordBatch } from '../data/record-batch.ts';
import type { Element } from './channel.ts';
import { ChannelStateWriter, type ChannelStatePlace, type ChannelStateSnapshot } from './channel-state.ts';
import type { ChannelReader } from './channel.ts';

/** A channel that may be cut. */
export interface CutChannel {
  readonly reader: ChannelReader;
  readonly place?: ChannelStatePlace;
}

/** A batch that was taken out of its channel and is not used up. */
export interface BatchInUse {
  readonly channel: number;
  readonly batch: RecordBatch;
}

export type CutDone = (states: readonly ChannelStateSnapshot[]) => void;

interface Cut {
  readonly checkpoint: number;
  readonly writers: (ChannelStateWriter | undefined)[];
  readonly open: Uint8Array;
  left: number;
  readonly done: CutDone;
}

/** Checkpoints whose barriers are still known after they have begun or were given up. */
const REMEMBERED = 256;

export class ChannelCuts {
  readonly #channels: readonly CutChannel[];
  /** In the order in which states are to be read again. */
  readonly #order: readonly number[];
  readonly #cuts = new Map<number, Cut>();
  readonly #settled = new Set<number>();

  constructor(channels: readonly CutChannel[], order: readonly number[]) {
    this.#channels = channels;
    this.#order = order;
  }

  /** Whether a channel is open in any cut. */
  get any(): boolean {
    return this.#cuts.size > 0;
  }

  /** Whether barriers of the checkpoint have done here what they are for. */
  settled(checkpoint: number): boolean {
    return this.#settled.has(checkpoint);
  }

  /**
   * Begins a cut. `passed` are the channels whose barrier has been polled, or that have ended. `done` is called with
   * what was on its way as soon as every barrier has come, which may be before this returns.
   *
   * @param first what every channel has delivered, in effect, and the task has not dealt with: a watermark.
   */
  begin(
    checkpoint: number,
    passed: (channel: number) => boolean,
    first: Element | undefined,
    inUse: BatchInUse | undefined,
    done: CutDone,
  ): void {
    this.settle(checkpoint);
    const channels = this.#channels.length;
    const cut: Cut = {
      checkpoint,
      writers: this.#channels.map(() => undefined),
      open: new Uint8Array(channels).fill(1),
      left: channels,
      done,
    };
    this.#cuts.set(checkpoint, cut);
    if (first !== undefined)
      for (let channel = 0; channel < channels; channel++) this.#writer(cut, channel).element(first);
    if (inUse !== undefined) this.#writer(cut, inUse.channel).element(inUse.batch, inUse.batch.cursor);
    for (let channel = 0; channel < channels; channel++) {
      if (passed(channel)) this.#close(cut, channel);
      else this.#capture(cut, channel);
    }
  }

  /** An element was polled. */
  record(channel: number, element: Element): void {
    for (const cut of this.#cuts.values()) if (cut.open[channel] === 1) this.#writer(cut, channel).element(element);
  }

  /** Something was announced in a channel. */
  arrived(channel: number): void {
    for (const cut of this.#cuts.values()) if (cut.open[channel] === 1) this.#capture(cut, channel);
  }

  /** The barrier was polled. */
  passed(channel: number, checkpoint: number): void {
    const cut = this.#cuts.get(checkpoint);
    if (cut?.open[channel] === 1) this.#close(cut, channel);
  }

  /** The channel has ended, and nothing comes any more. */
  ended(channel: number): void {
    for (const cut of this.#cuts.values()) if (cut.open[channel] === 1) this.#close(cut, channel);
  }

  /** The checkpoint was given up. */
  abort(checkpoint: number): void {
    this.#cuts.delete(checkpoint);
    this.settle(checkpoint);
  }

  /** Barriers of the checkpoint that come from now on are none of the task's business. */
  settle(checkpoint: number): void {
    this.#settled.add(checkpoint);
    if (this.#settled.size <= REMEMBERED) return;
    const [oldest] = this.#settled;
    this.#settled.delete(oldest as number);
  }

  #capture(cut: Cut, channel: number): void {
    const { reader } = this.#channels[channel] as CutChannel;
    if (reader.capture(cut.checkpoint, this.#writer(cut, channel))) this.#close(cut, channel);
  }

  #writer(cut: Cut, channel: number): ChannelStateWriter {
    const { place } = this.#channels[channel] as CutChannel;
    return (cut.writers[channel] ??= new ChannelStateWriter((place as ChannelStatePlace).encoder));
  }

  #close(cut: Cut, channel: number): void {
    cut.open[channel] = 0;
    cut.left--;
    if (cut.left > 0) return;
    this.#cuts.delete(cut.checkpoint);
    cut.done(
      this.#order.flatMap((each): ChannelStateSnapshot[] => {
        const writer = cut.writers[each];
        if (writer === undefined || writer.empty) return [];
        const { identity } = (this.#channels[each] as CutChannel).place as ChannelStatePlace;
        return [{ ...identity, end: 'receiver', bytes: writer.finish() }];
      }),
    );
  }
}
