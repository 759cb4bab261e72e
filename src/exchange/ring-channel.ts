/**
 * The channel between two threads of one process: frames in a ring of shared memory.
 *
 * Each end runs on its own thread and wakes the other by the bell of that thread; a thread that was rung looks at all
 * its channels. The memory and the bells may be posted.
 */

import { FrameReader, type RowDecoder } from './frame-reader.ts';
import { FrameWriter, type FrameSpace, type RowEncoder } from './frame-writer.ts';
import { checkAttempt, RingConsumer, RingProducer, type RingMemory } from './ring.ts';

export interface RingWriterOptions {
  /** Of `createRing`. */
  readonly ring: RingMemory;
  readonly attempt: number;
  /** Bell of the thread that reads. */
  readonly readerBell: Int32Array;
  readonly encoder: RowEncoder;
  readonly batchRows?: number;
}

export class RingWriter extends FrameWriter {
  /** @throws CHANNEL_LOST when the ring was made for another attempt. */
  constructor(options: RingWriterOptions) {
    checkAttempt(options.ring, options.attempt);
    const space: FrameSpace = new RingProducer(options.ring, options.readerBell);
    super(space, options.encoder, options.batchRows);
  }
}

export interface RingReaderOptions {
  /** Of `createRing`. */
  readonly ring: RingMemory;
  readonly attempt: number;
  /** Bell of the thread that writes. */
  readonly writerBell: Int32Array;
  readonly decoder: RowDecoder;
}

export class RingReader extends FrameReader {
  /** @throws CHANNEL_LOST when the ring was made for another attempt. */
  constructor(options: RingReaderOptions) {
    checkAttempt(options.ring, options.attempt);
    super(new RingConsumer(options.ring, options.writerBell), options.decoder);
  }
}
