/**
 * What the values of a column look like, found by looking at all of them: the schema under which they become columns.
 *
 * At every place of a value there are *alternatives* (a number, a text, an object with fields, …) and kinds of *absence*
 * (null, undefined, a field that is not there). One alternative with at most one kind of absence is a plain column;
 * more are a union. What no column can hold exactly is an alternative of its own: bytes of the structured codec.
 */

import type { TypeRegistry } from '../../data/type-registry.ts';
import { VALUE_DEPTH_MAX, VIEWS } from '../../data/value-tags.ts';

export type Absence = 'null' | 'undefined' | 'missing';

/** Stands for a field that an object does not have. */
export const MISSING: unique symbol = Symbol('missing');

/** Objects with more names than this are tables rather than records: they become columns of names and values. */
const FIELDS_MAX = 128;

/** What is nested deeper becomes bytes. */
const DEPTH_MAX = 16;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

export const OPAQUE = 'opaque';

/** By prototype: the name of a view, and whether its elements are bytes. */
const VIEW_NAMES = new Map<object, string>(
  VIEWS.map(({ prototype }) => [prototype, (prototype as { constructor: { name: string } }).constructor.name]),
);
const BYTE_VIEWS: readonly string[] = ['Uint8Array', 'Uint8ClampedArray', 'Buffer', 'DataView'];

/** One thing that a value can be. */
export interface Alternative {
  /** What {@link alternativeOf} gives: `number`, `object`, `instance:Point`, … */
  readonly id: string;
  /** Of numbers: whether all are integers of 32 bits, or safe integers. */
  integers: 'i32' | 'i64' | 'none';
  /** Of objects; undefined once they have become tables. */
  fields: Map<string, ValueShape> | undefined;
  /** Of arrays and sets: the items; of maps and tables: the values; of what a codec encodes: that. */
  item: ValueShape | undefined;
  /** Of maps. */
  key: ValueShape | undefined;
  count: number;
}

export class ValueShape {
  readonly absences = new Set<Absence>();
  readonly alternatives = new Map<string, Alternative>();

  /** Parts of all values that have become bytes; counted at the root. */
  opaque = 0;

  /** Takes a value of the column; {@link MISSING} is one, too. */
  add(value: unknown, types: TypeRegistry): void {
    const absence = absenceOf(value);
    if (absence !== undefined) this.absences.add(absence);
    else this.#add(isTree(value, types) ? alternativeOf(value, types, 0) : OPAQUE, value, types, 0, this);
  }

  #at(value: unknown, types: TypeRegistry, depth: number, root: ValueShape): void {
    const absence = absenceOf(value);
    if (absence !== undefined) this.absences.add(absence);
    else this.#add(alternativeOf(value, types, depth), value, types, depth, root);
  }

  #add(id: string, value: unknown, types: TypeRegistry, depth: number, root: ValueShape): void {
    if (id === OPAQUE) root.opaque++;
    let alternative = this.alternatives.get(id);
    if (alternative === undefined) this.alternatives.set(id, (alternative = newAlternative(id)));
    look(alternative, value, types, (shape, part) => shape.#at(part, types, depth + 1, root));
    alternative.count++;
  }

  /** Makes this the shape of what either has seen. */
  merge(other: ValueShape): void {
    for (const absence of other.absences) this.absences.add(absence);
    for (const [id, theirs] of other.alternatives) {
      const mine = this.alternatives.get(id);
      if (mine === undefined) this.alternatives.set(id, theirs);
      else mergeAlternative(mine, theirs);
    }
  }

  /** For people: `{ sum: number, at: Date | null }`. */
  toString(): string {
    const parts = [...this.alternatives.values()].map(describe);
    if (this.absences.has('null')) parts.push('null');
    if (this.absences.has('undefined')) parts.push('undefined');
    return parts.length === 0 ? 'nothing' : parts.join(' | ');
  }
}

function newAlternative(id: string): Alternative {
  const isList = id === 'array' || id === 'set' || id === 'map' || id.startsWith('coded:');
  return {
    id,
    integers: id === 'number' ? 'i32' : 'none',
    fields: isFields(id) ? new Map() : undefined,
    item: isList ? new ValueShape() : undefined,
    key: id === 'map' ? new ValueShape() : undefined,
    count: 0,
  };
}

/** Whether an alternative is made of named fields. */
export function isFields(id: string): boolean {
  return id === 'object' || id === 'bare' || id.startsWith('instance:');
}

export function absenceOf(value: unknown): Absence | undefined {
  if (value === null) return 'null';
  if (value === undefined) return 'undefined';
  return value === MISSING ? 'missing' : undefined;
}

/** Visits the parts of a value with the shapes that they add to. */
function look(
  alternative: Alternative,
  value: unknown,
  types: TypeRegistry,
  visit: (shape: ValueShape, part: unknown) => void,
): void {
  const { id, item } = alternative;
  if (id === 'number') {
    alternative.integers = narrower(alternative.integers, integersOf(value as number));
  } else if (isFields(id)) {
    lookAtFields(alternative, value as Record<string, unknown>, visit);
  } else if (id === 'array') {
    for (const part of value as readonly unknown[]) visit(item as ValueShape, part);
  } else if (id === 'set') {
    for (const part of value as ReadonlySet<unknown>) visit(item as ValueShape, part);
  } else if (id === 'map') {
    for (const [key, part] of value as ReadonlyMap<unknown, unknown>) {
      visit(alternative.key as ValueShape, key);
      visit(item as ValueShape, part);
    }
  } else if (id.startsWith('coded:')) {
    visit(item as ValueShape, encodedInstance(value as object, types));
  }
}

function lookAtFields(
  alternative: Alternative,
  value: Record<string, unknown>,
  visit: (shape: ValueShape, part: unknown) => void,
): void {
  const names = Object.keys(value);
  const { fields } = alternative;
  if (fields === undefined) {
    for (const name of names) visit(alternative.item as ValueShape, value[name]);
    return;
  }
  for (const name of names) {
    let field = fields.get(name);
    if (field === undefined) {
      fields.set(name, (field = new ValueShape()));
      // Those before had no such field.
      if (alternative.count > 0) field.absences.add('missing');
    }
    visit(field, value[name]);
  }
  if (names.length < fields.size)
    for (const [name, field] of fields) if (!Object.hasOwn(value, name)) field.absences.add('missing');
  if (fields.size > FIELDS_MAX || names.some((name) => !name.isWellFormed())) becomeTable(alternative, fields);
}

/** Too many names for a column each. */
function becomeTable(alternative: Alternative, fields: ReadonlyMap<string, ValueShape>): void {
  const item = new ValueShape();
  for (const field of fields.values()) item.merge(field);
  item.absences.delete('missing');
  alternative.fields = undefined;
  alternative.item = item;
}

function mergeAlternative(mine: Alternative, theirs: Alternative): void {
  mine.integers = narrower(mine.integers, theirs.integers);
  const had = mine.count;
  mine.count += theirs.count;
  if (mine.item !== undefined && theirs.item !== undefined) mine.item.merge(theirs.item);
  if (mine.key !== undefined && theirs.key !== undefined) mine.key.merge(theirs.key);
  if (mine.fields === undefined || theirs.fields === undefined) {
    if (mine.fields !== undefined) becomeTable(mine, mine.fields);
    if (theirs.fields !== undefined) {
      for (const field of theirs.fields.values()) mine.item?.merge(field);
      mine.item?.absences.delete('missing');
    }
    return;
  }
  for (const [name, field] of theirs.fields) {
    const known = mine.fields.get(name);
    if (known !== undefined) known.merge(field);
    else {
      if (had > 0) field.absences.add('missing');
      mine.fields.set(name, field);
    }
  }
  for (const [name, field] of mine.fields) if (!theirs.fields.has(name)) field.absences.add('missing');
  if (mine.fields.size > FIELDS_MAX) becomeTable(mine, mine.fields);
}

function integersOf(value: number): Alternative['integers'] {
  if ((value | 0) === value && !Object.is(value, -0)) return 'i32';
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'i64' : 'none';
}

function narrower(a: Alternative['integers'], b: Alternative['integers']): Alternative['integers'] {
  if (a === 'none' || b === 'none') return 'none';
  return a === 'i64' || b === 'i64' ? 'i64' : 'i32';
}

/** Which alternative a value is that is neither null nor undefined. */
export function alternativeOf(value: unknown, types: TypeRegistry, depth: number): string {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return typeof value;
    case 'string':
      return value.isWellFormed() ? 'string' : OPAQUE;
    case 'bigint':
      return value >= I64_MIN && value <= I64_MAX ? 'bigint' : 'big';
    case 'object':
      return value === null ? OPAQUE : objectAlternative(value, types, depth);
    default:
      return OPAQUE;
  }
}

function objectAlternative(value: object, types: TypeRegistry, depth: number): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Date.prototype) return Number.isNaN((value as Date).getTime()) ? OPAQUE : 'date';
  const view = prototype === null ? undefined : VIEW_NAMES.get(prototype);
  if (view !== undefined) return BYTE_VIEWS.includes(view) ? `bytes:${view}` : `numbers:${view}`;
  if (prototype === ArrayBuffer.prototype) return 'bytes:ArrayBuffer';
  if (depth >= DEPTH_MAX) return OPAQUE;
  if (prototype === Object.prototype) return 'object';
  if (prototype === null) return 'bare';
  if (prototype === Array.prototype) return hasHoles(value as unknown[]) ? OPAQUE : 'array';
  if (prototype === Map.prototype) return 'map';
  if (prototype === Set.prototype) return 'set';
  const type = types.forPrototype(prototype);
  if (type === undefined) return OPAQUE;
  return type.codec === undefined ? `instance:${type.name}` : `coded:${type.name}`;
}

function hasHoles(items: readonly unknown[]): boolean {
  for (let i = 0; i < items.length; i++) if (items[i] === undefined && !(i in items)) return true;
  return false;
}

export function encodedInstance(value: object, types: TypeRegistry): unknown {
  return types.forPrototype(Object.getPrototypeOf(value) as object)?.codec?.encode(value);
}

/**
 * Whether no object stands at two places of a value: columns hold trees. Values of state that refer to one object twice,
 * or in a circle, keep that only as bytes.
 */
export function isTree(value: unknown, types: TypeRegistry): boolean {
  return typeof value !== 'object' || value === null || isLeafObject(value) || isTreeBelow(value, types, new Set(), 0);
}

function isLeafObject(value: object): boolean {
  return value instanceof Date || ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function isTreeBelow(value: unknown, types: TypeRegistry, seen: Set<object>, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (seen.has(value) || depth > VALUE_DEPTH_MAX) return false;
  seen.add(value);
  const below = (part: unknown): boolean => isTreeBelow(part, types, seen, depth + 1);
  if (isLeafObject(value)) return true;
  // What it refers to may stand elsewhere, too.
  if (value instanceof Error) return false;
  if (Array.isArray(value)) return value.every(below);
  if (value instanceof Set) return [...value].every(below);
  if (value instanceof Map) {
    for (const [key, part] of value) if (!below(key) || !below(part)) return false;
    return true;
  }
  const type = types.forPrototype(Object.getPrototypeOf(value) as object);
  if (type?.codec !== undefined) return below(type.codec.encode(value));
  for (const name of Object.keys(value)) if (!below((value as Record<string, unknown>)[name])) return false;
  return true;
}

function describe({ id, fields, item, key }: Alternative): string {
  if (id === 'big') return 'bigint';
  if (id === 'date') return 'Date';
  if (id === OPAQUE) return 'bytes of the structured codec';
  if (isFields(id)) return describeFields(id, fields, item);
  if (id === 'array') return `Array<${String(item)}>`;
  if (id === 'set') return `Set<${String(item)}>`;
  if (id === 'map') return `Map<${String(key)}, ${String(item)}>`;
  const colon = id.indexOf(':');
  return colon === -1 ? id : id.slice(colon + 1);
}

function describeFields(id: string, fields: Alternative['fields'], item: ValueShape | undefined): string {
  const name = id.startsWith('instance:') ? `${id.slice('instance:'.length)} ` : '';
  if (fields === undefined) return `${name}{ [name]: ${String(item)} }`;
  if (fields.size === 0) return `${name}{}`;
  const texts = [...fields].map(
    ([field, shape]) => `${field}${shape.absences.has('missing') ? '?' : ''}: ${shape.toString()}`,
  );
  return `${name}{ ${texts.join(', ')} }`;
}
