/** The same as `checksum-sink.ts` for column batches: every row's fields go into the checksum. */

import type { Sink, SinkWriter, WriterContext } from 'millstream';
import type { ColumnBatch } from 'millstream/columns';

/** `fold` gives the sum over the rows that count of what their fields make, a whole number in 32 bits. */
export function columnChecksumSink(fold: (batch: ColumnBatch) => number): Sink<ColumnBatch, never, never> {
  return {
    name: 'checksum',
    guarantee: 'at-most-once',
    createWriter: (context) => new ColumnChecksumWriter(fold, context),
  };
}

class ColumnChecksumWriter implements SinkWriter<ColumnBatch> {
  readonly #fold: (batch: ColumnBatch) => number;
  #records = 0;
  #checksum = 0;

  constructor(fold: (batch: ColumnBatch) => number, context: WriterContext) {
    this.#fold = fold;
    context.metrics.gauge('records', () => this.#records);
    context.metrics.gauge('checksum', () => this.#checksum >>> 0);
  }

  write(batch: ColumnBatch): void {
    this.#records += batch.selected;
    this.#checksum = (this.#checksum + this.#fold(batch)) | 0;
  }

  flush(): void {}

  close(): void {}
}
