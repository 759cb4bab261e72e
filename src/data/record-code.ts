/** What the generated encoders and decoders of records have in common: how columns are addressed, and how text becomes a function. */

import type { Column, LayoutNode } from './record-layout.ts';

/** Names of the arrays that generated code indexes, as they stand in a `FrameMemory`. */
const VIEWS = ['u8', 'u16', 'i32', 'f64', 'i64'] as const;

/** The identifier of a node's column. */
export function variantsOf(node: LayoutNode): string {
  return `u8[v${node.id} + r]`;
}

export function valuesOf(node: LayoutNode): string {
  return `${node.values?.view}[a${node.id} + r]`;
}

/**
 * Declares the views and, for each column, the index of its first row: `v` for variants, `a` for values, by node.
 * `n` is the number of rows and `base` the address of the first column.
 */
export function addressLines(nodes: readonly LayoutNode[]): string[] {
  const lines = ['let p = base;'];
  const used = new Set<string>();
  const add = (name: string, column: Column | undefined): void => {
    if (column === undefined) return;
    used.add(column.view);
    lines.push(
      `const ${name} = ${column.width === 1 ? 'p' : `p / ${column.width}`}; p += ${column.width === 8 ? 'n * 8' : `(n * ${column.width} + 7) & -8`};`,
    );
  };
  for (const node of nodes) {
    add(`v${node.id}`, node.variants);
    add(`a${node.id}`, node.values);
  }
  return [...VIEWS.filter((view) => used.has(view)).map((view) => `const ${view} = m.${view};`), ...lines];
}

/**
 * Makes a function of generated text. V8 shares what it has learnt between functions of equal text, which would mix
 * the shapes of different jobs; so the text ends with a `tag` that is unique to an edge.
 */
export function compile(lines: readonly string[], tag: string, scope: Readonly<Record<string, unknown>>): unknown {
  const text = `'use strict';\n${lines.join('\n')}\n//# sourceURL=millstream:${tag.replaceAll(/\s/g, '_')}`;
  // The text is made of the engine's own statements and of names quoted by JSON.stringify.
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function(...Object.keys(scope), text)(...Object.values(scope));
}

let tags = 0;

/** A tag for who was given none: unique in the thread. */
export function freshTag(): string {
  return `records-${tags++}`;
}
