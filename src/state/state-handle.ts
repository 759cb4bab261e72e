/** The handle of any descriptor. */

import { unreachable } from '../base/assert.ts';
import type {
  AggregatingStateDescriptor,
  AnyStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateHandle,
  ValueStateDescriptor,
} from './descriptor.ts';
import type { KeyedBackend } from './keyed-backend.ts';

type Erased =
  | ValueStateDescriptor<unknown>
  | ListStateDescriptor<unknown>
  | MapStateDescriptor<unknown, unknown>
  | ReducingStateDescriptor<unknown>
  | AggregatingStateDescriptor<unknown, unknown, unknown>;

export type { AnyStateDescriptor };

/** Asks the backend for the state that the descriptor declares. */
export function stateHandle<D extends { readonly kind: AnyStateDescriptor['kind'] }>(
  backend: KeyedBackend,
  descriptor: D,
  namespaced = false,
): StateHandle<D> {
  return anyHandle(backend, descriptor as unknown as Erased, namespaced) as StateHandle<D>;
}

function anyHandle(backend: KeyedBackend, descriptor: Erased, namespaced: boolean): unknown {
  switch (descriptor.kind) {
    case 'value':
      return backend.value(descriptor, namespaced);
    case 'list':
      return backend.list(descriptor, namespaced);
    case 'map':
      return backend.map(descriptor, namespaced);
    case 'reducing':
      return backend.reducing(descriptor, namespaced);
    case 'aggregating':
      return backend.aggregating(descriptor, namespaced);
    default:
      return unreachable(descriptor);
  }
}
