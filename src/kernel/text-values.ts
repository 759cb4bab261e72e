/** What generated code does with text and bytes, and how numbers become text and back. */

/** By code points, which is the order of the UTF-8 bytes. Negative, zero or positive. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const SURROGATES_START = 0xd800;
const SURROGATES_END = 0xdfff;

/** A UTF-16 unit where it belongs among code points: surrogates stand for the highest ones. */
function rank(unit: number): number {
  return unit >= SURROGATES_START && unit <= SURROGATES_END ? unit + 0x10000 : unit;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether a stretch of bytes is these bytes. */
export function equalsBytes(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  const length = other.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}

/** Whether two stretches of bytes are equal. */
export function equalsRange(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const length = aEnd - aStart;
  if (bEnd - bStart !== length) return false;
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

/** Where a needle begins in a stretch of bytes; -1 where it does not. */
export function nextIndexOf(bytes: Uint8Array, start: number, end: number, needle: Uint8Array): number {
  const { length } = needle;
  if (length === 0) return start;
  const first = needle[0];
  for (let i = start, last = end - length; i <= last; i++)
    if (bytes[i] === first && (length === 1 || equalsBytes(bytes, i, i + length, needle))) return i;
  return -1;
}

export function startsWithBytes(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  return end - start >= prefix.length && equalsBytes(bytes, start, start + prefix.length, prefix);
}

export function endsWithBytes(bytes: Uint8Array, start: number, end: number, suffix: Uint8Array): boolean {
  return end - start >= suffix.length && equalsBytes(bytes, end - suffix.length, end, suffix);
}

/** Text that stands for itself, in a regular expression. */
export function regexQuoted(text: string): string {
  return text.replaceAll(/[\^$\\.*+?()[\]{}|/]/g, String.raw`\$&`);
}

/** Characters as SQL counts them: code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The second half of a pair does not count.
    if (unit >= 0xdc00 && unit <= SURROGATES_END) count--;
  }
  return count;
}

/** The same of text in UTF-8: the bytes that do not continue a character. */
export function codePointsUtf8(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) count++;
  return count;
}

/** Text cut to a number of code points, and filled up with spaces where `pad` says so. */
export function fitText(text: string, length: number, pad: boolean): string {
  const count = text.length <= length && !pad ? 0 : codePoints(text);
  if (count > length) return Array.from(text).slice(0, length).join('');
  return pad ? text + ' '.repeat(length - count) : text;
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that bytes are in UTF-8; undefined where they are none. */
export function strictUtf8Text(bytes: Uint8Array): string | undefined {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes cut to a length, and filled up with zeros where `pad` says so. */
export function fitBytes(bytes: Uint8Array, length: number, pad: boolean): Uint8Array {
  if (bytes.length >= length || !pad) return bytes.subarray(0, length);
  const filled = new Uint8Array(length);
  filled.set(bytes);
  return filled;
}

/** Doubles between these are written without an exponent. */
const PLAIN_LEAST = 1e-3;
const PLAIN_MOST = 1e7;

/** A double as Java writes it: `1.0`, `0.001`, `1.0E7`. The digits are the fewest that stand for the value. */
export function doubleText(value: number): string {
  return javaText(value, (magnitude) => magnitude.toString());
}

/** The same for a double that was rounded to 32 bits. */
export function floatText(value: number): string {
  return javaText(value, (magnitude) => {
    for (let digits = 1; digits < FLOAT_DIGITS_MAX; digits++) {
      const text = magnitude.toPrecision(digits);
      if (Math.fround(Number(text)) === magnitude) return Number(text).toString();
    }
    return Number(magnitude.toPrecision(FLOAT_DIGITS_MAX)).toString();
  });
}

/** As many digits tell any two values of 32 bits apart. */
const FLOAT_DIGITS_MAX = 9;

function javaText(value: number, shortest: (magnitude: number) => string): string {
  if (value !== value) return 'NaN';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return `${sign}Infinity`;
  if (magnitude === 0) return `${sign}0.0`;
  const [digits, exponent] = decimalDigits(shortest(magnitude));
  if (magnitude >= PLAIN_LEAST && magnitude < PLAIN_MOST) return sign + plain(digits, exponent);
  return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
}

/** The significant digits of a number's text, and the power of ten of the first of them. */
function decimalDigits(text: string): readonly [string, number] {
  const [mantissa = '', power = '0'] = text.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = whole + fraction;
  const leading = all.length - all.replace(/^0+/, '').length;
  return [all.slice(leading).replace(/0+$/, '') || '0', Number(power) + whole.length - 1 - leading];
}

function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const INTEGER_TEXT = /^[+-]?\d+(?:\.\d*)?$/;
const DOUBLE_TEXT = /^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;

/** Text as an integer between two bounds; decimals are cut off. Undefined where it is none. */
export function parseInteger(text: string, least: number | bigint, most: number | bigint): bigint | undefined {
  const trimmed = text.trim();
  if (!INTEGER_TEXT.test(trimmed)) return undefined;
  const [whole = ''] = trimmed.split('.');
  const value = BigInt(whole.startsWith('+') ? whole.slice(1) : whole);
  return value >= least && value <= most ? value : undefined;
}

export function parseDouble(text: string): number | undefined {
  const trimmed = text.trim();
  return DOUBLE_TEXT.test(trimmed) ? Number(trimmed) : undefined;
}

const TRUE_TEXTS = ['true', 't', 'yes', 'y', '1'];
const FALSE_TEXTS = ['false', 'f', 'no', 'n', '0'];

export function parseBoolean(text: string): boolean | undefined {
  const lower = text.trim().toLowerCase();
  if (TRUE_TEXTS.includes(lower)) return true;
  return FALSE_TEXTS.includes(lower) ? false : undefined;
}
