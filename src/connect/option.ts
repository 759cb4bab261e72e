/** Checks of connector options, where they enter. */

import { MillstreamError } from '../base/error.ts';

export function assertCount(source: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw invalidOption(source, `${name} must be a whole number of at least ${least}, and is ${String(value)}`);
}

export function assertPositive(source: string, name: string, value: number): void {
  if (value > 0 && value < Number.POSITIVE_INFINITY) return;
  throw invalidOption(source, `${name} must be a number above 0, and is ${String(value)}`);
}

export function invalidOption(connector: string, problem: string): MillstreamError {
  return new MillstreamError('OPTION_INVALID', `The ${connector} cannot be built: ${problem}.`);
}
