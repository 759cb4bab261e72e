/** Messages over a plain connection of the simulation: each a structured clone behind its length. */

import { deserialize, serialize } from 'node:v8';
import type { ConnectorWorld } from 'millstream';

type Stream = Awaited<ReturnType<ConnectorWorld['network']['openStream']>>;

const LENGTH_BYTES = 4;

export class Frames {
  readonly #stream: Stream;
  #received = Buffer.alloc(0);

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Rejects when the connection broke. */
  async send(message: unknown): Promise<void> {
    const body = serialize(message);
    const frame = Buffer.alloc(LENGTH_BYTES + body.length);
    frame.writeUInt32BE(body.length, 0);
    frame.set(body, LENGTH_BYTES);
    await this.#stream.write(frame);
  }

  /** The next message; `undefined` once the other end has closed. Rejects when the connection broke. */
  async next(): Promise<unknown> {
    for (;;) {
      const frame = this.#cut();
      if (frame !== undefined) return deserialize(frame);
      const bytes = await this.#stream.read();
      if (bytes === undefined) return undefined;
      this.#received = Buffer.concat([this.#received, bytes]);
    }
  }

  #cut(): Buffer | undefined {
    if (this.#received.length < LENGTH_BYTES) return undefined;
    const end = LENGTH_BYTES + this.#received.readUInt32BE(0);
    if (this.#received.length < end) return undefined;
    const frame = this.#received.subarray(LENGTH_BYTES, end);
    this.#received = this.#received.subarray(end);
    return frame;
  }

  close(): void {
    this.#stream.close();
  }
}
