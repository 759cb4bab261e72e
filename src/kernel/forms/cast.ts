/**
 * CAST and TRY_CAST. Numbers are converted as Java converts them: integers keep
 * their low bits, doubles are cut off and held within the range of the integer. Text that is no value of the target
 * fails a CAST and makes a TRY_CAST NULL. Nested values are cast part by part (`cast-nested.ts`).
 */

import { describeType, LogicalType, sameType, storageOf } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import { type ExpressionForm, untypable } from '../expression-form.ts';
import { decimalOfDouble, decimalText, parseDecimal, powerOfTen } from '../decimal-values.ts';
import { type DecimalType, decimalOf, isNumeric, withNull } from '../numeric-types.ts';
import { failed, isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';
import {
  doubleText,
  fitBytes,
  fitText,
  floatText,
  parseBoolean,
  parseDouble,
  parseInteger,
  strictUtf8Text,
} from '../text-values.ts';
import { narrow } from './arithmetic.ts';
import { castNested, type CastOptions, isNestedCast, nestedParts } from './cast-nested.ts';
import {
  isInterval,
  isTemporal,
  isTemporalCast,
  needsZone,
  temporalCast,
  temporalParser,
  temporalText,
} from './cast-time.ts';
import { checked } from './decimal.ts';
import { promote } from './promote.ts';

export const cast: ExpressionForm<'cast'> = {
  typeOf: (node, scope) => {
    const from = scope.typeOf(node.input);
    if (!castable(from, node.type)) throw untypable('CAST', [from, node.type], 'Cast by way of a type that both know.');
    if (node.zone === undefined && mentionsZone(from, node.type))
      throw untypable('CAST without a time zone', [from, node.type], 'Give the time zone of the session.');
    const failsToNull = node.onFailure === 'null' && isFallible(from, node.type);
    return withNull(node.type, from.nullable || failsToNull || mayExceed(from, node.type));
  },
  generate: (node, type, code) => castOperand(code.generate(node.input), type, node, code),
  operands: (node) => [node.input],
};

function castOperand(input: Operand, type: LogicalType, options: CastOptions, code: ScalarCode): Operand {
  if (input.type.kind === 'null') return { text: code.zero(type), isNull: 'true', type };
  if (isNestedCast(input.type, type)) return castNested(input, type, options, code, castOperand);
  if (storageOf(input.type) === 'utf8' && storageOf(type) !== 'utf8') return parsed(input, type, options, code);
  if (storageOf(input.type) === 'bytes' && storageOf(type) === 'utf8') return decoded(input, type, options, code);
  if (type.kind === 'decimal') return toDecimal(input, type, options.onFailure, code);
  return code.strict([input], type, () => convert(input, type, options.zone, code));
}

/** Whether values are read: text as what is no text, bytes as text, or something so inside nested values. */
function isFallible(from: LogicalType, to: LogicalType): boolean {
  const [source, target] = [storageOf(from), storageOf(to)];
  if (source === 'utf8') return target !== 'utf8' && target !== 'bytes';
  return (source === 'bytes' && target === 'utf8') || isNestedCast(from, to);
}

function castable(from: LogicalType, to: LogicalType): boolean {
  if (from.kind === 'null' || sameType(withNull(from, true), withNull(to, true))) return true;
  const parts = nestedParts(from, to);
  if (parts !== undefined) return parts.every(([part, wanted]) => castable(part, wanted));
  if (isTemporalCast(from, to)) return true;
  if (isInterval(from)) return storageOf(to) === 'utf8' || isInteger(to) || to.kind === 'bigint';
  if (isInterval(to)) return isInteger(from) || from.kind === 'bigint';
  if (isTemporal(from)) return storageOf(to) === 'utf8';
  if (isTemporal(to)) return storageOf(from) === 'utf8';
  const bytes = storageOf(from) === 'bytes';
  if (bytes || storageOf(to) === 'bytes')
    return storageOf(bytes ? to : from) === 'utf8' || storageOf(from) === storageOf(to);
  const known = (type: LogicalType): boolean =>
    isNumeric(type) || type.kind === 'boolean' || storageOf(type) === 'utf8';
  return known(from) && known(to);
}

/** Whether a cast, or that of a part, has to know the zone of the session. */
function mentionsZone(from: LogicalType, to: LogicalType): boolean {
  const parts = nestedParts(from, to);
  return parts === undefined ? needsZone(from, to) : parts.some(([part, wanted]) => mentionsZone(part, wanted));
}

function convert(input: Operand, type: LogicalType, zone: string | undefined, code: ScalarCode): string {
  const from = input.type.kind;
  if (storageOf(type) === 'utf8') return fit(toText(input, zone, code), type, input.type, code);
  if (isTemporal(type)) return among(input, type, zone, code);
  if (storageOf(type) === 'bytes') return fitted(input.text, type, code);
  if (from === type.kind) return input.text;
  if (isInterval(input.type) || isInterval(type)) return reinterpreted(input, type, code);
  if (input.type.kind === 'decimal' && (type.kind === 'bigint' || isInteger(type)))
    return fromDecimal(input, input.type.scale, type, code);
  if (type.kind === 'boolean') return `(${input.text} != 0)`;
  if (from === 'boolean') return `(${input.text} ? ${one(type, code)} : ${code.zero(type)})`;
  if (type.kind === 'float' || type.kind === 'double') return promote(input, type, code);
  if (from === 'float' || from === 'double') return fromDouble(input.text, type, code);
  if (type.kind === 'bigint') return promote(input, type, code);
  return narrow(from === 'bigint' ? lowBits(input.text, code) : input.text, type);
}

/** Bytes as text, which they may not be. */
function decoded(input: Operand, type: LogicalType, { onFailure }: CastOptions, code: ScalarCode): Operand {
  const finish = (text: string): string => fit(text, type, input.type, code);
  if (onFailure === 'fail') return code.strict([input], type, () => finish(`${code.bind(textOrFail)}(${input.text})`));
  return code.partial([input], type, {
    compute: () => `${code.bind(strictUtf8Text)}(${input.text})`,
    absent: (value) => `${value} === undefined`,
    finish,
  });
}

function textOrFail(bytes: Uint8Array): string {
  return (
    strictUtf8Text(bytes) ?? failed('Bytes that are no UTF-8 cannot be cast to text. MAKE_VALID_UTF8 reads them all.')
  );
}

/** Intervals are integers of months or milliseconds. */
function reinterpreted(input: Operand, type: LogicalType, code: ScalarCode): string {
  const plain = (of: LogicalType): LogicalType =>
    isInterval(of) ? (storageOf(of) === 'long' ? LogicalType.bigint() : LogicalType.int()) : of;
  return convert({ ...input, type: plain(input.type) }, plain(type), undefined, code);
}

/** A temporal value as one of another type. */
function among(input: Operand, type: LogicalType, zone: string | undefined, code: ScalarCode): string {
  if (sameType(withNull(input.type, true), withNull(type, true))) return input.text;
  const value = `${code.bind(temporalCast(input.type, type, zone))}(${input.text})`;
  return isLongForm(type) ? code.integer(value) : value;
}

/** Bytes cut to a length, and filled up with zeros where the type is of a fixed one. */
function fitted(text: string, type: LogicalType, code: ScalarCode): string {
  return 'length' in type && type.length < INT_MAX
    ? `${code.bind(fitBytes)}(${text}, ${type.length}, ${type.kind === 'binary'})`
    : text;
}

function isInteger(type: LogicalType): boolean {
  return type.kind === 'tinyint' || type.kind === 'smallint' || type.kind === 'int';
}

function one(type: LogicalType, code: ScalarCode): string {
  return storageOf(type) === 'long' && code.form === 'exact' ? '1n' : '1';
}

function lowBits(text: string, code: ScalarCode): string {
  return code.form === 'exact' ? `Number(BigInt.asIntN(32, ${text}))` : `(${text} | 0)`;
}

const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

/** Whether a cast to a decimal may make it NULL because there are too many digits. */
function mayExceed(from: LogicalType, to: LogicalType): boolean {
  if (to.kind !== 'decimal') return false;
  if (from.kind === 'boolean') return to.precision === to.scale;
  const known = decimalOf(from);
  if (known === undefined) return true;
  // Rounding may add a digit.
  const rounding = known.scale > to.scale ? 1 : 0;
  return known.precision - known.scale + rounding > to.precision - to.scale;
}

function toDecimal(input: Operand, type: DecimalType, onFailure: 'fail' | 'null', code: ScalarCode): Operand {
  const { precision, scale } = type;
  if (input.type.kind === 'float' || input.type.kind === 'double') {
    const refused = onFailure === 'fail' ? JSON.stringify(describeType(withNull(type, true))) : 'undefined';
    const limits = `${precision}, ${scale}, ${refused}`;
    return code.partial([input], type, {
      compute: () => `${code.bind(doubleToDecimal)}(${input.text}, ${limits})`,
      absent: (value) => `${value} === undefined`,
      finish: (value) => code.integer(value),
    });
  }
  const compute = (): string =>
    input.type.kind === 'boolean'
      ? `(${input.text} ? ${code.form === 'exact' ? `${powerOfTen(scale)}n` : powerOfTen(scale)} : ${code.zero(type)})`
      : promote(input, type, code);
  return checked([input], type, mayExceed(input.type, type), compute, code);
}

/** Undefined where there are too many digits; `refused` is the type that what is no number is refused by. */
function doubleToDecimal(
  value: number,
  precision: number,
  scale: number,
  refused: string | undefined,
): bigint | undefined {
  if (refused !== undefined && !Number.isFinite(value)) refuse(String(value), refused);
  return decimalOfDouble(value, precision, scale);
}

/** The integer part of a decimal, with the low bits where it has more than 64. */
function fromDecimal(input: Operand, scale: number, type: LogicalType, code: ScalarCode): string {
  const power = powerOfTen(scale);
  if (code.form === 'exact') {
    const whole = scale === 0 ? input.text : `(${input.text} / ${power}n)`;
    return type.kind === 'bigint' ? code.long(whole) : narrow(lowBits(whole, code), type);
  }
  // The quotient of two doubles below 2^53 never rounds up to the next integer.
  const whole = scale === 0 ? input.text : `(Math.trunc(${input.text} / ${power}) + 0)`;
  return type.kind === 'bigint' ? whole : narrow(lowBits(whole, code), type);
}

/** A double becomes an INT first on its way to the smaller integers. NaN becomes 0. */
function fromDouble(text: string, type: LogicalType, code: ScalarCode): string {
  if (type.kind !== 'bigint') return narrow(`(Math.min(Math.max(${text}, ${INT_MIN}), ${INT_MAX}) | 0)`, type);
  if (code.form === 'exact') return `${code.bind(doubleToLong)}(${text})`;
  const value = code.keep(text);
  return code.long(`(${value} === ${value} ? Math.trunc(${value}) : 0)`);
}

function doubleToLong(value: number): bigint {
  if (value !== value) return 0n;
  if (value >= 2 ** 63) return LONG_MAX;
  return value <= -(2 ** 63) ? LONG_MIN : BigInt(Math.trunc(value));
}

function toText(input: Operand, zone: string | undefined, code: ScalarCode): string {
  switch (input.type.kind) {
    case 'boolean':
      return `(${input.text} ? 'TRUE' : 'FALSE')`;
    case 'double':
      return `${code.bind(doubleText)}(${input.text})`;
    case 'float':
      return `${code.bind(floatText)}(${input.text})`;
    case 'decimal':
      return `${code.bind(decimalText)}(${input.text}, ${input.type.scale})`;
    default:
      if (storageOf(input.type) === 'utf8') return input.text;
      return isTemporal(input.type) || isInterval(input.type)
        ? `${code.bind(temporalText(input.type, zone))}(${input.text})`
        : `String(${input.text})`;
  }
}

/** CHAR(n) is filled up, VARCHAR(n) cut. */
function fit(text: string, type: LogicalType, from: LogicalType, code: ScalarCode): string {
  if (!('length' in type)) return text;
  const short = type.length >= LONGEST_SCALAR && storageOf(from) !== 'utf8' && storageOf(from) !== 'bytes';
  return type.kind === 'varchar' && (short || type.length === INT_MAX)
    ? text
    : `${code.bind(fitText)}(${text}, ${type.length}, ${type.kind === 'char'})`;
}

/** What is neither text nor bytes has no longer text. */
const LONGEST_SCALAR = 48;

/** Text as a value that is no text. */
function parsed(input: Operand, type: LogicalType, { onFailure, zone }: CastOptions, code: ScalarCode): Operand {
  if (storageOf(type) === 'bytes')
    return code.strict([input], type, () => fitted(`${code.bind(utf8Bytes)}(${input.text})`, type, code));
  const value = code.fresh('v');
  const isNull = code.fresh('n');
  code.line(`let ${value} = ${code.zero(type)}, ${isNull} = ${input.isNull ?? 'false'};`);
  if (input.isNull !== undefined) code.line(`if (!${isNull}) {`);
  const text = code.keep(input.text);
  const result = code.keep(parse(text, type, zone, code));
  code.line(`if (${result} === undefined) {`);
  code.line(
    onFailure === 'null'
      ? `${isNull} = true;`
      : `${code.bind(refuse)}(${text}, ${JSON.stringify(describeType(withNull(type, true)))});`,
  );
  code.line('} else {');
  code.line(`${value} = ${fromParsed(result, type, code)};`);
  code.line('}');
  if (input.isNull !== undefined) code.line('}');
  return { text: value, isNull: input.isNull === undefined && onFailure === 'fail' ? undefined : isNull, type };
}

function parse(text: string, type: LogicalType, zone: string | undefined, code: ScalarCode): string {
  if (isTemporal(type)) return `${code.bind(temporalParser(type, zone))}(${text})`;
  switch (type.kind) {
    case 'boolean':
      return `${code.bind(parseBoolean)}(${text})`;
    case 'float':
    case 'double':
      return `${code.bind(parseDouble)}(${text})`;
    case 'decimal':
      return `${code.bind(parseDecimal)}(${text}, ${type.precision}, ${type.scale})`;
    case 'bigint':
      return `${code.bind(parseInteger)}(${text}, ${LONG_MIN}n, ${LONG_MAX}n)`;
    case 'tinyint':
      return `${code.bind(parseInteger)}(${text}, -128, 127)`;
    case 'smallint':
      return `${code.bind(parseInteger)}(${text}, -32768, 32767)`;
    default:
      return `${code.bind(parseInteger)}(${text}, ${INT_MIN}, ${INT_MAX})`;
  }
}

function fromParsed(result: string, type: LogicalType, code: ScalarCode): string {
  if (type.kind === 'boolean' || type.kind === 'double') return result;
  if (type.kind === 'float') return `Math.fround(${result})`;
  return isLongForm(type) ? code.integer(result) : `Number(${result})`;
}

function refuse(text: string, type: string): never {
  failed(`${JSON.stringify(text)} cannot be cast to ${type}.`);
}
