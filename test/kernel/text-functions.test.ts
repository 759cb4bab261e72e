import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { Calc } from '../../src/kernel/calc.ts';
import type { Expression } from '../../src/kernel/expression.ts';
import { apply, call, cast, column, evaluate, int, literal, text } from './evaluate.ts';

type Case = readonly [name: string, operands: readonly (string | number | null)[], wanted: unknown];

function check(cases: readonly Case[]): void {
  for (const [name, operands, wanted] of cases) {
    const types = operands.map((operand) => (typeof operand === 'number' ? LogicalType.int() : LogicalType.string()));
    assert.deepEqual(apply(name, operands, types), wanted, `${name}(${operands.join(', ')})`);
  }
}

test('parts of text are counted in characters from 1, or from the end', () => {
  check([
    ['SUBSTRING', ['Zürich😀', 2], 'ürich😀'],
    ['SUBSTRING', ['Zürich😀', 7, 1], '😀'],
    ['SUBSTRING', ['abc', -2, 1], 'b'],
    ['SUBSTR', ['abc', 0, 2], 'ab'],
    ['SUBSTR', ['abc', 4], ''],
    ['SUBSTR', ['abc', -4], ''],
    ['SUBSTR', ['abc', 1, -1], null],
    ['SUBSTR', [null, 1], null],
    ['LEFT', ['😀bc', 2], '😀b'],
    ['LEFT', ['abc', -1], ''],
    ['RIGHT', ['ab😀', 2], 'b😀'],
    ['RIGHT', ['abc', 5], 'abc'],
    ['RIGHT', ['abc', 0], ''],
  ]);
});

test('places of text are counted in characters', () => {
  check([
    ['POSITION', ['c', '😀bc'], 3],
    ['POSITION', ['x', 'abc'], 0],
    ['POSITION', ['', 'abc'], 1],
    ['LOCATE', ['a', 'abca', 2], 4],
    ['INSTR', ['corporate floor', 'or', 3, 2], 14],
    ['INSTR', ['corporate floor', 'or', -3, 2], 2],
    ['INSTR', ['abc', 'c', 0], 0],
    ['INSTR', ['abc', null], null],
  ]);
  assert.throws(() => apply('INSTR', ['a', 'a', 1, 0], stringsAndInts('ttii')), /must be positive/);
});

function stringsAndInts(kinds: string): LogicalType[] {
  return Array.from(kinds, (kind) => (kind === 'i' ? LogicalType.int() : LogicalType.string()));
}

test('trimming takes a set of characters', () => {
  check([
    ['BTRIM', ['  a b  '], 'a b'],
    ['LTRIM', ['  a '], 'a '],
    ['RTRIM', [' a  '], ' a'],
    ['BTRIM', ['xyaxbyx', 'xy'], 'axb'],
    ['LTRIM', ['😀a', '😀'], 'a'],
    ['RTRIM', ['aaa', 'a'], ''],
    ['RTRIM', ['\ta\t'], '\ta\t'],
  ]);
});

test('text is replaced, padded, repeated and turned around', () => {
  check([
    ['REPLACE', ['a.b.c', '.', '$&'], 'a$&b$&c'],
    ['OVERLAY', ['abcdef', 'XX', 3], 'abXXef'],
    ['OVERLAY', ['abcdef', 'X', 2, 3], 'aXef'],
    ['OVERLAY', ['abc', 'X', 9], 'abc'],
    ['LPAD', ['hi', 4, '??'], '??hi'],
    ['LPAD', ['hi', 1, '??'], 'h'],
    ['LPAD', ['hi', -1, '?'], null],
    ['RPAD', ['hi', 5, 'ab'], 'hiaba'],
    ['RPAD', ['hi', 5, ''], null],
    ['REPEAT', ['ab', 3], 'ababab'],
    ['REPEAT', ['ab', -1], ''],
    ['REVERSE', ['ab😀'], '😀ba'],
    ['INITCAP', ['hello wORLD it’s 1st ünder'], 'Hello World It’S 1st üNder'],
    ['TRANSLATE', ['translate', 'rnlt', '123'], '1a2s3ae'],
    ['TRANSLATE', ['aab', 'aa', 'xy'], 'xxb'],
  ]);
});

test('CONCAT_WS leaves NULLs out, and is NULL where its separator is', () => {
  check([
    ['CONCAT_WS', ['~', 'AA', null, 'BB', ''], 'AA~BB~'],
    ['CONCAT_WS', [null, 'AA'], null],
    ['CONCAT_WS', ['~', null], ''],
    ['ELT', [2, 'a', 'b'], 'b'],
    ['ELT', [3, 'a', 'b'], null],
    ['ELT', [1, null, 'b'], null],
  ]);
});

test('text is split at separators', () => {
  check([
    ['SPLIT_INDEX', ['https://a/b//c', '/', 3], 'b'],
    ['SPLIT_INDEX', ['https://a/b//c', '/', 4], ''],
    ['SPLIT_INDEX', ['https://a/b//c', '/', 5], 'c'],
    ['SPLIT_INDEX', ['https://a/b//c', '/', 6], null],
    ['SPLIT_INDEX', ['a,b', 44, 1], 'b'],
    ['SPLIT_INDEX', ['a,b', 300, 1], null],
    ['SPLIT_INDEX', ['ä->b->ö', '->', 2], 'ö'],
    ['SPLIT_INDEX', ['ab', ',', 0], 'ab'],
    ['SPLIT_INDEX', ['', ',', 0], null],
    ['SPLIT_INDEX', ['ab', ',', -1], null],
    ['SPLIT', ['a,b,', ','], ['a', 'b', '']],
    ['SPLIT', ['😀b', ''], ['😀', 'b']],
  ]);
});

test('characters have numbers', () => {
  check([
    ['ASCII', ['abc'], 97],
    ['ASCII', [''], 0],
    ['ASCII', ['ä'], -61],
    ['CHR', [97], 'a'],
    ['CHR', [353], 'a'],
    ['CHR', [-1], ''],
    ['CHR', [256], '\0'],
  ]);
});

test('what text consists of is tested', () => {
  check([
    ['IS_ALPHA', ['aÄ'], true],
    ['IS_ALPHA', ['a1'], false],
    ['IS_ALPHA', [null], false],
    ['IS_DIGIT', ['12'], true],
    ['IS_DIGIT', [''], false],
    ['IS_DECIMAL', ['-1.5e3'], true],
    ['IS_DECIMAL', ['1.5.3'], false],
    ['STARTSWITH', ['Zürich', 'Zü'], true],
    ['STARTSWITH', ['Zürich', ''], true],
    ['STARTSWITH', ['Zü', 'Zürich'], false],
    ['ENDSWITH', ['Zürich', 'ürich'], true],
    ['ENDSWITH', ['Zürich', null], null],
  ]);
});

test('text and bytes change their writing', () => {
  check([
    ['TO_BASE64', ['hello wörld'], 'aGVsbG8gd8O2cmxk'],
    ['FROM_BASE64', ['aGVsbG8gd8O2cmxk'], 'hello wörld'],
    ['MD5', ['test1'], '5a105e8b9d40e1329780d62ea2265d8a'],
    ['SHA1', ['abc'], 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['SHA224', ['abc'], '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'],
    ['SHA256', ['abc'], 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['SHA2', ['abc', 256], 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['URL_ENCODE', ['a b*ü~'], 'a+b*%C3%BC%7E'],
    ['URL_DECODE', ['a+b%C3%BC'], 'a bü'],
    ['URL_DECODE', ['%zz'], null],
  ]);
  for (const charset of ['US-ASCII', 'ISO-8859-1', 'UTF-8', 'UTF-16BE', 'UTF-16LE', 'utf-16']) {
    const encoded = call('ENCODE', column(0), text(charset));
    assert.deepEqual(evaluate({ s: LogicalType.string() }, [['abc']], call('DECODE', encoded, text(charset))), ['abc']);
  }
  assert.throws(() => apply('FROM_BASE64', ['a?'], [LogicalType.string()]), /not in base64/);
  assert.throws(() => apply('SHA2', ['a', 7], stringsAndInts('ti')), /no digest of 7 bits/);
});

test('URLs have parts', () => {
  const url = 'http://me:pw@flink.apache.org:8080/path1/p.php?k1=v1&k2=v2#Ref1';
  check([
    ['PARSE_URL', [url, 'HOST'], 'flink.apache.org'],
    ['PARSE_URL', [url, 'PATH'], '/path1/p.php'],
    ['PARSE_URL', [url, 'QUERY'], 'k1=v1&k2=v2'],
    ['PARSE_URL', [url, 'QUERY', 'k2'], 'v2'],
    ['PARSE_URL', [url, 'QUERY', 'k3'], null],
    ['PARSE_URL', [url, 'REF'], 'Ref1'],
    ['PARSE_URL', [url, 'PROTOCOL'], 'http'],
    ['PARSE_URL', [url, 'FILE'], '/path1/p.php?k1=v1&k2=v2'],
    ['PARSE_URL', [url, 'AUTHORITY'], 'me:pw@flink.apache.org:8080'],
    ['PARSE_URL', [url, 'USERINFO'], 'me:pw'],
    ['PARSE_URL', ['no url', 'HOST'], null],
  ]);
});

test('an entry of a dictionary is computed only when a row needs it', () => {
  const types = { s: LogicalType.string(), n: LogicalType.int() };
  const bad = cast(column(0), LogicalType.int());
  const guarded = (limit: number) =>
    ({
      kind: 'case',
      branches: [{ when: { kind: 'comparison', operator: '<', left: column(1), right: int(limit) }, then: bad }],
      otherwise: int(-1),
    }) as const;
  const rows = [
    ['7', 1],
    ['x', 9],
    [null, 1],
    ['7', 9],
  ] as const;
  assert.deepEqual(evaluate(types, rows, guarded(5)), [7, -1, null, -1]);
  assert.throws(() => evaluate(types, rows, guarded(10)), /"x" cannot be cast/);
  // NULL is an entry, too, for what is not NULL with it.
  const known = { kind: 'coalesce', operands: [call('REVERSE', column(0)), text('none')] } as const;
  assert.deepEqual(evaluate(types, rows, known), ['7', 'x', 'none', '7']);
  // A value beyond 2^53 makes the batch exact.
  const wide = cast(column(0), LogicalType.bigint());
  assert.deepEqual(evaluate({ s: LogicalType.string() }, [['9007199254740993'], ['1']], wide), [9007199254740993n, 1]);
});

test('a call that cannot be typed is refused', () => {
  const types = { s: LogicalType.string() };
  assert.throws(() => evaluate(types, [['a']], call('NO_SUCH', column(0))), /GRAPH_INVALID.*no function of that name/);
  assert.throws(() => evaluate(types, [['a']], call('REVERSE', int(1))), /REVERSE is not defined for INT NOT NULL/);
  assert.throws(() => evaluate(types, [['a']], call('REVERSE')), /REVERSE is not defined/);
  assert.throws(
    () => evaluate(types, [['a']], call('CHR', literal(1.5, LogicalType.double()))),
    /CHR is not defined for DOUBLE/,
  );
});

test('bytes and text are cast by UTF-8, cut and filled up', () => {
  const cast = (type: LogicalType): Expression => ({ kind: 'cast', input: column(0), type, onFailure: 'fail' });
  const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
  const types = { s: LogicalType.string() };
  const through = (type: LogicalType): unknown => evaluate(types, [['abc'], [null]], cast(type));
  assert.deepEqual(evaluate(types, [['ä']], cast(LogicalType.bytes())), [bytes(0xc3, 0xa4)]);
  assert.deepEqual(through(LogicalType.varbinary(2)), [bytes(97, 98), null]);
  assert.deepEqual(through(LogicalType.binary(4)), [bytes(97, 98, 99, 0), null]);
  const back: Expression = {
    kind: 'cast',
    input: cast(LogicalType.bytes()),
    type: LogicalType.string(),
    onFailure: 'fail',
  };
  assert.deepEqual(evaluate(types, [['abc']], back), ['abc']);
  const bad: Expression = { kind: 'cast', input: column(0), type: LogicalType.string(), onFailure: 'fail' };
  const invalid = { v: LogicalType.bytes() };
  const run = (expression: Expression): unknown => {
    const batch = columnsFromRows(Schema.of(invalid), [{ v: bytes(0xff, 97) }, { v: bytes(97) }, { v: null }]);
    const result = new Calc({ schema: batch.schema, outputs: [{ name: 'o', expression }], tag: 'test' }).run(batch);
    assert.ok(result);
    return rowsOf(result).map((row) => row['o']);
  };
  assert.throws(() => run(bad), /no UTF-8/);
  assert.deepEqual(run({ ...bad, onFailure: 'null' }), [null, 'a', null]);
  assert.deepEqual(run(call('IS_VALID_UTF8', column(0))), [false, true, null]);
  assert.deepEqual(run(call('MAKE_VALID_UTF8', column(0))), ['\ufffda', 'a', null]);
});
