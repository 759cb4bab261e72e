/**
 * Infers layouts from values: what a batch of records looks like, so that columns can be made for it.
 *
 * Values are observed, node by node, and the most frequent kind of a node becomes its column; what else was seen
 * there travels beside it (see {@link Variant}). A layout that is in use can be observed too, as one value's worth, so
 * that a new one is a widening of it. Records of different shapes, such as the members of a union, get a layout each.
 */

import type { Layout, FieldLayout, ListElement, ScalarKind } from './record-layout.ts';
import { DICTIONARY_TEXT_MAX } from './text-dictionary.ts';
import type { TypeRegistry } from './type-registry.ts';

/** Objects nested deeper than this are not taken apart. */
const DEPTH_MAX = 4;

/** Columns of one layout. Generated functions should stay small enough to be optimised. */
const COLUMNS_MAX = 64;

/** Objects, arrays and dates of one layout: each is compared with each, for what a record contains twice. */
const REFERENCES_MAX = 12;

/** Arrays up to this length may become a column per element; of one kind of element only up to the shorter length. */
const TUPLE_LENGTH_MAX = 16;
const UNIFORM_TUPLE_LENGTH_MAX = 4;

/** Elements that are looked at in an array; what comes behind shows when it is encoded. */
const ELEMENTS_OBSERVED_MAX = 64;

/** From this many strings on one can tell whether they repeat: each distinct one this often. */
const DICTIONARY_STRINGS_MIN = 64;
const DICTIONARY_REPEATS_MIN = 4;
const DISTINCT_MAX = 512;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

interface ObservedField {
  readonly name: string;
  readonly node: Observed;
  /** Whether an object was seen without it. */
  missing: boolean;
}

/** What was seen at one place of the values. */
class Observed {
  readonly #types: TypeRegistry;
  #nothing = 0;
  #integers = 0;
  #doubles = 0;
  #booleans = 0;
  #strings = 0;
  #dates = 0;
  #bigints = 0;
  #arrays = 0;
  #objects = 0;
  #others = 0;
  /** Whether something was seen that no column of the kind could hold. */
  #variants = false;

  readonly #distinct = new Set<string>();
  #longText = false;
  #dictionary = false;

  #fields: ObservedField[] = [];
  #prototype: object | undefined;
  #typeName: string | undefined;

  /** Length of all arrays so far; -1 when they differ. */
  #length: number | undefined;
  #items: Observed[] = [];
  #elements: Observed | undefined;

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /**
   * Takes a value into account. Returns false, having changed nothing, when `strict` and the value has another shape
   * than those before, so that it deserves a layout of its own.
   */
  observe(value: unknown, strict = false, depth = 0): boolean {
    switch (typeof value) {
      case 'undefined':
        this.#nothing++;
        return true;
      case 'number':
        return this.#scalar(strict, this.#integers + this.#doubles, () => {
          if ((value | 0) === value && !Object.is(value, -0)) this.#integers++;
          else this.#doubles++;
        });
      case 'string':
        return this.#scalar(strict, this.#strings, () => this.#text(value));
      case 'boolean':
        return this.#scalar(strict, this.#booleans, () => this.#booleans++);
      case 'bigint':
        if (value < I64_MIN || value > I64_MAX) return this.#other(strict);
        return this.#scalar(strict, this.#bigints, () => this.#bigints++);
      case 'object':
        return value === null ? this.observe(undefined) : this.#object(value, strict, depth);
      default:
        return this.#other(strict);
    }
  }

  /** Whether nothing but null and undefined was seen. */
  get #empty(): boolean {
    return (
      this.#integers +
        this.#doubles +
        this.#booleans +
        this.#strings +
        this.#dates +
        this.#bigints +
        this.#arrays +
        this.#objects +
        this.#others ===
      0
    );
  }

  #scalar(strict: boolean, same: number, count: () => void): boolean {
    if (strict && same === 0 && !this.#empty) return false;
    count();
    return true;
  }

  #other(strict: boolean): boolean {
    return this.#scalar(strict, this.#others, () => this.#others++);
  }

  #text(value: string): void {
    this.#strings++;
    if (value.length > DICTIONARY_TEXT_MAX) this.#longText = true;
    else if (this.#distinct.size < DISTINCT_MAX) this.#distinct.add(value);
  }

  #object(value: object, strict: boolean, depth: number): boolean {
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Date.prototype) return this.#scalar(strict, this.#dates, () => this.#dates++);
    if (depth > DEPTH_MAX || prototype === null) return this.#other(strict);
    if (prototype === Array.prototype) return this.#array(value as unknown[], strict, depth);
    if (prototype === Object.prototype)
      return this.#plain(value as Record<string, unknown>, prototype, undefined, strict, depth);
    const type = this.#types.forPrototype(prototype);
    if (type === undefined || type.codec !== undefined) return this.#other(strict);
    return this.#plain(value as Record<string, unknown>, prototype, type.name, strict, depth);
  }

  #array(items: readonly unknown[], strict: boolean, depth: number): boolean {
    if (strict && this.#arrays === 0 && !this.#empty) return false;
    this.#arrays++;
    this.#observeLength(items.length);
    const observed = Math.min(items.length, ELEMENTS_OBSERVED_MAX);
    this.#elements ??= new Observed(this.#types);
    for (let i = 0; i < observed; i++) {
      this.#elements.observe(items[i], false, depth + 1);
      if (i < TUPLE_LENGTH_MAX) this.#item(i).observe(items[i], false, depth + 1);
    }
    return true;
  }

  #observeLength(length: number): void {
    this.#length = this.#length === undefined || this.#length === length ? length : -1;
  }

  #item(index: number): Observed {
    let item = this.#items[index];
    if (item === undefined) {
      item = new Observed(this.#types);
      this.#items[index] = item;
    }
    return item;
  }

  #plain(
    value: Record<string, unknown>,
    prototype: object,
    typeName: string | undefined,
    strict: boolean,
    depth: number,
  ): boolean {
    const names = Object.keys(value);
    const fits =
      names.length <= COLUMNS_MAX &&
      !names.some((name) => name === '__proto__' || (typeName !== undefined && name in prototype));
    if (!fits) return this.#other(strict);
    if (strict && this.#objects === 0 && !this.#empty) return false;
    if (this.#objects > 0 && (prototype !== this.#prototype || !this.#mergeNames(names)))
      return strict ? false : this.#other(false);
    if (this.#objects === 0) this.#fields = names.map((name) => this.#newField(name, false));
    this.#prototype = prototype;
    this.#typeName = typeName;
    this.#objects++;
    for (const field of this.#fields) {
      if (Object.hasOwn(value, field.name)) field.node.observe(value[field.name], false, depth + 1);
      else field.missing = true;
    }
    return true;
  }

  #newField(name: string, missing: boolean): ObservedField {
    return { name, node: new Observed(this.#types), missing };
  }

  /** Merges the names of another object into the fields, if one order serves both and the two are much alike. */
  #mergeNames(names: readonly string[]): boolean {
    const places = new Map(this.#fields.map((field, i) => [field.name, i]));
    const common = names.filter((name) => places.has(name));
    if (common.length === names.length && common.length === this.#fields.length)
      return this.#fields.every((field, i) => field.name === names[i]);
    if (common.length * 2 < Math.min(names.length, this.#fields.length)) return false;
    for (let i = 1; i < common.length; i++) {
      if ((places.get(common[i - 1] as string) as number) > (places.get(common[i] as string) as number)) return false;
    }
    const merged: ObservedField[] = [];
    let next = 0;
    for (const name of names) {
      const place = places.get(name);
      if (place === undefined) {
        merged.push(this.#newField(name, true));
      } else {
        while (next <= place) merged.push(this.#fields[next++] as ObservedField);
      }
    }
    while (next < this.#fields.length) merged.push(this.#fields[next++] as ObservedField);
    if (merged.length > COLUMNS_MAX) return false;
    this.#fields = merged;
    return true;
  }

  /** Takes a layout in use into account, as one value of it. */
  observeLayout(layout: Layout): void {
    this.#variants ||= layout.variants;
    switch (layout.kind) {
      case 'object':
        this.#observeObjectLayout(layout.type, layout.fields);
        return;
      case 'tuple':
        this.#arrays++;
        this.#observeLength(layout.items.length);
        this.#elements ??= new Observed(this.#types);
        layout.items.forEach((item, i) => {
          this.#item(i).observeLayout(item);
          this.#elements?.observeLayout(item);
        });
        return;
      case 'list':
        this.#arrays++;
        this.#length = -1;
        this.#elements ??= new Observed(this.#types);
        this.#elements.observeLayout({ kind: layout.element, variants: false });
        return;
      default:
        this.#observeScalarLayout(layout.kind);
    }
  }

  #observeObjectLayout(typeName: string | undefined, fields: readonly FieldLayout[]): void {
    this.#objects++;
    this.#typeName = typeName;
    this.#prototype = typeName === undefined ? Object.prototype : this.#types.forName(typeName).prototype;
    this.#fields = fields.map((field) => {
      const observed = this.#newField(field.name, field.optional);
      observed.node.observeLayout(field.layout);
      return observed;
    });
  }

  #observeScalarLayout(kind: ScalarKind): void {
    switch (kind) {
      case 'i32':
        this.#integers++;
        return;
      case 'f64':
        this.#doubles++;
        return;
      case 'bool':
        this.#booleans++;
        return;
      case 'dictionary':
        this.#dictionary = true;
        this.#strings++;
        return;
      case 'string':
        this.#strings++;
        return;
      case 'date':
        this.#dates++;
        return;
      case 'bigint':
        this.#bigints++;
        return;
      case 'any':
        this.#others++;
        return;
      case 'none':
        this.#nothing++;
    }
  }

  /** The layout that serves what was seen. `flatText` names the places whose text proved to have too many values. */
  layout(flatText: ReadonlySet<string>): Layout {
    return this.#layout('value', flatText, { columns: COLUMNS_MAX, references: REFERENCES_MAX }, false);
  }

  #layout(place: string, flatText: ReadonlySet<string>, budget: Budget, optional: boolean): Layout {
    const counts: readonly (readonly [number, Layout['kind']])[] = [
      [this.#integers + this.#doubles, this.#doubles > 0 ? 'f64' : 'i32'],
      [this.#booleans, 'bool'],
      [this.#strings, this.#repeats && !flatText.has(place) ? 'dictionary' : 'string'],
      [this.#dates, 'date'],
      [this.#bigints, 'bigint'],
      [this.#arrays, 'tuple'],
      [this.#objects, 'object'],
      [this.#others, 'any'],
    ];
    const seen = counts.filter(([count]) => count > 0);
    const [most, kind] = seen.reduce((a, b) => (b[0] > a[0] ? b : a), [0, 'none']);
    const mixed = seen.length > 1 || (this.#nothing > 0 && most > 0);
    const variants = optional || kind === 'none' || (kind !== 'any' && (mixed || this.#variants));
    budget.columns -= (variants ? 1 : 0) + 1;
    if (kind === 'tuple' || kind === 'object' || kind === 'date') budget.references--;
    if (budget.columns < 0 || budget.references < 0) return { kind: 'any', variants: optional };
    if (kind === 'object') return this.#objectLayout(place, flatText, budget, variants);
    if (kind === 'tuple') return this.#arrayLayout(place, flatText, budget, variants, optional);
    return { kind: kind as ScalarKind, variants };
  }

  get #repeats(): boolean {
    if (this.#longText) return false;
    return (
      this.#dictionary ||
      (this.#strings >= DICTIONARY_STRINGS_MIN && this.#distinct.size * DICTIONARY_REPEATS_MIN <= this.#strings)
    );
  }

  #objectLayout(place: string, flatText: ReadonlySet<string>, budget: Budget, variants: boolean): Layout {
    const fields = this.#fields.map(({ name, node, missing }) => ({
      name,
      optional: missing,
      layout: node.#layout(`${place}.${name}`, flatText, budget, missing),
    }));
    return { kind: 'object', variants, type: this.#typeName, fields };
  }

  #arrayLayout(
    place: string,
    flatText: ReadonlySet<string>,
    budget: Budget,
    variants: boolean,
    optional: boolean,
  ): Layout {
    const length = this.#length ?? -1;
    const element = this.#elements === undefined ? 'i32' : this.#elements.#listElement();
    const tupleMax = element === undefined ? TUPLE_LENGTH_MAX : UNIFORM_TUPLE_LENGTH_MAX;
    if (length > 0 && length <= tupleMax) {
      const items = this.#items
        .slice(0, length)
        .map((item, i) => item.#layout(`${place}[${i}]`, flatText, budget, false));
      return { kind: 'tuple', variants, items };
    }
    return element === undefined ? { kind: 'any', variants: optional } : { kind: 'list', variants, element };
  }

  /** The kind of list that holds elements like these, if there is one. */
  #listElement(): ListElement | undefined {
    const numbers = this.#integers + this.#doubles;
    const rest =
      this.#nothing + this.#booleans + this.#dates + this.#bigints + this.#arrays + this.#objects + this.#others;
    if (rest > 0 || this.#variants || (numbers > 0 && this.#strings > 0)) return undefined;
    if (this.#strings > 0) return 'string';
    return this.#doubles > 0 ? 'f64' : 'i32';
  }
}

/** What a layout may still spend. */
interface Budget {
  columns: number;
  references: number;
}

/** Shapes of a union that get a layout each; values of further shapes travel beside the columns of the first. */
const UNION_SHAPES_MAX = 8;

/** Rows that are looked at to infer a layout. */
const SAMPLE_ROWS_MAX = 256;

/**
 * Infers layouts for the rows [from, to), of which a sample and the row `certainly` are looked at, as widenings of
 * the layouts in use.
 */
export function inferLayouts(
  values: readonly unknown[],
  from: number,
  to: number,
  certainly: number,
  inUse: readonly Layout[],
  types: TypeRegistry,
  flatText: ReadonlySet<string>,
): readonly Layout[] {
  const shapes = inUse.map((layout) => {
    const observed = new Observed(types);
    observed.observeLayout(layout);
    return observed;
  });
  observeIn(shapes, values[certainly], types);
  const step = Math.max(1, Math.floor((to - from) / SAMPLE_ROWS_MAX));
  for (let i = from; i < to; i += step) observeIn(shapes, values[i], types);
  return shapes.map((shape) => shape.layout(flatText));
}

function observeIn(shapes: Observed[], value: unknown, types: TypeRegistry): void {
  if (shapes.some((shape) => shape.observe(value, true))) return;
  if (shapes.length >= UNION_SHAPES_MAX) {
    (shapes[0] as Observed).observe(value);
    return;
  }
  const shape = new Observed(types);
  shape.observe(value);
  shapes.push(shape);
}
