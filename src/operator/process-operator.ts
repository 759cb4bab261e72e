/**
 * What operators around process functions share: the context and the collector of the element in hand, and the drain
 * of iterables that the function returns.
 *
 * There is one context and one collector per operator, moved from element to element: the runtime gives elements one
 * after the other. When an iterable goes on later, its element is made current again first.
 */

import { MillstreamError } from '../base/error.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { EmissionDrain, type EmissionScope } from './emission-drain.ts';
import { FunctionOperator } from './function-operator.ts';
import type { DropReason } from './dropped.ts';
import type { Collector, ProcessContextBase, RichFunction, SideOutputTag } from './functions.ts';
import type { OperatorContext, Output, RowKindCode, Timestamp } from './operator.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { promiseReturned } from './user-function.ts';

/** What a process function may return besides nothing. */
export type Emitted<R> = void | Iterable<R>;

/** Speaks of the element or timer in hand. */
export class ElementContext implements ProcessContextBase {
  readonly runtime: RuntimeContext;
  readonly #context: OperatorContext<never>;
  at: Timestamp = NO_TIMESTAMP;
  watermark: Timestamp = MIN_WATERMARK;

  constructor(context: OperatorContext<never>, runtime: RuntimeContext) {
    this.runtime = runtime;
    this.#context = context;
  }

  timestamp(): number | undefined {
    return this.at === NO_TIMESTAMP ? undefined : this.at;
  }

  currentWatermark(): number {
    return this.watermark;
  }

  currentProcessingTime(): number {
    return this.#context.now();
  }

  output<X>(tag: SideOutputTag<X>, value: X): void {
    this.#context.output.side(tag.id, value, this.at);
  }

  drop(reason: DropReason, value: unknown, error?: string): void {
    this.#context.dropped(reason, value, this.at, error === undefined ? undefined : { error });
  }
}

/** Results carry the timestamp of the element or timer in hand, and queue up behind those that wait for room. */
export class ElementCollector<R> implements Collector<R> {
  readonly #output: Output<R>;
  readonly #drain: EmissionDrain<R>;
  at: Timestamp = NO_TIMESTAMP;
  kind: RowKindCode = 0;

  constructor(output: Output<R>, drain: EmissionDrain<R>) {
    this.#output = output;
    this.#drain = drain;
  }

  collect(value: R): void {
    if (this.#drain.waiting) this.#drain.emit(value, this.at, this.kind);
    else this.#output.emit(value, this.at, this.kind);
  }
}

export abstract class ProcessOperator<F extends RichFunction, Out, Context extends ElementContext = ElementContext>
  extends FunctionOperator<F, Out>
  implements EmissionScope
{
  protected drain!: EmissionDrain<Out>;
  protected out!: ElementCollector<Out>;
  protected ctx!: Context;

  override open(context: OperatorContext<Out>): void {
    this.drain = new EmissionDrain(context.gate, context.output, this);
    this.out = new ElementCollector(context.output, this.drain);
    super.open(context);
  }

  /** Makes the context; called once, after `runtime` is there and before the function's `open`. */
  protected abstract createContext(context: OperatorContext<never>): Context;

  protected override prepare(context: OperatorContext<Out>): void {
    this.ctx = this.createContext(context);
  }

  enter(_key: unknown, timestamp: Timestamp): void {
    this.out.at = timestamp;
    this.ctx.at = timestamp;
  }

  /** Emits what a call returned. */
  protected emitted(result: Emitted<Out>, key: unknown, timestamp: Timestamp, method: string): void {
    if (result === undefined) return;
    this.drain.emitAll(iterable(result, method), key, timestamp, 0);
  }

  override watermark(timestamp: Timestamp): void {
    this.ctx.watermark = timestamp;
    this.drain.afterwards(() => this.output.watermark(timestamp));
  }

  override status(idle: boolean): void {
    this.drain.afterwards(() => this.output.status(idle));
  }

  override finish(): void {
    this.drain.afterwards(() => this.output.finish());
  }

  override close(): void | Promise<void> {
    this.drain?.close();
    return super.close();
  }
}

/** What a function returned, if it can be iterated. */
export function iterable<R>(result: unknown, method: string): Iterable<R> {
  if (typeof result === 'object' && result !== null && Symbol.iterator in result) return result as Iterable<R>;
  if (typeof result === 'string') return result as unknown as Iterable<R>;
  if (result instanceof Promise || (typeof result === 'object' && result !== null && Symbol.asyncIterator in result))
    throw promiseReturned(method);
  throw new MillstreamError(
    'USER_CODE',
    `The function given to ${method} returned ${result === null ? 'null' : `a value of type ${typeof result}`}. Return an iterable of results, or nothing and use out.collect().`,
  );
}
