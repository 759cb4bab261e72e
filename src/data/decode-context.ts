/** What a generated decoder reads besides columns: text, dictionaries, lists, and the structured values of a block. */

import { ByteReader } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import type { FrameMemory } from './frame-target.ts';
import { listSource, type ListSource } from './list-column.ts';
import type { LayoutNode } from './record-layout.ts';
import { TextReader } from './text-column.ts';
import { TextDictionaryReader } from './text-dictionary.ts';
import type { TypeRegistry } from './type-registry.ts';
import { ValueReader } from './value-reader.ts';

export class DecodeContext {
  /** By node. */
  readonly texts: TextReader[] = [];
  readonly dictionaries: TextDictionaryReader[] = [];
  readonly lists: ListSource[] = [];
  readonly #nodes: readonly LayoutNode[];
  readonly #values: ValueReader;
  /** The row that was read last. */
  #row = -1;

  constructor(nodes: readonly LayoutNode[], types: TypeRegistry) {
    this.#nodes = nodes.filter(
      ({ layout }) => layout.kind === 'string' || layout.kind === 'dictionary' || layout.kind === 'list',
    );
    this.#values = new ValueReader(types);
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string') this.texts[id] = new TextReader();
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
    this.#row = -1;
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string')
        at = (this.texts[id] as TextReader).open(memory, (columns[id] as number) / 4, rows, at, end);
      else if (layout.kind === 'dictionary') at = (this.dictionaries[id] as TextDictionaryReader).read(memory, at, end);
      else at = (this.lists[id] as ListSource).read(memory, at, end);
    }
    if (at + valueBytes > end)
      throw new MillstreamError('FRAME_CORRUPT', 'The structured values of a frame are cut off.');
    if (valueBytes > 0) this.#values.begin(new ByteReader(memory.u8, at, at + valueBytes));
  }

  /** The next of the structured values, which belongs to this row. */
  part(row: number): unknown {
    if (row !== this.#row) {
      this.#row = row;
      this.#values.startValue();
    }
    return this.#values.readPart();
  }

  /** Ends the block and lets go of its values. */
  end(): void {
    if (this.#row >= 0) this.#values.release();
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string') (this.texts[id] as TextReader).close();
    }
  }
}
