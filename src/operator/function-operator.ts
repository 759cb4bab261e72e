/** The parts that operators around a function object share: its lifecycle, its checkpoint hooks, its runtime context. */

import { MillstreamError } from '../base/error.ts';
import type { AnyStateDescriptor, StateDescriptor, StateHandle } from '../state/descriptor.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import type { Accumulator, AccumulatorReport, AccumulatorReports } from './accumulators.ts';
import type { OrClass, RichFunction, StateDeclarations, StateHandles } from './functions.ts';
import type { OperatorContext } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { instantiate } from './user-function.ts';

/** Runs one instance of a function object. Subclasses call its methods. */
export class FunctionOperator<F extends RichFunction, Out> extends PlainOperator<Out> {
  /** Read by generated code. */
  readonly f: F;
  /** Read by generated code, and only where the input is keyed. */
  backend!: KeyedBackend;
  protected runtime!: RuntimeContext;
  readonly #keyed: boolean;
  readonly #accumulators = new Map<string, Accumulator<never>>();

  constructor(given: OrClass<F>, keyed: boolean) {
    super();
    this.f = instantiate(given);
    this.#keyed = keyed;
  }

  override open(context: OperatorContext<Out>): void {
    super.open(context);
    if (this.#keyed) this.backend = context.keyedBackend();
    this.runtime = runtimeContext(context, this.#keyed, this.#accumulators);
    this.prepare(context);
    this.f.initializeState?.({ isRestored: context.restored, operatorState: context.operatorState });
    this.f.open?.(this.runtime);
  }

  /** Makes what the function's methods need; before its first call. */
  protected prepare(_context: OperatorContext<Out>): void {}

  override snapshot(writer: SnapshotWriter): void {
    this.f.snapshotState?.({ checkpointId: writer.checkpoint });
  }

  checkpointComplete(checkpoint: number): void {
    this.f.notifyCheckpointComplete?.(checkpoint);
  }

  checkpointAborted(checkpoint: number): void {
    this.f.notifyCheckpointAborted?.(checkpoint);
  }

  override close(): void | Promise<void> {
    return this.f.close?.();
  }

  /** What the function's accumulators stand at; asked by the task when the job reports. */
  accumulators(): AccumulatorReports {
    const reports: Record<string, AccumulatorReport> = {};
    for (const [name, accumulator] of this.#accumulators) reports[name] = accumulator.report();
    return reports;
  }
}

/** What a function of this operator can ask. `keyed`: whether it has keyed state. */
export function runtimeContext(
  context: OperatorContext<never>,
  keyed: boolean,
  accumulators: Map<string, Accumulator<never>>,
): RuntimeContext {
  return {
    task: context.task,
    metrics: context.metrics,
    parameters: context.parameters,
    cachedFile(name: string): string {
      const path = Object.hasOwn(context.cachedFiles, name) ? context.cachedFiles[name] : undefined;
      if (path !== undefined) return path;
      throw new MillstreamError(
        'OPTION_INVALID',
        `The operator "${context.task.operatorName}" asked for the cached file "${name}", which the job has not registered. Register it with env.registerCachedFile(path, name); there are: ${Object.keys(context.cachedFiles).join(', ') || 'none'}.`,
      );
    },
    getState<D extends AnyStateDescriptor>(descriptor: D): StateHandle<D> {
      if (!keyed) {
        throw new MillstreamError(
          'STATE_INVALID',
          `The operator "${context.task.operatorName}" asked for the keyed state "${descriptor.name}", but its input is not keyed. Put keyBy() before it.`,
          {
            details: { operator: context.task.operatorName },
          },
        );
      }
      return stateHandle(context.keyedBackend(), descriptor);
    },
    addAccumulator<A extends Accumulator<never>>(name: string, accumulator: A): A {
      if (accumulators.has(name)) {
        throw new MillstreamError(
          'USER_CODE',
          `The operator "${context.task.operatorName}" has two accumulators named "${name}". Give each a name of its own.`,
        );
      }
      accumulators.set(name, accumulator);
      return accumulator;
    },
  };
}

/** The handle that belongs to a descriptor. */
export function stateHandle<D extends AnyStateDescriptor>(backend: KeyedBackend, descriptor: D): StateHandle<D> {
  return untypedHandle(backend, descriptor as unknown as StateDescriptor) as StateHandle<D>;
}

function untypedHandle(backend: KeyedBackend, descriptor: StateDescriptor): unknown {
  switch (descriptor.kind) {
    case 'value':
      return backend.value(descriptor);
    case 'list':
      return backend.list(descriptor);
    case 'map':
      return backend.map(descriptor);
    case 'reducing':
      return backend.reducing(descriptor);
    case 'aggregating':
      return backend.aggregating(descriptor);
  }
}

/** The handles of everything that a function declares. */
export function stateHandles<S extends StateDeclarations>(backend: KeyedBackend, declarations: S): StateHandles<S> {
  const handles: Record<string, unknown> = {};
  for (const [name, descriptor] of Object.entries(declarations))
    handles[name] = untypedHandle(backend, descriptor as unknown as StateDescriptor);
  return Object.freeze(handles) as StateHandles<S>;
}
