/** The functions that calls name: the one table that a family is entered in. */

import { MillstreamError } from '../base/error.ts';
import { ENCODING_FUNCTIONS } from './functions/encoding.ts';
import { NESTED_FUNCTIONS } from './functions/nested.ts';
import { NUMBER_FUNCTIONS } from './functions/number.ts';
import { PATTERN_FUNCTIONS } from './functions/pattern.ts';
import { TEXT_FUNCTIONS } from './functions/text.ts';
import { TIME_FUNCTIONS } from './functions/time.ts';
import type { ScalarFunction } from './scalar-function.ts';

export const FUNCTIONS: ReadonlyMap<string, ScalarFunction> = new Map(
  [NUMBER_FUNCTIONS, TEXT_FUNCTIONS, PATTERN_FUNCTIONS, ENCODING_FUNCTIONS, TIME_FUNCTIONS, NESTED_FUNCTIONS].flatMap(
    (family) => Object.entries(family),
  ),
);

/** @throws GRAPH_INVALID when there is none of that name. */
export function functionOf(name: string): ScalarFunction {
  const found = FUNCTIONS.get(name);
  if (found === undefined)
    throw new MillstreamError('GRAPH_INVALID', `An expression calls ${name}, and there is no function of that name.`);
  return found;
}
