/** Numbers the objects of one value in the order of their first occurrence: a short list first, a Map beyond it. */

/** Up to here comparing one by one beats hashing. */
const LIST_MAX = 12;

export class IdentityList {
  /** What `add` returns for an object that was not there. */
  static readonly NEW = -1;
  /** What `add` returns for an object that belongs elsewhere. */
  static readonly FOREIGN = -2;

  /** The foreign objects first, then the numbered ones. */
  readonly #list: object[] = [];
  #count = 0;
  #foreign = 0;
  #numbers: Map<object, number> | undefined;

  clear(): void {
    // Let go of the objects, so that the last value of a batch is not kept alive.
    this.#list.length = 0;
    this.#count = 0;
    this.#foreign = 0;
    this.#numbers = undefined;
  }

  foreign(object: object): void {
    this.#list.push(object);
    this.#foreign++;
  }

  /** The number of an object that occurred before; else numbers it and returns NEW, or returns FOREIGN. */
  add(object: object): number {
    const list = this.#list;
    if (this.#numbers !== undefined) return this.#addToMap(this.#numbers, object);
    for (let i = 0; i < list.length; i++) {
      if (list[i] === object) return i < this.#foreign ? IdentityList.FOREIGN : i - this.#foreign;
    }
    list.push(object);
    this.#count++;
    if (list.length > LIST_MAX)
      this.#numbers = new Map(
        list.map((item, i) => [item, i < this.#foreign ? IdentityList.FOREIGN : i - this.#foreign]),
      );
    return IdentityList.NEW;
  }

  #addToMap(numbers: Map<object, number>, object: object): number {
    const number = numbers.get(object);
    if (number !== undefined) return number;
    numbers.set(object, this.#count++);
    return IdentityList.NEW;
  }
}
