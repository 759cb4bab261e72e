/**
 * How much of a sink's data may be under way at once: more by a little after each batch that was taken, half of it after
 * one of which something came back (AIMD). Flink's CongestionControlRateLimitingStrategy with its defaults.
 */

/** By how much the limit rises after a batch that was taken. */
const INCREASE = 10;

/** What is left of the limit after a batch that was turned away in part. */
const DECREASE = 0.5;

export class CongestionControl {
  readonly #most: number;
  #limit: number;
  #underWay = 0;

  /** `most` bounds the limit, which is `initial` at first. */
  constructor(initial: number, most: number) {
    this.#limit = initial;
    this.#most = most;
  }

  /** Messages that may be under way at once. */
  get limit(): number {
    return this.#limit;
  }

  /** How many more may be sent now. */
  get room(): number {
    return Math.max(0, this.#limit - this.#underWay);
  }

  sent(messages: number): void {
    this.#underWay += messages;
  }

  answered(messages: number, turnedAway: number): void {
    this.#underWay -= messages;
    this.#limit =
      turnedAway > 0 ? Math.max(1, Math.round(this.#limit * DECREASE)) : Math.min(this.#most, this.#limit + INCREASE);
  }
}
