/**
 * Connections inside one process, on one thread. Messages are copied when they are sent and arrive in a later turn
 * of the event loop, as they would from another machine.
 */

import { MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { Clock, Connection, Listener } from '../base/world.ts';

/** Bytes that wait in one direction before the sender is asked to hold back. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Messages delivered in one turn, so that many connections share the event loop. */
const DELIVERIES_PER_TURN = 256;

export class LocalNetwork {
  readonly #clock: Clock;
  readonly #listeners = new Map<string, (connection: Connection) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  listen(name: string, onConnection: (connection: Connection) => void): Listener {
    if (this.#listeners.has(name)) {
      throw new MillstreamError(
        'PORT_IN_USE',
        `The address local:${name} cannot be listened on: it is taken. Choose another name.`,
      );
    }
    this.#listeners.set(name, onConnection);
    return {
      address: `local:${name}`,
      close: () => {
        if (this.#listeners.get(name) === onConnection) this.#listeners.delete(name);
        return Promise.resolve();
      },
    };
  }

  connect(name: string): Connection {
    const onConnection = this.#listeners.get(name);
    if (onConnection === undefined) {
      throw new MillstreamError(
        'CHANNEL_LOST',
        `The address local:${name} cannot be connected to: nobody listens there.`,
      );
    }
    const near = new LocalConnection(this.#clock);
    const far = new LocalConnection(this.#clock);
    near.pair(far);
    far.pair(near);
    onConnection(far);
    return near;
  }
}

/** One end. It holds what was sent to it and has not been delivered. */
class LocalConnection implements Connection {
  readonly #clock: Clock;
  readonly #inbox = new RingBuffer<Uint8Array>();
  #inboxBytes = 0;
  #peer!: LocalConnection;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #deliveryPlanned = false;
  #senderHeld = false;
  #message: ((message: Uint8Array) => void) | undefined;
  #drain: (() => void) | undefined;
  #close: ((reason: Error | undefined) => void) | undefined;
  #closeTold = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  pair(peer: LocalConnection): void {
    this.#peer = peer;
  }

  send(message: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    return this.#peer.#receive(message);
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#message = listener;
    this.#planDelivery();
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  onClose(listener: (reason: Error | undefined) => void): void {
    this.#close = listener;
    this.#planDelivery();
  }

  close(): void {
    if (this.#state === 'closed') return;
    const peer = this.#peer;
    if (this.#state === 'open' && peer.#state === 'open') {
      peer.#state = 'ending';
      peer.#planDelivery();
    }
    this.#state = 'closed';
    this.#inbox.clear();
    this.#inboxBytes = 0;
    this.#planDelivery();
  }

  #receive(message: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    // A Buffer's own `slice` copies nothing.
    this.#inbox.push(Uint8Array.from(message));
    this.#inboxBytes += message.length;
    this.#planDelivery();
    if (this.#inboxBytes > WAITING_BYTES_MAX) this.#senderHeld = true;
    return !this.#senderHeld;
  }

  #planDelivery(): void {
    if (this.#deliveryPlanned) return;
    this.#deliveryPlanned = true;
    this.#clock.nextTurn(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#deliveryPlanned = false;
    const listener = this.#message;
    if (listener !== undefined) {
      for (let count = 0; count < DELIVERIES_PER_TURN; count++) {
        const message = this.#inbox.shift();
        if (message === undefined) break;
        this.#inboxBytes -= message.length;
        listener(message);
      }
    }
    if (this.#senderHeld && this.#inboxBytes <= WAITING_BYTES_MAX / 2) {
      this.#senderHeld = false;
      this.#peer.#drain?.();
    }
    if (this.#inbox.size > 0) {
      if (listener !== undefined) this.#planDelivery();
      return;
    }
    if (this.#state === 'ending') this.#state = 'closed';
    if (this.#state === 'closed' && !this.#closeTold && this.#close !== undefined) {
      this.#closeTold = true;
      this.#close(undefined);
    }
  };
}
