/** The records that the job of the chaos test reads: made one after the other from a seed, written as short texts. */

/** Topics of the input. The records of one account lie in one partition, in their order. */
export const MOVES = 'moves';
export const QUOTES = 'quotes';
export const PARTITIONS = 2;

/** Event time moves on by so much with every tick of the feeder, in milliseconds. */
export const TICK_MS = 100;
export const WINDOW_MS = 1_000;

/** Keys of windows and joins: several accounts share one. */
const DESKS = 200;

const FIRST_TIME = 1_700_000_000_000;

/** One record before it is written. */
export interface Written {
  readonly partition: number;
  readonly value: string;
  readonly timestamp: string;
}

/** What a record of MOVES says: an account is opened, changed, or asked about. */
export interface Move {
  readonly kind: 'open' | 'move' | 'audit';
  readonly account: number;
  readonly amount: number;
}

export interface Quote {
  readonly desk: number;
  readonly price: number;
}

export function deskOf(account: number): number {
  return account % DESKS;
}

export function readMove(text: string): Move {
  const [kind = '', account = '', amount = ''] = text.split(' ');
  return { kind: kind as Move['kind'], account: Number(account), amount: Number(amount) };
}

export function readQuote(text: string): Quote {
  const [desk = '', price = ''] = text.split(' ');
  return { desk: Number(desk), price: Number(price) };
}

/** A small generator of numbers that are the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e37_79b9) | 0 || 1;
  }

  /** A whole number from 0 to `below - 1`. */
  below(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x | 0;
    return Math.floor(((x >>> 0) / 2 ** 32) * below);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Makes the records. */
export class EventMaker {
  readonly #dice: Dice;
  readonly #accounts: number;
  #time = FIRST_TIME;

  constructor(seed: number, accounts: number) {
    this.#dice = new Dice(seed);
    this.#accounts = accounts;
  }

  #move(kind: Move['kind'], account: number, amount: number): Written {
    return { partition: account % PARTITIONS, value: `${kind} ${account} ${amount}`, timestamp: String(this.#time) };
  }

  /** Opens or audits some accounts, all at the same time. */
  *each(kind: 'open' | 'audit', from: number, to: number): Generator<Written> {
    for (let account = from; account < to; account++) yield this.#move(kind, account, 0);
  }

  /** A tick of event time: some changes, some quotes. Every partition of both topics hears of the time. */
  tick(moves: number, quotes: number): { readonly moves: Written[]; readonly quotes: Written[] } {
    this.#time += TICK_MS;
    const time = String(this.#time);
    const made = { moves: [] as Written[], quotes: [] as Written[] };
    for (let i = 0; i < Math.max(moves, PARTITIONS); i++) {
      const any = this.#dice.below(this.#accounts);
      const account = i < PARTITIONS ? i : any;
      made.moves.push(this.#move('move', account, 1 + this.#dice.below(1_000)));
    }
    for (let i = 0; i < Math.max(quotes, PARTITIONS); i++) {
      const desk = i < PARTITIONS ? i : this.#dice.below(DESKS);
      made.quotes.push({
        partition: desk % PARTITIONS,
        value: `${desk} ${1 + this.#dice.below(100)}`,
        timestamp: time,
      });
    }
    return made;
  }
}
