/** What a map state holds for one key: entries that are objects, so that each can be found, and noted, by itself. */

export class MapEntry<K, V> {
  /** As it was given first. */
  readonly key: K;
  value: V;
  /** When it was written last, or read where reading refreshes it; 0 without TTL. */
  stamp: number;
  /** Among all entries of the state. */
  readonly number: number;
  /** The place of its map. */
  readonly place: number;

  constructor(key: K, value: V, stamp: number, number: number, place: number) {
    this.key = key;
    this.value = value;
    this.stamp = stamp;
    this.number = number;
    this.place = place;
  }
}

export class KeyedMap<K, V> {
  /** By the key as `mapKey` makes it comparable. */
  readonly entries = new Map<unknown, MapEntry<K, V>>();
  /** No entry is older than this: the cleanup need not look at each. */
  oldest = Infinity;
}
