/**
 * A stream whose every element says which it is, so that a reader can tell that nothing was lost, repeated, changed
 * or moved. Row `n` has a value, a timestamp and a kind that follow from `n`; now and then a control element follows.
 */

import assert from 'node:assert/strict';
import { NO_TIMESTAMP, RecordBatch } from '../../src/data/record-batch.ts';
import type { ChannelReader, ChannelWriter, Element } from '../../src/exchange/channel.ts';
import type { Dice } from './dice.ts';

export interface Row {
  readonly n: number;
  readonly text: string;
  readonly part: { readonly odd: boolean; readonly third: number } | null;
}

export function row(n: number): Row {
  const odd = n % 2 === 1;
  // One row in a few thousand is larger than the small rings of the tests.
  const length = n % 3001 === 3000 ? 20_000 : (n * 7) % 23;
  return {
    n,
    text: String.fromCharCode(97 + (n % 26)).repeat(length),
    part: n % 5 === 0 ? null : { odd, third: n / 3 },
  };
}

function timestamp(n: number): number {
  return n % 11 === 0 ? NO_TIMESTAMP : n * 10;
}

function kind(n: number): number {
  return n % 1000 < 10 ? n % 4 : 0;
}

export class NumberedWriter {
  /** Rows sent so far. */
  sent = 0;
  readonly #writer: ChannelWriter;
  readonly #dice: Dice;
  readonly #rows: number;
  #controls = 0;
  #ended = false;

  constructor(writer: ChannelWriter, dice: Dice, rows: number) {
    this.#writer = writer;
    this.#dice = dice;
    this.#rows = rows;
  }

  /** Whether everything has been sent, and has left. */
  get done(): boolean {
    return this.#ended && this.#writer.hasRoom;
  }

  /** Sends until there is no room. */
  send(): void {
    while (this.#writer.pump() && !this.#ended) this.sendOne();
  }

  /** Sends one batch and perhaps a control element behind it, whether there is room or not. */
  sendOne(): void {
    const batch = this.#writer.batch();
    const rows = Math.min(
      batch.capacity,
      1 + this.#dice.below(this.#dice.once(3) ? batch.capacity : 8),
      this.#rows - this.sent,
    );
    for (let count = 0; count < rows; count++, this.sent++)
      batch.push(row(this.sent), timestamp(this.sent), kind(this.sent));
    this.#writer.send(batch);
    if (this.#dice.once(3)) this.#control();
    if (this.sent < this.#rows) return;
    this.#writer.send({ kind: 'end', drained: true });
    this.#ended = true;
  }

  #control(): void {
    const number = this.#controls++;
    if (number % 3 === 0) this.#writer.send({ kind: 'watermark', timestamp: this.sent });
    else if (number % 3 === 1) this.#writer.send({ kind: 'status', idle: number % 2 === 0 });
    else
      this.#writer.send({ kind: 'barrier', checkpoint: this.sent, triggeredAt: number, type: 'checkpoint', epoch: 1 });
  }
}

export class NumberedReader {
  /** Rows seen so far. */
  seen = 0;
  ended = false;
  /** The sum of everything numeric that was seen, for a second look from outside. */
  checksum = 0;
  readonly #reader: ChannelReader;
  #controls = 0;

  constructor(reader: ChannelReader) {
    this.#reader = reader;
  }

  /** Reads at most `elements` elements and checks each. Returns whether it was stopped by that number. */
  read(elements = Number.MAX_SAFE_INTEGER): boolean {
    for (let count = 0; count < elements; count++) {
      const barrier = this.#reader.peekBarrier();
      const element = this.#reader.poll();
      if (element === undefined) return false;
      assert.equal(this.ended, false, 'nothing comes after the end');
      assert.equal(element === barrier, 'kind' in element && element.kind === 'barrier');
      this.#check(element);
    }
    return true;
  }

  #check(element: Element): void {
    if (element instanceof RecordBatch) {
      for (let index = 0; index < element.count; index++) this.#checkRow(element, index);
      this.#reader.recycle(element);
      return;
    }
    assert.ok('kind' in element);
    if (element.kind === 'end') {
      this.ended = true;
      return;
    }
    const number = this.#controls++;
    if (element.kind === 'watermark') assert.equal(element.timestamp, this.seen);
    else if (element.kind === 'status') assert.equal(element.idle, number % 2 === 0);
    else assert.deepEqual([element.checkpoint, element.triggeredAt], [this.seen, number]);
  }

  #checkRow(batch: RecordBatch, index: number): void {
    const n = this.seen++;
    const value = batch.values[index] as Row;
    const expected = row(n);
    if (
      value.n !== n ||
      value.text !== expected.text ||
      value.part?.odd !== expected.part?.odd ||
      value.part?.third !== expected.part?.third
    ) {
      assert.deepEqual(value, expected);
    }
    assert.equal(batch.timestamps[index], timestamp(n));
    assert.equal(batch.kinds?.[index] ?? 0, kind(n));
    this.checksum = (this.checksum + value.n + value.text.length + (value.part?.third ?? 0)) % 1e9;
  }
}
