import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csv } from '../../src/format/csv.ts';
import { FormatError } from '../../src/format/format.ts';
import { decodeAll, decodeValues, encodeAll } from './decode-all.ts';

const fails = (format: Parameters<typeof decodeValues>[0], content: string, message: RegExp): void =>
  assert.throws(
    () => decodeValues(format, content),
    (error) => error instanceof FormatError && message.test(error.message),
  );

test('without header and columns a row is an array of strings', () => {
  assert.deepEqual(decodeValues(csv(), 'a,b\r\nc,d\n,\n'), [
    ['a', 'b'],
    ['c', 'd'],
    ['', ''],
  ]);
});

test('with a header alone a row is an object of strings', () => {
  const rows: Record<string, string>[] = decodeValues(csv({ header: true }), '\ufeffa,"b ""x"""\n1,2\n');
  assert.deepEqual(rows, [{ a: '1', 'b "x"': '2' }]);
});

test('declared columns are found by name where there is a header, and by position otherwise', () => {
  const columns = { id: 'integer', name: 'string' } as const;
  const expected = [{ id: 1, name: 'x' }];
  assert.deepEqual(decodeValues(csv({ header: true, columns }), 'name,other,id\nx,?,1'), expected);
  assert.deepEqual(decodeValues(csv({ columns }), '1,x'), expected);
});

test('every type reads its values and refuses others', () => {
  const format = csv({
    columns: {
      string: 'string',
      number: 'number',
      integer: 'integer',
      bigint: 'bigint',
      boolean: 'boolean',
      timestamp: 'timestamp',
      own: (field) => field.split(';'),
    },
  });
  const row = (fields: string): unknown => decodeValues(format, fields)[0];
  const expected = {
    string: ' x ',
    number: -1.5e3,
    integer: 7,
    bigint: 12345678901234567890n,
    boolean: true,
    timestamp: Date.UTC(2024, 1, 29, 12, 30, 15, 250),
    own: ['a', 'b'],
  };
  assert.deepEqual(row(' x ,-1.5e3,7,12345678901234567890,TRUE,2024-02-29T12:30:15.25Z,a;b'), expected);
  assert.deepEqual(row(' x ,-1500,+7,12345678901234567890,1,2024-02-29 13:30:15.250+01:00,a;b'), expected);
  for (const [column, bad] of [
    ['number', 'x'],
    ['number', ''],
    ['number', ' '],
    ['number', '0x10'],
    ['integer', '1.5'],
    ['integer', '9007199254740993'],
    ['bigint', '1.0'],
    ['boolean', 'yes'],
    ['timestamp', '2023-02-29'],
    ['timestamp', 'today'],
  ] as const) {
    const fields = {
      ...expected,
      number: 1,
      bigint: 1,
      boolean: 'true',
      timestamp: '2024-01-01',
      own: 'a',
      [column]: bad,
    };
    fails(
      format,
      Object.values(fields).join(','),
      new RegExp(`field "${column}" is no ${column}: ${JSON.stringify(bad)}`),
    );
  }
});

test("what a column's own function throws makes the record undecodable", () => {
  const format = csv({
    columns: {
      sign: (field) => {
        throw new RangeError(`no sign called ${field}`);
      },
    },
  });
  fails(format, 'leo', /the function of the field "sign" threw on "leo": no sign called leo/);
});

test('columns that may be null are null where the null literal stands unquoted', () => {
  const columns = { name: 'string?', count: 'integer?' } as const;
  const rows: { name: string | null; count: number | null }[] = decodeValues(csv({ columns }), ',\n"",1\nx,');
  assert.deepEqual(rows, [
    { name: null, count: null },
    { name: '', count: 1 },
    { name: 'x', count: null },
  ]);
  const withLiteral = csv({ columns, nullLiteral: 'NA' });
  assert.deepEqual(decodeValues(withLiteral, 'NA,NA\n"NA",2\n,3'), [
    { name: null, count: null },
    { name: 'NA', count: 2 },
    { name: '', count: 3 },
  ]);
});

test('quotes may hold delimiters, line breaks and doubled quotes, and lines are counted through them', () => {
  const content = 'a,"x, ""y""\nz"\r\nb,"\n\n"\nc,5" pipe\n';
  assert.deepEqual(decodeAll(csv(), content), [
    { value: ['a', 'x, "y"\nz'], offset: 0, lines: 0 },
    { value: ['b', '\n\n'], offset: 16, lines: 2 },
    { value: ['c', '5" pipe'], offset: 23, lines: 5 },
  ]);
  for (const window of [1, 2, 3, 7]) assert.deepEqual(decodeAll(csv(), content, window), decodeAll(csv(), content));
});

test('a quote that is not closed makes its own line undecodable', () => {
  fails(csv(), 'a,"b\nc,d\n', /the quote that opens field 2 is not closed/);
  fails(csv(), '"a"b,c', /text follows the closing quote of field 1/);
});

test('comments, blank lines, other marks, trimming and escapes are read as asked for', () => {
  const format = csv({ delimiter: ';', quote: "'", escape: '\\', comment: '#', trim: true });
  const content = "# note\n\n a ; 'b;\\'c'  ;d''e\n";
  assert.deepEqual(decodeValues(format, content), [['a', "b;'c", "d''e"]]);
  assert.deepEqual(decodeValues(csv({ quote: false }), '"a,b"'), [['"a', 'b"']]);
});

test('too few and too many fields are undecodable, or filled and left out on request', () => {
  const columns = { a: 'string', b: 'string?' } as const;
  fails(csv({ columns }), 'x', /it has 1 fields, and 2 were expected/);
  fails(csv({ columns }), 'x,y,z', /it has 3 fields, and 2 were expected/);
  const lenient = csv({ columns, missingFields: 'null', extraFields: 'ignore' });
  assert.deepEqual(decodeValues(lenient, 'x\nx,y,z'), [
    { a: 'x', b: null },
    { a: 'x', b: 'y' },
  ]);
});

test('a header that lacks a column or names one twice is refused', () => {
  fails(csv({ header: true, columns: { a: 'string' } }), 'b,c\n1,2', /the header lacks the column "a"; it has b, c/);
  fails(csv({ header: true }), 'a,a\n1,2', /the header names the column "a" twice/);
});

test('an empty file has no rows, with and without a header', () => {
  assert.deepEqual(decodeValues(csv(), ''), []);
  assert.deepEqual(decodeValues(csv({ header: true }), ''), []);
  assert.deepEqual(decodeValues(csv({ header: true }), 'a,b\n'), []);
});

test('options that make no sense are refused when the format is built', () => {
  assert.throws(() => csv({ delimiter: '::' }), {
    code: 'OPTION_INVALID',
    message: /delimiter .* must be one ASCII character/,
  });
  assert.throws(() => csv({ quote: '\n' }), { code: 'OPTION_INVALID' });
  assert.throws(() => csv({ delimiter: '"' }), { code: 'OPTION_INVALID', message: /must differ/ });
  assert.throws(() => csv({ columns: {} }), { code: 'OPTION_INVALID' });
  assert.throws(() => csv({ columns: { a: 'float' as 'number' } }), {
    code: 'OPTION_INVALID',
    message: /unknown type "float"/,
  });
});

test('only a format whose records end at each line break lets files be split', () => {
  assert.equal(csv().splittable, false);
  assert.equal(csv({ quotedLineBreaks: false }).splittable, true);
  assert.equal(csv({ quote: false }).splittable, true);
});

test('what is written reads back the same, whatever the marks', () => {
  const columns = {
    text: 'string',
    maybe: 'string?',
    number: 'number',
    big: 'bigint?',
    flag: 'boolean',
    at: 'timestamp?',
  } as const;
  const field = fc.string({
    unit: fc.constantFrom('a', 'é', '😀', ',', ';', '"', "'", '\\', '#', '\n', '\r', ' ', 'N', 'A'),
  });
  const row = fc.record({
    text: field,
    maybe: fc.option(field),
    number: fc.double(),
    big: fc.option(fc.bigInt()),
    flag: fc.boolean(),
    at: fc.option(fc.integer({ min: 0, max: 4e12 })),
  });
  const options = fc.record({
    header: fc.boolean(),
    delimiter: fc.constantFrom(',', ';', '\t'),
    quote: fc.constantFrom('"', "'"),
    escape: fc.constantFrom(undefined, '\\'),
    comment: fc.constantFrom(undefined, '#'),
    nullLiteral: fc.constantFrom('', 'NA', '#'),
    trim: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), options, fc.integer({ min: 1, max: 20 }), (rows, chosen, window) => {
      const { escape, comment, ...rest } = chosen;
      const format = csv({
        columns,
        ...rest,
        ...(escape === undefined ? {} : { escape }),
        ...(comment === undefined ? {} : { comment }),
      });
      const content = encodeAll(format, rows);
      assert.deepEqual(
        decodeValues(format, content, window),
        rows.map((one) => ({ ...one, number: one.number === 0 ? 0 : one.number })),
      );
    }),
    { numRuns: 500 },
  );
});

test('rows without declared columns are written by the names of the first, arrays by position', () => {
  assert.equal(encodeAll<unknown>(csv({ header: true }) as never, []), '');
  assert.equal(
    encodeAll<unknown>(csv({ header: true }) as never, [
      { a: 1, b: 'x' },
      { b: 'y', a: undefined },
    ]),
    'a,b\n1,x\n,y\n',
  );
  assert.equal(encodeAll<unknown>(csv() as never, [['a', null, 1n, new Date(0)]]), 'a,,1,1970-01-01T00:00:00.000Z\n');
});

test('what CSV cannot hold is refused, not written', () => {
  const write = (row: unknown, format: unknown = csv()): string => encodeAll<unknown>(format as never, [row]);
  assert.throws(() => write({ a: {} }), /the field "a" is a object, which a CSV field cannot hold/);
  assert.throws(() => write('text'), /a row must be an object or an array/);
  assert.throws(() => write({ a: '\ud800' }), /half of a surrogate pair/);
  assert.throws(() => write({ a: 'x,y' }, csv({ quote: false })), /needs quotes, and the format has none/);
  assert.throws(() => write([1], csv({ header: true })), /a header needs names/);
  assert.throws(() => write({ a: new Date(Number.NaN) }), /no valid time/);
});
