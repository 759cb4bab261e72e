/** A subtask of the benchmark of rescaling, in a thread of its own: restores its part and reads one key. */

import { parentPort } from 'node:worker_threads';
import type { OperatorSnapshot } from '../src/state/snapshot.ts';
import { keyOf, restoredTable, type TablePlace } from './state-tables.ts';

export interface RescaleRequest {
  readonly place: TablePlace;
  readonly snapshots: readonly OperatorSnapshot[];
  readonly keys: number;
}

export interface RescaleAnswer {
  /** What the key held that was read first. */
  readonly read: number;
}

async function answer({ place, snapshots, keys }: RescaleRequest): Promise<void> {
  const table = await restoredTable(place, snapshots);
  const read: RescaleAnswer = { read: table.read(keyOf(place, keys)) };
  parentPort?.postMessage(read);
}

parentPort?.once('message', (request: RescaleRequest) => void answer(request));
// Asked for its work when its code has been loaded.
parentPort?.postMessage('ready');
