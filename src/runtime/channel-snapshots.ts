/**
 * The channels' part of a task's snapshots: forwards barriers, and gathers what they overtake.
 *
 * A barrier in its place overtakes nothing, but it may have to wait for room behind what was sent before it. When it
 * still does so at the time from which it may overtake, it does: the checkpoint that began aligned goes on unaligned.
 * Until then nobody knows whether the state of the outputs is part of the snapshot, so that is not complete.
 */

import type { BarrierElement } from '../data/element.ts';
import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { BatchInUse } from '../exchange/channel-cuts.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import type { InputGate } from '../exchange/input-gate.ts';

export type ChannelsDone = (states: readonly ChannelStateSnapshot[]) => void;

/** A snapshot of which the channels' part is not complete. */
interface Incomplete {
  readonly barrier: BarrierElement;
  inputs: readonly ChannelStateSnapshot[] | undefined;
  outputs: readonly ChannelStateSnapshot[];
  /** Edges on which the barrier waits in its place. */
  awaiting: readonly EdgeWriter[];
  readonly done: ChannelsDone;
}

/** A barrier that has come to the task. */
export interface ArrivedBarrier {
  readonly barrier: BarrierElement;
  /** Whether it overtakes what is in the input channels; else they have been read up to it. */
  readonly cuts: boolean;
}

/** Whether a barrier overtakes at the time `now`. */
export function overtakesAt({ unalignedAt }: BarrierElement, now: number): boolean {
  return unalignedAt !== undefined && unalignedAt <= now;
}

export class ChannelSnapshots {
  readonly #inputs: InputGate | undefined;
  readonly #edges: readonly EdgeWriter[];
  readonly #incomplete = new Map<number, Incomplete>();

  constructor(inputs: InputGate | undefined, edges: readonly EdgeWriter[]) {
    this.#inputs = inputs;
    this.#edges = edges;
  }

  /**
   * Forwards a barrier, and calls `done` with what it has overtaken once that is known, which may be at once. The
   * caller takes the snapshot of the operators before anything else happens.
   */
  pass({ barrier, cuts }: ArrivedBarrier, now: number, inUse: BatchInUse | undefined, done: ChannelsDone): void {
    const { checkpoint } = barrier;
    // Older ones that wait for room are due before this one is.
    this.look(now);
    const incomplete: Incomplete = { barrier, inputs: cuts ? undefined : [], outputs: [], awaiting: [], done };
    this.#incomplete.set(checkpoint, incomplete);
    if (cuts || overtakesAt(barrier, now)) incomplete.outputs = this.#overtake(barrier);
    else {
      for (const edge of this.#edges) edge.barrier(barrier);
      if (barrier.unalignedAt !== undefined)
        incomplete.awaiting = this.#edges.filter((edge) => edge.overtakes && edge.awaits(checkpoint));
    }
    if (cuts) {
      this.#inputs?.cut(checkpoint, inUse, (states) => {
        incomplete.inputs = states;
        this.#settle(incomplete);
      });
    }
    this.#settle(incomplete);
  }

  /** A task that has ended forwards nothing in its place; what still waits for room is overtaken. */
  passEnded(barrier: BarrierElement, now: number): readonly ChannelStateSnapshot[] {
    return overtakesAt(barrier, now) ? this.#edges.flatMap((edge) => edge.overtake(atOnce(barrier))) : [];
  }

  #overtake(barrier: BarrierElement): readonly ChannelStateSnapshot[] {
    const ahead = atOnce(barrier);
    return this.#edges.flatMap((edge) => {
      if (edge.overtakes) return edge.overtake(ahead);
      edge.barrier(ahead);
      return [];
    });
  }

  /** Looks after barriers that wait for room. */
  look(now: number): void {
    for (const incomplete of this.#incomplete.values()) {
      const { barrier, awaiting } = incomplete;
      if (awaiting.length === 0) continue;
      incomplete.awaiting = awaiting.filter((edge) => edge.awaits(barrier.checkpoint));
      if (overtakesAt(barrier, now)) {
        incomplete.outputs = incomplete.awaiting.flatMap((edge) => edge.overtake(atOnce(barrier), true));
        incomplete.awaiting = [];
      }
      this.#settle(incomplete);
    }
  }

  /** When a barrier that waits for room overtakes; `Infinity` when none does. */
  get overtakingAt(): number {
    let at = Infinity;
    for (const { barrier, awaiting } of this.#incomplete.values())
      if (awaiting.length > 0) at = Math.min(at, barrier.unalignedAt as number);
    return at;
  }

  #settle(incomplete: Incomplete): void {
    const { barrier, inputs, awaiting, outputs, done } = incomplete;
    if (inputs === undefined || awaiting.length > 0 || !this.#incomplete.delete(barrier.checkpoint)) return;
    done([...inputs, ...outputs]);
  }

  abort(checkpoint: number): void {
    this.#incomplete.delete(checkpoint);
    this.#inputs?.abort(checkpoint);
  }
}

/** The barrier as it is forwarded: who receives it need not ask the time. */
function atOnce(barrier: BarrierElement): BarrierElement {
  return { ...barrier, unalignedAt: 0 };
}
