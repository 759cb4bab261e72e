/** The broadcast side of a connection: every subtask gets every record, and keeps what it needs of it in broadcast state. */

import type { BroadcastDescriptors } from '../operator/broadcast-states.ts';
import type { StreamHandle } from './stream-handle.ts';

/**
 * Made by `stream.broadcast(descriptor, …)`, read by `other.connect(broadcastStream)`.
 *
 * @example
 * ```ts
 * declare const ruleChanges: DataStream<{ id: string; rule: { limit: number } }>;
 * const rules = mapState<string, { limit: number }>('rules');
 * const broadcastRules = ruleChanges.broadcast(rules);
 * ```
 */
export class BroadcastStream<T> {
  readonly handle: StreamHandle;
  /** The states that the broadcast side may write. */
  readonly descriptors: BroadcastDescriptors;
  /** Carries the element type; never set. */
  declare readonly elementType?: T;

  constructor(handle: StreamHandle, descriptors: BroadcastDescriptors) {
    this.handle = handle;
    this.descriptors = descriptors;
  }
}
