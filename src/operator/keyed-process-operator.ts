/** What operators around keyed process functions share: declared state, timers, and the key that goes with an element. */

import type { KeyedBackend } from '../state/keyed-backend.ts';
import { USER_TIMERS, type TimeDomain, type TimerDriver, type TimerService } from '../state/timers.ts';
import { stateHandles } from './function-operator.ts';
import type {
  KeyedProcessContext,
  OnTimerContext,
  OrClass,
  RichFunction,
  StateDeclarations,
  StateHandles,
} from './functions.ts';
import { meteredTimers } from './metered-timers.ts';
import type { OperatorContext, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator, type Emitted } from './process-operator.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** Speaks of the element or timer in hand, and of its key. */
export class KeyedContext<K, S> extends ElementContext implements KeyedProcessContext<K, S>, OnTimerContext<K, S> {
  readonly state: StateHandles<S>;
  readonly #backend: KeyedBackend;
  readonly #timers: TimerService;
  domain: TimeDomain = 'event';

  constructor(context: OperatorContext<never>, runtime: RuntimeContext, state: StateHandles<S>, timers: TimerService) {
    super(context, runtime);
    this.state = state;
    this.#backend = context.keyedBackend();
    this.#timers = timers;
  }

  override currentWatermark(): number {
    return this.#timers.currentWatermark;
  }

  timerService(): TimerService {
    return this.#timers;
  }

  getCurrentKey(): K {
    return this.#backend.currentKey as K;
  }

  timeDomain(): TimeDomain {
    return this.domain;
  }
}

/** A function with state and timers, as far as this file needs to know it. */
export interface TimedFunction<S extends StateDeclarations> extends RichFunction {
  readonly state?: S;
  onTimer?(timestamp: number, ctx: never, out: never): Emitted<unknown>;
}

export abstract class KeyedProcessOperator<
  K,
  S extends StateDeclarations,
  F extends TimedFunction<S>,
  Out,
  Context extends KeyedContext<K, S> = KeyedContext<K, S>,
> extends ProcessOperator<F, Out, Context> {
  protected timers!: TimerDriver;

  constructor(given: OrClass<F>) {
    super(given, true);
  }

  protected abstract createKeyedContext(
    context: OperatorContext<never>,
    state: StateHandles<S>,
    timers: TimerService,
  ): Context;

  protected override createContext(context: OperatorContext<never>): Context {
    const state = stateHandles(this.backend, this.f.state ?? ({} as S));
    this.timers = meteredTimers(context, this.backend, USER_TIMERS, (timestamp, domain) =>
      this.#onTimer(timestamp, domain),
    );
    return this.createKeyedContext(context, state, this.timers.service);
  }

  #onTimer(timestamp: Timestamp, domain: TimeDomain): void {
    const key = this.backend.currentKey;
    this.out.at = timestamp;
    this.ctx.at = timestamp;
    this.ctx.domain = domain;
    const result = this.f.onTimer?.(timestamp, this.ctx as never, this.out as never) as Emitted<Out>;
    this.emitted(result, key, timestamp, 'onTimer');
  }

  override enter(key: unknown, timestamp: Timestamp): void {
    this.backend.setCurrentKey(key);
    super.enter(key, timestamp);
  }

  /** Fires what the watermark releases, and forwards it behind everything that this emits. */
  override watermark(timestamp: Timestamp): void {
    this.timers.advance(timestamp, () => this.drain.afterwards(() => this.output.watermark(timestamp)));
  }
}
