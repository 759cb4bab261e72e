/** Arbitrary values of every kind that survives, with many that are easy to get wrong. */

import fc from 'fast-check';

export const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '\ud800',
    '\udc00',
    'a\udfff',
    '\ufffd',
    '\ufeff',
    '\u0000',
    'é',
    '😀',
    'x'.repeat(600),
    'ü'.repeat(600),
  ),
);

export const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    1,
    127,
    128,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 53,
    0.1,
    Number.NaN,
    Infinity,
    -Infinity,
  ),
);

export const bigint = fc.oneof(
  fc.bigInt(),
  fc.constantFrom(0n, 1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 200n),
);

export const primitive = fc.oneof(number, text, bigint, fc.boolean(), fc.constantFrom(null, undefined));

export const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'c',
    'id',
    'constructor',
    '__proto__',
    'toString',
    '0',
    '7',
    '',
    '\ud800',
    'hasOwnProperty',
    'length',
    'x y',
    '"',
  ),
  fc.string({ maxLength: 5 }),
);

const leaf = fc.oneof(
  primitive,
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 3 }),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new DataView(bytes.slice().buffer)),
  fc.constantFrom(/a.b/giu, /\//),
  fc.string({ maxLength: 5 }).map((message) => new TypeError(message)),
);

/** Writes `shared` into some places, so that values contain it several times. */
function withSharing(value: unknown): unknown {
  return [value, { again: value }, value];
}

export const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 4, withCrossShrink: true, depthIdentifier: 'value' },
    leaf,
    fc.array(tie('anyValue'), { maxLength: 4, depthIdentifier: 'value' }),
    fc.sparseArray(tie('anyValue'), { maxLength: 4, depthIdentifier: 'value' }),
    fc.dictionary(name, tie('anyValue'), { maxKeys: 4, depthIdentifier: 'value' }),
    fc.dictionary(name, tie('anyValue'), { maxKeys: 4, noNullPrototype: true, depthIdentifier: 'value' }),
    fc
      .array(fc.tuple(tie('anyValue'), tie('anyValue')), { maxLength: 3, depthIdentifier: 'value' })
      .map((entries) => new Map(entries)),
    fc.array(tie('anyValue'), { maxLength: 3, depthIdentifier: 'value' }).map((items) => new Set(items)),
    tie('anyValue').map(withSharing),
  ),
}));
