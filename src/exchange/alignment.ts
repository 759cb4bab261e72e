/**
 * Alignment: holding back channels that have delivered a barrier until the rest have too.
 *
 * Between the first barrier and the last, elements of the early channels belong to the *next* checkpoint; letting them
 * through would put their effect in this one twice after a restore. They are not read at all, so that backpressure,
 * not memory, absorbs the wait. In at-least-once mode nothing is held and the barriers are only counted.
 */

import type { BarrierElement } from '../data/element.ts';

export type AlignmentResult =
  /** Wait for the other channels. */
  | { readonly kind: 'waiting' }
  /** All channels have delivered it: the task takes its snapshot. */
  | { readonly kind: 'aligned'; readonly barrier: BarrierElement }
  /** A newer checkpoint began before an older one was aligned, which therefore never will be. */
  | { readonly kind: 'superseded'; readonly checkpoint: number; readonly next: AlignmentResult };

const WAITING: AlignmentResult = Object.freeze({ kind: 'waiting' });

export class Alignment {
  readonly #channels: number;
  readonly #exactlyOnce: boolean;
  readonly #held: Uint8Array;
  readonly #delivered: Uint8Array;
  readonly #ended: Uint8Array;
  #barrier: BarrierElement | undefined;
  #highest = 0;

  constructor(channels: number, exactlyOnce: boolean) {
    this.#channels = channels;
    this.#exactlyOnce = exactlyOnce;
    this.#held = new Uint8Array(channels);
    this.#delivered = new Uint8Array(channels);
    this.#ended = new Uint8Array(channels);
  }

  /** Whether the channel must not be read now. */
  holds(channel: number): boolean {
    return this.#held[channel] === 1;
  }

  get pending(): number | undefined {
    return this.#barrier?.checkpoint;
  }

  onBarrier(channel: number, barrier: BarrierElement): AlignmentResult {
    // A barrier of a checkpoint that was given up arrives late on a slow channel: nothing waits for it any more.
    if (barrier.checkpoint < this.#highest || (barrier.checkpoint === this.#highest && this.#barrier === undefined))
      return WAITING;
    let superseded: number | undefined;
    if (this.#barrier !== undefined && barrier.checkpoint > this.#barrier.checkpoint) superseded = this.abort();
    this.#barrier ??= barrier;
    this.#highest = barrier.checkpoint;
    this.#delivered[channel] = 1;
    if (this.#exactlyOnce) this.#held[channel] = 1;
    const result = this.#check();
    return superseded === undefined ? result : { kind: 'superseded', checkpoint: superseded, next: result };
  }

  /** A channel that has ended delivers nothing any more, and is waited for no longer. */
  onEnd(channel: number): AlignmentResult {
    this.#ended[channel] = 1;
    return this.#barrier === undefined ? WAITING : this.#check();
  }

  /**
   * Gives up the alignment of a checkpoint whose barrier overtakes after all, if it is pending. Returns which channels
   * had delivered it.
   */
  release(checkpoint: number): Uint8Array | undefined {
    if (this.#barrier?.checkpoint !== checkpoint) return undefined;
    const delivered = this.#delivered.slice();
    this.abort();
    return delivered;
  }

  /** Gives up the pending checkpoint, and releases what it held. Returns its number. */
  abort(): number | undefined {
    const aborted = this.#barrier?.checkpoint;
    this.#barrier = undefined;
    this.#held.fill(0);
    this.#delivered.fill(0);
    return aborted;
  }

  #check(): AlignmentResult {
    for (let channel = 0; channel < this.#channels; channel++) {
      if (this.#delivered[channel] === 0 && this.#ended[channel] === 0) return WAITING;
    }
    const barrier = this.#barrier as BarrierElement;
    this.abort();
    return { kind: 'aligned', barrier };
  }
}
