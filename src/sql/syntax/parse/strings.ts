/** The escapes of strings: `U&'\00e4'` and `E'\n'`. */

const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** `\xxxx` and `\+xxxxxx` by code, a doubled escape by itself. `undefined` when an escape is malformed. */
export function decodeUnicode(text: string, escape: string): string | undefined {
  let result = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== escape) {
      result += text[at++];
    } else if (text[at + 1] === escape) {
      result += escape;
      at += 2;
    } else {
      const long = text[at + 1] === '+';
      const digits = long ? text.slice(at + 2, at + 8) : text.slice(at + 1, at + 5);
      const code = codeOf(digits, long ? 6 : 4);
      if (code === undefined) return undefined;
      result += code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
      at += long ? 8 : 5;
    }
  }
  return result;
}

/** C's escapes: letters, up to three octal digits, `\xHH`, `\uHHHH`, `\UHHHHHHHH`; any other character is itself. */
export function decodeC(text: string): string | undefined {
  let malformed = false;
  const result = text.replaceAll(
    /\\(?:u([\dA-Fa-f]{0,4})|U([\dA-Fa-f]{0,8})|x([\dA-Fa-f]{1,2})|([0-7]{1,3})|([^]))/g,
    (_, short?: string, long?: string, hex?: string, octal?: string, other?: string) => {
      if (other !== undefined) return ESCAPED[other] ?? other;
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      const code = codeOf(short ?? long ?? '', short === undefined ? 8 : 4);
      malformed ||= code === undefined;
      return code === undefined ? '' : code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
    },
  );
  return malformed ? undefined : result;
}

function codeOf(digits: string, length: number): number | undefined {
  if (digits.length !== length || !/^[\dA-Fa-f]+$/.test(digits)) return undefined;
  const code = Number.parseInt(digits, 16);
  return code > 0x10ffff ? undefined : code;
}
