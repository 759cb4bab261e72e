/** The bytes of what a task restores from, brought to memory before it opens. */

import { invariant } from '../base/assert.ts';
import { isFileSegment, type BytesOf, type OperatorSnapshot, type SnapshotFiles, type StateBytes } from './snapshot.ts';

/** Whether a keyed state is taken in while it is read, and not fetched before: see `OperatorDefinition.takes`. */
export type IsTaken = (operatorId: string, state: string) => boolean;

/**
 * Reads everything that the snapshots refer to but what is taken in as it is read, and `further` bytes beside. Bytes can
 * be had as long as the result is kept.
 */
export async function fetchedBytes(
  files: Pick<SnapshotFiles, 'read'>,
  snapshots: readonly OperatorSnapshot[],
  isTaken: IsTaken,
  further: readonly StateBytes[],
): Promise<BytesOf> {
  const wanted = snapshots.flatMap(({ operatorId, keyed, lists }) => [
    ...keyed
      .filter(({ name }) => !isTaken(operatorId, name))
      .flatMap(({ groups }) => groups.flatMap(({ parts }) => parts.map((part) => part.bytes))),
    ...lists.flatMap(({ items }) => items),
  ]);
  const segments = [...wanted, ...further].filter(isFileSegment);
  const bytes = await files.read(segments);
  const byPlace = new Map(segments.map((segment, i) => [placeOf(segment), bytes[i] as Uint8Array]));
  return (of: StateBytes): Uint8Array => {
    if (!isFileSegment(of)) return of;
    const found = byPlace.get(placeOf(of));
    invariant(found !== undefined, 'what is read was fetched', () => ({ file: of.file, offset: of.offset }));
    return found;
  };
}

function placeOf({ file, offset }: { readonly file: string; readonly offset: number }): string {
  return `${offset} ${file}`;
}
