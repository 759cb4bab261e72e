/**
 * A portrait of a value: text that two values share exactly when nothing can tell them apart that should survive an
 * edge. Objects are numbered when first met, so sharing and cycles show; so do -0, holes, the order of fields, and
 * prototypes.
 */

export function portrait(value: unknown): string {
  return draw(value, new Map());
}

function draw(value: unknown, met: Map<object, number>): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const known = met.get(value);
  if (known !== undefined) return `#${known}`;
  met.set(value, met.size);
  return `#${met.get(value)}=${drawObject(value, met)}`;
}

function text(value: string): string {
  return `'${[...value].length}:${Array.from({ length: value.length }, (_, i) => value.charCodeAt(i).toString(16)).join(' ')}'`;
}

function drawObject(value: object, met: Map<object, number>): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const type = prototype === null ? 'bare' : (prototype.constructor as { name: string }).name;
  if (Array.isArray(value)) {
    const items = Array.from(value, (item: unknown, i) => (i in value ? draw(item, met) : 'hole'));
    return `${type}[${items.join(',')}]`;
  }
  if (value instanceof Date) return `${type}(${value.getTime()})`;
  if (value instanceof RegExp) return `${type}(${text(value.source)}/${value.flags}@${value.lastIndex})`;
  if (value instanceof Map)
    return `${type}{${[...value].map(([key, item]) => `${draw(key, met)}=>${draw(item, met)}`).join(',')}}`;
  if (value instanceof Set) return `${type}{${[...value].map((item) => draw(item, met)).join(',')}}`;
  if (value instanceof ArrayBuffer) return `${type}(${Buffer.from(value).toString('hex')})`;
  if (ArrayBuffer.isView(value))
    return `${type}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')})`;
  const names = value instanceof Error ? Object.getOwnPropertyNames(value).toSorted() : Object.keys(value);
  const fields = names.map((name) => `${text(name)}:${draw((value as Record<string, unknown>)[name], met)}`);
  return `${type}{${fields.join(',')}}`;
}
