/**
 * The layout of a block of records: which columns the values of a batch are taken apart into.
 *
 * A layout is inferred from values (`record-inference.ts`), written in front of the columns, and turned into
 * generated functions on both sides (`record-encoder-code.ts`, `record-decoder-code.ts`). It is a tree that mirrors
 * the values: objects and tuples have no bytes of their own, their fields are columns. docs/internals/frames.md shows
 * the bytes.
 *
 * Where `variants` is set, a byte per row says what stands there instead of a value of the column's kind: that is how
 * null, undefined, a missing field, and a value of any other kind are carried without giving up the column.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { align8 } from './frame-target.ts';
import { readText, writeText } from './text.ts';

/** What a row of a column with variants holds. */
export const Variant = {
  VALUE: 0,
  NULL: 1,
  UNDEFINED: 2,
  /** The object has no such field. */
  MISSING: 3,
  /** The value stands in the block's structured values. */
  OTHER: 4,
} as const;

export type ScalarKind = 'i32' | 'f64' | 'bool' | 'string' | 'dictionary' | 'date' | 'bigint' | 'any' | 'none';

export interface ScalarLayout {
  /**
   * `string` is text joined in one piece, `dictionary` text by number; `any` stands in the structured values
   * throughout; `none` has met nothing but null, undefined or no field so far.
   */
  readonly kind: ScalarKind;
  readonly variants: boolean;
}

export interface ObjectLayout {
  readonly kind: 'object';
  readonly variants: boolean;
  /** Name of the registered class, undefined for plain objects. */
  readonly type: string | undefined;
  readonly fields: readonly FieldLayout[];
}

export interface FieldLayout {
  readonly name: string;
  /** Whether objects may lack the field; then its layout has variants. */
  readonly optional: boolean;
  readonly layout: Layout;
}

/** An array of a fixed length, each element a column. */
export interface TupleLayout {
  readonly kind: 'tuple';
  readonly variants: boolean;
  readonly items: readonly Layout[];
}

export type ListElement = 'i32' | 'f64' | 'string';

/** An array of any length with elements of one kind. */
export interface ListLayout {
  readonly kind: 'list';
  readonly variants: boolean;
  readonly element: ListElement;
}

export type Layout = ScalarLayout | ObjectLayout | TupleLayout | ListLayout;

export const ANY_LAYOUT: Layout = { kind: 'any', variants: false };

/** Kinds by number; the order is part of the format. */
const KINDS: readonly Layout['kind'][] = [
  'i32',
  'f64',
  'bool',
  'string',
  'dictionary',
  'date',
  'bigint',
  'any',
  'none',
  'object',
  'tuple',
  'list',
];
const ELEMENTS: readonly ListElement[] = ['i32', 'f64', 'string'];
const VARIANTS_BIT = 0x80;

export function writeLayout(layout: Layout, writer: ByteWriter): void {
  writer.u8(KINDS.indexOf(layout.kind) | (layout.variants ? VARIANTS_BIT : 0));
  if (layout.kind === 'object') {
    writer.u8(layout.type === undefined ? 0 : 1);
    if (layout.type !== undefined) writeText(writer, layout.type);
    writer.varint(layout.fields.length);
    for (const field of layout.fields) {
      writeText(writer, field.name);
      writer.u8(field.optional ? 1 : 0);
      writeLayout(field.layout, writer);
    }
  } else if (layout.kind === 'tuple') {
    writer.varint(layout.items.length);
    for (const item of layout.items) writeLayout(item, writer);
  } else if (layout.kind === 'list') {
    writer.u8(ELEMENTS.indexOf(layout.element));
  }
}

export function readLayout(reader: ByteReader): Layout {
  const head = reader.u8();
  const kind = KINDS[head & ~VARIANTS_BIT];
  const variants = (head & VARIANTS_BIT) !== 0;
  switch (kind) {
    case undefined:
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `The layout of a frame names the unknown kind ${head & ~VARIANTS_BIT}.`,
      );
    case 'object': {
      const type = reader.u8() === 0 ? undefined : readText(reader);
      const fields = readMany(reader, () => ({
        name: readText(reader),
        optional: reader.u8() !== 0,
        layout: readLayout(reader),
      }));
      return { kind, variants, type, fields };
    }
    case 'tuple':
      return { kind, variants, items: readMany(reader, () => readLayout(reader)) };
    case 'list': {
      const element = ELEMENTS[reader.u8()];
      if (element === undefined)
        throw new MillstreamError('FRAME_CORRUPT', 'The layout of a frame names an unknown kind of list.');
      return { kind, variants, element };
    }
    default:
      return { kind, variants };
  }
}

function readMany<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.varint();
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

/** One array of fixed width in a block. */
export interface Column {
  readonly view: 'u8' | 'u16' | 'i32' | 'f64' | 'i64';
  readonly width: 1 | 2 | 4 | 8;
}

/** A layout with its columns numbered, in the order in which they stand in a block: parents first, fields in order. */
export interface LayoutNode {
  readonly id: number;
  readonly layout: Layout;
  /** Where it is, for messages: `value.user.name`. */
  readonly place: string;
  readonly variants: Column | undefined;
  readonly values: Column | undefined;
  readonly children: readonly LayoutNode[];
}

const U8: Column = { view: 'u8', width: 1 };
const VALUE_COLUMNS: { readonly [K in Layout['kind']]: Column | undefined } = {
  i32: { view: 'i32', width: 4 },
  f64: { view: 'f64', width: 8 },
  bool: U8,
  // Lengths, in UTF-16 units.
  string: { view: 'i32', width: 4 },
  // Numbers of the dictionary.
  dictionary: { view: 'u16', width: 2 },
  date: { view: 'f64', width: 8 },
  bigint: { view: 'i64', width: 8 },
  any: undefined,
  none: undefined,
  object: undefined,
  tuple: undefined,
  // Numbers of elements.
  list: { view: 'i32', width: 4 },
};

/** The nodes of a layout, parents before children, by id. */
export function nodesOf(layout: Layout): readonly LayoutNode[] {
  const nodes: LayoutNode[] = [];
  addNode(layout, 'value', nodes);
  return nodes;
}

function addNode(layout: Layout, place: string, nodes: LayoutNode[]): LayoutNode {
  const children: LayoutNode[] = [];
  const node: LayoutNode = {
    id: nodes.length,
    layout,
    place,
    variants: layout.variants ? U8 : undefined,
    values: VALUE_COLUMNS[layout.kind],
    children,
  };
  nodes.push(node);
  if (layout.kind === 'object') {
    for (const field of layout.fields) children.push(addNode(field.layout, `${place}.${field.name}`, nodes));
  } else if (layout.kind === 'tuple') {
    layout.items.forEach((item, i) => children.push(addNode(item, `${place}[${i}]`, nodes)));
  }
  return node;
}

/** Every column of the nodes, in the order of the block. */
export function columnsOf(nodes: readonly LayoutNode[]): readonly Column[] {
  return nodes.flatMap((node) => [node.variants, node.values].filter((column) => column !== undefined));
}

/** Bytes of the columns of `rows` rows; each column starts at a multiple of eight. */
export function columnBytes(columns: readonly Column[], rows: number): number {
  let bytes = 0;
  for (const column of columns) bytes += align8(column.width * rows);
  return bytes;
}

/** The same layout with nothing in it that a value could fail to meet. */
export function loosened(layout: Layout): Layout {
  switch (layout.kind) {
    case 'object':
      return {
        ...layout,
        variants: true,
        fields: layout.fields.map((field) => ({ ...field, layout: loosened(field.layout) })),
      };
    case 'tuple':
      return { ...layout, variants: true, items: layout.items.map(loosened) };
    case 'list':
      return { ...layout, variants: true, element: layout.element === 'i32' ? 'f64' : layout.element };
    case 'i32':
      return { kind: 'f64', variants: true };
    case 'none':
      return { kind: 'any', variants: true };
    case 'dictionary':
      return { kind: 'string', variants: true };
    default:
      return { ...layout, variants: true };
  }
}
