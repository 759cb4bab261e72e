/** What a graph says of the state of its operators before it runs. */

import { buildJobGraph } from '../../graph/job-graph.ts';
import { operatorId, type StreamGraph } from '../../graph/stream-graph.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { AnyStateDescriptor } from '../../state/descriptor.ts';
import type { OperatorFacts } from '../storage/metadata.ts';

/** What a restore must know of the operators of a graph, by id. */
export function operatorFacts(graph: StreamGraph): ReadonlyMap<string, OperatorFacts> {
  return new Map(
    buildJobGraph(graph).vertices.flatMap(({ nodes, maxParallelism }) =>
      nodes.map(
        (node) => [operatorId(node), { name: node.name, parallelism: node.parallelism, maxParallelism }] as const,
      ),
    ),
  );
}

/** The keyed states that operators declare, by operator id; operators that declare none are left out. */
export function declaredStates(graph: StreamGraph): ReadonlyMap<string, readonly AnyStateDescriptor[]> {
  return new Map(
    graph.nodes.flatMap((node) => {
      const states = node.definition.states?.();
      return states === undefined ? [] : [[operatorId(node), states] as const];
    }),
  );
}

/** What savepoints say of the operators, and take to be written. */
export function knownOperators(graph: StreamGraph): {
  readonly types: TypeRegistry;
  readonly facts: ReadonlyMap<string, OperatorFacts>;
  timeToLive(operatorId: string, state: string): number | undefined;
} {
  return { types: graph.types, facts: operatorFacts(graph), timeToLive: timesToLive(graph) };
}

/** The time to live of a state, in milliseconds, where its operator declares one. */
function timesToLive(graph: StreamGraph): (operatorId: string, state: string) => number | undefined {
  const declared = declaredStates(graph);
  return (id, state) => declared.get(id)?.find(({ name }) => name === state)?.ttl?.timeToLive;
}
