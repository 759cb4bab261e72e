/** What a generated encoder writes to besides columns: text, dictionaries, lists, and the structured values of a block. */

import type { ByteWriter } from '../base/bytes.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';
import { listBuffer, type ListBuffer } from './list-column.ts';
import type { LayoutNode } from './record-layout.ts';
import { writeTextColumn } from './text-column.ts';
import { TextDictionary } from './text-dictionary.ts';
import type { ValueMark, ValueWriter } from './value-writer.ts';

export class EncodeContext {
  /** By node; the generated code leaves the joined text here. */
  readonly texts: string[] = [];
  readonly dictionaries: TextDictionary[] = [];
  readonly lists: ListBuffer[] = [];
  /** Set when a row must be escaped and the layout's root has no variants. */
  wantsVariants = false;
  /** Values of this block that went to the structured values. */
  others = 0;
  readonly #nodes: readonly LayoutNode[];
  readonly #values: ValueWriter;
  readonly #bytes: ByteWriter;
  #rowStart: ValueMark = { bytes: 0, shapes: 0, names: 0 };
  #rowOthers = 0;

  /** `values` writes to `bytes`; both are shared by the blocks of an encoder, one after the other. */
  constructor(nodes: readonly LayoutNode[], values: ValueWriter, bytes: ByteWriter) {
    this.#nodes = nodes.filter(
      ({ layout }) => layout.kind === 'string' || layout.kind === 'dictionary' || layout.kind === 'list',
    );
    this.#values = values;
    this.#bytes = bytes;
    for (const { id, layout } of nodes) {
      if (layout.kind === 'dictionary') this.dictionaries[id] = new TextDictionary();
      if (layout.kind === 'list') this.lists[id] = listBuffer(layout.element);
    }
  }

  /** Before the rows of a block. */
  begin(): void {
    this.wantsVariants = false;
    this.others = 0;
    this.#bytes.reset();
    this.#values.begin(this.#bytes);
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'list') (this.lists[id] as ListBuffer).clear();
    }
  }

  /** Before the first of a row's values that go to the structured values. */
  startRow(): void {
    this.#rowStart = this.#values.mark();
    this.#rowOthers = this.others;
    this.#values.startValue();
  }

  /** An object that the row contains, but not in the structured values. */
  foreign(object: object): void {
    this.#values.foreign(object);
  }

  /** Writes one of a row's values; false when it refers to something foreign, so that the row must be escaped. */
  part(value: unknown, place: string): boolean {
    this.others++;
    return this.#values.writePart(value, place);
  }

  /** Writes a whole row, instead of the parts that were written since `startRow`, if it was `started`. */
  escape(value: unknown, started: boolean): void {
    if (started) {
      this.#values.rewind(this.#rowStart);
      this.others = this.#rowOthers;
    }
    this.others++;
    this.#values.write(value);
  }

  /** Writes what follows the columns, which begin at `columns`. Returns the end or FRAME_FULL. */
  finish(memory: FrameMemory, columns: readonly number[], rows: number, position: number, end: number): number {
    let at = position;
    for (const { id, layout } of this.#nodes) {
      const column = columns[id] as number;
      if (layout.kind === 'string') at = writeTextColumn(memory, column / 4, rows, this.texts[id] as string, at, end);
      else if (layout.kind === 'dictionary')
        at = (this.dictionaries[id] as TextDictionary).write(memory, column / 2, rows, at, end);
      else at = (this.lists[id] as ListBuffer).write(memory, at, end);
      if (at === FRAME_FULL) return FRAME_FULL;
    }
    return this.#writeValues(memory, at, end);
  }

  #writeValues(memory: FrameMemory, position: number, end: number): number {
    const bytes = this.#bytes.length;
    const sectionEnd = align8(position + bytes);
    if (sectionEnd > end) return FRAME_FULL;
    if (bytes === 0) return position;
    memory.u8.set(this.#bytes.view(), position);
    memory.u8.fill(0, position + bytes, sectionEnd);
    return sectionEnd;
  }

  /** Bytes of the structured values of the block. */
  get valueBytes(): number {
    return this.#bytes.length;
  }

  /** Lets go of the block's values. */
  release(): void {
    if (this.others > 0) this.#values.release();
    for (const { id, layout } of this.#nodes) {
      if (layout.kind === 'string') this.texts[id] = '';
      else if (layout.kind === 'list') (this.lists[id] as ListBuffer).clear();
    }
  }
}
