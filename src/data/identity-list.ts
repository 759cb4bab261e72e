/** Numbers the objects of one value in the order of their first occurrence: a short list first, a Map beyond it. */

/** Up to here comparing one by one beats hashing. */
const LIST_MAX = 12;

export class IdentityList {
  /** What `add` returns for an object that was not there. */
  static readonly NEW = -1;
  /** What `add` returns for an object that belongs elsewhere. */
  static readonly FOREIGN = -2;

  /** The foreign objects first, then the numbered ones, `size` in all; what lies behind is left from other values. */
  readonly #list: (object | undefined)[] = [];
  #size = 0;
  #foreign = 0;
  #numbers: Map<object, number> | undefined;

  /** Begins another value. */
  clear(): void {
    // The list keeps its length: setting that costs as much as writing a small value.
    this.#size = 0;
    this.#foreign = 0;
    this.#numbers = undefined;
  }

  /** Lets go of all objects. */
  release(): void {
    this.clear();
    this.#list.length = 0;
  }

  foreign(object: object): void {
    this.#list[this.#size++] = object;
    this.#foreign++;
  }

  /** The number of an object that occurred before; else numbers it and returns NEW, or returns FOREIGN. */
  add(object: object): number {
    if (this.#numbers !== undefined) return this.#addToMap(this.#numbers, object);
    const list = this.#list;
    const size = this.#size;
    const foreign = this.#foreign;
    for (let i = 0; i < size; i++) {
      if (list[i] === object) return i < foreign ? IdentityList.FOREIGN : i - foreign;
    }
    list[size] = object;
    this.#size = size + 1;
    if (size >= LIST_MAX) this.#numbers = this.#toMap();
    return IdentityList.NEW;
  }

  #toMap(): Map<object, number> {
    const numbers = new Map<object, number>();
    for (let i = 0; i < this.#size; i++) {
      numbers.set(this.#list[i] as object, i < this.#foreign ? IdentityList.FOREIGN : i - this.#foreign);
    }
    return numbers;
  }

  #addToMap(numbers: Map<object, number>, object: object): number {
    const number = numbers.get(object);
    if (number !== undefined) return number;
    numbers.set(object, numbers.size - this.#foreign);
    return IdentityList.NEW;
  }
}
