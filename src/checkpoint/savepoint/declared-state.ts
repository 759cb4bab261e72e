/** What a graph says of the state of its operators before it runs. */

import { buildJobGraph } from '../../graph/job-graph.ts';
import { operatorId, type StreamGraph } from '../../graph/stream-graph.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { AnyStateDescriptor } from '../../state/descriptor.ts';
import type { OperatorFacts } from '../storage/metadata.ts';

/** The max parallelism with which operators have stored state, by id. */
export function storedMaxParallelism(
  facts: ReadonlyMap<string, OperatorFacts> | undefined,
): ReadonlyMap<string, number> {
  return new Map(Array.from(facts ?? [], ([id, { maxParallelism }]) => [id, maxParallelism]));
}

/**
 * What a restore must know of the operators of a graph, by id.
 *
 * @param stored What is known of those whose state it starts from.
 */
export function operatorFacts(
  graph: StreamGraph,
  stored?: ReadonlyMap<string, OperatorFacts>,
): ReadonlyMap<string, OperatorFacts> {
  return new Map(
    buildJobGraph(graph, storedMaxParallelism(stored)).vertices.flatMap(({ nodes, maxParallelism }) =>
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

/**
 * What savepoints say of the operators, and take to be written.
 *
 * @param stored gives what is known of those whose state the job started from.
 */
export function knownOperators(
  graph: StreamGraph,
  stored: () => ReadonlyMap<string, OperatorFacts> | undefined,
): {
  readonly types: TypeRegistry;
  facts(): ReadonlyMap<string, OperatorFacts>;
  timeToLive(operatorId: string, state: string): number | undefined;
} {
  return {
    types: graph.types,
    facts: () => operatorFacts(graph, stored()),
    timeToLive: timesToLive(graph),
  };
}

/** The time to live of a state, in milliseconds, where its operator declares one. */
function timesToLive(graph: StreamGraph): (operatorId: string, state: string) => number | undefined {
  const declared = declaredStates(graph);
  return (id, state) => declared.get(id)?.find(({ name }) => name === state)?.ttl?.timeToLive;
}
