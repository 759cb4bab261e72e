/**
 * A column of arrays of numbers or of strings: the number of elements per row is the column, the elements of all rows
 * follow one another in the block's variable part.
 */

import { MillstreamError } from '../base/error.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';
import type { ListElement } from './record-layout.ts';
import { readTextColumn, writeTextColumn } from './text-column.ts';

/** What `append` returns for an array that has elements of another kind, or holes. */
const OTHER_ELEMENTS = -1;
/** What `append` returns for an array of numbers of which one is no 32-bit integer. */
const WIDER_NUMBERS = -2;

/** The number of elements and nothing, as two 32-bit integers. */
const HEADER_BYTES = 8;

const FIRST_CAPACITY = 256;

/** Collects the elements of a block's rows. */
export interface ListBuffer {
  /** Takes the elements of an array and returns how many; below zero, and takes none, when they do not fit. */
  append(items: readonly unknown[]): number;
  /** Gives back the last `count` elements. */
  drop(count: number): void;
  clear(): void;
  /** Writes the section; returns its end or FRAME_FULL. */
  write(memory: FrameMemory, position: number, end: number): number;
}

export function listBuffer(element: ListElement): ListBuffer {
  switch (element) {
    case 'i32':
      return new IntegerList();
    case 'f64':
      return new DoubleList();
    case 'string':
      return new TextList();
  }
}

class IntegerList implements ListBuffer {
  #items = new Int32Array(FIRST_CAPACITY);
  #count = 0;

  append(items: readonly unknown[]): number {
    const start = this.#count;
    const length = items.length;
    if (start + length > this.#items.length)
      this.#items = grown(this.#items, new Int32Array(capacityFor(start + length)));
    const into = this.#items;
    for (let i = 0; i < length; i++) {
      const item = items[i];
      if (typeof item !== 'number') return OTHER_ELEMENTS;
      if ((item | 0) !== item || (item === 0 && 1 / item < 0)) return WIDER_NUMBERS;
      into[start + i] = item;
    }
    this.#count = start + length;
    return length;
  }

  drop(count: number): void {
    this.#count -= count;
  }

  clear(): void {
    this.#count = 0;
  }

  write(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    const sectionEnd = start + align8(this.#count * 4);
    if (sectionEnd > end) return FRAME_FULL;
    writeHeader(memory, position, this.#count);
    if (this.#count % 2 === 1) memory.i32[start / 4 + this.#count] = 0;
    memory.i32.set(this.#items.subarray(0, this.#count), start / 4);
    return sectionEnd;
  }
}

class DoubleList implements ListBuffer {
  #items = new Float64Array(FIRST_CAPACITY);
  #count = 0;

  append(items: readonly unknown[]): number {
    const start = this.#count;
    const length = items.length;
    if (start + length > this.#items.length)
      this.#items = grown(this.#items, new Float64Array(capacityFor(start + length)));
    const into = this.#items;
    for (let i = 0; i < length; i++) {
      const item = items[i];
      if (typeof item !== 'number') return OTHER_ELEMENTS;
      into[start + i] = item;
    }
    this.#count = start + length;
    return length;
  }

  drop(count: number): void {
    this.#count -= count;
  }

  clear(): void {
    this.#count = 0;
  }

  write(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    const sectionEnd = start + this.#count * 8;
    if (sectionEnd > end) return FRAME_FULL;
    writeHeader(memory, position, this.#count);
    memory.f64.set(this.#items.subarray(0, this.#count), start / 8);
    return sectionEnd;
  }
}

class TextList implements ListBuffer {
  readonly #items: string[] = [];

  append(items: readonly unknown[]): number {
    const start = this.#items.length;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (typeof item !== 'string') {
        this.#items.length = start;
        return OTHER_ELEMENTS;
      }
      this.#items.push(item);
    }
    return items.length;
  }

  drop(count: number): void {
    this.#items.length -= count;
  }

  clear(): void {
    this.#items.length = 0;
  }

  write(memory: FrameMemory, position: number, end: number): number {
    const items = this.#items;
    const start = position + HEADER_BYTES;
    const textStart = start + align8(items.length * 4);
    if (textStart > end) return FRAME_FULL;
    writeHeader(memory, position, items.length);
    if (items.length % 2 === 1) memory.i32[start / 4 + items.length] = 0;
    let text = '';
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as string;
      memory.i32[start / 4 + i] = item.length;
      text += item;
    }
    return writeTextColumn(memory, start / 4, items.length, text, textStart, end);
  }
}

function capacityFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}

function grown<T extends Int32Array | Float64Array>(items: T, into: T): T {
  into.set(items);
  return into;
}

function writeHeader(memory: FrameMemory, position: number, count: number): void {
  memory.i32[position / 4] = count;
  memory.i32[position / 4 + 1] = 0;
}

/** Hands out the elements of a block's rows again, array by array. */
export interface ListSource {
  /** Takes the section at `position`; returns its end. */
  read(memory: FrameMemory, position: number, end: number): number;
  /** The next `count` elements in an array of their own. */
  take(count: number): unknown[];
}

export function listSource(element: ListElement): ListSource {
  switch (element) {
    case 'i32':
      return new IntegerSource();
    case 'f64':
      return new DoubleSource();
    case 'string':
      return new TextSource();
  }
}

// Two classes rather than one over both: what reads one kind of array stays fast.

class IntegerSource implements ListSource {
  #items: Int32Array = new Int32Array(0);
  #next = 0;
  #end = 0;

  read(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    const count = headerOf(memory, position, end);
    const sectionEnd = start + align8(count * 4);
    if (sectionEnd > end) throw corrupt();
    this.#items = memory.i32;
    this.#next = start / 4;
    this.#end = this.#next + count;
    return sectionEnd;
  }

  take(count: number): number[] {
    const start = this.#next;
    if (count < 0 || start + count > this.#end) throw corrupt();
    const items = this.#items;
    const array = new Array<number>(count);
    for (let i = 0; i < count; i++) array[i] = items[start + i] as number;
    this.#next = start + count;
    return array;
  }
}

class DoubleSource implements ListSource {
  #items: Float64Array = new Float64Array(0);
  #next = 0;
  #end = 0;

  read(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    const count = headerOf(memory, position, end);
    const sectionEnd = start + count * 8;
    if (sectionEnd > end) throw corrupt();
    this.#items = memory.f64;
    this.#next = start / 8;
    this.#end = this.#next + count;
    return sectionEnd;
  }

  take(count: number): number[] {
    const start = this.#next;
    if (count < 0 || start + count > this.#end) throw corrupt();
    const items = this.#items;
    const array = new Array<number>(count);
    for (let i = 0; i < count; i++) array[i] = items[start + i] as number;
    this.#next = start + count;
    return array;
  }
}

class TextSource implements ListSource {
  readonly #items: string[] = [];
  #next = 0;
  #end = 0;

  read(memory: FrameMemory, position: number, end: number): number {
    const start = position + HEADER_BYTES;
    const count = headerOf(memory, position, end);
    const textStart = start + align8(count * 4);
    if (textStart > end) throw corrupt();
    this.#next = 0;
    this.#end = count;
    return readTextColumn(memory, start / 4, count, textStart, end, this.#items);
  }

  take(count: number): string[] {
    if (count < 0 || this.#next + count > this.#end) throw corrupt();
    const array = this.#items.slice(this.#next, this.#next + count);
    this.#next += count;
    return array;
  }
}

function headerOf(memory: FrameMemory, position: number, end: number): number {
  const count = position + HEADER_BYTES > end ? -1 : (memory.i32[position / 4] as number);
  if (count < 0) throw corrupt();
  return count;
}

function corrupt(): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', 'A column of lists in a frame does not agree with its lengths.');
}
