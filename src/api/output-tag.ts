/** The name and type of a side output. */

import { MillstreamError } from '../base/error.ts';

/**
 * Identifies a side output of an operator: functions emit to it with `ctx.output(tag, value)`, and
 * `stream.getSideOutput(tag)` reads it. Two tags with one id are the same output.
 *
 * @example
 * ```ts
 * const late = new OutputTag<{ user: string }>('late');
 * ```
 */
export class OutputTag<T> {
  readonly id: string;
  /** Carries the element type; never set. */
  declare readonly elementType?: (value: T) => T;

  /** @throws GRAPH_INVALID when the id is empty. */
  constructor(id: string) {
    if (id === '') throw new MillstreamError('GRAPH_INVALID', "A side output needs an id: new OutputTag<T>('late').");
    this.id = id;
    Object.freeze(this);
  }
}

/**
 * The same as `new OutputTag<T>(id)`.
 *
 * @example
 * ```ts
 * const late = outputTag<{ user: string }>('late');
 * ```
 */
export function outputTag<T>(id: string): OutputTag<T> {
  return new OutputTag<T>(id);
}
