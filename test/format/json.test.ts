import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { decodeAll, decodeValues, encodeAll } from './decode-all.ts';

test('json reads one value per line and leaves blank lines out', () => {
  assert.deepEqual(decodeAll(json(), '\ufeff{"a":1}\r\n\n  \n[1,"é"]\nnull'), [
    { value: { a: 1 }, offset: 3, lines: 0 },
    { value: [1, 'é'], offset: 16, lines: 3 },
    { value: null, offset: 25, lines: 4 },
  ]);
});

test('json refuses what is no JSON, and what its check refuses', () => {
  assert.throws(() => decodeValues(json(), '{"a":}'), /it is not valid JSON/);
  assert.throws(() => decodeValues(json(), Buffer.from('"sch\xf6n"', 'latin1')), /not valid UTF-8/);
  const checked = json({
    check: (value): number => {
      if (typeof value !== 'number') throw new Error('it is no number');
      return value * 2;
    },
  });
  assert.deepEqual(decodeValues(checked, '1\n2'), [2, 4]);
  assert.throws(() => decodeValues(checked, '"1"'), /its check says: it is no number/);
});

test('an array is read element by element, whatever stands in them', () => {
  const elements = ['a,b', 'x]', { a: [1, { b: '}' }], c: '"\\' }, [[], [1]], null, 1.5, true, {}];
  const array = json({ layout: 'array' });
  for (const content of [
    JSON.stringify(elements),
    JSON.stringify(elements, undefined, 2),
    ` \n[\n${elements.map((element) => JSON.stringify(element)).join('\n,\n')}\n]\n\n`,
  ]) {
    for (const window of [1, 3, 10, 1000]) assert.deepEqual(decodeValues(array, content, window), elements);
  }
  assert.deepEqual(decodeValues(array, '[]'), []);
  assert.deepEqual(decodeValues(array, ' [ ] '), []);
  assert.deepEqual(decodeValues(array, ''), []);
  const [, second] = decodeAll(array, '[\n1,\n 2\n]');
  assert.deepEqual(second, { value: 2, offset: 3, lines: 1 });
});

test('any array reads back, wherever the blocks end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.constantFrom(0, 1, 2),
      fc.integer({ min: 1, max: 9 }),
      (values, indent, window) => {
        const content = JSON.stringify(values, undefined, indent);
        assert.deepEqual(decodeValues(json({ layout: 'array' }), content, window), JSON.parse(content));
      },
    ),
    { numRuns: 300 },
  );
});

test('a file that is no array, ends early, or goes on behind the array is refused', () => {
  const array = json({ layout: 'array' });
  assert.throws(() => decodeValues(array, '{"a":1}'), /does not begin with the \[/);
  assert.throws(() => decodeValues(array, '[1,2'), /ends before the \] of its array/);
  assert.throws(() => decodeValues(array, '[1,2,'), /ends before the \] of its array/);
  assert.throws(() => decodeValues(array, '[,1]'), /a comma stands where the first element should be/);
  assert.throws(() => decodeValues(array, '[1,]'), /not valid JSON/);
  assert.throws(() => decodeValues(array, '[[1,2]'), /ends before the \] of its array/);
  assert.throws(() => decodeValues(array, '[1] 2'), /text follows the \]/);
  assert.throws(() => decodeValues(array, '[1,,2]'), /not valid JSON/);
});

test('json writes lines that read back, and refuses what has no form', () => {
  const values = [{ a: 'x\ny' }, [1, null], 'ü', '\ud800'];
  assert.deepEqual(decodeValues(json(), encodeAll(json(), values)), values);
  assert.throws(() => encodeAll(json(), [1n]), /no form in JSON/);
  assert.throws(() => encodeAll(json(), [undefined]), /a undefined has no form in JSON/);
});

test('text reads lines, or pieces between other delimiters, and writes them back', () => {
  assert.deepEqual(decodeValues(text(), '\ufeffone\r\n\ntwo'), ['one', '', 'two']);
  for (const delimiter of [';', '||', 'é']) {
    for (const window of [1, 2, 100]) {
      assert.deepEqual(decodeValues(text({ delimiter }), ['a\nb', '', 'c'].join(delimiter) + delimiter, window), [
        'a\nb',
        '',
        'c',
      ]);
    }
  }
  const [, second] = decodeAll(text({ delimiter: ';' }), 'a\n\n;b');
  assert.deepEqual(second, { value: 'b', offset: 4, lines: 2 });
  assert.equal(encodeAll(text(), ['a', 'b']), 'a\nb\n');
  assert.equal(encodeAll(text({ delimiter: ';' }), ['a', 'b']), 'a;b;');
});

test('text refuses bytes and characters that its charset does not have', () => {
  assert.throws(() => decodeValues(text(), Buffer.from([0x61, 0xff])), /not valid UTF-8/);
  assert.deepEqual(decodeValues(text(), '\ufffd'), ['\ufffd'], 'the replacement character itself is text');
  assert.deepEqual(decodeValues(text({ charset: 'latin1' }), Buffer.from([0x61, 0xff])), ['aÿ']);
  assert.throws(() => encodeAll(text({ charset: 'latin1' }), ['€']), /holds "€", which Latin-1 does not have/);
  assert.throws(() => encodeAll(text(), ['\udc00']), /surrogate/);
  assert.throws(() => encodeAll(text(), [1 as unknown as string]), /it is of type number/);
});

test('only delimiters of one byte let files be split', () => {
  assert.equal(text().splittable, true);
  assert.equal(text({ delimiter: ';' }).splittable, true);
  assert.equal(text({ delimiter: 'é' }).splittable, false);
  assert.equal(json().splittable, true);
  assert.equal(json({ layout: 'array' }).splittable, false);
  assert.throws(() => text({ delimiter: '' }), { code: 'OPTION_INVALID' });
  assert.throws(() => text({ charset: 'utf-16' as 'utf-8' }), { code: 'OPTION_INVALID' });
});
