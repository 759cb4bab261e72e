/** The bytes of the structured codec, shared by its writer and its reader. Described in docs/internals/values.md. */

/** The first byte of a value. From 0x80 on it is itself an integer from 0 to 127. */
export const ValueTag = {
  UNDEFINED: 0x00,
  NULL: 0x01,
  FALSE: 0x02,
  TRUE: 0x03,
  I32: 0x04,
  F64: 0x05,
  I64: 0x06,
  BIG: 0x07,
  STRING: 0x08,
  /** A value that was written before, by its number. */
  REFERENCE: 0x09,
  DATE: 0x0a,
  ARRAY: 0x0b,
  /** Instead of an element: that many elements are not there. */
  HOLES: 0x0c,
  OBJECT: 0x0d,
  /** An object whose prototype is null. */
  BARE_OBJECT: 0x0e,
  /** An instance of a registered class, field by field. */
  INSTANCE: 0x0f,
  /** An instance of a registered class, as its codec encoded it. */
  CODED_INSTANCE: 0x10,
  MAP: 0x11,
  SET: 0x12,
  REGEXP: 0x13,
  ERROR: 0x14,
  ARRAY_BUFFER: 0x15,
  /** A typed array, DataView or Buffer: its number in {@link VIEWS}, then its bytes. */
  VIEW: 0x16,
  /** Text with a lone surrogate, which UTF-8 cannot hold: in UTF-16 behind its length in bytes. */
  STRING_UTF16: 0x17,
} as const;

export const SMALL_INTEGER = 0x80;

/** What follows the tag of an object: its names inline, or as a shape that is defined here, or as shape `n - 2`. */
export const FIELDS_INLINE = 0;
export const FIELDS_NEW_SHAPE = 1;
export const FIELDS_FIRST_SHAPE = 2;

/** Objects with more fields than this are tables rather than records: their names are not worth remembering. */
export const SHAPE_FIELDS_MAX = 64;

/** Values nested deeper than this are refused: the recursion must end before the stack does. */
export const VALUE_DEPTH_MAX = 1000;

/** Makes the view over all of `buffer`. */
type MakeView = (buffer: ArrayBuffer) => ArrayBufferView;

interface View {
  readonly prototype: object;
  readonly make: MakeView;
}

/** The kinds of views by number; the order is part of the format. */
export const VIEWS: readonly View[] = [
  { prototype: Int8Array.prototype, make: (buffer) => new Int8Array(buffer) },
  { prototype: Uint8Array.prototype, make: (buffer) => new Uint8Array(buffer) },
  { prototype: Uint8ClampedArray.prototype, make: (buffer) => new Uint8ClampedArray(buffer) },
  { prototype: Int16Array.prototype, make: (buffer) => new Int16Array(buffer) },
  { prototype: Uint16Array.prototype, make: (buffer) => new Uint16Array(buffer) },
  { prototype: Int32Array.prototype, make: (buffer) => new Int32Array(buffer) },
  { prototype: Uint32Array.prototype, make: (buffer) => new Uint32Array(buffer) },
  { prototype: Float16Array.prototype, make: (buffer) => new Float16Array(buffer) },
  { prototype: Float32Array.prototype, make: (buffer) => new Float32Array(buffer) },
  { prototype: Float64Array.prototype, make: (buffer) => new Float64Array(buffer) },
  { prototype: BigInt64Array.prototype, make: (buffer) => new BigInt64Array(buffer) },
  { prototype: BigUint64Array.prototype, make: (buffer) => new BigUint64Array(buffer) },
  { prototype: DataView.prototype, make: (buffer) => new DataView(buffer) },
  { prototype: Buffer.prototype, make: (buffer) => Buffer.from(buffer) },
];

/** The built-in errors by number; the order is part of the format. */
export const ERROR_TYPES = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
] as const;

/** Properties of an error that are its own without being enumerable. */
export const ERROR_FIELDS: readonly string[] = ['name', 'message', 'stack', 'cause', 'errors'];
