/**
 * Generates the function that takes the records of a batch apart into the columns of one layout.
 *
 * Each row goes through two phases. The first reads every field into a local variable and checks it: type, names and
 * their order, prototype, and that no object occurs twice. The second writes, and cannot fail. A row that the layout
 * does not fit is either *escaped* (written whole to the structured values, where the root has variants), or ends the
 * function with the complement of its number, and a wider layout is made.
 */

import { addressLines, compile, valuesOf, variantsOf } from './record-code.ts';
import type { EncodeContext } from './encode-context.ts';
import type { FrameMemory } from './frame-target.ts';
import { Variant, type LayoutNode, type ObjectLayout } from './record-layout.ts';
import type { TypeRegistry } from './type-registry.ts';

/**
 * Writes the columns of `values[from, to)` at the address `base`. Returns 0, or the complement (`~r`) of the first row
 * that does not fit.
 */
export type EncodeRows = (
  values: readonly unknown[],
  from: number,
  to: number,
  m: FrameMemory,
  base: number,
  c: EncodeContext,
) => number;

/** Whether a value has, at its root, the shape of the layout. */
export type FitsRoot = (value: unknown) => boolean;

export interface EncoderCode {
  readonly encode: EncodeRows;
  readonly fits: FitsRoot;
}

export function encoderCode(nodes: readonly LayoutNode[], types: TypeRegistry, tag: string): EncoderCode {
  const code = new EncoderText(nodes);
  const scope: Record<string, unknown> = {
    hasOwn: Object.hasOwn,
    dateProto: Date.prototype,
    arrayProto: Array.prototype,
  };
  for (const { id, layout } of nodes) {
    if (layout.kind !== 'object') continue;
    scope[`names${id}`] = layout.fields.map((field) => field.name);
    scope[`optional${id}`] = layout.fields.map((field) => field.optional);
    scope[`proto${id}`] = layout.type === undefined ? Object.prototype : types.forName(layout.type).prototype;
  }
  return compile(code.lines(), tag, scope) as EncoderCode;
}

/** Where a value that is neither in its column nor nullish goes. */
const ESCAPE = 'break row;';

class EncoderText {
  readonly #nodes: readonly LayoutNode[];
  readonly #root: LayoutNode;
  readonly #lines: string[] = [];

  constructor(nodes: readonly LayoutNode[]) {
    this.#nodes = nodes;
    this.#root = nodes[0] as LayoutNode;
  }

  lines(): readonly string[] {
    for (const node of this.#nodes) {
      if (node.layout.kind === 'object') this.#namesCheck(node, node.layout);
    }
    this.#line('function fits(x0) {', `return ${this.#fitTest(this.#root, 'x0')};`, '}');
    this.#line('function encode(values, from, to, m, base, c) {', 'const n = to - from;', ...addressLines(this.#nodes));
    this.#accumulators();
    this.#line('let r = 0;', 'for (let i = from; i < to; i++, r++) {', 'const x0 = values[i];', 'let started = false;');
    this.#line(
      ...this.#nodes.slice(1).map(({ id }) => `let x${id};`),
      ...this.#ofKind('list').map(({ id }) => `let q${id} = 0;`),
      ...this.#ofKind('dictionary').map(({ id }) => `let n${id} = 0;`),
    );
    this.#line(
      ...this.#nodes.filter(({ variants }) => variants !== undefined).map(({ id }) => `let k${id} = 0;`),
      'row: {',
    );
    this.#read(this.#root, undefined);
    this.#compareReferences();
    this.#others();
    this.#write(this.#root);
    this.#line('continue;', '}');
    this.#escape();
    this.#line('}');
    for (const { id } of this.#ofKind('string')) this.#line(`c.texts[${id}] = t${id};`);
    this.#line('return 0;', '}', 'return { encode, fits };');
    return this.#lines;
  }

  #line(...lines: readonly string[]): void {
    this.#lines.push(...lines);
  }

  #ofKind(kind: LayoutNode['layout']['kind']): readonly LayoutNode[] {
    return this.#nodes.filter(({ layout }) => layout.kind === kind);
  }

  #accumulators(): void {
    for (const { id } of this.#ofKind('string')) this.#line(`let t${id} = '';`);
    for (const { id } of this.#ofKind('dictionary'))
      this.#line(`const d${id} = c.dictionaries[${id}], m${id} = d${id}.numbers;`);
    for (const { id } of this.#ofKind('list')) this.#line(`const l${id} = c.lists[${id}];`);
  }

  /** A function that tells whether an object has the names of the layout, in their order. */
  #namesCheck({ id }: LayoutNode, { fields }: ObjectLayout): void {
    this.#line(`function named${id}(x) {`, 'let i = 0;', 'for (const name in x) {');
    if (fields.some((field) => field.optional)) {
      this.#line(`while (name !== names${id}[i]) { if (optional${id}[i] !== true) return false; i++; }`, 'i++;', '}');
      this.#line(`while (i < ${fields.length}) { if (!optional${id}[i]) return false; i++; }`, 'return true;', '}');
    } else {
      this.#line(`if (name !== names${id}[i]) return false;`, 'i++;', '}', `return i === ${fields.length};`, '}');
    }
  }

  /** An expression that tells whether `x` is of the node's kind, as far as that shows without reading fields. */
  #fitTest({ id, layout }: LayoutNode, x: string): string {
    switch (layout.kind) {
      case 'i32':
      case 'f64':
        return `typeof ${x} === 'number'`;
      case 'bool':
        return `typeof ${x} === 'boolean'`;
      case 'string':
      case 'dictionary':
        return `typeof ${x} === 'string'`;
      case 'bigint':
        return `typeof ${x} === 'bigint' && ${x} >= -0x8000000000000000n && ${x} < 0x8000000000000000n`;
      case 'date':
        return `typeof ${x} === 'object' && ${x} !== null && ${x}.__proto__ === dateProto`;
      case 'object':
        return `typeof ${x} === 'object' && ${x} !== null && ${x}.__proto__ === proto${id} && named${id}(${x})`;
      case 'tuple':
        return `Array.isArray(${x}) && ${x}.length === ${layout.items.length} && ${x}.__proto__ === arrayProto`;
      case 'list':
        return `Array.isArray(${x}) && ${x}.__proto__ === arrayProto`;
      case 'none':
        return 'false';
      case 'any':
        return 'true';
    }
  }

  /** Phase one for a node whose value is in its variable. `absent` is an expression: whether the parent lacks the field. */
  #read(node: LayoutNode, absent: string | undefined): void {
    const { id, layout } = node;
    const x = `x${id}`;
    if (layout.kind === 'any') {
      if (layout.variants)
        this.#line(`k${id} = ${x} === undefined && ${absent ?? 'false'} ? ${Variant.MISSING} : ${Variant.OTHER};`);
      return;
    }
    const misfit = node === this.#root && layout.variants ? ESCAPE : 'return ~r;';
    if (!layout.variants) {
      this.#line(`if (!(${this.#fitTest(node, x)})) ${misfit}`);
      this.#readInside(node);
      return;
    }
    this.#line(`if (${this.#fitTest(node, x)}) {`);
    this.#readInside(node);
    this.#line(
      '} else {',
      `k${id} = ${x} === null ? ${Variant.NULL} : ${x} !== undefined ? ${Variant.OTHER} : ${absent === undefined ? Variant.UNDEFINED : `${absent} ? ${Variant.MISSING} : ${Variant.UNDEFINED}`};`,
    );
    if (layout.kind === 'none') this.#line(`if (k${id} === ${Variant.OTHER}) return ~r;`);
    else if (node === this.#root) this.#line(`if (k${id} === ${Variant.OTHER}) ${ESCAPE}`);
    this.#line('}');
  }

  /** What is to be read and checked of a value that is of its node's kind. */
  #readInside(node: LayoutNode): void {
    const { id, layout } = node;
    const x = `x${id}`;
    switch (layout.kind) {
      case 'i32':
        // A number that is no 32-bit integer widens the column.
        this.#line(`if ((${x} | 0) !== ${x} || (${x} === 0 && 1 / ${x} < 0)) return ~r;`);
        return;
      case 'dictionary':
        this.#line(
          `n${id} = m${id}.get(${x});`,
          `if (n${id} === undefined) { n${id} = d${id}.add(${x}); if (n${id} < 0) return ~r; }`,
        );
        return;
      case 'list':
        this.#line(`q${id} = l${id}.append(${x});`);
        if (layout.element === 'i32') this.#line(`if (q${id} === -2) return ~r;`);
        this.#line(
          `if (q${id} < 0) { q${id} = 0; ${!layout.variants ? 'return ~r;' : node === this.#root ? ESCAPE : `k${id} = ${Variant.OTHER};`} }`,
        );
        return;
      case 'object':
        layout.fields.forEach((field, i) => {
          const child = node.children[i] as LayoutNode;
          const name = JSON.stringify(field.name);
          const absent = field.optional ? `!hasOwn(${x}, ${name})` : undefined;
          // Where the field is missing, its name may still find something: the prototype's `toString`, say.
          const inherited = field.optional && field.name in Object.prototype;
          this.#line(`x${child.id} = ${inherited ? `${absent} ? undefined : ` : ''}${x}[${name}];`);
          this.#read(child, absent);
        });
        return;
      case 'tuple':
        node.children.forEach((child, i) => {
          this.#line(`x${child.id} = ${x}[${i}];`);
          this.#read(child, undefined);
          // A hole is neither undefined nor any other element.
          if (child.variants !== undefined || child.layout.kind === 'any')
            this.#line(`if (x${child.id} === undefined && !hasOwn(${x}, ${i})) ${ESCAPE}`);
        });
        return;
      default:
    }
  }

  /** Objects below the root that columns hold, and the condition under which they do. */
  #references(): readonly { readonly node: LayoutNode; readonly condition: string }[] {
    return this.#nodes
      .filter((node) => node !== this.#root && ['object', 'tuple', 'list', 'date'].includes(node.layout.kind))
      .map((node) => ({
        node,
        condition:
          node.variants === undefined ? `x${node.id} !== undefined` : `x${node.id} !== undefined && k${node.id} === 0`,
      }));
  }

  /** Escapes rows that contain one object twice: columns would make two of it. */
  #compareReferences(): void {
    const references = this.#references();
    const family = ({ layout }: LayoutNode): string =>
      layout.kind === 'tuple' || layout.kind === 'list' ? 'array' : layout.kind;
    references.forEach((a, i) => {
      for (const b of references.slice(i + 1)) {
        if (family(a.node) === family(b.node))
          this.#line(`if (x${a.node.id} === x${b.node.id} && ${a.condition} && ${b.condition}) ${ESCAPE}`);
      }
    });
  }

  /** The condition under which a node's value goes to the structured values; undefined where it never does. */
  #otherCondition(node: LayoutNode): string | undefined {
    if (node.variants !== undefined)
      return node === this.#root && node.layout.kind !== 'any' ? undefined : `k${node.id} === ${Variant.OTHER}`;
    return node.layout.kind === 'any' ? this.#present(node) : undefined;
  }

  /** Whether the parents of a node have values of their kind, so that the node was read at all. */
  #present(node: LayoutNode): string {
    const parents = this.#nodes.filter(
      (parent) => parent.variants !== undefined && parent !== node && isInside(parent, node),
    );
    return parents.length === 0 ? 'true' : parents.map((parent) => `k${parent.id} === 0`).join(' && ');
  }

  #others(): void {
    const others = this.#nodes.flatMap((node) => {
      const condition = this.#otherCondition(node);
      return condition === undefined ? [] : [{ node, condition }];
    });
    if (others.length === 0) return;
    const always = others.some(({ condition }) => condition === 'true');
    this.#line(
      always ? '{' : `if (${others.map(({ condition }) => `(${condition})`).join(' || ')}) {`,
      'started = true;',
      'c.startRow();',
    );
    if (this.#root.layout.kind === 'object' || this.#root.layout.kind === 'tuple')
      this.#line(this.#root.variants === undefined ? 'c.foreign(x0);' : 'if (k0 === 0) c.foreign(x0);');
    for (const { node, condition } of this.#references()) this.#line(`if (${condition}) c.foreign(x${node.id});`);
    for (const { node, condition } of others) {
      this.#line(
        `if (${condition === 'true' ? '' : `(${condition}) && `}!c.part(x${node.id}, ${JSON.stringify(node.place)})) ${ESCAPE}`,
      );
    }
    this.#line('}');
  }

  /** Phase two. */
  #write(node: LayoutNode): void {
    const { id } = node;
    if (node.variants === undefined) {
      this.#writeInside(node);
      return;
    }
    this.#line(`${variantsOf(node)} = k${id};`);
    const empty = node.values === undefined && node.children.length === 0;
    if (empty) return;
    this.#line(`if (k${id} === 0) {`);
    this.#writeInside(node);
    this.#line('} else {');
    this.#blank(node, false);
    this.#line('}');
  }

  #writeInside(node: LayoutNode): void {
    const { id, layout } = node;
    const x = `x${id}`;
    const column = valuesOf(node);
    switch (layout.kind) {
      case 'i32':
      case 'f64':
      case 'bigint':
        this.#line(`${column} = ${x};`);
        return;
      case 'bool':
        this.#line(`${column} = ${x} ? 1 : 0;`);
        return;
      case 'date':
        this.#line(`${column} = ${x}.getTime();`);
        return;
      case 'string':
        this.#line(`t${id} += ${x};`, `${column} = ${x}.length;`);
        return;
      case 'dictionary':
        this.#line(`${column} = n${id};`);
        return;
      case 'list':
        this.#line(`${column} = q${id};`);
        return;
      case 'object':
      case 'tuple':
        for (const child of node.children) this.#write(child);
        return;
      default:
    }
  }

  /** Zeros in the columns of a row that has no value there: lengths must be right, and frames the same each time. */
  #blank(node: LayoutNode, withVariants: boolean): void {
    if (withVariants && node.variants !== undefined) this.#line(`${variantsOf(node)} = 0;`);
    if (node.values !== undefined) this.#line(`${valuesOf(node)} = ${node.values.view === 'i64' ? '0n' : '0'};`);
    for (const child of node.children) this.#blank(child, true);
  }

  /** The whole row to the structured values; or, where the root has no room for that, the end. */
  #escape(): void {
    if (this.#root.variants === undefined) {
      this.#line('c.wantsVariants = true;', 'return ~r;');
      return;
    }
    for (const { id } of this.#ofKind('list')) this.#line(`l${id}.drop(q${id});`);
    this.#blank(this.#root, false);
    this.#line(`${variantsOf(this.#root)} = ${Variant.OTHER};`, 'c.escape(x0, started);');
  }
}

function isInside(parent: LayoutNode, node: LayoutNode): boolean {
  return parent.children.some((child) => child === node || isInside(child, node));
}
