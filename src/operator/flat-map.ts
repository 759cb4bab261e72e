/** `flatMap`: any number of records out for each record in, returned as an iterable or handed to a collector. */

import type { Gate } from '../base/gate.ts';
import { EmissionDrain } from './emission-drain.ts';
import { FunctionOperator } from './function-operator.ts';
import type { Collector, FlatMapFunction, OrClass } from './functions.ts';
import type { InlineCode } from './inline-code.ts';
import { keySelectors, writeKey } from './map.ts';
import type { OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { ElementCollector, iterable } from './process-operator.ts';
import { isLambda } from './user-function.ts';

export type FlatMapLambda<T, R> = (value: T, out: Collector<R>) => void | Iterable<R>;

export function flatMap<T, R>(
  given: FlatMapLambda<T, R> | OrClass<FlatMapFunction<T, R>>,
  key?: (value: never) => unknown,
): OperatorDefinition {
  const lambda = isLambda(given) ? given : undefined;
  const pattern: OrClass<FlatMapFunction<T, R>> = isLambda(given) ? { flatMap: given } : given;
  return {
    kind: 'flat-map',
    input: 'records',
    output: 'records',
    create: () => new FlatMapOperator(pattern, key !== undefined),
    inline: (code) => {
      writeKey(code, key);
      if (lambda === undefined) writeFlatMap(code, `${code.self}.f.flatMap`, true, key);
      // A function that names one parameter has no use for the collector.
      else writeFlatMap(code, code.bind(lambda), lambda.length !== 1, key);
    },
    ...keySelectors(key),
  };
}

/** Elements of an array are emitted in the chain's own text; what the gate stops, and other iterables, go to the drain. */
function writeFlatMap(
  code: InlineCode,
  f: string,
  collects: boolean,
  key: ((value: never) => unknown) | undefined,
): void {
  const { self, value, timestamp, kind } = code;
  const result = code.fresh('results');
  const item = code.fresh('item');
  const i = code.fresh('i');
  const keyText = key === undefined ? 'undefined' : `${self}.backend.currentKey`;
  if (collects) code.line(`${self}.out.at = ${timestamp}; ${self}.out.kind = ${kind};`);
  code.line(`const ${result} = ${f}(${value}${collects ? `, ${self}.out` : ''});`);
  code.line(`if (Array.isArray(${result}) && ${self}.free) {`);
  code.line(`for (let ${i} = 0; ${i} < ${result}.length; ) {`);
  code.line(`const ${item} = ${result}[${i}++];`);
  code.emit(item);
  code.line(
    `if (${i} < ${result}.length && !${self}.gate.proceed()) { ${self}.later(${result}, ${i}, ${timestamp}, ${kind}); break; }`,
  );
  code.line('}');
  code.line(`} else if (${result} !== undefined) ${self}.drain(${result}, ${keyText}, ${timestamp}, ${kind});`);
}

class FlatMapOperator<T, R> extends FunctionOperator<FlatMapFunction<T, R>, R> {
  out!: ElementCollector<R>;
  gate!: Gate;
  #drain!: EmissionDrain<R>;

  override open(context: OperatorContext<R>): void {
    this.gate = context.gate;
    this.#drain = new EmissionDrain(context.gate, context.output, {
      enter: (key, timestamp) => {
        this.out.at = timestamp;
        if (key !== undefined) this.backend.setCurrentKey(key);
      },
    });
    this.out = new ElementCollector(context.output, this.#drain);
    super.open(context);
  }

  /** Whether nothing waits, so that results may leave at once. */
  get free(): boolean {
    return !this.#drain.waiting;
  }

  later(values: readonly R[], from: number, timestamp: Timestamp, kind: RowKindCode): void {
    this.#drain.wait(values.slice(from).values(), timestamp, kind);
  }

  drain(values: unknown, key: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    this.#drain.emitAll(iterable<R>(values, 'flatMap'), key, timestamp, kind);
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
