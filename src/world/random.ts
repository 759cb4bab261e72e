/** Real randomness. */

import { randomBytes } from 'node:crypto';
import type { Random } from '../base/world.ts';

const ID_BYTES = 16;

export class RealRandom implements Random {
  next(): number {
    return Math.random();
  }

  id(): string {
    return randomBytes(ID_BYTES).toString('hex');
  }
}
