/**
 * Generates the function that puts the columns of one layout together to records again.
 *
 * Objects are written as literals, so that all records of a block have one hidden class, the same that the literal of
 * the sender's code has. Fields that may be missing are added one by one behind the literal, which keeps their order.
 */

import type { DecodeContext } from './decode-context.ts';
import type { FrameMemory } from './frame-target.ts';
import { addressLines, compile, valuesOf, variantsOf } from './record-code.ts';
import type { FieldLayout, LayoutNode, ObjectLayout } from './record-layout.ts';
import { Variant } from './record-layout.ts';
import type { TypeRegistry } from './type-registry.ts';

/** Fills `out` with the `n` records whose columns begin at the address `base`. */
export type DecodeRows = (out: unknown[], n: number, m: FrameMemory, base: number, c: DecodeContext) => void;

export function decoderCode(nodes: readonly LayoutNode[], types: TypeRegistry, tag: string): DecodeRows {
  const scope: Record<string, unknown> = {};
  for (const { id, layout } of nodes) {
    if (layout.kind === 'object' && layout.type !== undefined)
      scope[`proto${id}`] = types.forName(layout.type).prototype;
  }
  return compile(new DecoderText(nodes).lines(), tag, scope) as DecodeRows;
}

class DecoderText {
  readonly #nodes: readonly LayoutNode[];
  readonly #lines: string[] = [];

  constructor(nodes: readonly LayoutNode[]) {
    this.#nodes = nodes;
  }

  lines(): readonly string[] {
    for (const node of this.#nodes) {
      if (node.layout.kind === 'object' && node.layout.type !== undefined) this.#constructorOf(node, node.layout);
    }
    this.#line('return function decode(out, n, m, base, c) {', ...addressLines(this.#nodes));
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string')
        this.#line(`const s${id} = c.texts[${id}];`, `let z${id} = 0, c${id} = '', q${id} = 0;`);
      if (layout.kind === 'dictionary') this.#line(`const d${id} = c.dictionaries[${id}].entries;`);
      if (layout.kind === 'list') this.#line(`const l${id} = c.lists[${id}];`);
    }
    this.#line('for (let r = 0; r < n; r++) {');
    this.#line(`out[r] = ${this.#value(this.#nodes[0] as LayoutNode)};`, '}', '};');
    return this.#lines;
  }

  #line(...lines: readonly string[]): void {
    this.#lines.push(...lines);
  }

  /** A constructor for the instances of a class: it gives them the prototype and the first fields. */
  #constructorOf({ id }: LayoutNode, layout: ObjectLayout): void {
    const first = layout.fields.slice(0, firstOptional(layout.fields));
    this.#line(`function Instance${id}(${first.map((_, i) => `f${i}`).join(', ')}) {`);
    this.#line(
      ...first.map((field, i) => `this[${JSON.stringify(field.name)}] = f${i};`),
      '}',
      `Instance${id}.prototype = proto${id};`,
    );
  }

  /** Writes the statements that are needed for a node's value, and returns an expression for it. Structured values are read in the order of the nodes. */
  #value(node: LayoutNode): string {
    const { id, layout } = node;
    if (layout.kind === 'any' && !layout.variants) {
      this.#line(`const x${id} = c.part(r);`);
      return `x${id}`;
    }
    if (!layout.variants) return this.#inside(node);
    this.#line(`const k${id} = ${variantsOf(node)};`, `let x${id};`);
    if (node.values === undefined && node.children.length === 0 && layout.kind !== 'object') {
      this.#line(`x${id} = ${variant(node)};`);
      return `x${id}`;
    }
    this.#line(`if (k${id} === ${Variant.VALUE}) {`);
    const value = this.#inside(node);
    this.#line(`x${id} = ${value};`, '} else {', `x${id} = ${variant(node)};`, '}');
    return `x${id}`;
  }

  /** The value of a row that holds one of the node's kind. */
  #inside(node: LayoutNode): string {
    const { id, layout } = node;
    switch (layout.kind) {
      case 'i32':
      case 'f64':
      case 'bigint':
        return valuesOf(node);
      case 'bool':
        return `${valuesOf(node)} === 1`;
      case 'date':
        return `new Date(${valuesOf(node)})`;
      case 'string':
        // `z` is the row with which the next chunk begins, `c` the chunk, `q` where its next string begins.
        this.#line(`if (r >= z${id}) { z${id} = s${id}.next(r); c${id} = s${id}.chunk; q${id} = 0; }`);
        this.#line(`const t${id} = c${id}.substring(q${id}, q${id} += ${valuesOf(node)});`);
        return `t${id}`;
      case 'dictionary':
        return `d${id}[${valuesOf(node)}]`;
      case 'list':
        return `l${id}.take(${valuesOf(node)})`;
      case 'tuple':
        return `[${node.children.map((child) => this.#value(child)).join(', ')}]`;
      case 'object':
        return this.#object(node, layout);
      case 'any':
      case 'none':
        return 'undefined';
    }
  }

  #object(node: LayoutNode, layout: ObjectLayout): string {
    const values = node.children.map((child) => this.#value(child));
    const cut = firstOptional(layout.fields);
    const first = layout.fields.slice(0, cut);
    const made =
      layout.type === undefined
        ? `{ ${first.map((field, i) => `${JSON.stringify(field.name)}: ${values[i]}`).join(', ')} }`
        : `new Instance${node.id}(${values.slice(0, cut).join(', ')})`;
    if (cut === layout.fields.length) return made;
    this.#line(`const o${node.id} = ${made};`);
    for (let i = cut; i < layout.fields.length; i++) {
      const { name, optional } = layout.fields[i] as FieldLayout;
      const present = optional ? `if (k${(node.children[i] as LayoutNode).id} !== ${Variant.MISSING}) ` : '';
      this.#line(`${present}o${node.id}[${JSON.stringify(name)}] = ${values[i]};`);
    }
    return `o${node.id}`;
  }
}

/** An expression for what a row holds that has no value of its node's kind. */
function variant({ id }: LayoutNode): string {
  return `k${id} === ${Variant.NULL} ? null : k${id} === ${Variant.OTHER} ? c.part(r) : undefined`;
}

function firstOptional(fields: readonly FieldLayout[]): number {
  const first = fields.findIndex((field) => field.optional);
  return first < 0 ? fields.length : first;
}
