/** What a value is taken to need in memory. An estimate that looks at a few parts of what is large. */

const STRING_BYTES = 24;
const OBJECT_BYTES = 32;
const FIELD_BYTES = 8;
const DOUBLE_BYTES = 16;
const ENTRY_BYTES = 48;
const OTHER_BYTES = 128;

/** Items that are looked at; the others are taken to be like them. */
const SAMPLE = 8;
const DEPTH_MAX = 6;

export function sizeOf(value: unknown, depth = 0): number {
  switch (typeof value) {
    case 'number':
      return (value | 0) === value ? 0 : DOUBLE_BYTES;
    case 'string':
      return STRING_BYTES + value.length;
    case 'bigint':
      return OBJECT_BYTES;
    case 'object':
      return value === null ? 0 : sizeOfObject(value, depth + 1);
    default:
      return 0;
  }
}

function sizeOfObject(value: object, depth: number): number {
  if (depth > DEPTH_MAX) return OBJECT_BYTES;
  if (Array.isArray(value)) {
    return OBJECT_BYTES + FIELD_BYTES * value.length + sampled(value, value.length, depth);
  }
  if (ArrayBuffer.isView(value)) return OTHER_BYTES + value.byteLength;
  if (value instanceof Map) {
    return (
      OTHER_BYTES +
      ENTRY_BYTES * value.size +
      sampled(value.keys(), value.size, depth) +
      sampled(value.values(), value.size, depth)
    );
  }
  if (value instanceof Set) return OTHER_BYTES + ENTRY_BYTES * value.size + sampled(value, value.size, depth);
  let bytes = OBJECT_BYTES;
  for (const name in value) bytes += FIELD_BYTES + sizeOf((value as Record<string, unknown>)[name], depth);
  return bytes;
}

/** The size of all items, from the first few. */
function sampled(items: Iterable<unknown>, count: number, depth: number): number {
  if (count === 0) return 0;
  let bytes = 0;
  let looked = 0;
  for (const item of items) {
    bytes += sizeOf(item, depth);
    if (++looked === SAMPLE) break;
  }
  return (bytes / looked) * count;
}
