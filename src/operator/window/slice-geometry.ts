/**
 * Where the slices of sliding windows begin and end: windows begin at multiples of the slide, shifted by an offset, and
 * end within a slide or where others begin; every beginning and every end of a window is a border between slices.
 */

import type { SlidingWindows } from '../../time/windows/sliding-windows.ts';
import { TimeWindow } from '../../time/windows/window.ts';

export class SliceGeometry {
  readonly size: number;
  readonly slide: number;
  readonly #offset: number;
  /** Where windows end within a slide; 0 when they end where others begin. */
  readonly #rest: number;

  constructor({ size, slide, offset }: Pick<SlidingWindows, 'size' | 'slide' | 'offset'>) {
    this.size = size;
    this.slide = slide;
    this.#offset = offset;
    this.#rest = size % slide;
  }

  #slideAt(time: number): number {
    return TimeWindow.getWindowStartWithOffset(time, this.#offset, this.slide);
  }

  /** The start of the slice at a time. */
  sliceAt(time: number): number {
    const start = this.#slideAt(time);
    return time >= start + this.#rest ? start + this.#rest : start;
  }

  endOf(slice: number): number {
    const start = this.#slideAt(slice);
    return slice < start + this.#rest ? start + this.#rest : start + this.slide;
  }

  /** The end of the first window that the slice belongs to. */
  firstWindowEnd(slice: number): number {
    const last = this.lastWindowEnd(slice);
    return last - Math.floor((last - this.endOf(slice)) / this.slide) * this.slide;
  }

  lastWindowEnd(slice: number): number {
    return this.#slideAt(slice) + this.size;
  }

  /** The end of the last window that is over at a time. */
  passedEnd(time: number): number {
    return this.#slideAt(time + 1 - this.size) + this.size;
  }

  /** Whether it is one of the slices. */
  hasSlice(start: number, end: number): boolean {
    return this.sliceAt(start) === start && this.endOf(start) === end;
  }

  /** Whether it is one of the windows. */
  hasWindow({ start, end }: TimeWindow): boolean {
    return end - start === this.size && this.#slideAt(start) === start;
  }
}
