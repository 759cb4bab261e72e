/** What the job must have written, computed from the records of its input by plain loops. */

import { deskOf, readMove, readQuote, WINDOW_MS, type Move } from './events.ts';
import { changed, line, openAccount } from './ledger.ts';

/** A record of the input as it was read: its text and its time. */
export interface ReadRecord {
  readonly value: string;
  readonly timestamp: number;
}

export interface Truth {
  /** For the topic of the output: windows and joins. */
  readonly records: string[];
  /** For the files: the ledger. */
  readonly lines: string[];
}

/** `moves` are in the order of their partitions, which is that of their accounts. */
export function truthOf(moves: readonly ReadRecord[], quotes: readonly ReadRecord[]): Truth {
  const byAccount = new Map<number, Move[]>();
  const windows = new Map<string, { count: number; sum: number; amounts: number[]; prices: number[] }>();
  const windowOf = (
    desk: number,
    timestamp: number,
  ): { count: number; sum: number; amounts: number[]; prices: number[] } => {
    const key = `${desk} ${Math.floor(timestamp / WINDOW_MS) * WINDOW_MS}`;
    let window = windows.get(key);
    if (window === undefined) windows.set(key, (window = { count: 0, sum: 0, amounts: [], prices: [] }));
    return window;
  };
  for (const { value, timestamp } of moves) {
    const move = readMove(value);
    const own = byAccount.get(move.account);
    if (own === undefined) byAccount.set(move.account, [move]);
    else own.push(move);
    if (move.kind !== 'move') continue;
    const window = windowOf(deskOf(move.account), timestamp);
    window.count++;
    window.sum += move.amount;
    window.amounts.push(move.amount);
  }
  for (const { value, timestamp } of quotes) {
    const { desk, price } = readQuote(value);
    windowOf(desk, timestamp).prices.push(price);
  }
  return { records: [...recordsOf(windows)], lines: [...linesOf(byAccount)] };
}

function* recordsOf(
  windows: ReadonlyMap<string, { count: number; sum: number; amounts: number[]; prices: number[] }>,
): Generator<string> {
  for (const [key, { count, sum, amounts, prices }] of windows) {
    if (count > 0) yield `window ${key} ${count} ${sum}`;
    const desk = key.slice(0, key.indexOf(' '));
    for (const amount of amounts) for (const price of prices) yield `join ${desk} ${amount} ${price}`;
  }
}

function* linesOf(byAccount: ReadonlyMap<number, readonly Move[]>): Generator<string> {
  for (const [number, moves] of byAccount) {
    let account = openAccount(number);
    for (const { kind, amount } of moves) {
      if (kind === 'move') account = changed(account, amount);
      if (kind !== 'open') yield line(kind, number, account);
    }
  }
}
