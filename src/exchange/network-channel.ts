/**
 * Channels through a connection of the World's network: many of them over one connection, in both directions, with
 * the frames of the rings and with credit.
 *
 * **Credit.** A reader that opens grants its writer a number of data frames, and grants more as it takes them. A
 * writer without credit waits, and so does one whose connection has more to send than it can; control elements need
 * no credit, but stay behind the data they follow. Nothing is sent before the reader is there.
 *
 * **Attempts.** A channel belongs to one attempt to run a job. Frames and credit of channels that are not open, or
 * are open for another attempt, are dropped and counted.
 *
 * **Loss.** When the connection ends, every reader hands out what had arrived, and then fails with CHANNEL_LOST,
 * unless it had the end of its stream. A writer is left without room: its task is restarted because of the reader.
 *
 * There is no clock and nothing random in here: what happens depends on the calls and messages alone.
 */

import { invariant } from '../base/assert.ts';
import { MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { Connection } from '../base/world.ts';
import type { BarrierElement } from '../data/element.ts';
import type { FrameTarget } from '../data/frame-target.ts';
import { NETWORK_CREDIT_FRAMES, type ChannelReader, type ChannelWriter } from './channel.ts';
import {
  checkFrameHeader,
  decodeControl,
  encodeControl,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  frameKindAt,
  isDataKind,
  payloadBytesAt,
  writeFrameHeader,
} from './frame.ts';
import { FrameReader, type FrameSource, type RowDecoder } from './frame-reader.ts';
import { FrameWriter, type FrameSpace, type RowEncoder } from './frame-writer.ts';
import {
  MESSAGE_HEADER_BYTES,
  MessageType,
  readMessageHeader,
  writeMessageHeader,
  type ChannelId,
} from './network-message.ts';
import { Marks } from './marks.ts';

/** Payload bytes of a frame. With all credit in flight a channel holds a megabyte; ordinary batches fit one frame. */
export const NETWORK_PAYLOAD_BYTES = 64 * 1024;

/** A message with the largest frame. */
const MESSAGE_BYTES_MAX = MESSAGE_HEADER_BYTES + FRAME_HEADER_BYTES + NETWORK_PAYLOAD_BYTES;

/** Credit goes back in portions: fewer messages, and the writer never runs dry while the reader keeps up. */
const CREDIT_PORTION = NETWORK_CREDIT_FRAMES / 4;

export interface NetworkWriterOptions {
  readonly id: ChannelId;
  readonly encoder: RowEncoder;
  /** Called when room came back to a writer that had none. */
  readonly wake: () => void;
  readonly batchRows?: number;
}

export interface NetworkReaderOptions {
  readonly id: ChannelId;
  readonly decoder: RowDecoder;
  /** Called when something became readable, the loss of the connection included. */
  readonly wake: () => void;
}

/** All channels of one connection. Each process, or thread, at an end of the connection has one. */
export class ChannelMultiplexer {
  /** Frames and grants that belonged to no open channel. */
  dropped = 0;
  readonly #connection: Connection;
  readonly #writers = new Map<number, NetworkSpace>();
  readonly #readers = new Map<number, NetworkSource>();
  /** Grants of readers that opened before their writers. */
  readonly #granted = new Map<number, { readonly attempt: number; readonly credit: number }>();
  /** Writers that wait for the connection, in the order in which they began to. */
  readonly #held = new Set<NetworkSpace>();
  readonly #outgoing = new Uint8Array(MESSAGE_BYTES_MAX);
  #congested = false;
  #loss: MillstreamError | undefined;

  /** Takes over the connection: its listeners are set here. */
  constructor(connection: Connection) {
    this.#connection = connection;
    connection.onMessage((message) => this.#receive(message));
    connection.onDrain(() => this.#drained());
    connection.onClose((reason) => this.#lost(reason));
  }

  /** The writing end of a channel. Its batches wait until the reader at the other end is open. */
  openWriter(options: NetworkWriterOptions): ChannelWriter {
    const { id } = options;
    const older = this.#writers.get(id.channel);
    invariant(
      older === undefined || older.id.attempt < id.attempt,
      'a channel is written by one writer per attempt',
      () => ({ ...id }),
    );
    older?.detach();
    const space = new NetworkSpace(id, this.#host, options.wake);
    this.#writers.set(id.channel, space);
    const grant = this.#granted.get(id.channel);
    if (grant !== undefined && grant.attempt <= id.attempt) {
      this.#granted.delete(id.channel);
      if (grant.attempt === id.attempt) space.open(grant.credit);
    }
    return new FrameWriter(space, options.encoder, options.batchRows);
  }

  /** The reading end of a channel. */
  openReader(options: NetworkReaderOptions): ChannelReader {
    const { id } = options;
    const older = this.#readers.get(id.channel);
    invariant(
      older === undefined || older.id.attempt < id.attempt,
      'a channel is read by one reader per attempt',
      () => ({ ...id }),
    );
    older?.fail(superseded(older.id, id));
    const source = new NetworkSource(id, this.#host, options.wake);
    const reader = new FrameReader(source, options.decoder);
    source.reader = reader;
    this.#readers.set(id.channel, source);
    if (this.#loss !== undefined) source.fail(this.#loss);
    else this.#tell(MessageType.OPENED, id, NETWORK_CREDIT_FRAMES);
    return reader;
  }

  /** Why the connection is of no use any more, once it is not. */
  get loss(): MillstreamError | undefined {
    return this.#loss;
  }

  /** Closes the connection. Readers that are still open fail. */
  close(): void {
    this.#lost(undefined);
    this.#connection.close();
  }

  // What the channels of this connection ask of it.

  readonly #host: Host = {
    outgoing: this.#outgoing,
    staged: new Uint8Array(MESSAGE_BYTES_MAX),
    sendFrame: (bytes) => {
      if (!this.#connection.send(this.#outgoing.subarray(0, bytes))) this.#congested = true;
    },
    connected: () => this.#loss === undefined,
    congested: () => this.#congested,
    hold: (space) => void this.#held.add(space),
    tell: (type, id, number) => this.#tell(type, id, number),
    closeWriter: (space) => {
      this.#held.delete(space);
      if (this.#writers.get(space.id.channel) === space) this.#writers.delete(space.id.channel);
    },
    closeReader: (source) => {
      if (this.#readers.get(source.id.channel) !== source) return;
      this.#readers.delete(source.id.channel);
      this.#tell(MessageType.CLOSED, source.id, 0);
    },
  };

  #tell(type: number, id: ChannelId, number: number): void {
    if (this.#loss !== undefined) return;
    const message = new Uint8Array(MESSAGE_HEADER_BYTES);
    writeMessageHeader(message, type, id, number);
    if (!this.#connection.send(message)) this.#congested = true;
  }

  // What the connection says.

  #receive(bytes: Uint8Array): void {
    if (this.#loss !== undefined) return;
    try {
      const message = readMessageHeader(bytes);
      switch (message.type) {
        case MessageType.FRAME:
        case MessageType.BARRIER_AHEAD:
          return this.#frame(message, message.type, message.number, bytes);
        case MessageType.OPENED:
          return this.#opened(message, message.number);
        case MessageType.CREDIT:
        case MessageType.CLOSED:
          return this.#toWriter(message, message.type, message.number);
        default:
          throw new MillstreamError(
            'FRAME_CORRUPT',
            `A message of the type ${message.type} arrived between tasks, which this process does not know. Run one version of Millstream in all processes of a cluster.`,
          );
      }
    } catch (error) {
      if (!(error instanceof MillstreamError)) throw error;
      // Nothing that follows can be trusted.
      this.#lost(error);
      this.#connection.close();
    }
  }

  #frame(id: ChannelId, type: number, sequence: number, message: Uint8Array): void {
    const source = this.#readers.get(id.channel);
    if (source === undefined || source.id.attempt !== id.attempt) this.dropped++;
    else if (type === MessageType.FRAME) source.arrive(sequence, message);
    else source.arriveAhead(sequence, message);
  }

  #opened(id: ChannelId, credit: number): void {
    const space = this.#writers.get(id.channel);
    if (space !== undefined && space.id.attempt === id.attempt) space.open(credit);
    else if (Math.max(space?.id.attempt ?? 0, this.#granted.get(id.channel)?.attempt ?? 0) > id.attempt) this.dropped++;
    else this.#granted.set(id.channel, { attempt: id.attempt, credit });
  }

  #toWriter(id: ChannelId, type: number, credit: number): void {
    const space = this.#writers.get(id.channel);
    if (space !== undefined && space.id.attempt === id.attempt) {
      if (type === MessageType.CREDIT) space.grant(credit);
      else space.abandon();
      return;
    }
    if (type === MessageType.CLOSED && this.#granted.get(id.channel)?.attempt === id.attempt)
      this.#granted.delete(id.channel);
    else this.dropped++;
  }

  #drained(): void {
    this.#congested = false;
    const held = [...this.#held];
    this.#held.clear();
    for (const space of held) space.wake();
  }

  #lost(reason: Error | undefined): void {
    if (this.#loss !== undefined) return;
    this.#loss = reason instanceof MillstreamError ? reason : connectionLost(reason);
    this.#held.clear();
    this.#granted.clear();
    for (const source of this.#readers.values()) source.fail(this.#loss);
  }
}

function connectionLost(reason: Error | undefined): MillstreamError {
  if (reason !== undefined)
    return new MillstreamError('CHANNEL_LOST', `The connection between two tasks broke: ${reason.message}.`, {
      cause: reason,
    });
  return new MillstreamError(
    'CHANNEL_LOST',
    'The connection between two tasks was closed. The process at one of its ends stopped.',
  );
}

function superseded(older: ChannelId, newer: ChannelId): MillstreamError {
  return new MillstreamError(
    'CHANNEL_LOST',
    `The channel ${older.channel} of attempt ${older.attempt} was opened again by attempt ${newer.attempt}.`,
  );
}

/** The multiplexer as its channels see it. */
interface Host {
  /** Memory for a message with a frame on its way out. A connection copies what it sends, so all channels share it. */
  readonly outgoing: Uint8Array;
  /** Memory in which all channels decode: see `FrameSource.stage`. */
  readonly staged: Uint8Array;
  sendFrame(bytes: number): void;
  connected(): boolean;
  /** The connection has more to send than it can. */
  congested(): boolean;
  hold(space: NetworkSpace): void;
  tell(type: number, id: ChannelId, number: number): void;
  closeWriter(space: NetworkSpace): void;
  closeReader(source: NetworkSource): void;
}

/** Room for the frames of one channel: its credit. */
class NetworkSpace implements FrameSpace {
  readonly id: ChannelId;
  readonly target: FrameTarget;
  readonly payloadBytesMax = NETWORK_PAYLOAD_BYTES;
  bytesWritten = 0;
  abandoned = false;
  readonly #host: Host;
  readonly #wake: () => void;
  #opened = false;
  #credit = 0;
  #sequence = 0;
  /** The writer was told that there is no room. */
  #awaited = false;

  constructor(id: ChannelId, host: Host, wake: () => void) {
    this.id = id;
    this.#host = host;
    this.#wake = wake;
    this.target = {
      bytes: host.outgoing,
      offset: MESSAGE_HEADER_BYTES + FRAME_HEADER_BYTES,
      capacity: NETWORK_PAYLOAD_BYTES,
    };
  }

  reserve(_least: number, kind: number): boolean {
    if (!this.#opened || !this.#host.connected()) return false;
    // Control elements are few and small: a connection that holds data back still takes them.
    return !isDataKind(kind) || (this.#credit > 0 && !this.#host.congested());
  }

  commit(kind: number, flags: number, payloadBytes: number): void {
    if (isDataKind(kind)) this.#credit--;
    this.#send(MessageType.FRAME, kind, flags, payloadBytes);
    this.#sequence = (this.#sequence + 1) >>> 0;
  }

  announce(barrier: BarrierElement, ahead: boolean): boolean {
    // What is in its place, the reader sees when it arrives.
    if (!ahead || this.abandoned) return true;
    if (!this.#opened || !this.#host.connected()) return false;
    this.#send(MessageType.BARRIER_AHEAD, FrameKind.BARRIER, 0, encodeControl(barrier, this.target));
    return true;
  }

  #send(type: number, kind: number, flags: number, payloadBytes: number): void {
    const { outgoing } = this.#host;
    writeMessageHeader(outgoing, type, this.id, this.#sequence);
    writeFrameHeader(outgoing, MESSAGE_HEADER_BYTES, kind, flags, payloadBytes);
    const bytes = frameBytes(payloadBytes);
    this.bytesWritten += bytes;
    this.#host.sendFrame(MESSAGE_HEADER_BYTES + bytes);
  }

  publish(): void {
    // Every frame is a message of its own; the connection sends those of one turn together.
  }

  awaitRoom(): boolean {
    this.#awaited = true;
    if (this.#credit > 0) this.#host.hold(this);
    return false;
  }

  open(credit: number): void {
    this.#opened = true;
    this.grant(credit);
  }

  grant(credit: number): void {
    this.#credit += credit;
    this.wake();
  }

  /** Tells a writer that waits to try again. It encodes in its own task, where errors belong. */
  wake(): void {
    if (!this.#awaited) return;
    this.#awaited = false;
    this.#wake();
  }

  /** The reader is gone: what waits, and what is still sent, goes nowhere. */
  abandon(): void {
    this.abandoned = true;
    this.detach();
    this.wake();
  }

  /** Nothing leaves any more. */
  detach(): void {
    this.#opened = false;
    this.#credit = 0;
  }

  close(): void {
    this.#host.closeWriter(this);
  }
}

/** What has arrived for one channel. */
class NetworkSource implements FrameSource {
  readonly id: ChannelId;
  queued = 0;
  readonly marks = new Marks();
  /** The number of the first frame that is not released. */
  position = 0;
  reader!: FrameReader;
  readonly #host: Host;
  readonly #wake: () => void;
  readonly #messages = new RingBuffer<Uint8Array>();
  #sequence = 0;
  #taken = 0;
  #ended = false;
  #failure: MillstreamError | undefined;

  constructor(id: ChannelId, host: Host, wake: () => void) {
    this.id = id;
    this.#host = host;
    this.#wake = wake;
  }

  #checkSequence(sequence: number): void {
    if (sequence === this.#sequence) return;
    throw new MillstreamError(
      'FRAME_CORRUPT',
      `The frame ${sequence} of channel ${this.id.channel} arrived where ${this.#sequence} was due: frames were lost, repeated or reordered on the way.`,
    );
  }

  arrive(sequence: number, message: Uint8Array): void {
    this.#checkSequence(sequence);
    this.#sequence = (sequence + 1) >>> 0;
    this.#check(message);
    const kind = frameKindAt(message, MESSAGE_HEADER_BYTES);
    if (isDataKind(kind)) this.queued++;
    if (kind === FrameKind.BARRIER) this.marks.announced = true;
    this.#messages.push(message);
    if (this.reader.readable) this.#wake();
  }

  /** A barrier that stands before the frame of that number. */
  arriveAhead(sequence: number, message: Uint8Array): void {
    this.#checkSequence(sequence);
    this.#check(message);
    const payload = MESSAGE_HEADER_BYTES + FRAME_HEADER_BYTES;
    const barrier = decodeControl(
      FrameKind.BARRIER,
      message,
      payload,
      Math.min(payloadBytesAt(message, MESSAGE_HEADER_BYTES), message.length - payload),
    ) as BarrierElement;
    this.marks.add({ barrier, position: sequence });
    this.#wake();
  }

  #check(message: Uint8Array): void {
    if (message.length > MESSAGE_BYTES_MAX)
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `A frame of ${message.length} bytes arrived on channel ${this.id.channel}; none has more than ${MESSAGE_BYTES_MAX}.`,
      );
    checkFrameHeader(message, MESSAGE_HEADER_BYTES, message.length - MESSAGE_HEADER_BYTES);
  }

  get bytes(): Uint8Array {
    return this.#messages.peek() as Uint8Array;
  }

  peek(): number {
    if (this.marks.any && this.marks.first?.position === this.position) return -1;
    if (this.#messages.size > 0) return MESSAGE_HEADER_BYTES;
    if (this.#failure === undefined || this.#ended) return -1;
    const { channel, attempt } = this.id;
    throw new MillstreamError(
      this.#failure.code,
      `The channel ${channel} of attempt ${attempt} broke before the end of its stream. See the cause.`,
      { cause: this.#failure, details: { channel, attempt } },
    );
  }

  scan(visit: (bytes: Uint8Array, at: number) => boolean, end = -1): void {
    let position = this.position;
    for (const message of this.#messages) {
      if (position === end || !visit(message, MESSAGE_HEADER_BYTES)) return;
      position = (position + 1) >>> 0;
    }
  }

  /** What arrives is a mark at once. */
  hear(): void {}

  takeAnnouncement(): boolean {
    const { announced } = this.marks;
    this.marks.announced = false;
    return announced;
  }

  stage(): Uint8Array {
    const { staged } = this.#host;
    staged.set(this.bytes);
    return staged;
  }

  release(): void {
    const message = this.#messages.shift() as Uint8Array;
    this.position = (this.position + 1) >>> 0;
    const kind = frameKindAt(message, MESSAGE_HEADER_BYTES);
    if (kind === FrameKind.END) this.#ended = true;
    if (!isDataKind(kind)) return;
    this.queued--;
    this.#taken++;
    if (this.#taken < CREDIT_PORTION) return;
    this.#host.tell(MessageType.CREDIT, this.id, this.#taken);
    this.#taken = 0;
  }

  fail(failure: MillstreamError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  close(): void {
    this.#messages.clear();
    this.marks.clear();
    this.queued = 0;
    this.#host.closeReader(this);
  }
}
