/** A window operation in the making: what the windowed streams share. Immutable; each step gives a new one. */

import { MillstreamError } from '../base/error.ts';
import type { OrClass } from '../operator/functions.ts';
import { checkFunction, isLambda } from '../operator/user-function.ts';
import { windowDefinition } from '../operator/window/window-definition.ts';
import type { WindowCall } from '../operator/window/window-functions.ts';
import type { WindowKeeping } from '../operator/window/window-fold.ts';
import { checkWindowSpec, type WindowSpec } from '../operator/window/window-spec.ts';
import type { Evictor } from '../time/evictors/evictor.ts';
import { CountEvictor } from '../time/evictors/evictors.ts';
import { CountTrigger } from '../time/triggers/count-trigger.ts';
import { PurgingTrigger } from '../time/triggers/purging-trigger.ts';
import type { Trigger } from '../time/triggers/trigger.ts';
import { GlobalWindows } from '../time/windows/global-windows.ts';
import type { WindowAssigner } from '../time/windows/window-assigner.ts';
import type { GlobalWindow, Window } from '../time/windows/window.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

type Settings = Omit<WindowSpec, 'keeping' | 'call'>;

/** A function given after a reducing or aggregating one, in place of its options. */
export function isWindowFunction(given: unknown): boolean {
  return (
    typeof given === 'function' ||
    (typeof given === 'object' && given !== null && ('process' in given || 'apply' in given))
  );
}

export class WindowOperation<T, W extends Window> {
  readonly #handle: StreamHandle;
  readonly #settings: Settings;
  /** Parallelism 1: the stream has no keys. */
  readonly #whole: boolean;

  private constructor(handle: StreamHandle, settings: Settings, whole: boolean) {
    this.#handle = handle;
    this.#settings = Object.freeze(settings);
    this.#whole = whole;
  }

  /** `key` undefined windows the whole stream in one subtask. */
  static of<T, W extends Window>(
    handle: StreamHandle,
    key: ((value: T) => unknown) | undefined,
    assigner: WindowAssigner<T, W>,
  ): WindowOperation<T, W> {
    checkAssigner(assigner, handle);
    const settings: Settings = {
      key: key ?? constantKey,
      assigner: assigner as unknown as WindowSpec['assigner'],
      trigger: undefined,
      evictor: undefined,
      allowedLateness: 0,
      lateTag: undefined,
    };
    const parted = key === undefined ? handle.partitioned({ kind: 'hash', key: constantKey }) : handle;
    return new WindowOperation(parted, settings, key === undefined);
  }

  #with(change: Partial<Settings>): WindowOperation<T, W> {
    return new WindowOperation(this.#handle, { ...this.#settings, ...change }, this.#whole);
  }

  trigger(trigger: Trigger<T, W>): WindowOperation<T, W> {
    return this.#with({ trigger: trigger as unknown as Settings['trigger'] });
  }

  evictor(evictor: Evictor<T, W>): WindowOperation<T, W> {
    return this.#with({ evictor: evictor as unknown as Settings['evictor'] });
  }

  allowedLateness(milliseconds: number): WindowOperation<T, W> {
    if (!(milliseconds >= 0))
      throw new MillstreamError(
        'WINDOW_INVALID',
        `The allowed lateness behind ${this.#handle.label} must not be negative, but is ${milliseconds} ms.`,
      );
    return this.#with({ allowedLateness: milliseconds });
  }

  sideOutputLateData(id: string): WindowOperation<T, W> {
    return this.#with({ lateTag: id });
  }

  /** Ends the description: adds the operator to the graph. */
  add<R>(keeping: WindowKeeping, call: OrClass<WindowCall> | undefined): SingleOutputStream<R> {
    const { scope } = this.#handle;
    const name = `Window(${this.#settings.assigner.kind})`;
    const spec: WindowSpec = Object.freeze({ ...this.#settings, keeping, call });
    checkWindowSpec(spec, name);
    const node = this.#handle.attach({
      name,
      definition: ({ runtimeMode }) => ({ definition: windowDefinition(spec, { batch: runtimeMode === 'batch' }) }),
    });
    const stream = scope.make.single<R>(scope, node);
    return this.#whole ? stream.forceNonParallel() : stream;
  }

  /** A reducing function as it is kept. */
  reducing(f: unknown, associative: boolean): WindowKeeping {
    checkFunction(f, 'Window reduce', ['reduce'], true);
    return { kind: 'reduce', reduce: f as Extract<WindowKeeping, { kind: 'reduce' }>['reduce'], associative };
  }

  aggregating(f: unknown): WindowKeeping {
    checkFunction(f, 'Window aggregate', ['createAccumulator', 'add', 'getResult'], false);
    return { kind: 'aggregate', aggregate: f as Extract<WindowKeeping, { kind: 'aggregate' }>['aggregate'] };
  }

  /** A process window function as the operator calls it; `keyed` says whether its first argument is the key. */
  processing(f: unknown, keyed: boolean): OrClass<WindowCall> {
    checkFunction(f, 'Window process', ['process'], true);
    const given = f as ((...args: never[]) => unknown) | OrClass<object & { process: unknown }>;
    if (isLambda(given)) {
      const call = given as unknown as (...args: unknown[]) => void | Iterable<unknown>;
      return {
        process: keyed
          ? (key, ctx, elements, out) => call(key, ctx, elements, out)
          : (_key, ctx, elements, out) => call(ctx, elements, out),
      };
    }
    return (keyed ? given : withoutKey(given)) as OrClass<WindowCall>;
  }

  /** A window function that gets the window in place of a context. */
  applying(f: unknown, keyed: boolean): OrClass<WindowCall> {
    checkFunction(f, 'Window apply', ['apply'], true);
    const given = f as ((...args: never[]) => unknown) | OrClass<object & { apply: unknown }>;
    if (isLambda(given)) {
      const call = given as unknown as (...args: unknown[]) => void | Iterable<unknown>;
      return {
        process: keyed
          ? (key, ctx, elements, out) => call(key, windowOf(ctx), elements, out)
          : (_key, ctx, elements, out) => call(windowOf(ctx), elements, out),
      };
    }
    return applyingObject(given, keyed);
  }
}

/** Flink's count windows: global windows that a count trigger fires, and an evictor cuts where they slide. */
export function countWindows<T>(
  handle: StreamHandle,
  key: ((value: T) => unknown) | undefined,
  size: number,
  slide: number | undefined,
): WindowOperation<T, GlobalWindow> {
  const global = WindowOperation.of<T, GlobalWindow>(handle, key, GlobalWindows.create());
  if (slide === undefined) return global.trigger(PurgingTrigger.of(CountTrigger.of(size)));
  return global.evictor(CountEvictor.of<T>(size)).trigger(CountTrigger.of(slide));
}

const constantKey = (): number => 0;

function windowOf(ctx: unknown): unknown {
  return (ctx as { window(): unknown }).window();
}

type Method = (this: unknown, ...args: unknown[]) => void | Iterable<unknown>;

/** An object or class whose `process` gets no key, as one whose does. */
function withoutKey(given: OrClass<object>): OrClass<WindowCall> {
  return derivedCall(
    given,
    'process',
    (own) =>
      function (_key, ...rest) {
        return own.call(this, ...rest);
      },
  );
}

function applyingObject(given: OrClass<object>, keyed: boolean): OrClass<WindowCall> {
  return derivedCall(
    given,
    'apply',
    (own) =>
      function (key, ctx, elements, out) {
        return keyed ? own.call(this, key, windowOf(ctx), elements, out) : own.call(this, windowOf(ctx), elements, out);
      },
  );
}

/** The like of an object, or of a class, whose `process` is made of one of its methods. */
export function derivedCall(
  given: OrClass<object>,
  method: string,
  make: (own: Method) => Method,
): OrClass<WindowCall> {
  if (typeof given !== 'function')
    return decorated(
      Object.create(Object.getPrototypeOf(given) as object | null, Object.getOwnPropertyDescriptors(given)) as object,
    );
  const parent = given as new () => object;
  return class extends parent {
    constructor() {
      super();
      decorated(this);
    }
  } as unknown as new () => WindowCall;

  function decorated(instance: object): WindowCall {
    const value = make(Reflect.get(instance, method) as Method);
    return Object.defineProperty(instance, 'process', {
      value,
      configurable: true,
      writable: true,
      enumerable: true,
    }) as WindowCall;
  }
}

function checkAssigner(assigner: unknown, handle: StreamHandle): void {
  const ok =
    typeof assigner === 'object' && assigner !== null && 'assignWindows' in assigner && 'getDefaultTrigger' in assigner;
  if (!ok)
    throw new MillstreamError(
      'WINDOW_INVALID',
      `window() behind ${handle.label} needs a window assigner, such as TumblingEventTimeWindows.of(60_000).`,
    );
}
