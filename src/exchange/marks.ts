/**
 * Barriers that came ahead of a channel's frames, each with its place among them.
 *
 * A barrier that overtakes does not stand in the stream: it is told beside it, with the position of the frame behind it.
 * So it passes a full ring and a writer without credit, and takes no room in them however long the reader is stopped.
 * Who reads finds it at its place, unless it took it out before.
 */

import type { BarrierElement } from '../data/element.ts';

/** A barrier, and the frames that are before it: those whose position comes before this one. */
export interface Mark {
  readonly barrier: BarrierElement;
  /** Compared for equality only; the source that made the mark knows what it counts. */
  readonly position: number;
}

export class Marks {
  /** Whether a barrier has come since this was last cleared, ahead or in its place. */
  announced = false;
  #marks: readonly Mark[] = [];

  get any(): boolean {
    return this.#marks.length > 0;
  }

  get first(): Mark | undefined {
    return this.#marks[0];
  }

  [Symbol.iterator](): Iterator<Mark> {
    return this.#marks[Symbol.iterator]();
  }

  add(mark: Mark): void {
    this.#marks = [...this.#marks, mark];
    this.announced = true;
  }

  of(checkpoint: number): Mark | undefined {
    return this.#marks.find(({ barrier }) => barrier.checkpoint === checkpoint);
  }

  remove(mark: Mark): void {
    this.#marks = this.#marks.filter((other) => other !== mark);
  }

  clear(): void {
    this.#marks = [];
    this.announced = false;
  }
}
