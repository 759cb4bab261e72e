/** The channel between two tasks on one thread: a bounded queue of batches that go by reference. */

import { RingBuffer } from '../base/ring-buffer.ts';
import { BATCH_ROWS, RecordBatch } from '../data/record-batch.ts';
import type { BarrierElement } from '../data/element.ts';
import { LOCAL_BATCHES_MAX, type ChannelReader, type ChannelWriter, type Element } from './channel.ts';

export interface LocalChannelOptions {
  /** Called when something became readable. */
  readonly wakeReader: () => void;
  /** Called when room came back to a writer that had none. */
  readonly wakeWriter: () => void;
  readonly batchRows?: number;
}

export class LocalChannel implements ChannelReader, ChannelWriter {
  readonly bytesSent = 0;
  overdrawn = 0;
  readonly #options: LocalChannelOptions;
  readonly #queue = new RingBuffer<Element>();
  readonly #free: RecordBatch[] = [];
  readonly #batchRows: number;
  #data = 0;
  #starved = false;

  constructor(options: LocalChannelOptions) {
    this.#options = options;
    this.#batchRows = options.batchRows ?? BATCH_ROWS;
  }

  // The writer's end.

  batch(): RecordBatch {
    return this.#free.pop() ?? new RecordBatch(this.#batchRows);
  }

  send(element: Element): void {
    if (!('kind' in element)) {
      if (this.#data >= LOCAL_BATCHES_MAX) this.overdrawn++;
      this.#data++;
      if (this.#data >= LOCAL_BATCHES_MAX) this.#starved = true;
    }
    const wasEmpty = this.#queue.size === 0;
    this.#queue.push(element);
    if (wasEmpty) this.#options.wakeReader();
  }

  pump(): boolean {
    return this.hasRoom;
  }

  get hasRoom(): boolean {
    return this.#data < LOCAL_BATCHES_MAX;
  }

  // The reader's end.

  poll(): Element | undefined {
    const element = this.#queue.shift();
    if (element !== undefined && !('kind' in element)) {
      this.#data--;
      if (this.#starved && this.#data <= LOCAL_BATCHES_MAX / 2) {
        this.#starved = false;
        this.#options.wakeWriter();
      }
    }
    return element;
  }

  peekBarrier(): BarrierElement | undefined {
    const head = this.#queue.peek();
    return head !== undefined && 'kind' in head && head.kind === 'barrier' ? head : undefined;
  }

  get readable(): boolean {
    return this.#queue.size > 0;
  }

  get queued(): number {
    return this.#data;
  }

  recycle(batch: RecordBatch): void {
    if (this.#free.length > LOCAL_BATCHES_MAX) return;
    batch.clear();
    this.#free.push(batch);
  }

  close(): void {
    this.#queue.clear();
    this.#free.length = 0;
  }
}
