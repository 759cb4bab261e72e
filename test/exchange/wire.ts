/** A connection for tests that delivers when told to, and that can be cut: both ends in one process, no time, no sockets. */

import type { Connection } from '../../src/base/world.ts';

export class Wire {
  readonly near = new WireEnd();
  readonly far = new WireEnd();

  constructor() {
    this.near.peer = this.far;
    this.far.peer = this.near;
  }

  /** Delivers up to `messages` messages in each direction; returns how many there were. */
  deliver(messages = Number.MAX_SAFE_INTEGER): number {
    return this.near.deliver(messages) + this.far.deliver(messages);
  }

  /** Delivers until both directions are empty. */
  settle(): void {
    while (this.deliver() > 0);
  }

  /** Loses what is under way and tells both ends. */
  cut(reason: Error | undefined = new Error('the wire was cut')): void {
    this.near.end(reason);
    this.far.end(reason);
  }
}

class WireEnd implements Connection {
  peer!: WireEnd;
  /** Messages that were sent to this end. */
  readonly inbox: Uint8Array[] = [];
  /** Messages that may wait at the other end before `send` asks to hold back. */
  waitingMax = Number.MAX_SAFE_INTEGER;
  sent = 0;
  #held = false;
  #closed = false;
  #message: ((message: Uint8Array) => void) | undefined;
  #drain: (() => void) | undefined;
  #close: ((reason: Error | undefined) => void) | undefined;

  send(message: Uint8Array): boolean {
    if (this.#closed) return true;
    this.sent++;
    this.peer.inbox.push(message.slice());
    if (this.peer.inbox.length >= this.waitingMax) this.#held = true;
    return !this.#held;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#message = listener;
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  onClose(listener: (reason: Error | undefined) => void): void {
    this.#close = listener;
  }

  close(): void {
    this.end(undefined);
    this.peer.end(undefined);
  }

  deliver(messages: number): number {
    let count = 0;
    for (; count < messages && !this.#closed; count++) {
      const message = this.inbox.shift();
      if (message === undefined) break;
      this.#message?.(message);
    }
    if (this.inbox.length === 0) this.peer.drained();
    return count;
  }

  drained(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#drain?.();
  }

  end(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.inbox.length = 0;
    this.#close?.(reason);
  }
}
