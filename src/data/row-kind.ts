/**
 * What a row of a changelog does to the table it belongs to: Flink's `+I`, `-U`, `+U` and `-D`.
 *
 * An update is a pair: `-U` takes the old row back, `+U` puts the new one in its place. Batches carry the kinds as
 * one byte per row; a batch without that column holds inserts only.
 */

/** The codes as they stand in batches, frames and snapshots. */
export const RowKind = {
  INSERT: 0,
  UPDATE_BEFORE: 1,
  UPDATE_AFTER: 2,
  DELETE: 3,
} as const;

export type RowKind = (typeof RowKind)[keyof typeof RowKind];

/** The short names, by code. */
export const ROW_KIND_NAMES = ['+I', '-U', '+U', '-D'] as const;

export type RowKindName = (typeof ROW_KIND_NAMES)[number];

export function rowKindName(kind: RowKind): RowKindName {
  return ROW_KIND_NAMES[kind];
}

/** The code of a short name. */
export function rowKindOf(name: RowKindName): RowKind {
  return ROW_KIND_NAMES.indexOf(name) as RowKind;
}

/** Whether a row of this kind takes something back (`-U`, `-D`) instead of adding it. */
export function isRetraction(kind: RowKind): boolean {
  return kind === RowKind.UPDATE_BEFORE || kind === RowKind.DELETE;
}
