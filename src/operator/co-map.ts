/** `map` and `flatMap` on two connected streams: a function for each input. */

import { EmissionDrain } from './emission-drain.ts';
import { FunctionOperator } from './function-operator.ts';
import type { CoFlatMapFunction, CoMapFunction, OrClass } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { ElementCollector, iterable } from './process-operator.ts';
import { promiseReturned } from './user-function.ts';

/** One key selector per input, where both are keyed. */
export type KeyPair = readonly [(value: never) => unknown, (value: never) => unknown];

export function coMap<A, B, R>(given: OrClass<CoMapFunction<A, B, R>>, keys?: KeyPair): OperatorDefinition {
  return {
    kind: 'co-map',
    input: 'records',
    output: 'records',
    create: () => new CoMapOperator(given, keys),
    ...(keys === undefined ? {} : { keySelectors: keys }),
  };
}

export function coFlatMap<A, B, R>(given: OrClass<CoFlatMapFunction<A, B, R>>, keys?: KeyPair): OperatorDefinition {
  return {
    kind: 'co-flat-map',
    input: 'records',
    output: 'records',
    create: () => new CoFlatMapOperator(given, keys),
    ...(keys === undefined ? {} : { keySelectors: keys }),
  };
}

class CoMapOperator<A, B, R> extends FunctionOperator<CoMapFunction<A, B, R>, R> implements InputOperator<A> {
  readonly #keys: KeyPair | undefined;

  constructor(given: OrClass<CoMapFunction<A, B, R>>, keys: KeyPair | undefined) {
    super(given, keys !== undefined);
    this.#keys = keys;
  }

  element(value: A, timestamp: Timestamp, kind: RowKindCode): void {
    if (this.#keys !== undefined) this.backend.setCurrentKey(this.#keys[0](value as never));
    this.#emit(this.f.map1(value), timestamp, kind);
  }

  element2(value: B, timestamp: Timestamp, kind: RowKindCode): void {
    if (this.#keys !== undefined) this.backend.setCurrentKey(this.#keys[1](value as never));
    this.#emit(this.f.map2(value), timestamp, kind);
  }

  #emit(result: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    if (result instanceof Promise) throw promiseReturned('map');
    this.output.emit(result as R, timestamp, kind);
  }
}

class CoFlatMapOperator<A, B, R> extends FunctionOperator<CoFlatMapFunction<A, B, R>, R> implements InputOperator<A> {
  readonly #keys: KeyPair | undefined;
  #drain!: EmissionDrain<R>;
  #out!: ElementCollector<R>;

  constructor(given: OrClass<CoFlatMapFunction<A, B, R>>, keys: KeyPair | undefined) {
    super(given, keys !== undefined);
    this.#keys = keys;
  }

  override open(context: OperatorContext<R>): void {
    this.#drain = new EmissionDrain(context.gate, context.output, {
      enter: (key, timestamp) => {
        this.#out.at = timestamp;
        if (this.#keys !== undefined) this.backend.setCurrentKey(key);
      },
    });
    this.#out = new ElementCollector(context.output, this.#drain);
    super.open(context);
  }

  element(value: A, timestamp: Timestamp, kind: RowKindCode): void {
    const key = this.#enter(this.#keys?.[0], value as never, timestamp, kind);
    this.#emitted(this.f.flatMap1(value, this.#out), key, timestamp, kind);
  }

  element2(value: B, timestamp: Timestamp, kind: RowKindCode): void {
    const key = this.#enter(this.#keys?.[1], value as never, timestamp, kind);
    this.#emitted(this.f.flatMap2(value, this.#out), key, timestamp, kind);
  }

  #enter(selector: KeyPair[number] | undefined, value: never, timestamp: Timestamp, kind: RowKindCode): unknown {
    this.#out.at = timestamp;
    this.#out.kind = kind;
    if (selector === undefined) return undefined;
    const key = selector(value);
    this.backend.setCurrentKey(key);
    return key;
  }

  #emitted(result: void | Iterable<R>, key: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    if (result !== undefined) this.#drain.emitAll(iterable<R>(result, 'flatMap'), key, timestamp, kind);
  }

  override watermark(timestamp: Timestamp): void {
    this.#drain.afterwards(() => this.output.watermark(timestamp));
  }

  override status(idle: boolean): void {
    this.#drain.afterwards(() => this.output.status(idle));
  }

  override finish(): void {
    this.#drain.afterwards(() => this.output.finish());
  }

  override close(): void | Promise<void> {
    this.#drain?.close();
    return super.close();
  }
}
