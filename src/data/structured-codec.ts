/**
 * The structured codec: the general way of a value into bytes and back, for single values. Snapshots use it for
 * state, frames for the records that fit no columns. What survives, and how, is the table in
 * docs/internals/values.md; a batch of values is written with one {@link ValueWriter}, which shares their shapes.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { TypeRegistry } from './type-registry.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

/** Idle writers and readers by the types they were made for, so that a single small value costs no set-up. */
const writers = new WeakMap<TypeRegistry, ValueWriter[]>();
const readers = new WeakMap<TypeRegistry, ValueReader[]>();

/**
 * Appends one value; {@link readValue} gives back an equal one.
 *
 * @throws VALUE_UNSUPPORTED, with the path of the offending part, for functions, symbols, promises, weak collections,
 * boxed primitives and instances of classes that `types` does not hold.
 *
 * @example
 * ```ts
 * const writer = new ByteWriter();
 * writeValue(new Map([['a', { n: 1n }]]), writer, new TypeRegistry());
 * ```
 */
export function writeValue(value: unknown, writer: ByteWriter, types: TypeRegistry): void {
  const idle = idleOf(writers, types);
  const values = idle.pop() ?? new ValueWriter(types);
  values.begin(writer);
  values.write(value);
  values.release();
  idle.push(values);
}

/** Reads one value that {@link writeValue} wrote. */
export function readValue(reader: ByteReader, types: TypeRegistry): unknown {
  const idle = idleOf(readers, types);
  const values = idle.pop() ?? new ValueReader(types);
  values.begin(reader);
  const value = values.read();
  values.release();
  idle.push(values);
  return value;
}

function idleOf<T>(all: WeakMap<TypeRegistry, T[]>, types: TypeRegistry): T[] {
  let idle = all.get(types);
  if (idle === undefined) {
    idle = [];
    all.set(types, idle);
  }
  return idle;
}
