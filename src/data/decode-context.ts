/** What a generated decoder reads besides columns: text, dictionaries, lists, and the structured values of a block. */

import { ByteReader } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import type { FrameMemory } from './frame-target.ts';
import { listSource, type ListSource } from './list-column.ts';
import { Variant, type LayoutNode } from './record-layout.ts';
import { readTextColumn } from './text-column.ts';
import { TextDictionaryReader } from './text-dictionary.ts';
import type { TypeRegistry } from './type-registry.ts';
import { ValueReader } from './value-reader.ts';

export class DecodeContext {
  /** By node: the strings of the block. */
  readonly texts: string[][] = [];
  readonly dictionaries: TextDictionaryReader[] = [];
  readonly lists: ListSource[] = [];
  readonly #nodes: readonly LayoutNode[];
  readonly #values: ValueReader;

  constructor(nodes: readonly LayoutNode[], types: TypeRegistry) {
    this.#nodes = nodes.filter(
      ({ layout }) => layout.kind === 'string' || layout.kind === 'dictionary' || layout.kind === 'list',
    );
    this.#values = new ValueReader(types);
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string') this.texts[id] = [];
      else if (layout.kind === 'dictionary') this.dictionaries[id] = new TextDictionaryReader();
      else if (layout.kind === 'list') this.lists[id] = listSource(layout.element);
    }
  }

  /** Takes what follows the columns, which begin at `columns`. */
  begin(
    memory: FrameMemory,
    columns: readonly number[],
    rows: number,
    position: number,
    end: number,
    valueBytes: number,
  ): void {
    let at = position;
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string')
        at = readTextColumn(memory, (columns[id] as number) / 4, rows, at, end, this.texts[id] as string[]);
      else if (layout.kind === 'dictionary') at = (this.dictionaries[id] as TextDictionaryReader).read(memory, at, end);
      else at = (this.lists[id] as ListSource).read(memory, at, end);
    }
    if (at + valueBytes > end)
      throw new MillstreamError('FRAME_CORRUPT', 'The structured values of a frame are cut off.');
    if (valueBytes > 0) this.#values.begin(new ByteReader(memory.u8, at, at + valueBytes));
  }

  startRow(): void {
    this.#values.startValue();
  }

  /** The next of the structured values. */
  part(): unknown {
    return this.#values.readPart();
  }

  /** What a row holds that has no value of its column's kind. */
  variant(code: number): unknown {
    switch (code) {
      case Variant.NULL:
        return null;
      case Variant.UNDEFINED:
      case Variant.MISSING:
        return undefined;
      case Variant.OTHER:
        return this.#values.readPart();
      default:
        throw new MillstreamError('FRAME_CORRUPT', `A row of a frame holds the unknown variant ${code}.`);
    }
  }

  /** Lets go of the block's values. */
  release(): void {
    this.#values.startValue();
  }
}
