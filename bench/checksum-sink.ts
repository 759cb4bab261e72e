/**
 * The sink of the benchmarks: it folds every field of every record into a checksum, which does not depend on the order
 * of the records, and shows it as the metrics `records` and `checksum`.
 */

import type { Sink, SinkWriter, WriterContext } from 'millstream';

/** What went into a sink: the number of records, and the sum of what `fold` gave for each, modulo 2^32. */
export interface Checksum {
  readonly records: number;
  readonly checksum: number;
}

/** `fold` gives a whole number in 32 bits that depends on every field of the record. */
export function checksumSink<T>(fold: (value: T) => number): Sink<T, never, never> {
  const Writer = writerOf(fold);
  return {
    name: 'checksum',
    guarantee: 'at-most-once',
    createWriter: (context) => new Writer(context),
  };
}

abstract class ChecksumWriter<T> implements SinkWriter<T> {
  #records = 0;
  #checksum = 0;

  constructor(context: WriterContext) {
    context.metrics.gauge('records', () => this.#records);
    context.metrics.gauge('checksum', () => this.#checksum >>> 0);
  }

  abstract write(value: T): void;

  protected add(folded: number): void {
    this.#records++;
    this.#checksum = (this.#checksum + folded) | 0;
  }

  flush(): void {}

  close(): void {}
}

/**
 * A class of its own for every sink, as in programs that have nothing to do with each other: one `write` for all would
 * be called as slowly as four jobs in one process make it.
 */
function writerOf<T>(fold: (value: T) => number): new (context: WriterContext) => ChecksumWriter<T> {
  const make = new Function(
    'Base',
    'fold',
    'return class extends Base { write(value) { this.add(fold(value)); } };',
  ) as (base: typeof ChecksumWriter, own: typeof fold) => new (context: WriterContext) => ChecksumWriter<T>;
  return make(ChecksumWriter, fold);
}

/** The same by a plain loop, for what is expected. */
export class ExpectedChecksum implements Checksum {
  records = 0;
  #sum = 0;

  add(folded: number): void {
    this.records++;
    this.#sum = (this.#sum + folded) | 0;
  }

  get checksum(): number {
    return this.#sum >>> 0;
  }
}

/** Folds a whole number below 2^53: all its bits count. */
export function foldInteger(value: number): number {
  return (value | 0) ^ Math.imul(Math.floor(value / 2 ** 32) | 0, 0x9e37_79b1);
}
