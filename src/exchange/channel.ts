/**
 * The channel contract: one ordered way from one sending subtask to one receiving subtask of an edge.
 *
 * A channel carries batches and control elements in one order. It has two ends, each used by one thread only, and
 * three kinds: on one thread (batches go by reference), through shared memory (encoded frames in a ring) and through
 * a connection of the World's network (the same frames, multiplexed, with credit). All kinds behave alike:
 *
 * - **Credit.** A writer has room for a bounded number of batches (or bytes) that the reader has not taken. `send`
 *   never refuses and never blocks: what has no room waits at the writer, in order, and `hasRoom` turns false. Who
 *   sees that sends no more, so that at most the outputs of one call overdraw; `overdrawn` counts them.
 * - **Wake-ups.** Each end tells its thread when it is worth another look: `wake` given at construction is called when
 *   something became readable, or when room came back. It may be called too often, never too rarely.
 * - **Overtaking.** A barrier may be sent ahead: it passes what waits at the writer, and a reader that does not read
 *   still sees it in `barriers`. Who polls finds it where it was when it was sent, unless `capture` took it out.
 * - **Values.** The reader owns what `poll` hands out, until it gives a record batch back with `recycle`, or releases a
 *   column batch (`kernel/owned-batch.ts`). A column batch that is sent is its sender's again when `send` returns, unless
 *   it is one that can be released: then it is the channel's.
 */

import type { BarrierElement, ControlElement, DataElement } from '../data/element.ts';
import type { RecordBatch } from '../data/record-batch.ts';

export type Element = DataElement | ControlElement;

/** Takes copies of elements that go on to somebody else: the state of a channel. */
export interface CapturedElements {
  /** A whole element, as it stands in a frame of the kind. */
  payload(kind: number, bytes: Uint8Array, offset: number, length: number): void;
  /** An element, of a batch the rows from `from` on. */
  element(element: Element, from?: number): void;
}

export interface ChannelReader {
  /** The next element, or undefined when none has arrived. */
  poll(): Element | undefined;
  /** The barrier at the head of the channel, if one is there; nothing is taken. */
  peekBarrier(): BarrierElement | undefined;
  /** Whether `poll` would return something. */
  readonly readable: boolean;
  /** Gives a record batch back to be filled again. */
  recycle(batch: RecordBatch): void;
  /** Whether a barrier has arrived since this was last asked, wherever it stands. Costs next to nothing. */
  takeAnnouncement(): boolean;
  /** The barriers that have arrived and are not polled, first to last; nothing is taken. */
  barriers(): readonly BarrierElement[];
  /**
   * Writes what is to be polled before the barrier of a checkpoint, or before the end of the channel; nothing is taken
   * but the barrier, if it came ahead. Returns false, and writes nothing, when neither has arrived.
   */
  capture(checkpoint: number, into: CapturedElements): boolean;
  /** Batches that wait to be read; for metrics. */
  readonly queued: number;
  close(): void;
}

export interface ChannelWriter {
  /** An empty batch to fill and send. */
  batch(): RecordBatch;
  send(element: Element): void;
  /** Tries again what had no room. Returns `hasRoom`. */
  pump(): boolean;
  /**
   * Sends a barrier ahead of everything that waits here, the rest of a half-sent batch included. What it overtakes is
   * written to `overtaken` and sent afterwards all the same. If the barrier itself waits here, it leaves its place.
   */
  overtake(barrier: BarrierElement, overtaken: CapturedElements): void;
  /** Whether a barrier of the checkpoint waits here in its place. */
  awaits(checkpoint: number): boolean;
  /** False while something waits at the writer. */
  readonly hasRoom: boolean;
  /** Encoded bytes that have left through this channel; 0 where batches go by reference. */
  readonly bytesSent: number;
  /** Batches that were sent without room. */
  readonly overdrawn: number;
  close(): void;
}

/** Batches that a channel on one thread holds unread, however small they are. */
export const LOCAL_BATCHES_MAX = 8;

/**
 * Rows of full batches that a channel on one thread holds unread, if that is less. Its ends take turns, so more rows
 * gain nothing; what waits falls out of the cache, and survives a collection.
 */
export const LOCAL_ROWS_MAX = 1024;

/** Bytes of a shared-memory ring. Holds several full batches of ordinary records and stays in the second-level cache. */
export const RING_BYTES = 512 * 1024;

/** Data frames in flight per network channel before the writer waits for credit. */
export const NETWORK_CREDIT_FRAMES = 16;
