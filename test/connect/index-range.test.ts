/** Ranges of indexes: given away whole to an output with a loop of its own, and run through step by step elsewhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emitRange, type IndexRange, type RangeOutput } from '../../src/connect/index-range.ts';
import type { PollResult, ReaderOutput } from '../../src/connect/source.ts';

/** Takes records, and says stop behind each of which `stops` says so. */
class Taking implements ReaderOutput<unknown> {
  readonly taken: unknown[] = [];
  readonly #stops: (taken: number) => boolean;

  constructor(stops: (taken: number) => boolean = () => false) {
    this.#stops = stops;
  }

  collect(value: unknown): void {
    this.taken.push(value);
  }

  proceed(): boolean {
    return !this.#stops(this.taken.length);
  }

  forSplit(): this {
    return this;
  }

  releaseSplit(): void {}

  side(): void {}

  dropped(): void {}
}

test('the indexes are the records where nothing makes any of them', () => {
  const output = new Taking();
  const range: IndexRange<unknown> = { next: 2, end: 9, step: 3, make: undefined };
  assert.equal(emitRange(output, range), 'finished');
  assert.deepEqual(output.taken, [2, 5, 8]);
});

test('a range goes on where the gate stopped it, and ends with its last record', () => {
  const output = new Taking((taken) => taken % 2 === 0);
  const range: IndexRange<unknown> = { next: 0, end: 6, step: 1, make: (index) => `#${index}` };
  assert.deepEqual([emitRange(output, range), range.next], ['more', 2]);
  assert.deepEqual([emitRange(output, range), range.next], ['more', 4]);
  // The gate stops behind the last record too, and nothing is left.
  assert.deepEqual([emitRange(output, range), range.next], ['finished', 6]);
  assert.deepEqual(output.taken, ['#0', '#1', '#2', '#3', '#4', '#5']);
});

test('an empty range is finished at once', () => {
  const output = new Taking();
  assert.equal(emitRange(output, { next: 3, end: 3, step: 1, make: undefined }), 'finished');
  assert.deepEqual(output.taken, []);
});

test('a record that cannot be made is not made again: the range has moved on', () => {
  const range: IndexRange<unknown> = {
    next: 0,
    end: 3,
    step: 1,
    make: (index) => {
      if (index === 1) throw new Error('no one');
      return index;
    },
  };
  const output = new Taking();
  assert.throws(() => emitRange(output, range), /no one/);
  assert.deepEqual([output.taken, range.next], [[0], 2]);
});

test('an output with a loop of its own is given the whole range', () => {
  class Looping extends Taking implements RangeOutput<unknown> {
    given: unknown;

    collectRange(range: IndexRange<unknown>): PollResult {
      this.given = range;
      return 'more';
    }
  }
  const output = new Looping();
  const range: IndexRange<unknown> = { next: 0, end: 3, step: 1, make: undefined };
  assert.equal(emitRange(output, range), 'more');
  assert.equal(output.given, range);
  assert.deepEqual(output.taken, []);
});
