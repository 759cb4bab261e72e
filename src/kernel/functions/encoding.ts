/** Text and bytes in other writings: base64, charsets, digests, URLs. */

import { type DigestAlgorithm, hexDigest } from '../../base/digest.ts';
import { LogicalType } from '../../data/schema.ts';
import { utf8Bytes, utf8Text } from '../../data/text.ts';
import { failed } from '../scalar-code.ts';
import {
  BYTES,
  INTEGER,
  type Parameter,
  scalarFunction,
  type ScalarFunction,
  STRING,
  TEXT,
} from '../scalar-function.ts';
import { strictUtf8Text } from '../text-values.ts';

const TEXT_OR_BYTES: Parameter = (type) => TEXT(type) || BYTES(type);

function bytesOf(value: string | Uint8Array): Buffer {
  return typeof value === 'string'
    ? Buffer.from(value, 'utf8')
    : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function toBase64(value: string | Uint8Array): string {
  return bytesOf(value).toString('base64');
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function fromBase64(value: string | Uint8Array): string {
  const text = typeof value === 'string' ? value : bytesOf(value).toString('latin1');
  if (!BASE64.test(text)) failed(`${JSON.stringify(text)} is not in base64.`);
  return Buffer.from(text, 'base64').toString('utf8');
}

function digest(algorithm: DigestAlgorithm): ScalarFunction {
  return scalarFunction([TEXT], STRING, () => (text: string) => hexDigest(algorithm, utf8Bytes(text)));
}

const SHA2: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [224, 'sha224'],
  [256, 'sha256'],
  [384, 'sha384'],
  [512, 'sha512'],
]);

function sha2(text: string, bits: number | bigint): string {
  const algorithm = SHA2.get(Number(bits));
  if (algorithm === undefined) return failed(`SHA2 has no digest of ${bits} bits. Take 224, 256, 384 or 512.`);
  return hexDigest(algorithm, utf8Bytes(text));
}

type Charset = 'US-ASCII' | 'ISO-8859-1' | 'UTF-8' | 'UTF-16BE' | 'UTF-16LE' | 'UTF-16';
const CHARSETS: readonly Charset[] = ['US-ASCII', 'ISO-8859-1', 'UTF-8', 'UTF-16BE', 'UTF-16LE', 'UTF-16'];

function charsetOf(name: string): Charset {
  const found = CHARSETS.find((charset) => charset === name.toUpperCase());
  return found ?? failed(`The charset ${JSON.stringify(name)} is unknown. Take one of ${CHARSETS.join(', ')}.`);
}

const SINGLE_BYTE_MOST = { 'US-ASCII': 0x7f, 'ISO-8859-1': 0xff };

function encode(text: string, charset: string): Uint8Array {
  const known = charsetOf(charset);
  switch (known) {
    case 'US-ASCII':
    case 'ISO-8859-1':
      // What the charset lacks becomes a question mark.
      return Uint8Array.from(Array.from(text), (character) => {
        const point = character.codePointAt(0) as number;
        return point > SINGLE_BYTE_MOST[known] ? 0x3f : point;
      });
    case 'UTF-8':
      return Buffer.from(text, 'utf8');
    case 'UTF-16LE':
      return Buffer.from(text, 'utf16le');
    case 'UTF-16BE':
      return Buffer.from(text, 'utf16le').swap16();
    case 'UTF-16':
      return Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
  }
}

function decode(value: Uint8Array, charset: string): string {
  const bytes = Buffer.from(value);
  const known = charsetOf(charset);
  switch (known) {
    case 'US-ASCII':
      return Array.from(bytes, (byte) => (byte > 0x7f ? '\ufffd' : String.fromCharCode(byte))).join('');
    case 'ISO-8859-1':
      return bytes.toString('latin1');
    case 'UTF-8':
      return bytes.toString('utf8');
    case 'UTF-16LE':
      return utf16(bytes);
    case 'UTF-16BE':
      return utf16(swapped(bytes));
    case 'UTF-16':
      if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16(bytes.subarray(2));
      return utf16(swapped(bytes[0] === 0xfe && bytes[1] === 0xff ? bytes.subarray(2) : bytes));
  }
}

function utf16(bytes: Buffer): string {
  return bytes.toString('utf16le') + (bytes.length % 2 === 0 ? '' : '\ufffd');
}

function swapped(bytes: Buffer): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
  return Buffer.concat([even, bytes.subarray(even.length)]);
}

/** A URL as Java takes it apart: of these protocols, without checking more than that. */
const URL_TEXT = /^(https?|ftp|file|jar|mailto):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#([^]*))?$/i;

function urlPart(url: string, part: string): string | undefined {
  const [found, protocol, authority, path = '', query, ref] = URL_TEXT.exec(url.trim()) ?? [];
  if (found === undefined) return undefined;
  const at = authority?.lastIndexOf('@') ?? -1;
  switch (part) {
    case 'HOST':
      return authority?.slice(at + 1).replace(/:\d*$/, '') ?? '';
    case 'PATH':
      return path;
    case 'QUERY':
      return query;
    case 'REF':
      return ref;
    case 'PROTOCOL':
      return protocol?.toLowerCase();
    case 'FILE':
      return query === undefined ? path : `${path}?${query}`;
    case 'AUTHORITY':
      return authority;
    case 'USERINFO':
      return at < 0 ? undefined : authority?.slice(0, at);
    default:
      return undefined;
  }
}

function parseUrl(url: string, part: string, key?: string): string | undefined {
  if (key === undefined) return urlPart(url, part);
  if (part !== 'QUERY') return undefined;
  const found = urlPart(url, part)
    ?.split('&')
    .find((pair) => pair.startsWith(`${key}=`));
  return found?.slice(key.length + 1);
}

/** What a form sends: a space is a plus, and these characters stand for themselves. */
function urlEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function urlDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

export const ENCODING_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  TO_BASE64: scalarFunction([TEXT_OR_BYTES], STRING, () => toBase64),
  FROM_BASE64: scalarFunction([TEXT_OR_BYTES], STRING, () => fromBase64),
  ENCODE: scalarFunction([TEXT, TEXT], LogicalType.bytes(), () => encode),
  DECODE: scalarFunction([BYTES, TEXT], STRING, () => decode),
  IS_VALID_UTF8: scalarFunction(
    [BYTES],
    LogicalType.boolean(),
    () => (bytes: Uint8Array) => strictUtf8Text(bytes) !== undefined,
  ),
  MAKE_VALID_UTF8: scalarFunction([BYTES], STRING, () => utf8Text),
  MD5: digest('md5'),
  SHA1: digest('sha1'),
  SHA224: digest('sha224'),
  SHA256: digest('sha256'),
  SHA384: digest('sha384'),
  SHA512: digest('sha512'),
  SHA2: scalarFunction([TEXT, INTEGER], STRING, () => sha2),
  PARSE_URL: scalarFunction([TEXT, TEXT], STRING, () => parseUrl, { optional: [TEXT], partial: true }),
  URL_ENCODE: scalarFunction([TEXT], STRING, () => urlEncode),
  URL_DECODE: scalarFunction([TEXT], STRING, () => urlDecode, { partial: true }),
};
