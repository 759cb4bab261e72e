/**
 * The channels of a slot: chooses the kind for each by where its two ends are, and keeps the two ends on one thread
 * together.
 *
 * Ends on one thread share a queue (or, for tests, bytes, a ring, or a connection of the thread with itself); ends in two slots of one
 * process share a ring that their TaskManager made; ends in two processes share a connection, one per pair of slots
 * and attempt, that the writing side opens.
 */

import { MillstreamError } from '../base/error.ts';
import type { Connection, Doorbell, Listener, World } from '../base/world.ts';
import { RecordDecoder, RecordEncoder } from '../data/record-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { BytesChannel } from '../exchange/bytes-channel.ts';
import { RING_BYTES, type ChannelReader, type ChannelWriter } from '../exchange/channel.ts';
import { LocalChannel } from '../exchange/local-channel.ts';
import { ChannelMultiplexer } from '../exchange/network-channel.ts';
import type { ChannelId } from '../exchange/network-message.ts';
import { createRing, type RingMemory } from '../exchange/ring.ts';
import { RingReader, RingWriter } from '../exchange/ring-channel.ts';
import type { ExecutionSettings } from '../graph/settings.ts';
import type { Placement, SlotRings } from './messages.ts';

export const NO_RINGS: SlotRings = Object.freeze({ memory: {}, bells: {} });

export interface ChannelRequest {
  readonly id: string;
  /** The same for both ends, unique in the attempt. */
  readonly number: number;
  readonly attempt: number;
  /** Names the attempt to the other side of a connection. */
  readonly owner: string;
  /** The edge in its attempt: its channels share the code that encodes them. */
  readonly edge: string;
  readonly from: Placement;
  readonly to: Placement;
  readonly settings: ExecutionSettings;
  readonly types: TypeRegistry;
  readonly batchRows: number;
  /** The sending operator, for errors. */
  readonly operator: string;
  readonly dataAddresses: Readonly<Record<string, string>>;
  readonly rings: SlotRings;
  readonly wakeReader: () => void;
  readonly wakeWriter: () => void;
  /** Called with what must be closed when the attempt ends. */
  readonly defer: (close: () => void) => void;
}

/** The answer to who greets on behalf of an attempt that is over; any other answer repeats the greeting. */
const REFUSED = 'refused: this attempt is over';

/** Attempts that are over, of which late connections are still told apart from early ones. */
const ATTEMPTS_REMEMBERED = 256;

interface ChannelPair {
  readonly reader: ChannelReader;
  readonly writer: ChannelWriter;
}

export interface SlotChannelsOptions {
  readonly world: World;
  readonly taskManager: string;
  /** Slots that run on this thread. */
  readonly slots: readonly number[];
  readonly doorbell: Doorbell;
  /** Where this thread takes data from other processes; undefined when it needs none. */
  readonly listenAddress: string | undefined;
}

export class SlotChannels {
  readonly #options: SlotChannelsOptions;
  /** Both ends of channels on this thread; the first end asked for makes it, the second takes it out. */
  readonly #pairs = new Map<string, ChannelPair>();
  /** Connections that this side opened, by attempt and address. */
  readonly #outgoing = new Map<string, Promise<ChannelMultiplexer>>();
  /** Connections that others opened, by attempt and sending slot; asked for before or after they come. */
  readonly #incoming = new Map<string, Deferred<ChannelMultiplexer>>();
  /** Attempts that have ended here. */
  readonly #over = new Set<string>();
  /** Connections of attempts that were over. */
  refused = 0;
  #listener: Listener | undefined;
  #listening: Promise<Listener> | undefined;

  constructor(options: SlotChannelsOptions) {
    this.#options = options;
  }

  sharesThread(slot: number): boolean {
    return this.#options.slots.includes(slot);
  }

  /** Starts to take data from others; resolves with the address to reach this thread by. */
  async listen(): Promise<string | undefined> {
    const { listenAddress } = this.#options;
    if (listenAddress === undefined) return undefined;
    this.#listening ??= this.#options.world.network.listen(listenAddress, (connection) => this.#accept(connection));
    this.#listener = await this.#listening;
    return this.#listener.address;
  }

  async reader(request: ChannelRequest): Promise<ChannelReader> {
    const { from } = request;
    const networked = request.settings.localChannels === 'network';
    if (this.#isHere(from) && !networked) return this.#pair(request, 'reader').reader;
    if (from.taskManager === this.#options.taskManager && !networked) {
      return new RingReader({
        ring: ringOf(request),
        attempt: request.attempt,
        writerBell: bellOf(request.rings, from.slot),
        decoder: decoder(request),
      });
    }
    const multiplexer = await this.#waitForIncoming(request, greeting(request));
    return multiplexer.openReader({ id: channelId(request), decoder: decoder(request), wake: request.wakeReader });
  }

  async writer(request: ChannelRequest): Promise<ChannelWriter> {
    const { to } = request;
    const networked = request.settings.localChannels === 'network';
    if (this.#isHere(to) && !networked) return this.#pair(request, 'writer').writer;
    if (to.taskManager === this.#options.taskManager && !networked) {
      return new RingWriter({
        ring: ringOf(request),
        attempt: request.attempt,
        readerBell: bellOf(request.rings, to.slot),
        encoder: encoder(request),
        batchRows: request.batchRows,
      });
    }
    const address = request.dataAddresses[`${to.taskManager}/${to.slot}`];
    if (address === undefined)
      throw new MillstreamError(
        'INTERNAL_INVARIANT',
        `slot ${to.taskManager}/${to.slot} takes no data from other processes`,
      );
    const multiplexer = await this.#connect(request, address);
    return multiplexer.openWriter({
      id: channelId(request),
      encoder: encoder(request),
      wake: request.wakeWriter,
      batchRows: request.batchRows,
    });
  }

  #isHere(place: Placement): boolean {
    return place.taskManager === this.#options.taskManager && this.sharesThread(place.slot);
  }

  // Channels on one thread.

  #pair(request: ChannelRequest, end: keyof ChannelPair): ChannelPair {
    // An end of another job or attempt must not be found, however like it is.
    const keyOf = (which: string): string => `${request.owner} ${request.id} ${which}`;
    const made = this.#pairs.get(keyOf(end));
    if (made !== undefined) {
      this.#pairs.delete(keyOf(end));
      return made;
    }
    const key = keyOf(end === 'reader' ? 'writer' : 'reader');
    const pair = this.#makePair(request);
    this.#pairs.set(key, pair);
    request.defer(() => this.#pairs.delete(key));
    return pair;
  }

  #makePair(request: ChannelRequest): ChannelPair {
    const { wakeReader, wakeWriter, batchRows } = request;
    switch (request.settings.localChannels) {
      case 'bytes':
        return new BytesChannel({
          wakeReader,
          wakeWriter,
          batchRows,
          encoder: encoder(request),
          decoder: decoder(request),
        });
      case 'ring': {
        const { attempt } = request;
        const ring = createRing(RING_BYTES, attempt);
        const bell = this.#options.doorbell.cell;
        return {
          reader: new RingReader({ ring, attempt, writerBell: bell, decoder: decoder(request) }),
          writer: new RingWriter({ ring, attempt, readerBell: bell, encoder: encoder(request), batchRows }),
        };
      }
      default:
        return new LocalChannel({ wakeReader, wakeWriter, batchRows });
    }
  }

  // Connections to other processes.

  #connect(request: ChannelRequest, address: string): Promise<ChannelMultiplexer> {
    const key = `${greeting(request)} ${address}`;
    let connecting = this.#outgoing.get(key);
    if (connecting === undefined) {
      connecting = this.#open(request, address);
      this.#outgoing.set(key, connecting);
      request.defer(() => {
        this.#outgoing.delete(key);
        connecting?.then(
          (multiplexer) => multiplexer.close(),
          () => {},
        );
      });
    }
    return connecting;
  }

  /**
   * The first message of a connection says which attempt and which slot it comes from, and is answered: a connection
   * that breaks before would leave the other side waiting for it, so this side must know.
   */
  async #open(request: ChannelRequest, address: string): Promise<ChannelMultiplexer> {
    const connection = await this.#options.world.network.connect(address);
    connection.send(new TextEncoder().encode(greeting(request)));
    return await new Promise((resolve, reject) => {
      connection.onClose((reason) =>
        reject(
          new MillstreamError(
            'CHANNEL_LOST',
            `The connection to ${address} broke before it could be used: ${reason?.message ?? 'it was closed'}.`,
          ),
        ),
      );
      connection.onMessage((answer) => {
        if (new TextDecoder().decode(answer) === greeting(request)) resolve(new ChannelMultiplexer(connection));
        else reject(stale(greeting(request), address));
      });
    });
  }

  #accept(connection: Connection): void {
    let greeted = false;
    connection.onMessage((message) => {
      if (greeted) return;
      greeted = true;
      const key = new TextDecoder().decode(message);
      if (this.#over.has(ownerOf(key))) {
        this.refused++;
        connection.send(new TextEncoder().encode(REFUSED));
        connection.close();
        return;
      }
      connection.send(message);
      this.#expect(key).resolve(new ChannelMultiplexer(connection));
    });
  }

  /** Whatever comes of the attempt from now on is late. */
  #ended(owner: string): void {
    this.#over.add(owner);
    if (this.#over.size <= ATTEMPTS_REMEMBERED) return;
    const [oldest] = this.#over;
    this.#over.delete(oldest as string);
  }

  #waitForIncoming(request: ChannelRequest, key: string): Promise<ChannelMultiplexer> {
    const deferred = this.#expect(key);
    request.defer(() => {
      this.#ended(request.owner);
      if (!this.#incoming.delete(key)) return;
      deferred.promise.then(
        (multiplexer) => multiplexer.close(),
        () => {},
      );
      deferred.reject(new MillstreamError('CHANNEL_LOST', 'The attempt ended before all its channels were connected.'));
    });
    return deferred.promise;
  }

  #expect(key: string): Deferred<ChannelMultiplexer> {
    let deferred = this.#incoming.get(key);
    if (deferred === undefined) this.#incoming.set(key, (deferred = Promise.withResolvers<ChannelMultiplexer>()));
    return deferred;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }
}

type Deferred<T> = ReturnType<typeof Promise.withResolvers<T>>;

/** Which attempt and which slot a connection comes from; also how each side finds it again. */
function greeting({ owner, from }: ChannelRequest): string {
  return `${owner} ${from.taskManager}/${from.slot}`;
}

function ownerOf(greeted: string): string {
  return greeted.slice(0, greeted.lastIndexOf(' '));
}

function stale(greeted: string, address: string): MillstreamError {
  return new MillstreamError(
    'ATTEMPT_STALE',
    `The connection to ${address} was refused: the attempt ${ownerOf(greeted)} is over there. Its tasks must end.`,
  );
}

function encoder(request: ChannelRequest): RecordEncoder {
  return new RecordEncoder({ types: request.types, operator: request.operator, tag: request.edge });
}

function decoder(request: ChannelRequest): RecordDecoder {
  return new RecordDecoder({ types: request.types, tag: request.edge });
}

function channelId(request: ChannelRequest): ChannelId {
  return { channel: request.number, attempt: request.attempt };
}

function ringOf(request: ChannelRequest): RingMemory {
  const ring = request.rings.memory[request.id];
  if (ring === undefined) throw new MillstreamError('INTERNAL_INVARIANT', `no ring was made for channel ${request.id}`);
  return ring;
}

function bellOf(rings: SlotRings, slot: number): Int32Array {
  const bell = rings.bells[slot];
  if (bell === undefined) throw new MillstreamError('INTERNAL_INVARIANT', `slot ${slot} has no bell`);
  return bell;
}
