import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogicalType } from '../../src/data/schema.ts';
import { javaRegex } from '../../src/kernel/java-regex.ts';
import { apply } from './evaluate.ts';

const STRING = LogicalType.string();

function of(name: string, ...values: (string | number | null)[]): unknown {
  return apply(
    name,
    values,
    values.map((value) => (typeof value === 'number' ? LogicalType.int() : STRING)),
  );
}

/** LIKE by trying all ways. */
function naiveLike(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return naiveLike(text, rest) || (text.length > 0 && naiveLike(text.slice(1), pattern));
  return text.length > 0 && (first === '_' || first === text[0]) && naiveLike(text.slice(1), rest);
}

test('LIKE matches as the reference does, for patterns of every form', () => {
  const characters = fc.constantFrom('a', 'b', 'ä', '😀', '.');
  const pattern = fc.oneof(
    fc.array(fc.oneof(characters, fc.constantFrom('%', '_')), { maxLength: 5 }),
    fc
      .tuple(fc.boolean(), fc.array(characters, { maxLength: 2 }), fc.boolean())
      .map(([start, part, end]) => [...(start ? ['%'] : []), ...part, ...(end ? ['%'] : [])]),
  );
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 5 }), pattern, (text, like) => {
      assert.equal(of('LIKE', text.join(''), like.join('')), naiveLike(text, like));
    }),
    { numRuns: 300 },
  );
});

test('LIKE has an escape character only where one is given', () => {
  assert.equal(of('LIKE', 'a%b', 'a\\%b'), false);
  assert.equal(of('LIKE', 'a\\xb', 'a\\%b'), true);
  assert.equal(of('LIKE', 'a%b', 'a\\%b', '\\'), true);
  assert.equal(of('LIKE', 'axb', 'a\\%b', '\\'), false);
  assert.equal(of('LIKE', 'a%bc', 'a!%b%', '!'), true);
  assert.equal(of('LIKE', '!_', '!!!_', '!'), true);
  assert.equal(of('LIKE', 'a', null), null);
  assert.equal(of('LIKE', 'a\nb', 'a_b'), false);
  assert.equal(of('LIKE', 'a\nb', 'a%b'), true);
  assert.throws(() => of('LIKE', 'a', '!a', '!'), /escape character before what needs none/);
  assert.throws(() => of('LIKE', 'a', 'a', '!!'), /not one character/);
});

test('SIMILAR TO knows alternatives, repetitions and classes', () => {
  assert.equal(of('SIMILAR_TO', 'abab', '(ab)+'), true);
  assert.equal(of('SIMILAR_TO', 'abc', 'a%|x'), true);
  assert.equal(of('SIMILAR_TO', 'xabc', 'a%|x'), false);
  assert.equal(of('SIMILAR_TO', 'a1', '[[:ALPHA:]][0-9]'), true);
  assert.equal(of('SIMILAR_TO', 'a.c', 'a.c'), true);
  assert.equal(of('SIMILAR_TO', 'abc', 'a.c'), false);
  assert.equal(of('SIMILAR_TO', 'a%', 'a!%', '!'), true);
  assert.throws(() => of('SIMILAR_TO', 'a', '[a'), /does not close a bracket/);
  assert.throws(() => of('SIMILAR_TO', 'a', '(a'), /not well-formed/);
});

test('functions of regular expressions find, extract, replace and count', () => {
  const url = 'https://x.test/item.htm?channel_id=12&y=apple';
  assert.equal(of('REGEXP_EXTRACT', url, '(&|^|\\?)channel_id=([^&]*)', 2), '12');
  assert.equal(of('REGEXP_EXTRACT', url, 'z=(.*)', 1), null);
  assert.equal(of('REGEXP_EXTRACT', 'abc', 'b(x)?', 1), null);
  assert.equal(of('REGEXP_EXTRACT', 'abc', 'b', 5), null);
  assert.equal(of('REGEXP_EXTRACT', 'abc', 'b'), 'b');
  assert.equal(of('REGEXP_EXTRACT', 'abc', '('), null);
  assert.equal(of('REGEXP', 'foobar', 'o+b'), true);
  assert.equal(of('REGEXP', 'foobar', ''), false);
  assert.equal(of('REGEXP', 'foobar', '('), false);
  assert.equal(of('REGEXP', null, 'a'), null);
  assert.equal(of('REGEXP_REPLACE', 'foobar', 'oo|ar', '$1'), 'f$1b$1');
  assert.equal(of('REGEXP_REPLACE', 'a', '(', ''), null);
  assert.equal(of('REGEXP_COUNT', 'abcabc', '[ac]'), 4);
  assert.equal(of('REGEXP_INSTR', 'xab', 'ab'), 2);
  assert.equal(of('REGEXP_INSTR', 'xab', 'z'), 0);
  assert.equal(of('REGEXP_SUBSTR', 'xab', '[a-b]+'), 'ab');
  assert.deepEqual(of('REGEXP_EXTRACT_ALL', 'a1b2', '([a-z])(\\d)', 2), ['1', '2']);
  assert.deepEqual(of('REGEXP_EXTRACT_ALL', 'a1b2', 'x(y)'), []);
  assert.equal(of('REGEXP_EXTRACT_ALL', 'a1b2', 'a', 3), null);
});

test('Java writes regular expressions in ways of its own', () => {
  const cases: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
    ['^\\d$', '٣', false],
    ['^\\s$', '\u00a0', false],
    ['^\\w+$', 'a_1', true],
    ['^\\S$', '\u00a0', true],
    ['^a.b$', 'a\u0085b', false],
    ['(?s)^a.b$', 'a\nb', true],
    ['a$', 'a\n', true],
    ['a\\z', 'a\n', false],
    ['a\\Z', 'a\r\n', true],
    ['\\Aa', 'ba', false],
    ['(?m)^b$', 'a\nb\nc', true],
    ['^b$', 'a\nb\nc', false],
    ['(?i)ABC', 'xabc', true],
    ['a(?i)BC', 'abc', true],
    ['a(?i:b)C', 'aBc', false],
    ['\\Qa.b\\E+', 'a.bb', true],
    ['^\\p{Alpha}\\p{Punct}$', 'a-', true],
    ['^\\p{Lower}$', 'ä', false],
    ['^\\p{Ll}$', 'ä', true],
    ['^\\pL$', 'ä', true],
    ['^\\p{IsLatin}$', 'ä', true],
    ['^\\p{IsAlphabetic}$', '1', false],
    ['^[a-z&&[^bc]]+$', 'ad', true],
    ['^[a-z&&[^bc]]+$', 'ab', false],
    ['^[a[x-z]]+$', 'ay', true],
    ['^[\\d-]+$', '1-2', true],
    ['^[-a]+$', 'a-', true],
    ['^[]a]+$', ']a', true],
    ['^[^\\D]$', '5', true],
    ['^a]}$', 'a]}', true],
    ['^\\x41\\u0042\\x{43}\\0104\\t\\e$', 'ABCD\t\u001b', true],
    ['^\\-\\"\\/\\@$', '-"/@', true],
    ['^(?<one>a)\\k<one>\\1$', 'aaa', true],
    ['^a{2,3}?b$', 'aab', true],
    ['^.$', '😀', true],
    ['^[/(){}|&]+$', '/(){}|&', true],
    ['\\bfoo\\b', 'a foo b', true],
    ['(?<=a)b(?!c)', 'abd', true],
    ['(?<=a)b(?!c)', 'abc', false],
    ['^\\R\\h$', '\r\n\t', true],
  ];
  for (const [pattern, text, matches] of cases)
    assert.equal(javaRegex(pattern)?.test(text), matches, `${pattern} on ${JSON.stringify(text)}`);
});

test('what Java refuses is no expression, and what JavaScript cannot say is named', () => {
  for (const pattern of ['(', ')', 'a{', '*', '\\y', '[a', '\\p{Nope}', '(?<1a>x)', '\\'])
    assert.equal(javaRegex(pattern), undefined, pattern);
  for (const [pattern, what] of [
    ['a++', 'possessive'],
    ['(?>a)', 'atomic'],
    ['(?x)a b', 'flag "x"'],
    ['\\Ga', '\\\\G'],
    ['\\p{InGreek}', 'block'],
    ['a|b(?i)c', 'flags in the middle'],
  ] as const)
    assert.throws(() => javaRegex(pattern), new RegExp(`EXPRESSION_FAILED.*${what}`), pattern);
});
