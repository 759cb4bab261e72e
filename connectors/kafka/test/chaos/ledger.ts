/** What the job keeps for an account, and how it changes: a pure function, by which the truth is computed as well. */

import { crc32 } from 'node:zlib';

/** Large on purpose: it is what makes the state heavy. */
const PAGE_BYTES = 1_000;

export interface Account {
  readonly count: number;
  readonly sum: number;
  /** Every change goes into all of it. */
  readonly page: Uint8Array;
}

export function openAccount(account: number): Account {
  const page = new Uint8Array(PAGE_BYTES);
  let x = (account + 1) * 0x9e37_79b1;
  for (let i = 0; i < PAGE_BYTES; i++) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b_3c6d);
    page[i] = x >>> 24;
  }
  return { count: 0, sum: 0, page };
}

/** The page is another array: the old one may be part of a checkpoint that is being written. */
export function changed({ count, sum, page }: Account, amount: number): Account {
  const next = new Uint8Array(PAGE_BYTES);
  let carry = amount + count;
  for (let i = 0; i < PAGE_BYTES; i++) {
    carry = (Math.imul(carry, 31) + (page[i] as number)) | 0;
    next[i] = carry >>> 8;
  }
  return { count: count + 1, sum: sum + amount, page: next };
}

export function line(kind: string, account: number, { count, sum, page }: Account): string {
  return `${kind} ${account} ${count} ${sum} ${crc32(page).toString(16)}`;
}
