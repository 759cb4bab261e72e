/**
 * Restoring from the canonical format: what a task is to restore becomes what every backend reads, before it opens.
 *
 * Each task reads the record batches of its own key groups, so a restore is as parallel as the job, at any parallelism.
 */

import { ByteWriter } from '../../base/bytes.ts';
import { writeValue } from '../../data/structured-codec.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { NO_ENTRY, NO_INDEX, PartEncoder } from '../../state/part-entries.ts';
import { fetchedBytes, type IsTaken } from '../../state/fetched-bytes.ts';
import type {
  BytesOf,
  KeyGroupPart,
  KeyGroupState,
  OperatorSnapshot,
  SnapshotFiles,
  StateBytes,
} from '../../state/snapshot.ts';
import { holdsTimers } from '../../state/timers.ts';
import { isArrowSegment, StoredRows, type ReadsSegments, type StoredList, type StoredState } from './stored-rows.ts';

/** Whether any of it is in the canonical format. */
function isCanonical(snapshots: readonly OperatorSnapshot[]): boolean {
  return snapshots.some(
    ({ keyed, lists }) =>
      keyed.some(({ groups }) => groups.some(({ parts }) => parts.some(({ encoding }) => encoding === 'arrow'))) ||
      lists.some(({ items }) => items.some(isArrowSegment)),
  );
}

/** The same state with every part of the canonical format as entries at hand; other parts stay as they are. */
async function nativeSnapshots(
  files: ReadsSegments,
  snapshots: readonly OperatorSnapshot[],
  types: TypeRegistry,
): Promise<OperatorSnapshot[]> {
  const rows = new StoredRows(files, types);
  const native: OperatorSnapshot[] = [];
  for (const { keyed, lists, ...snapshot } of snapshots) {
    const states: StoredState[] = [];
    for (const state of keyed) states.push(await nativeState(rows, state, types));
    const own: StoredList[] = [];
    for (const list of lists) own.push(await nativeList(rows, list, types));
    native.push({ ...snapshot, keyed: states, lists: own });
  }
  return native;
}

async function nativeState(rows: StoredRows, state: StoredState, types: TypeRegistry): Promise<StoredState> {
  const groups: KeyGroupState[] = [];
  for (const { group, parts } of state.groups) {
    const native: KeyGroupPart[] = [];
    for (const part of parts) {
      if (part.encoding !== 'arrow') native.push(part);
      else native.push(nativePart(state, part, await rows.rows(state, group, [part]), types));
    }
    groups.push({ group, parts: native });
  }
  return { name: state.name, kind: state.kind, groups };
}

function nativePart(
  { name, kind }: StoredState,
  part: KeyGroupPart,
  rows: Awaited<ReturnType<StoredRows['rows']>>,
  types: TypeRegistry,
): KeyGroupPart {
  const encoder = new PartEncoder(types);
  const timers = holdsTimers(kind);
  for (const { key, namespace, value } of rows) {
    if (timers) encoder.entry(key, namespace, value, NO_INDEX, undefined, name);
    else encoder.entry(key, namespace, NO_ENTRY, NO_INDEX, value, name);
  }
  const { version } = part;
  return { kind: 'base', encoding: 'entries', version, count: encoder.count, bytes: encoder.take() };
}

async function nativeList(rows: StoredRows, list: StoredList, types: TypeRegistry): Promise<StoredList> {
  if (!list.items.some(isArrowSegment)) return list;
  const items = await rows.items(list);
  return {
    ...list,
    items: items.map((item) => {
      const writer = new ByteWriter();
      writeValue(item, writer, types);
      return writer.take();
    }),
  };
}

/** What a task restores from, with the bytes at hand of all that is not taken in while it is read. */
export interface FetchedState {
  readonly snapshots: readonly OperatorSnapshot[];
  readonly bytesOf: BytesOf;
  /** False where the state was brought into another form: then no checkpoint can refer to the files that it came from. */
  readonly asStored: boolean;
}

/**
 * Brings to memory what a task restores from, in whichever format it is, and what was on its way to it in channels. What
 * is taken in while it is read stays where it is.
 */
export async function fetchedState(
  files: SnapshotFiles,
  snapshots: readonly OperatorSnapshot[],
  channels: readonly StateBytes[],
  types: TypeRegistry,
  isTaken: IsTaken,
): Promise<FetchedState> {
  const asStored = !isCanonical(snapshots);
  const native = asStored ? snapshots : await nativeSnapshots(files, snapshots, types);
  return { snapshots: native, bytesOf: await fetchedBytes(files, native, isTaken, channels), asStored };
}
