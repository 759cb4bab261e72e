/**
 * Where the text of kernels becomes functions.
 *
 * Every function's text is unique, by the tag in its last line: V8 shares type feedback between functions of the same
 * text, and a kernel that has met the arrays of several jobs is many times slower (docs/internals/performance.md).
 */

let made = 0;

/** A function of the given parameters; `bound` is reachable as `k0`, `k1` and so on. */
export function generateFunction(
  parameters: readonly string[],
  lines: readonly string[],
  bound: readonly unknown[],
  tag: string,
): (...values: never[]) => unknown {
  const bindings = bound.map((_, i) => `const k${i} = bound[${i}];`);
  const text = [
    "'use strict';",
    ...bindings,
    `return function kernel(${parameters.join(', ')}) {`,
    ...lines,
    '};',
    `//# sourceURL=millstream/kernel/${tag.replaceAll(/[^\w/.-]/g, '_')}#${made++}`,
  ];
  const make = new Function('bound', text.join('\n')) as (bound: readonly unknown[]) => (...values: never[]) => unknown;
  return make(bound);
}
