/**
 * Functions of text. Places and lengths count code points, except where Flink counts UTF-16 units because it works on
 * Java's strings: OVERLAY, LPAD and RPAD.
 */

import { LogicalType } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import { failed, type Operand, type ScalarCode } from '../scalar-code.ts';
import {
  type CallSite,
  INT,
  INTEGER,
  literalText,
  scalarFunction,
  type ScalarFunction,
  STRING,
  TEXT,
} from '../scalar-function.ts';
import { codePoints, endsWithBytes, nextIndexOf, startsWithBytes } from '../text-values.ts';

const INT_TYPE = LogicalType.int();
const BOOLEAN = LogicalType.boolean();
const LENGTH_MAX = 2 ** 31 - 1;

/** From code point `start` to before `end`, counted from zero. */
function slicePoints(text: string, start: number, end: number): string {
  if (codePoints(text) === text.length) return text.slice(start, end);
  return Array.from(text).slice(start, end).join('');
}

/** Places count from 1, or from the end where they are negative; 0 is 1. */
function substring(text: string, from: number, length: number = LENGTH_MAX): string | undefined {
  if (length < 0) return undefined;
  const count = codePoints(text);
  const start = from > 0 ? from - 1 : from < 0 ? count + from : 0;
  return start < 0 || start >= count ? '' : slicePoints(text, start, start + length);
}

function left(text: string, length: number): string {
  return length <= 0 ? '' : slicePoints(text, 0, length);
}

function right(text: string, length: number): string {
  if (length <= 0) return '';
  const count = codePoints(text);
  return length >= count ? text : slicePoints(text, count - length, count);
}

/** The place of `part` from place `from` on; 0 where it is not. */
function position(part: string, text: string, from: number = 1): number {
  if (text === '') return part === '' ? 1 : 0;
  if (part === '') return 1;
  const skipped = from > 1 ? slicePoints(text, 0, from - 1).length : 0;
  const at = text.indexOf(part, skipped);
  return at < 0 ? 0 : codePoints(text.slice(0, at)) + 1;
}

/** The place of the `nth` occurrence; from the end where `from` is negative. */
function instr(text: string, part: string, from: number = 1, nth: number = 1): number {
  if (nth <= 0) return failed(`The occurrence that INSTR looks for is ${nth}; it must be positive.`);
  if (from === 0) return 0;
  if (from < 0) {
    const behind = instr(reverse(text), reverse(part), -from, nth);
    return behind === 0 ? 0 : codePoints(text) + 2 - behind - codePoints(part);
  }
  let at = 0;
  for (let start = from, i = 0; i < nth; i++, start = at + 1) {
    at = position(part, text, start);
    if (at === 0) return 0;
  }
  return at;
}

/** Cuts characters of a set off the ends. */
function trimmer(atStart: boolean, atEnd: boolean): (text: string, characters?: string) => string {
  return (text, characters = ' ') => {
    const set = new Set(characters);
    const points = Array.from(text);
    let start = 0;
    let end = points.length;
    if (atStart) while (start < end && set.has(points[start] as string)) start++;
    if (atEnd) while (end > start && set.has(points[end - 1] as string)) end--;
    return points.slice(start, end).join('');
  };
}

function reverse(text: string): string {
  return Array.from(text).toReversed().join('');
}

function overlay(text: string, by: string, start: number, length: number = by.length): string {
  if (start <= 0 || start > text.length) return text;
  const rest = start + length <= text.length && length > 0 ? text.slice(start - 1 + length) : '';
  return text.slice(0, start - 1) + by + rest;
}

function padder(atStart: boolean): (text: string, length: number, padding: string) => string | undefined {
  return (text, length, padding) => {
    if (length < 0 || padding === '') return undefined;
    const cut = text.slice(0, length);
    return atStart ? cut.padStart(length, padding) : cut.padEnd(length, padding);
  };
}

/** Words are letters and digits of ASCII; no other letter changes. */
function initcap(text: string): string {
  return text.replaceAll(/[A-Za-z0-9]+/g, (word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());
}

function concatWs(separator: string | null, ...parts: readonly (string | null)[]): string | undefined {
  return separator === null ? undefined : parts.filter((part) => part !== null).join(separator);
}

/** Characters become those at the same place of `to`, or go where that has none. */
function translate(text: string, from: string, to: string): string {
  const targets = Array.from(to);
  const map = new Map<string, string>();
  Array.from(from).forEach((character, place) => {
    if (!map.has(character)) map.set(character, targets[place] ?? '');
  });
  return Array.from(text, (character) => map.get(character) ?? character).join('');
}

/** The part with a number from 0 on, of text cut at a separator: text, or the number of a character up to 255. */
function splitIndex(text: string, separator: string | number, index: number): string | undefined {
  const by = typeof separator === 'number' ? characterOf(separator) : separator;
  if (by === undefined || index < 0 || text === '') return undefined;
  if (by === '') return text.split(/\s/)[index];
  let start = 0;
  for (let i = 0; i < index; i++) {
    const end = text.indexOf(by, start);
    if (end < 0) return undefined;
    start = end + by.length;
  }
  const end = text.indexOf(by, start);
  return text.slice(start, end < 0 ? text.length : end);
}

function characterOf(code: number): string | undefined {
  return code >= 1 && code <= 255 ? String.fromCharCode(code) : undefined;
}

/** The same on bytes, by which only the part becomes a string. */
function splitIndexUtf8(
  buffer: Buffer,
  bytes: Uint8Array,
  from: number,
  to: number,
  separator: Uint8Array,
  index: number,
): string | undefined {
  if (index < 0 || from === to) return undefined;
  let start = from;
  for (let i = 0; i < index; i++) {
    const end = nextIndexOf(bytes, start, to, separator);
    if (end < 0) return undefined;
    start = end + separator.length;
  }
  const end = nextIndexOf(bytes, start, to, separator);
  return buffer.toString('utf8', start, end < 0 ? to : end);
}

function writeSplitIndex([text, , index]: readonly Operand[], site: CallSite, code: ScalarCode): string | undefined {
  const separator = literalText(site, 1);
  if (text?.utf8 === undefined || separator === undefined || separator === '') return undefined;
  const { bytes, buffer, start, end } = text.utf8;
  return `${code.bind(splitIndexUtf8)}(${buffer}, ${bytes}, ${start}, ${end}, ${code.bind(utf8Bytes(separator))}, ${index?.text})`;
}

/** A test against a literal, on bytes where those are at hand. */
function writeAffix(test: (bytes: Uint8Array, start: number, end: number, affix: Uint8Array) => boolean) {
  return ([text]: readonly Operand[], site: CallSite, code: ScalarCode): string | undefined => {
    const affix = literalText(site, 1);
    if (text?.utf8 === undefined || affix === undefined || !affix.isWellFormed()) return undefined;
    const { bytes, start, end } = text.utf8;
    return `${code.bind(test)}(${bytes}, ${start}, ${end}, ${code.bind(utf8Bytes(affix))})`;
  };
}

function elt(index: number | bigint, ...texts: readonly (string | null)[]): string | undefined {
  const place = Number(index);
  return place < 1 ? undefined : (texts[place - 1] ?? undefined);
}

/** A number as text, as Java would parse it. */
const DECIMAL = /^\s*[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?)\s*$/;

const texts = (count: number): readonly (typeof TEXT)[] => new Array<typeof TEXT>(count).fill(TEXT);

/** As many texts as a call may reasonably have. */
const OPERANDS_MAX = 255;

function substringOf(): ScalarFunction {
  return scalarFunction([TEXT, INT], STRING, () => substring, { optional: [INT], partial: true });
}

function isAny(pattern: RegExp): ScalarFunction {
  return scalarFunction([TEXT], BOOLEAN, () => (text: string | null) => text !== null && pattern.test(text), {
    takesNull: true,
  });
}

export const TEXT_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  SUBSTRING: substringOf(),
  SUBSTR: substringOf(),
  LEFT: scalarFunction([TEXT, INT], STRING, () => left),
  RIGHT: scalarFunction([TEXT, INT], STRING, () => right),
  POSITION: scalarFunction([TEXT, TEXT], INT_TYPE, () => position, { optional: [INT] }),
  LOCATE: scalarFunction([TEXT, TEXT], INT_TYPE, () => position, { optional: [INT] }),
  INSTR: scalarFunction([TEXT, TEXT], INT_TYPE, () => instr, { optional: [INT, INT] }),
  BTRIM: scalarFunction([TEXT], STRING, () => trimmer(true, true), { optional: [TEXT] }),
  LTRIM: scalarFunction([TEXT], STRING, () => trimmer(true, false), { optional: [TEXT] }),
  RTRIM: scalarFunction([TEXT], STRING, () => trimmer(false, true), { optional: [TEXT] }),
  REPLACE: scalarFunction(
    texts(3),
    STRING,
    () => (text: string, part: string, by: string) => text.replaceAll(part, () => by),
  ),
  OVERLAY: scalarFunction([TEXT, TEXT, INT], STRING, () => overlay, { optional: [INT] }),
  LPAD: scalarFunction([TEXT, INT, TEXT], STRING, () => padder(true), { partial: true }),
  RPAD: scalarFunction([TEXT, INT, TEXT], STRING, () => padder(false), { partial: true }),
  REPEAT: scalarFunction([TEXT, INT], STRING, () => (text: string, times: number) => text.repeat(Math.max(times, 0))),
  REVERSE: scalarFunction([TEXT], STRING, () => reverse),
  INITCAP: scalarFunction([TEXT], STRING, () => initcap),
  CONCAT_WS: scalarFunction([TEXT, TEXT], STRING, () => concatWs, {
    optional: texts(OPERANDS_MAX),
    partial: true,
    takesNull: true,
  }),
  TRANSLATE: scalarFunction(texts(3), STRING, () => translate),
  SPLIT_INDEX: scalarFunction([TEXT, (type) => TEXT(type) || INT(type), INT], STRING, () => splitIndex, {
    partial: true,
    write: writeSplitIndex,
  }),
  SPLIT: scalarFunction(
    texts(2),
    LogicalType.array(LogicalType.notNull(STRING)),
    () => (text: string, by: string) => (by === '' ? Array.from(text) : text.split(by)),
  ),
  ASCII: scalarFunction([TEXT], INT_TYPE, () => (text: string) => ((utf8Bytes(text)[0] ?? 0) << 24) >> 24),
  CHR: scalarFunction(
    [INTEGER],
    STRING,
    () => (code: number | bigint) => (code < 0 ? '' : String.fromCharCode(Number(BigInt(code) & 0xffn))),
  ),
  STARTSWITH: scalarFunction(texts(2), BOOLEAN, () => (text: string, part: string) => text.startsWith(part), {
    write: writeAffix(startsWithBytes),
  }),
  ENDSWITH: scalarFunction(texts(2), BOOLEAN, () => (text: string, part: string) => text.endsWith(part), {
    write: writeAffix(endsWithBytes),
  }),
  ELT: scalarFunction(
    [INTEGER, TEXT],
    STRING,
    () =>
      (index: number | bigint | null, ...all: (string | null)[]) =>
        index === null ? undefined : elt(index, ...all),
    { optional: texts(OPERANDS_MAX), partial: true, takesNull: true },
  ),
  IS_ALPHA: isAny(/^\p{L}+$/u),
  IS_DIGIT: isAny(/^\p{Nd}+$/u),
  IS_DECIMAL: isAny(DECIMAL),
};
