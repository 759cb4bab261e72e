/**
 * The check mode that catches values which are changed after they were emitted or received.
 *
 * Edges on one thread and chained operators pass values by reference, so a change shows wherever the value still is: at
 * the next reader of a fan-out, in a batch, in state. In this mode each emitted object is digested; the digest is
 * compared after each of its readers, and again, for the last few thousand, when the turn of the task ends.
 */

import { ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { murmur3 } from '../base/hash.ts';
import { describeRecord } from '../data/describe-record.ts';
import { writeValue } from '../data/structured-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';

/** Values that are watched at a time. Older ones are let go: the check is for tests, not for keeping everything alive. */
const WATCHED_MAX = 4096;

interface Watched {
  readonly value: object;
  readonly digest: number;
  readonly emitter: number;
}

export class MutationCheck {
  readonly #types: TypeRegistry;
  readonly #names: readonly string[];
  readonly #writer = new ByteWriter();
  readonly #watched: Watched[] = [];
  #next = 0;

  /** `names`: the operators of the chain by index. */
  constructor(types: TypeRegistry, names: readonly string[]) {
    this.#types = types;
    this.#names = names;
  }

  /** The operator `emitter` emits a value: its digest, or 0 for what cannot be changed. */
  emitted(value: unknown, emitter: number): number {
    if (typeof value !== 'object' || value === null) return 0;
    const digest = this.#digest(value);
    this.#watched[this.#next] = { value, digest, emitter };
    this.#next = (this.#next + 1) % WATCHED_MAX;
    return digest;
  }

  /** One reader of the value has returned. */
  passed(value: unknown, digest: number, emitter: number, reader: string): void {
    if (digest !== 0 && this.#digest(value) !== digest)
      throw this.#changed(value, emitter, `"${reader}", which received it,`);
  }

  /** The turn is over: nothing that was emitted in it may have changed since. */
  settle(): void {
    for (const { value, digest, emitter } of this.#watched) {
      if (this.#digest(value) !== digest)
        throw this.#changed(value, emitter, 'an operator that emitted, received or stored it');
    }
  }

  #digest(value: unknown): number {
    this.#writer.reset();
    writeValue(value, this.#writer, this.#types);
    // Zero says that there is nothing to compare.
    return murmur3(this.#writer.view(), 0) || 1;
  }

  #changed(value: unknown, emitter: number, who: string): MillstreamError {
    const name = this.#names[emitter] ?? 'an operator';
    return new MillstreamError(
      'MUTATED_AFTER_EMIT',
      `A value that "${name}" emitted was changed afterwards by ${who}: it is now ${describeRecord(value)}. Values travel by reference; copy one before changing it.`,
      { details: { operator: name } },
    );
  }
}
