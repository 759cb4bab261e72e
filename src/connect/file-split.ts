/** Files and their ranges, as the splits of a file source. */

/** A range of a file, and how far it has been read. Plain data: it travels in messages and checkpoints. */
export interface FileSplit {
  readonly id: string;
  readonly path: string;
  /** Bytes that belong to the range: records that begin in `start` … `end`. In the file as it lies there, compressed or not. */
  readonly start: number;
  readonly end: number;
  /**
   * Where the next record begins, in the bytes that the format reads: those of a compressed file are counted after
   * decompression. `undefined` before the first record is found.
   */
  readonly position: number | undefined;
  /** Line breaks between `start` and the position. */
  readonly lines: number;
}

/** A file that was found. */
export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: number;
}

/** Cuts a file into ranges of about `splitBytes`; a last range that would be small goes to the one before it. */
export function fileSplits(file: FoundFile, splittable: boolean, splitBytes: number): readonly FileSplit[] {
  const count = splittable ? Math.max(1, Math.round(file.bytes / splitBytes)) : 1;
  const splits: FileSplit[] = [];
  for (let index = 0; index < count; index++) {
    const start = Math.floor((file.bytes * index) / count);
    const end = Math.floor((file.bytes * (index + 1)) / count);
    const id = count === 1 ? file.path : `${file.path}#${index}`;
    splits.push({ id, path: file.path, start, end, position: undefined, lines: 0 });
  }
  return splits;
}
