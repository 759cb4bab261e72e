/** Values inside arrays, maps and rows: what a row of a column of their type would be. */

import { type LogicalType, storageOf } from '../data/schema.ts';
import { isLongForm } from './scalar-code.ts';

/** Makes an element of an operand's value: 64-bit integers are numbers where exact, longer decimals always bigints. */
export function elementWriter(type: LogicalType): (value: unknown) => unknown {
  if (!isLongForm(type)) return (value) => value;
  if (storageOf(type) === 'values') return (value) => (value === null ? null : BigInt(value as number | bigint));
  return (value) => {
    const number = Number(value);
    return value === null || !Number.isSafeInteger(number) ? value : number;
  };
}
