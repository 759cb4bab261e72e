/** Records in error messages and samples: short, on one line, and never a failure of their own. */

const DEPTH_MAX = 3;
const FIELDS_MAX = 12;
const TEXT_MAX = 64;
const LENGTH_MAX = 300;

export function describeRecord(value: unknown): string {
  try {
    const text = describe(value, 0);
    return text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX)}…` : text;
  } catch {
    return 'a record that cannot be printed';
  }
}

function describe(value: unknown, depth: number): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? '[…]' : '{…}';
  if (Array.isArray(value))
    return `[${shorten(value.slice(0, FIELDS_MAX + 1).map((item) => describe(item, depth + 1)))}]`;
  if (value instanceof Map) return `Map(${value.size})`;
  if (value instanceof Set) return `Set(${value.size})`;
  const name = value.constructor?.name;
  const fields = Object.entries(value)
    .slice(0, FIELDS_MAX + 1)
    .map(([key, field]) => `${key}: ${describe(field, depth + 1)}`);
  return `${name === undefined || name === 'Object' ? '' : `${name} `}{ ${shorten(fields)} }`;
}

function shorten(parts: readonly string[]): string {
  return parts.length > FIELDS_MAX ? `${parts.slice(0, FIELDS_MAX).join(', ')}, …` : parts.join(', ');
}
