/**
 * The files that the state of operators refers to. Snapshots are plain data of the engine's own making (values of
 * users are bytes in them), so a segment is known by its fields wherever it stands.
 */

import type { FileSegment } from '../../state/snapshot.ts';

function isSegment(value: object): value is FileSegment {
  return 'file' in value && 'offset' in value && 'length' in value && 'crc' in value;
}

/** A copy of plain data in which each segment is replaced; parts without segments are shared with the original. */
export function mapSegments(value: unknown, replace: (segment: FileSegment) => unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    const mapped = value.map((item) => mapSegments(item, replace));
    return mapped.some((item, i) => item !== value[i]) ? mapped : value;
  }
  if (value instanceof Map) return new Map(Array.from(value, ([key, item]) => [key, mapSegments(item, replace)]));
  if (isSegment(value)) return replace(value);
  let changed = false;
  const mapped = Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const next = mapSegments(item, replace);
      changed ||= next !== item;
      return [name, next];
    }),
  );
  return changed ? mapped : value;
}

/** Absolute URLs of all files that snapshots refer to. */
export function filesOf(value: unknown, into: Set<string> = new Set()): Set<string> {
  mapSegments(value, (segment) => {
    into.add(segment.file);
    return segment;
  });
  return into;
}
