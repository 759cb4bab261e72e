/** Groups of a table as they come out of a snapshot, side by side; they lie in memory as those of a table do. */

/** What of a column lies beside the words of the groups: at most one of these. */
export interface StoredColumn {
  /** 64-bit integers. */
  readonly longs?: BigInt64Array;
  /** The lengths of texts in UTF-8, which lie one behind the other. */
  readonly lengths?: Int32Array;
  readonly texts?: Uint8Array;
  readonly values?: readonly unknown[];
}

export interface StoredGroups {
  readonly count: number;
  readonly hashes: Int32Array;
  /** A bit for each part of the key that is NULL; undefined where none is. */
  readonly nulls: Int32Array | undefined;
  /** The records of the groups: a double for each part of the key and each accumulator, as bytes at any offset. */
  readonly words: Uint8Array;
  readonly keys: readonly StoredColumn[];
  readonly accumulators: readonly StoredColumn[];
}
