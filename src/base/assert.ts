/** Assertions: laws of the engine. A failed one is our bug and fails the task, never the process. */

import { MillstreamError } from './error.ts';

/** `law` is a constant sentence, so that it costs nothing until it fails; values go into the lazy `values`. */
export function invariant(condition: boolean, law: string, values?: () => Record<string, unknown>): asserts condition {
  if (!condition) throw broken(law, values);
}

function broken(law: string, values?: () => Record<string, unknown>): MillstreamError {
  const facts =
    values === undefined
      ? ''
      : ` (${Object.entries(values())
          .map(([name, value]) => `${name} = ${String(value)}`)
          .join(', ')})`;
  return new MillstreamError('INTERNAL_INVARIANT', `${law}${facts}`);
}

/** Ends a `switch` over a closed union: the compiler lists what is missing. */
export function unreachable(value: never): never {
  throw new MillstreamError('INTERNAL_INVARIANT', `a value outside its closed union was met: ${String(value)}`);
}

/** Element access that asserts its index. */
export function at<T>(items: ArrayLike<T>, index: number): T {
  const item = items[index];
  if (item === undefined && !(index >= 0 && index < items.length))
    throw broken('an index lies inside its array', () => ({ index, length: items.length }));
  return item as T;
}
