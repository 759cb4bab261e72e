/**
 * The format contract: bytes ↔ values, for everything that is a sequence of records in a file or on a socket.
 *
 * A **decoder** is used by one reader on one stream of bytes. The reader owns the bytes and the position in them; the
 * decoder finds where records end and what they say. It is called in this order:
 *
 * 1. `prologue` with the beginning of the file, when reading begins there, or when `prologueCarries` says that what
 *    stands there (the names of a CSV file's columns) is needed wherever reading begins;
 * 2. `align`, when reading begins at a byte in the middle, which may belong to a record of the reader before;
 * 3. in turn `recordEnd` and `decode`, with the same bytes.
 *
 * All of it is synchronous and keeps nothing of the bytes. What cannot be decoded is thrown as {@link FormatError}:
 * the reader knows the place. `atEnd` says that no bytes will follow those at hand.
 *
 * An **encoder** is used by one writer, in turn for many files.
 */

import type { ByteAppender } from './byte-appender.ts';

/**
 * Returned by `decode` for bytes that are no record: a blank line, a comment, the bracket that closes an array.
 *
 * @example
 * ```ts
 * const decode = (line: string): number | typeof NO_RECORD => (line.startsWith('#') ? NO_RECORD : Number(line));
 * ```
 */
export const NO_RECORD: unique symbol = Symbol('no record');

/**
 * Returned where the bytes at hand do not reach far enough. Never returned with `atEnd`.
 *
 * @example
 * ```ts
 * const recordEnd = (bytes: Buffer, start: number, atEnd: boolean): number => {
 *   const end = bytes.indexOf(';', start);
 *   return end !== -1 ? end + 1 : atEnd ? bytes.length : MORE_BYTES;
 * };
 * ```
 */
export const MORE_BYTES = -1;

/** A record longer than this is taken for one whose end is missing. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

/** Finds records in bytes and reads them. The contract stands on top of this file. */
export interface Decoder<T> {
  /** Whether `prologue` must see the beginning of the file also when reading begins further on. */
  readonly prologueCarries: boolean;
  /** Takes what stands before the first record; returns its length. */
  prologue(bytes: Buffer, atEnd: boolean): number;
  /**
   * Given bytes that begin one byte before the place where reading begins, the offset of the first record that begins
   * at that place or behind it. Called only in formats that are `splittable`.
   */
  align(bytes: Buffer, atEnd: boolean): number;
  /** The offset behind the record that begins at `start`, with its delimiter. At the end, what is left is a record. */
  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number;
  /** How many line breaks are in the record that `recordEnd` found last: how error messages count lines. */
  readonly lineBreaks: number;
  /** The value in `start` … `end`, which `recordEnd` found. */
  decode(bytes: Buffer, start: number, end: number): T | typeof NO_RECORD;
}

/** Writes values. The contract stands on top of this file. */
export interface Encoder<T> {
  /** What stands at the beginning of every file; `first` is the first value that follows. */
  prologue?(first: T, into: ByteAppender): void;
  /** Appends the value with its delimiter. Throws {@link FormatError} when it cannot be written. */
  encode(value: T, into: ByteAppender): void;
}

/**
 * How records of type `In` are read and values of type `Out` are written. Frozen data; `decoder` and `encoder` make
 * what runs.
 */
export interface Format<In, Out = In> {
  readonly name: string;
  /** Ending of the names of files that are written, with its dot. */
  readonly extension: string;
  /** Whether reading can begin in the middle of a file. */
  readonly splittable: boolean;
  /**
   * Whether files that were written, one put behind the other without the prologue of the later ones, are a file of this
   * format. Default false.
   */
  readonly concatenable?: boolean;
  decoder(): Decoder<In>;
  encoder(): Encoder<Out>;
}

/**
 * Why bytes are no value, or a value has no bytes. The message is a clause: it is put behind "because".
 *
 * @example
 * ```ts
 * function parsePort(text: string): number {
 *   const port = Number(text);
 *   if (!Number.isInteger(port)) throw new FormatError(`${text} is no port`);
 *   return port;
 * }
 * ```
 */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}
