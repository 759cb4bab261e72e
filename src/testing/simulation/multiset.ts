/** Comparing results whose order means nothing. */

import { inspect } from 'node:util';

export interface MultisetDifference {
  readonly missing: readonly unknown[];
  readonly extra: readonly unknown[];
}

/** What of `expected` is not in `actual`, and the other way round, each as often as it is. Values agree when they print alike. */
export function multisetDifference(expected: readonly unknown[], actual: readonly unknown[]): MultisetDifference {
  const surplus = new Map<string, unknown[]>();
  for (const value of actual) {
    const name = printed(value);
    const same = surplus.get(name);
    if (same === undefined) surplus.set(name, [value]);
    else same.push(value);
  }
  const missing = expected.filter((value) => {
    const same = surplus.get(printed(value));
    if (same === undefined || same.length === 0) return true;
    same.pop();
    return false;
  });
  return { missing, extra: [...surplus.values()].flat() };
}

/** A text that is the same for equal values, whatever the order of their fields. */
function printed(value: unknown): string {
  return inspect(value, {
    depth: Infinity,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    sorted: true,
    breakLength: Infinity,
  });
}
