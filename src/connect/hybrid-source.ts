/** One source after the other: history from files, then what happens now. Flink's `HybridSource`. */

import { HybridEnumerator, type HybridEnumeratorState } from './hybrid-enumerator.ts';
import { HybridReader } from './hybrid-reader.ts';
import { hybridSplitId, type HybridSplit, type HybridStep } from './hybrid-step.ts';
import { invalidOption } from './option.ts';
import type { Boundedness, Source } from './source.ts';

/** What cannot be told from the steps themselves. */
export interface HybridOptions {
  /** Whether the source ends: that of the last step, or `'unbounded'` where a function makes it. */
  readonly boundedness?: Boundedness;
}

/**
 * Reads bounded sources one after the other, and then a last one, which may go on without end. A source begins when
 * all subtasks have read the one before. A step may be a function of what is known then, which makes the source.
 *
 * @example
 * ```ts
 * const events = hybridSource([
 *   fileSource({ path: 'archive', format: json<{ user: string }>() }),
 *   socketSource({ host: 'localhost', port: 9999, format: json<{ user: string }>(), maxRetries: -1 }),
 * ]);
 * ```
 */
export function hybridSource<T>(
  steps: readonly HybridStep<T>[],
  options: HybridOptions = {},
): Source<T, HybridSplit, HybridEnumeratorState> {
  const last = steps.at(-1);
  if (last === undefined) throw invalidOption('hybrid source', 'it needs at least one source');
  const known = steps.filter((step) => typeof step !== 'function');
  const endless = known.find((step) => step.boundedness === 'unbounded' && step !== last);
  if (endless !== undefined) {
    const place = steps.indexOf(endless) + 1;
    throw invalidOption(
      'hybrid source',
      `source ${place} of ${steps.length} has no end, and only the last one may have none`,
    );
  }
  const only = known.find((step) => step.parallelism !== undefined)?.parallelism;
  return {
    name: 'hybrid',
    boundedness: options.boundedness ?? (typeof last === 'function' ? 'unbounded' : last.boundedness),
    replayable: known.every((step) => step.replayable),
    ...(only === undefined ? {} : { parallelism: only }),
    createEnumerator: (context, restored) => new HybridEnumerator(steps, context, restored),
    createReader: (context) => new HybridReader(steps, context),
    splitId: ({ step, id }) => hybridSplitId(step, id),
  };
}
