/**
 * Keyed state as rows: which columns a state has, by its kind, and how its entries become rows and come back.
 *
 * | column | what |
 * |---|---|
 * | `key_group` | int32 |
 * | `version` | int32: the version of the value's shape |
 * | `key` | the key |
 * | `namespace` | the window, where there is one |
 * | `value` | the value, the list, the map |
 * | `timestamp` | of timers, instead of a value |
 * | `last_write` | with TTL: when the value (each item of the list, each entry of the map) was written |
 * | `expiry` | with TTL, where the time to live is known: `last_write` and the time to live |
 */

import { invariant } from '../../base/assert.ts';
import { holdsTimers } from '../../state/timers.ts';

/** A keyed entry, as `RestoredEntry` has it: timers have their timestamp as value. */
export interface KeyedRow {
  readonly keyGroup: number;
  readonly version: number;
  readonly key: unknown;
  readonly namespace: unknown;
  readonly value: unknown;
}

/** The columns whose shapes are found by looking; `expiry` only where it is known. */
export const INFERRED = ['key', 'namespace', 'value', 'timestamp', 'last_write', 'expiry'] as const;
export type InferredColumn = (typeof INFERRED)[number];

/** What a row holds in the inferred columns; undefined where it has no such column. */
export type RowValues = Partial<Record<InferredColumn, unknown>>;

const TTL_SUFFIX = '+ttl';

/** The kind without its TTL. */
export function bareKind(kind: string): string {
  return kind.endsWith(TTL_SUFFIX) ? kind.slice(0, -TTL_SUFFIX.length) : kind;
}

function hasTtl(kind: string): boolean {
  return kind.endsWith(TTL_SUFFIX);
}

/** The columns of a kind of state. `timeToLive`: in milliseconds, where it is known. */
export function columnsOf(kind: string, timeToLive: number | undefined): readonly InferredColumn[] {
  if (holdsTimers(kind)) return ['key', 'namespace', 'timestamp'];
  if (!hasTtl(kind)) return ['key', 'namespace', 'value'];
  return timeToLive === undefined
    ? ['key', 'namespace', 'value', 'last_write']
    : ['key', 'namespace', 'value', 'last_write', 'expiry'];
}

type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

/** A value of state as a user knows it, with the stamps of its last writes. */
export interface LogicalValue {
  readonly value: unknown;
  readonly stamps: number | readonly number[] | undefined;
}

/** Takes the form of snapshots apart; see `cell-shape.ts`. */
export function logicalValue(kind: string, stored: unknown): LogicalValue {
  const ttl = hasTtl(kind);
  if (bareKind(kind) === 'map') {
    const [keys, values, stamps] = stored as MapParts;
    return { value: new Map(keys.map((key, i) => [key, values[i]])), stamps };
  }
  if (!ttl) return { value: stored, stamps: undefined };
  const [value, stamps] = stored as readonly [unknown, number | readonly number[]];
  return { value, stamps };
}

/** The other way round. */
export function storedValue(kind: string, { value, stamps }: LogicalValue): unknown {
  if (bareKind(kind) === 'map') {
    const map = value as ReadonlyMap<unknown, unknown>;
    const parts = [[...map.keys()], [...map.values()]];
    return hasTtl(kind) ? [...parts, stamps] : parts;
  }
  return hasTtl(kind) ? [value, stamps] : value;
}

/** The cells of an entry. */
export function rowValues(kind: string, row: KeyedRow, timeToLive: number | undefined): RowValues {
  const { key, namespace } = row;
  if (holdsTimers(kind)) return { key, namespace, timestamp: row.value };
  const { value, stamps } = logicalValue(kind, row.value);
  if (!hasTtl(kind)) return { key, namespace, value };
  invariant(stamps !== undefined, 'state with TTL has stamps');
  return { key, namespace, value, last_write: dates(stamps, 0), expiry: dates(stamps, timeToLive ?? 0) };
}

/** The value of an entry, as snapshots have it, from its cells. */
export function entryValue(kind: string, cells: RowValues): unknown {
  if (holdsTimers(kind)) return cells.timestamp;
  const { value, last_write: written } = cells;
  if (!hasTtl(kind)) return storedValue(kind, { value, stamps: undefined });
  const stamps = Array.isArray(written) ? written.map((date: Date) => date.getTime()) : (written as Date).getTime();
  return storedValue(kind, { value, stamps });
}

function dates(stamps: number | readonly number[], more: number): Date | Date[] {
  return typeof stamps === 'number' ? new Date(stamps + more) : stamps.map((stamp) => new Date(stamp + more));
}
