/**
 * The network between simulated processes: connections whose messages take their time, in order per direction, and
 * that break when a process dies or a partition lasts.
 *
 * `local:` addresses belong to one process, `tcp:` addresses to the simulation, whatever their host: all simulated
 * processes run on one machine.
 */

import { MillstreamError } from '../../base/error.ts';
import type { ByteStream, Connection, Listener, Milliseconds, Network } from '../../base/world.ts';
import { formatTcp, parseAddress } from '../../world/address.ts';
import { SimulatedByteStream, type PausableEnd } from './byte-stream.ts';
import type { FifoLane } from './lanes.ts';
import type { SimulatedProcess } from './process.ts';
import { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Some directions of some connections are slower than others by up to this much, so that what they carry comes later. */
const LAG_MAX = 5;
const LAGGING_SHARE = 0.2;

/** The first port that is given to who asks for port 0. */
const FIRST_FREE_PORT = 40_000;

export interface NetworkOptions {
  /** How long a message, or one half of a handshake, is on its way: least and most. */
  readonly delayMs: readonly [Milliseconds, Milliseconds];
  /** Bytes that wait in one direction before the sender is asked to hold back. */
  readonly waitingBytesMax: number;
  /** How long a partition lasts until connections across it break: least and most. */
  readonly partitionMs: readonly [Milliseconds, Milliseconds];
}

/** Takes plain byte streams in, as a server of somebody else would. */
export type StreamHandler = (stream: ByteStream) => void;

interface Listening {
  readonly process: SimulatedProcess;
  readonly onConnection: (connection: Connection) => void;
  readonly accepted: Set<End>;
}

export class SimulatedNetwork {
  readonly #scheduler: Scheduler;
  readonly #options: NetworkOptions;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<string, Listening>();
  readonly #servers = new Map<string, { readonly process: SimulatedProcess; readonly handler: StreamHandler }>();
  readonly #ends = new Set<End>();
  readonly #partitions = new Set<string>();
  #nextPort = FIRST_FREE_PORT;
  #connections = 0;

  constructor(scheduler: Scheduler, seed: number, options: NetworkOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    this.#random = new SeededRandom(seed, 'network');
  }

  /** The network as a process sees it. */
  of(process: SimulatedProcess): Network {
    process.onDeath(() => this.#died(process));
    return {
      listen: (address, onConnection) =>
        this.#soon(process, 'listen', () => this.#listen(process, address, onConnection)),
      connect: (address) => this.#connect(process, keyOf(process, address), address),
      openStream: (host, port) => this.#openStream(process, host, port),
    };
  }

  // Listening.

  #listen(process: SimulatedProcess, address: string, onConnection: (connection: Connection) => void): Listener {
    const actual = this.#withPort(address);
    const key = keyOf(process, actual);
    if (this.#listeners.has(key)) {
      throw new MillstreamError(
        'PORT_IN_USE',
        `The address ${address} cannot be listened on: it is taken. Choose another.`,
        { details: { address } },
      );
    }
    const listening: Listening = { process, onConnection, accepted: new Set() };
    this.#listeners.set(key, listening);
    return {
      address: actual,
      close: () => {
        if (this.#listeners.get(key) === listening) this.#listeners.delete(key);
        for (const end of listening.accepted) end.close();
        return Promise.resolve();
      },
    };
  }

  #withPort(address: string): string {
    const parsed = parseAddress(address);
    return parsed.kind === 'tcp' && parsed.port === 0 ? formatTcp(parsed.host, this.#nextPort++) : address;
  }

  /** Lets `process` answer as a server that speaks in plain bytes. */
  serve(process: SimulatedProcess, port: number, handler: StreamHandler): void {
    this.#servers.set(String(port), { process, handler });
  }

  // Connecting.

  #connect(process: SimulatedProcess, key: string, address: string): Promise<Connection> {
    return this.#handshake(process, 'connect', () => {
      const listening = this.#listeners.get(key);
      if (listening === undefined || this.#isCut(process, listening.process)) throw unreachable(address);
      const [near, far] = this.#join(process, listening.process);
      listening.accepted.add(far);
      listening.process.turn('accept', () => listening.onConnection(far));
      return near;
    });
  }

  #openStream(process: SimulatedProcess, host: string, port: number): Promise<ByteStream> {
    return this.#handshake(process, 'open-stream', () => {
      const address = formatTcp(host, port);
      const server = this.#servers.get(String(port));
      if (server === undefined || !server.process.alive || this.#isCut(process, server.process))
        throw unreachable(address);
      const [near, far] = this.#join(process, server.process);
      const random = new SeededRandom(this.#random.below(2 ** 31), 'stream');
      const remote = new SimulatedByteStream(far, address, random);
      server.process.turn('accept', () => server.handler(remote));
      return new SimulatedByteStream(near, address, random);
    });
  }

  #join(a: SimulatedProcess, b: SimulatedProcess): readonly [End, End] {
    const name = `${a.name}-${b.name} ${this.#connections++}`;
    const near = new End(this, a, this.#scheduler.fifo(`${name} to ${a.name}`), this.#lag());
    const far = new End(this, b, this.#scheduler.fifo(`${name} to ${b.name}`), this.#lag());
    near.peer = far;
    far.peer = near;
    near.refresh();
    far.refresh();
    this.#ends.add(near).add(far);
    return [near, far];
  }

  #lag(): number {
    return this.#random.chance(LAGGING_SHARE) ? this.#random.between(1, LAG_MAX) : 1;
  }

  /** There and back: `meet` runs in between. */
  #handshake<T>(process: SimulatedProcess, kind: string, meet: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      process.after(this.delay(), kind, () => {
        try {
          const done = (met: T): void => void process.after(this.delay(), `${kind}ed`, () => resolve(met));
          process.effect(
            () => done(meet()),
            () => {},
          );
        } catch (error) {
          process.after(this.delay(), `${kind}-failed`, () => reject(error));
        }
      });
    });
  }

  #soon<T>(process: SimulatedProcess, kind: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      process.turn(kind, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  // What goes wrong.

  #died(process: SimulatedProcess): void {
    for (const [key, listening] of this.#listeners) if (listening.process === process) this.#listeners.delete(key);
    for (const end of this.#ends) {
      if (end.process !== process) continue;
      end.vanish();
      // Behind a partition nobody hears of it, until the connection breaks for want of an answer.
      if (end.peer.process.alive && !end.isCut) end.peer.breakOff(new Error('the other process is gone'), this.#random);
    }
  }

  /** Breaks every connection between two processes. */
  breakConnections(a: string, b: string): void {
    for (const end of this.#ends) if (this.#joins(end, a, b)) end.breakOff(new Error('connection reset'), this.#random);
  }

  /** Nothing passes between two processes until healed. When that takes long, their connections break. */
  partition(a: string, b: string, at: (delay: Milliseconds, callback: () => void) => void): void {
    const cut = pairOf(a, b);
    if (this.#partitions.has(cut)) return;
    this.#partitions.add(cut);
    for (const end of this.#ends) {
      if (!this.#joins(end, a, b)) continue;
      end.refresh();
      // Each end notices by itself.
      at(this.#random.between(...this.#options.partitionMs), () => {
        if (end.isCut) end.breakOff(new Error('no answer'), this.#random);
      });
    }
  }

  heal(a: string, b: string): void {
    this.#partitions.delete(pairOf(a, b));
    for (const end of this.#ends) if (this.#joins(end, a, b)) end.refresh();
  }

  /** A process hangs or was woken: what is sent to it waits meanwhile. */
  refresh(process: SimulatedProcess): void {
    for (const end of this.#ends) if (end.process === process) end.refresh();
  }

  #isCut(a: SimulatedProcess, b: SimulatedProcess): boolean {
    return this.#partitions.has(pairOf(a.name, b.name));
  }

  #joins(end: End, a: string, b: string): boolean {
    return pairOf(end.process.name, end.peer.process.name) === pairOf(a, b);
  }

  // For the ends.

  delay(): Milliseconds {
    return this.#random.between(...this.#options.delayMs);
  }

  get waitingBytesMax(): number {
    return this.#options.waitingBytesMax;
  }

  get now(): Milliseconds {
    return this.#scheduler.now;
  }

  mix(bytes: Uint8Array): void {
    this.#scheduler.mixBytes(bytes);
  }

  isCut(end: End): boolean {
    return this.#isCut(end.process, end.peer.process);
  }

  forget(end: End): void {
    this.#ends.delete(end);
    this.#scheduler.drop(end.lane);
  }
}

/** `local:` names are known to their own process only, and to no later life of it. */
function keyOf(process: SimulatedProcess, address: string): string {
  const parsed = parseAddress(address);
  return parsed.kind === 'local' ? `${process.name}#${process.incarnation} ${parsed.name}` : `port ${parsed.port}`;
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function unreachable(address: string): MillstreamError {
  return new MillstreamError('CHANNEL_LOST', `The address ${address} cannot be connected to: nobody listens there.`, {
    details: { address },
  });
}

/** One end of a connection, and what is on its way to it. */
class End implements PausableEnd {
  readonly process: SimulatedProcess;
  readonly lane: FifoLane;
  peer!: End;
  readonly #network: SimulatedNetwork;
  readonly #lag: number;
  #state: 'open' | 'closed' = 'open';
  /** Bytes on the way to this end. */
  #waitingBytes = 0;
  #senderHeld = false;
  #message: ((message: Uint8Array) => void) | undefined;
  #drain: (() => void) | undefined;
  #close: ((reason: Error | undefined) => void) | undefined;
  /** What waits for its listener: messages, and the end behind them. */
  readonly #arrived: Uint8Array[] = [];
  #ended: { readonly reason: Error | undefined } | undefined;

  constructor(network: SimulatedNetwork, process: SimulatedProcess, lane: FifoLane, lag: number) {
    this.#network = network;
    this.#lag = lag;
    this.process = process;
    this.lane = lane;
  }

  send(message: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    let roomLeft = true;
    // Of a message all arrives, or nothing.
    this.process.effect(
      () => {
        roomLeft = this.peer.#take(message.slice());
      },
      () => {},
    );
    return roomLeft;
  }

  onMessage(listener: ((message: Uint8Array) => void) | undefined): void {
    this.#message = listener;
    if (listener !== undefined && this.#arrived.length > 0) this.process.turn('deliver', () => this.#deliver());
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  onClose(listener: (reason: Error | undefined) => void): void {
    this.#close = listener;
    if (this.#ended !== undefined) this.process.turn('deliver', () => this.#deliver());
  }

  close(): void {
    if (this.#state === 'closed' || !this.process.alive) return;
    this.#state = 'closed';
    this.lane.keep(0);
    this.#arrived.length = 0;
    this.#end(undefined);
    this.peer.#farewell();
  }

  // The way of a message.

  #take(message: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    this.#waitingBytes += message.length;
    this.#network.mix(message);
    this.#push('message', () => {
      this.#arrived.push(message);
      this.#deliver();
    });
    if (this.#waitingBytes > this.#network.waitingBytesMax) this.#senderHeld = true;
    return !this.#senderHeld;
  }

  #push(kind: string, run: () => void): void {
    this.lane.push(this.#network.now + this.#network.delay() * this.#lag, kind, run);
  }

  /** Hands over what has arrived, one message per event. */
  #deliver(): void {
    if (!this.process.alive) return;
    if (this.#message !== undefined) {
      const message = this.#arrived.shift();
      if (message !== undefined) {
        this.#waitingBytes -= message.length;
        if (this.#senderHeld && this.#waitingBytes <= this.#network.waitingBytesMax / 2) {
          this.#senderHeld = false;
          this.peer.process.after(this.#network.delay(), 'drain', () => {
            if (this.peer.#state === 'open') this.peer.#drain?.();
          });
        }
        if (this.#arrived.length > 0 || this.#ended !== undefined) this.process.turn('deliver', () => this.#deliver());
        this.#message(message);
        return;
      }
    }
    if (this.#ended === undefined || this.#arrived.length > 0 || this.#close === undefined) return;
    const close = this.#close;
    this.#close = undefined;
    close(this.#ended.reason);
  }

  // The end.

  /** The other end closed: what it sent before still arrives. */
  #farewell(): void {
    if (this.#state === 'closed') return;
    this.#push('farewell', () => {
      this.#state = 'closed';
      this.#end(undefined);
    });
  }

  #end(reason: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    this.#network.forget(this);
    this.process.turn('deliver', () => this.#deliver());
  }

  /** The connection breaks: of what is on its way some still arrives. */
  breakOff(reason: Error, random: SeededRandom): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.lane.keep(this.isCut ? 0 : random.below(this.lane.size + 1));
    this.lane.blocked = this.process.hung;
    this.#push('break', () => this.#end(reason));
  }

  /** Its process is gone: nobody is left to hear anything. */
  vanish(): void {
    this.#state = 'closed';
    this.#arrived.length = 0;
    this.#network.forget(this);
  }

  /** Looks whether anything passes. */
  refresh(): void {
    this.lane.blocked = this.process.hung || (this.#state === 'open' && this.isCut);
  }

  get isCut(): boolean {
    return this.#network.isCut(this);
  }
}
