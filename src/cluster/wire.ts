/** Messages over a connection: plain data in, plain data out, encoded by the structured codec. */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Connection } from '../base/world.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { TypeRegistry } from '../data/type-registry.ts';

/** Messages hold no instances of user classes: values of jobs travel in them as bytes. */
const PLAIN = new TypeRegistry();

export class Wire<Outgoing, Incoming> {
  readonly #connection: Connection;
  readonly #writer = new ByteWriter();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  send(message: Outgoing): void {
    writeValue(message, this.#writer, PLAIN);
    this.#connection.send(this.#writer.take());
  }

  onMessage(listener: (message: Incoming) => void): void {
    this.#connection.onMessage((bytes) => listener(readValue(new ByteReader(bytes), PLAIN) as Incoming));
  }

  onClose(listener: (reason: Error | undefined) => void): void {
    this.#connection.onClose(listener);
  }

  close(): void {
    this.#connection.close();
  }
}
