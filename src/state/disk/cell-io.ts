/** What cells, and what else is in rows, write themselves to and read themselves from. */

/** Writes the parts of a cell into the record of its row. */
export interface CellWriter {
  value(value: unknown): void;
  varint(value: number): void;
  f64(value: number): void;
}

/** Reads what {@link CellWriter} wrote. */
export interface CellReader {
  any(): unknown;
  varint(): number;
  f64(): number;
}
