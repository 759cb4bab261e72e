/** A numeric operand as a value of a wider numeric type. */

import { type LogicalType, storageOf } from '../../data/schema.ts';
import { decimalToDouble, powerOfTen } from '../decimal-values.ts';
import { decimalOf } from '../numeric-types.ts';
import { isLongForm, type Operand, type ScalarCode } from '../scalar-code.ts';
import { rescaled, unscaled } from './decimal.ts';

export function promote(operand: Operand, type: LogicalType, code: ScalarCode): string {
  const { text } = operand;
  if (type.kind === 'decimal') {
    const scale = decimalOf(operand.type)?.scale;
    return scale === undefined ? text : rescaled(unscaled(operand, code), scale, type.scale, code);
  }
  if (operand.type.kind === type.kind) return text;
  const from = storageOf(operand.type);
  const to = storageOf(type);
  if (to === 'long') return from === 'i32' && code.form === 'exact' ? `BigInt(${text})` : text;
  if (to !== 'f64') return text;
  const number = isLongForm(operand.type) ? toDouble(operand, code) : text;
  // Every FLOAT is a double; every other type may have to be rounded.
  return type.kind === 'float' ? `Math.fround(${number})` : number;
}

/** Powers of ten up to this one are doubles, so that a division by them rounds once. */
const EXACT_POWER_MAX = 22;

function toDouble({ text, type }: Operand, code: ScalarCode): string {
  const scale = type.kind === 'decimal' ? type.scale : 0;
  // Decimals of 64 bits are divided as doubles in exact code, too, as Flink does.
  if (scale > EXACT_POWER_MAX || (code.form === 'exact' && type.kind === 'decimal' && storageOf(type) === 'values'))
    return `${code.bind(decimalToDouble)}(${text}, ${scale})`;
  const number = code.form === 'exact' ? `Number(${text})` : text;
  return scale === 0 ? number : `(${number} / ${powerOfTen(scale)})`;
}
