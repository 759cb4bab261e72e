/** A numeric operand as a value of a wider numeric type. */

import { type LogicalType, storageOf } from '../../data/schema.ts';
import type { Operand, ScalarCode } from '../scalar-code.ts';

export function promote(operand: Operand, type: LogicalType, code: ScalarCode): string {
  const { text } = operand;
  if (operand.type.kind === type.kind) return text;
  const from = storageOf(operand.type);
  const to = storageOf(type);
  if (to === 'long') return from === 'i32' && code.form === 'exact' ? `BigInt(${text})` : text;
  if (to !== 'f64') return text;
  const number = from === 'long' && code.form === 'exact' ? `Number(${text})` : text;
  // Every FLOAT is a double; every other type may have to be rounded.
  return type.kind === 'float' ? `Math.fround(${number})` : number;
}
