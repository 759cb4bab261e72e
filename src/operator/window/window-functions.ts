/**
 * The functions that users run over windows. A function gets the key, a context, the elements of the window (one
 * only, the result, where a reducing or aggregating function stands before it) and a collector, or returns an
 * iterable, which the runtime drains as fast as there is room behind the operator.
 */

import type { Window } from '../../time/windows/window.ts';
import type { Collector, ProcessContextBase, RichFunction, StateDeclarations, StateHandles } from '../functions.ts';

/** What a window function can ask and do. Results and side outputs carry the last timestamp of the window. */
export interface ProcessWindowContext<W extends Window, S = unknown, G = unknown> extends ProcessContextBase {
  window(): W;
  /** State of this key and window, as declared by the function's `windowState`; for windows that do not merge. */
  readonly windowState: StateHandles<S>;
  /** State of this key over all windows, as declared by the function's `globalState`. */
  readonly globalState: StateHandles<G>;
}

/**
 * A function over the elements of a window.
 *
 * A plain function will do where nothing is declared. What `windowState` declares the function clears itself, in
 * `clear`, which is called for each key when the time of a window (with its allowed lateness) is over.
 *
 * @example
 * ```ts
 * declare const clicks: DataStream<{ user: string }>;
 * const firings = clicks
 *   .keyBy((click) => click.user)
 *   .window(TumblingEventTimeWindows.of(60_000))
 *   .process({
 *     windowState: { times: valueState<number>('times') },
 *     *process(user, ctx, elements) {
 *       const times = (ctx.windowState.times.value() ?? 0) + 1;
 *       ctx.windowState.times.update(times);
 *       yield { user, until: ctx.window().end, times, clicks: [...elements].length };
 *     },
 *     clear(ctx) {
 *       ctx.windowState.times.clear();
 *     },
 *   });
 * ```
 */
export interface ProcessWindowFunction<
  In,
  Out,
  K,
  W extends Window,
  S extends StateDeclarations = StateDeclarations,
  G extends StateDeclarations = StateDeclarations,
> extends RichFunction {
  readonly windowState?: S;
  readonly globalState?: G;
  process(
    key: K,
    ctx: ProcessWindowContext<W, S, G>,
    elements: Iterable<In>,
    out: Collector<Out>,
  ): void | Iterable<Out>;
  clear?(ctx: ProcessWindowContext<W, S, G>): void;
}

/** A process window function without state and lifecycle. */
export type ProcessWindowLambda<In, Out, K, W extends Window> = (
  key: K,
  ctx: ProcessWindowContext<W>,
  elements: Iterable<In>,
  out: Collector<Out>,
) => void | Iterable<Out>;

/** A function over the elements of a window that needs to know nothing but the window. */
export interface WindowFunction<In, Out, K, W extends Window> extends RichFunction {
  apply(key: K, window: W, elements: Iterable<In>, out: Collector<Out>): void | Iterable<Out>;
}

/** A window function without state and lifecycle. */
export type WindowLambda<In, Out, K, W extends Window> = (
  key: K,
  window: W,
  elements: Iterable<In>,
  out: Collector<Out>,
) => void | Iterable<Out>;

/** The same over all elements of a stream that is not keyed. */
export interface ProcessAllWindowFunction<
  In,
  Out,
  W extends Window,
  S extends StateDeclarations = StateDeclarations,
  G extends StateDeclarations = StateDeclarations,
> extends RichFunction {
  readonly windowState?: S;
  readonly globalState?: G;
  process(ctx: ProcessWindowContext<W, S, G>, elements: Iterable<In>, out: Collector<Out>): void | Iterable<Out>;
  clear?(ctx: ProcessWindowContext<W, S, G>): void;
}

/** A process window function over the whole stream, without state and lifecycle. */
export type ProcessAllWindowLambda<In, Out, W extends Window> = (
  ctx: ProcessWindowContext<W>,
  elements: Iterable<In>,
  out: Collector<Out>,
) => void | Iterable<Out>;

/** A function over the elements of a window of the whole stream that needs to know nothing but the window. */
export interface AllWindowFunction<In, Out, W extends Window> extends RichFunction {
  apply(window: W, elements: Iterable<In>, out: Collector<Out>): void | Iterable<Out>;
}

/** The same without state and lifecycle. */
export type AllWindowLambda<In, Out, W extends Window> = (
  window: W,
  elements: Iterable<In>,
  out: Collector<Out>,
) => void | Iterable<Out>;

/** Any of these as the operators run them. */
export interface WindowCall extends RichFunction {
  readonly windowState?: StateDeclarations;
  readonly globalState?: StateDeclarations;
  process(key: unknown, ctx: unknown, elements: Iterable<unknown>, out: Collector<unknown>): void | Iterable<unknown>;
  clear?(ctx: unknown): void;
}
