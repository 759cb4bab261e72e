/**
 * How the specialised window operators give the result of a key and window: straight on, or through the user's
 * window function, whose iterable is drained as far as the gate lets it.
 */

import type { Accumulator, AccumulatorReports } from '../accumulators.ts';
import { EmissionDrain, type EmissionScope } from '../emission-drain.ts';
import { runtimeContext } from '../function-operator.ts';
import type { OperatorContext, Output, Timestamp } from '../operator.ts';
import { ElementCollector, iterable } from '../process-operator.ts';
import { instantiate } from '../user-function.ts';
import { FiringContext } from './firing-context.ts';
import type { Fold } from './window-fold.ts';
import type { WindowCall } from './window-functions.ts';
import type { WindowSpec } from './window-spec.ts';
import type { Window } from '../../time/windows/window.ts';

/** Absent where a window function has nothing to keep. */
const NO_STATE = Object.freeze({});

export class WindowEmitter implements EmissionScope {
  readonly #output: Output<unknown>;
  readonly #fold: Fold;
  readonly #call: WindowCall | undefined;
  readonly #context: FiringContext<Window>;
  readonly #drain: EmissionDrain<unknown>;
  readonly #collector: ElementCollector<unknown>;
  readonly #accumulators = new Map<string, Accumulator<never>>();
  readonly #elementsAreMany: boolean;
  /** Event time as far as the operator has come, for the function. */
  readonly #watermark: () => Timestamp;

  constructor(spec: WindowSpec, fold: Fold, context: OperatorContext<unknown>, watermark: () => Timestamp) {
    this.#output = context.output;
    this.#fold = fold;
    this.#call = spec.call === undefined ? undefined : instantiate(spec.call);
    const own = context as OperatorContext<never>;
    this.#context = new FiringContext<Window>(own, runtimeContext(own, false, this.#accumulators), NO_STATE, NO_STATE);
    this.#drain = new EmissionDrain<unknown>(context.gate, context.output, this);
    this.#collector = new ElementCollector(context.output, this.#drain);
    this.#elementsAreMany = spec.keeping.kind === 'list';
    this.#watermark = watermark;
  }

  emit(key: unknown, accumulator: unknown, window: Window): void {
    const result = this.#fold.result(accumulator);
    if (this.#call === undefined) this.#output.emit(result, window.maxTimestamp(), 0);
    else this.#run(this.#call, key, this.#elementsAreMany ? (result as unknown[]) : [result], window);
  }

  #run(call: WindowCall, key: unknown, elements: readonly unknown[], window: Window): void {
    const timestamp = window.maxTimestamp();
    this.enter(window, timestamp);
    const returned = call.process(key, this.#context, elements, this.#collector);
    if (returned !== undefined) this.#drain.emitAll(iterable(returned, 'process'), window, timestamp, 0);
  }

  /** Makes a firing current; here a window stands for it. */
  enter(window: unknown, timestamp: Timestamp): void {
    if (window === undefined) return;
    this.#context.enter(window as Window);
    this.#context.watermark = this.#watermark();
    this.#collector.at = timestamp;
  }

  accumulators(): AccumulatorReports {
    return Object.fromEntries([...this.#accumulators].map(([name, accumulator]) => [name, accumulator.report()]));
  }

  close(): void {
    this.#drain.close();
  }
}
