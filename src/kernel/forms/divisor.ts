/** Divisors, which must not be zero. */

import { failed, type ScalarCode } from '../scalar-code.ts';

/** The divisor under a name, checked. */
export function divisor(text: string, zero: string, code: ScalarCode): string {
  const name = code.keep(text, 'd');
  code.line(`if (${name} === ${zero}) ${code.bind(failed)}('Division by zero.');`);
  return name;
}
