/** What a running function can ask about itself and its surroundings. */

import type { MetricGroup } from '../observe/metrics.ts';
import type { AnyStateDescriptor, StateHandle } from '../state/descriptor.ts';
import type { Accumulator } from './accumulators.ts';
import type { TaskIdentity } from './operator.ts';

/** Handed to `open`, and offered as `ctx.runtime` by the contexts of process functions. */
export interface RuntimeContext {
  /** Which subtask of which operator of which job this is, and its attempt. */
  readonly task: TaskIdentity;
  /** The operator's metrics. */
  readonly metrics: MetricGroup;
  /** The parameters that the job was started with, and its global job parameters. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /**
   * The path of a file that the environment's `registerCachedFile` named, for functions to read.
   *
   * @throws OPTION_INVALID when there is none of this name.
   */
  cachedFile(name: string): string;
  /**
   * A handle of keyed state; it always concerns the key of the element that is being processed.
   *
   * @throws STATE_INVALID when the stream is not keyed.
   */
  getState<D extends AnyStateDescriptor>(descriptor: D): StateHandle<D>;
  /** Registers an accumulator under a name and returns it. Its result is merged into that of the job. */
  addAccumulator<A extends Accumulator<never>>(name: string, accumulator: A): A;
}
