/** The channel between two tasks on one thread: a bounded queue of batches that go by reference. */

import { RingBuffer } from '../base/ring-buffer.ts';
import { ColumnBatch } from '../data/column-batch.ts';
import { BATCH_ROWS, RecordBatch } from '../data/record-batch.ts';
import type { BarrierElement, ControlElement } from '../data/element.ts';
import { BufferPool } from '../kernel/buffer-pool.ts';
import { copyColumns } from '../kernel/column-collector.ts';
import { OwnedColumnBatch } from '../kernel/owned-batch.ts';
import {
  LOCAL_BATCHES_MAX,
  LOCAL_ROWS_MAX,
  type CapturedElements,
  type ChannelReader,
  type ChannelWriter,
  type Element,
} from './channel.ts';

export interface LocalChannelOptions {
  /** Called when something became readable. */
  readonly wakeReader: () => void;
  /** Called when room came back to a writer that had none. */
  readonly wakeWriter: () => void;
  readonly batchRows?: number;
}

export class LocalChannel {
  readonly writer: ChannelWriter;
  readonly reader: ChannelReader;

  constructor(options: LocalChannelOptions) {
    const queue = new LocalQueue(options);
    this.writer = new LocalWriter(queue);
    this.reader = queue;
  }
}

/** The batches on their way, as the reader sees them. */
class LocalQueue implements ChannelReader {
  readonly #options: LocalChannelOptions;
  readonly #batchRows: number;
  readonly #batchesMax: number;
  readonly #elements = new RingBuffer<Element>();
  readonly #free: RecordBatch[] = [];
  #data = 0;
  #announced = false;
  #ended = false;
  #starved = false;
  #abandoned = false;

  constructor(options: LocalChannelOptions) {
    this.#options = options;
    this.#batchRows = options.batchRows ?? BATCH_ROWS;
    this.#batchesMax = Math.min(LOCAL_BATCHES_MAX, Math.max(2, Math.ceil(LOCAL_ROWS_MAX / this.#batchRows)));
  }

  /** An empty batch to fill: one that was read, if there is one. */
  batch(): RecordBatch {
    return this.#free.pop() ?? new RecordBatch(this.#batchRows);
  }

  push(element: Element): void {
    if (this.#abandoned) return;
    if (!('kind' in element)) {
      this.#data++;
      if (this.#data >= this.#batchesMax) this.#starved = true;
    }
    let wake = this.#elements.size === 0;
    if ('kind' in element) {
      if (element.kind === 'barrier') wake = this.#announced = true;
      else if (element.kind === 'end') this.#ended = true;
    }
    this.#elements.push(element);
    if (wake) this.#options.wakeReader();
  }

  /** The end has been sent: nothing comes behind it. */
  get ended(): boolean {
    return this.#ended;
  }

  get hasRoom(): boolean {
    return this.#data < this.#batchesMax;
  }

  poll(): Element | undefined {
    const element = this.#elements.shift();
    if (element !== undefined && !('kind' in element)) {
      this.#data--;
      if (this.#data <= this.#batchesMax / 2) this.#giveRoom();
    }
    return element;
  }

  #giveRoom(): void {
    if (!this.#starved) return;
    this.#starved = false;
    this.#options.wakeWriter();
  }

  peekBarrier(): BarrierElement | undefined {
    const head = this.#elements.peek();
    return head !== undefined && 'kind' in head && head.kind === 'barrier' ? head : undefined;
  }

  takeAnnouncement(): boolean {
    const announced = this.#announced;
    this.#announced = false;
    return announced;
  }

  barriers(): readonly BarrierElement[] {
    return [...this.#elements].filter((element) => 'kind' in element && element.kind === 'barrier');
  }

  capture(checkpoint: number, into: CapturedElements): boolean {
    const elements = [...this.#elements];
    const cut = elements.findIndex(
      (element) =>
        'kind' in element &&
        (element.kind === 'end' || (element.kind === 'barrier' && element.checkpoint === checkpoint)),
    );
    if (cut < 0) return false;
    for (const element of elements.slice(0, cut)) into.element(element);
    // A reader that stands still for long must not gather barriers that mean nothing any more.
    if ((elements[cut] as ControlElement).kind === 'barrier') {
      this.#elements.clear();
      elements.forEach((element, i) => i !== cut && this.#elements.push(element));
    }
    return true;
  }

  get readable(): boolean {
    return this.#elements.size > 0;
  }

  get queued(): number {
    return this.#data;
  }

  recycle(batch: RecordBatch): void {
    if (this.#abandoned || this.#free.length > LOCAL_BATCHES_MAX) return;
    batch.clear();
    this.#free.push(batch);
  }

  /** What is still sent goes nowhere, and its writer always has room. */
  close(): void {
    this.#abandoned = true;
    this.#elements.clear();
    this.#free.length = 0;
    this.#data = 0;
    this.#giveRoom();
  }
}

class LocalWriter implements ChannelWriter {
  readonly bytesSent = 0;
  overdrawn = 0;
  readonly #queue: LocalQueue;
  readonly #pool = new BufferPool();
  #closed = false;

  constructor(queue: LocalQueue) {
    this.#queue = queue;
  }

  batch(): RecordBatch {
    return this.#queue.batch();
  }

  send(element: Element): void {
    if (this.#closed) return;
    if (!('kind' in element) && !this.#queue.hasRoom) this.overdrawn++;
    // A column batch is its sender's again when this returns; a record batch was filled for this channel.
    const borrowed = element instanceof ColumnBatch && !(element instanceof OwnedColumnBatch);
    this.#queue.push(borrowed ? copyColumns(element, this.#pool) : element);
  }

  pump(): boolean {
    return this.#queue.hasRoom;
  }

  /** What was sent is all in the queue, which its reader looks through. */
  overtake(barrier: BarrierElement): void {
    if (!this.#closed && !this.#queue.ended) this.#queue.push(barrier);
  }

  awaits(): boolean {
    return false;
  }

  get hasRoom(): boolean {
    return this.#queue.hasRoom;
  }

  /** What was sent is the reader's to read. */
  close(): void {
    this.#closed = true;
  }
}
