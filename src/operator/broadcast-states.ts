/** The broadcast state of one operator: what its descriptors declare, as each side may use it. */

import { MillstreamError } from '../base/error.ts';
import type { AnyStateDescriptor, MapStateDescriptor } from '../state/descriptor.ts';
import type { BroadcastState } from '../state/operator-state.ts';
import type { ReadOnlyBroadcastState } from './functions.ts';
import type { OperatorContext } from './operator.ts';

/** State of the broadcast side is found by the name of its descriptor. */
export type BroadcastDescriptors = readonly (AnyStateDescriptor & { readonly kind: 'map' })[];

export class BroadcastStates {
  readonly #operator: string;
  readonly #writable = new Map<string, BroadcastState<unknown, unknown>>();
  readonly #readable = new Map<string, ReadOnlyBroadcastState<unknown, unknown>>();

  constructor(context: OperatorContext<never>, descriptors: BroadcastDescriptors) {
    this.#operator = context.task.operatorName;
    for (const { name } of descriptors) {
      const state = context.operatorState.broadcast<unknown, unknown>(name);
      this.#writable.set(name, state);
      this.#readable.set(name, {
        get: (key) => state.get(key),
        contains: (key) => state.contains(key),
        entries: () => state.entries(),
      });
    }
  }

  writable<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V> {
    return this.#declared(this.#writable.get(descriptor.name), descriptor.name) as unknown as BroadcastState<K, V>;
  }

  readable<K, V>(descriptor: MapStateDescriptor<K, V>): ReadOnlyBroadcastState<K, V> {
    return this.#declared(this.#readable.get(descriptor.name), descriptor.name) as unknown as ReadOnlyBroadcastState<
      K,
      V
    >;
  }

  #declared<S>(state: S | undefined, name: string): S {
    if (state !== undefined) return state;
    throw new MillstreamError(
      'STATE_INVALID',
      `The operator "${this.#operator}" asked for the broadcast state "${name}", which its broadcast stream does not declare. Name its descriptor in broadcast(…).`,
    );
  }
}
