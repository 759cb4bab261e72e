/** Two streams of different types that one operator reads, without and with keys. */

import { coFlatMap, coMap, type KeyPair } from '../operator/co-map.ts';
import { coProcess, keyedCoProcess } from '../operator/co-process.ts';
import type {
  CoFlatMapFunction,
  Collector,
  CoMapFunction,
  CoProcessFunction,
  KeyedCoProcessFunction,
  KeyOf,
  NoState,
  OrClass,
  StateDeclarations,
  Sync,
} from '../operator/functions.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import { checkFunction, isLambda } from '../operator/user-function.ts';
import type { KeySelector } from './keyed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

type FlatMap<T, R> = (value: T, out: Collector<R>) => void | Iterable<R>;

/**
 * Two connected streams.
 *
 * @example
 * ```ts
 * declare const switches: DataStream<boolean>;
 * declare const events: DataStream<{ user: string; time: number }>;
 * const controlled = events.connect(switches);
 * ```
 */
export class ConnectedStreams<A, B> {
  protected readonly first: StreamHandle;
  protected readonly second: StreamHandle;

  constructor(first: StreamHandle, second: StreamHandle) {
    this.first = first;
    this.second = second;
  }

  protected get keys(): KeyPair | undefined {
    return undefined;
  }

  /**
   * One record out for each record in, by a function for each stream.
   *
   * @example
   * ```ts
   * declare const words: DataStream<string>;
   * declare const numbers: DataStream<number>;
   * const labels = numbers.connect(words).map((n) => `number ${n}`, (word) => `word ${word}`);
   * ```
   */
  map<R>(first: (value: A) => Sync<R>, second: (value: B) => Sync<R>): SingleOutputStream<R>;
  map<R>(f: OrClass<CoMapFunction<A, B, R>>): SingleOutputStream<R>;
  map<R>(
    first: ((value: A) => Sync<R>) | OrClass<CoMapFunction<A, B, R>>,
    second?: (value: B) => Sync<R>,
  ): SingleOutputStream<R> {
    if (second !== undefined) checkFunction(second, 'Co-Map', ['map2'], true);
    checkFunction(first, 'Co-Map', ['map1', 'map2'], second !== undefined);
    const f =
      isLambda(first) && second !== undefined
        ? { map1: first, map2: second }
        : (first as OrClass<CoMapFunction<A, B, R>>);
    return this.transform<R>('Co-Map', coMap(f, this.keys));
  }

  /**
   * Any number of records out for each record in, by a function for each stream.
   *
   * @example
   * ```ts
   * declare const documents: DataStream<{ words: string[] }>;
   * declare const lines: DataStream<string>;
   * const words = lines.connect(documents).flatMap((line) => line.split(' '), (document) => document.words);
   * ```
   */
  flatMap<R>(first: FlatMap<A, R>, second: FlatMap<B, R>): SingleOutputStream<R>;
  flatMap<R>(f: OrClass<CoFlatMapFunction<A, B, R>>): SingleOutputStream<R>;
  flatMap<R>(
    first: FlatMap<A, R> | OrClass<CoFlatMapFunction<A, B, R>>,
    second?: FlatMap<B, R>,
  ): SingleOutputStream<R> {
    if (second !== undefined) checkFunction(second, 'Co-Flat Map', ['flatMap2'], true);
    checkFunction(first, 'Co-Flat Map', ['flatMap1', 'flatMap2'], second !== undefined);
    const f =
      isLambda(first) && second !== undefined
        ? { flatMap1: first, flatMap2: second }
        : (first as OrClass<CoFlatMapFunction<A, B, R>>);
    return this.transform<R>('Co-Flat Map', coFlatMap(f, this.keys));
  }

  /** Adds a two-input operator of the user's own, written against the operator contract. */
  transform<R>(name: string, definition: OperatorDefinition): SingleOutputStream<R> {
    const { scope } = this.first;
    return scope.make.single<R>(scope, this.first.attach({ name, definition }, this.second));
  }

  /**
   * Deals both streams out by keys of the same kind, so that equal keys meet in one subtask and share state.
   *
   * @example
   * ```ts
   * declare const profiles: DataStream<{ id: string; name: string }>;
   * declare const clicks: DataStream<{ user: string; page: string }>;
   * const perUser = clicks.connect(profiles).keyBy((click) => click.user, (profile) => profile.id);
   * ```
   */
  keyBy<K>(first: (value: A) => KeyOf<K>, second: (value: B) => KeyOf<NoInfer<K>>): KeyedConnectedStreams<K, A, B> {
    checkFunction(first, 'keyBy', [], true);
    checkFunction(second, 'keyBy', [], true);
    const [key1, key2] = [
      first as (value: A) => unknown as KeySelector<A, K>,
      second as (value: B) => unknown as KeySelector<B, K>,
    ];
    return new KeyedConnectedStreams(
      this.first.partitioned(hash(key1)),
      this.second.partitioned(hash(key2)),
      key1,
      key2,
    );
  }

  /** A function over both streams with timestamps and side outputs. State and timers need `keyBy` first. */
  process<R>(f: OrClass<CoProcessFunction<A, B, R>>): SingleOutputStream<R> {
    checkFunction(f, 'Co-Process', ['processElement1', 'processElement2'], false);
    return this.transform<R>('Co-Process', coProcess(f));
  }
}

function hash<T, K>(key: KeySelector<T, K>): { readonly kind: 'hash'; readonly key: (value: never) => unknown } {
  return { kind: 'hash', key: key };
}

/**
 * Two connected keyed streams: the functions of one operator share the state of a key.
 *
 * @example
 * ```ts
 * declare const clicks: DataStream<{ user: string; page: string }>;
 * declare const profiles: DataStream<{ id: string; name: string }>;
 * const enriched = clicks.keyBy((click) => click.user).connect(profiles.keyBy((profile) => profile.id));
 * ```
 */
export class KeyedConnectedStreams<K, A, B> extends ConnectedStreams<A, B> {
  readonly #key1: KeySelector<A, K>;
  readonly #key2: KeySelector<B, K>;

  constructor(first: StreamHandle, second: StreamHandle, key1: KeySelector<A, K>, key2: KeySelector<B, K>) {
    super(first, second);
    this.#key1 = key1;
    this.#key2 = key2;
  }

  protected override get keys(): KeyPair {
    return [this.#key1, this.#key2];
  }

  /**
   * A function over both streams with state and timers, which its two halves share.
   *
   * @example
   * ```ts
   * declare const profiles: DataStream<{ id: string; name: string }>;
   * declare const clicks: DataStream<{ user: string; page: string }>;
   * const joined = clicks.connect(profiles).keyBy((click) => click.user, (profile) => profile.id).process({
   *   state: { name: valueState<string>('name') },
   *   *processElement1(click, ctx) {
   *     yield { page: click.page, name: ctx.state.name.value() ?? 'unknown' };
   *   },
   *   processElement2(profile, ctx) {
   *     ctx.state.name.update(profile.name);
   *   },
   * });
   * ```
   */
  override process<R, S extends StateDeclarations = NoState>(
    f: OrClass<KeyedCoProcessFunction<K, A, B, R, S>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'Keyed Co-Process', ['processElement1', 'processElement2'], false);
    return this.transform<R>('Keyed Co-Process', keyedCoProcess(this.#key1, this.#key2, f));
  }
}
