/** Rewriting a savepoint offline: other keys, uids and key groups, and operators that are left out. */

import { findSnapshot } from '../storage/snapshot-location.ts';
import type { Offline, SavepointClasses } from './offline.ts';
import { SavepointWriter, type KeyChange, type OperatorRunner } from './savepoint-writer.ts';

/** What becomes of one operator. */
export interface OperatorRewrite {
  /** How its keys change. */
  readonly keys?: KeyChange;
  /** Its new uid. */
  readonly uid?: string;
  /** Leaves it out. */
  readonly drop?: boolean;
}

/** What `rewriteSavepoint` is to do. */
export interface SavepointRewrite extends SavepointClasses {
  /** Path or URL of the savepoint that is read; it is left as it is. */
  readonly from: string;
  /** Path or URL of the directory that the new one goes to. */
  readonly to: string;
  /** By uid. Operators that are not named stay as they are. */
  readonly operators?: Readonly<Record<string, OperatorRewrite>>;
  /** The key groups of all operators, 1 to 32768. Default: as they are. */
  readonly maxParallelism?: number;
}

export async function rewrite(offline: Offline, run: OperatorRunner, options: SavepointRewrite): Promise<string> {
  const { content } = await findSnapshot(offline.stores, options.from);
  const writer = new SavepointWriter(offline, run, content, options.maxParallelism);
  for (const [uid, { keys, uid: to, drop }] of Object.entries(options.operators ?? {})) {
    if (drop === true) {
      writer.remove(uid);
      continue;
    }
    if (keys !== undefined) writer.migrateKeys(uid, keys);
    if (to !== undefined && to !== uid) writer.rename(uid, to);
  }
  return await writer.write(options.to);
}
