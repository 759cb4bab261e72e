/**
 * What ends when: items by the time at which they are due.
 *
 * Times mostly come in order, so most items stand in a ring and cost nothing but their place; what comes out of order
 * goes into a heap beside it.
 */

/** Places in the ring at first; a power of two, as its size stays. */
const RING_LEAST = 64;

export class ExpiryQueue<T> {
  #ringItems: (T | undefined)[] = new Array<T | undefined>(RING_LEAST).fill(undefined);
  #ringTimes = new Float64Array(RING_LEAST);
  #head = 0;
  #ringSize = 0;
  #lastTime = -Infinity;
  readonly #heapItems: T[] = [];
  readonly #heapTimes: number[] = [];

  get size(): number {
    return this.#ringSize + this.#heapItems.length;
  }

  /** When the next item is due; Infinity when there is none. */
  get earliest(): number {
    return Math.min(this.#ringEarliest, this.#heapTimes[0] ?? Infinity);
  }

  get #ringEarliest(): number {
    return this.#ringSize === 0 ? Infinity : (this.#ringTimes[this.#head] as number);
  }

  push(time: number, item: T): void {
    if (this.#ringSize > 0 && time < this.#lastTime) {
      this.#pushHeap(time, item);
      return;
    }
    if (this.#ringSize === this.#ringItems.length) this.#growRing();
    const place = (this.#head + this.#ringSize++) & (this.#ringItems.length - 1);
    this.#ringItems[place] = item;
    this.#ringTimes[place] = time;
    this.#lastTime = time;
  }

  /** Takes the item that is due first; undefined when there is none. */
  pop(): T | undefined {
    if (this.#heapItems.length > 0 && (this.#heapTimes[0] as number) < this.#ringEarliest) return this.#popHeap();
    if (this.#ringSize === 0) return this.#popHeap();
    const item = this.#ringItems[this.#head];
    this.#ringItems[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ringItems.length - 1);
    this.#ringSize--;
    return item;
  }

  #growRing(): void {
    const { length } = this.#ringItems;
    const items = new Array<T | undefined>(length * 2).fill(undefined);
    const times = new Float64Array(length * 2);
    for (let i = 0; i < length; i++) {
      const place = (this.#head + i) & (length - 1);
      items[i] = this.#ringItems[place];
      times[i] = this.#ringTimes[place] as number;
    }
    this.#ringItems = items;
    this.#ringTimes = times;
    this.#head = 0;
  }

  #pushHeap(time: number, item: T): void {
    const [times, items] = [this.#heapTimes, this.#heapItems];
    let place = items.length;
    items.push(item);
    times.push(time);
    while (place > 0) {
      const above = (place - 1) >>> 1;
      if ((times[above] as number) <= time) break;
      times[place] = times[above] as number;
      items[place] = items[above] as T;
      place = above;
    }
    times[place] = time;
    items[place] = item;
  }

  #popHeap(): T | undefined {
    const [times, items] = [this.#heapTimes, this.#heapItems];
    const first = items[0];
    const item = items.pop();
    const time = times.pop();
    if (item === undefined || time === undefined || items.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = place * 2 + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && (times[below + 1] as number) < (times[below] as number)) below++;
      if ((times[below] as number) >= time) break;
      times[place] = times[below] as number;
      items[place] = items[below] as T;
      place = below;
    }
    times[place] = time;
    items[place] = item;
    return first;
  }
}
