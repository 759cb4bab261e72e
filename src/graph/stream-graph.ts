/**
 * The stream graph: what a user's program describes, node by node, before anything runs.
 *
 * Plain, frozen data plus operator factories. The API only appends nodes; planning (`job-graph.ts`) and running read
 * it. The same program builds the same graph in every process, which `fingerprint` checks.
 */

import { MillstreamError } from '../base/error.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { CoordinatorFactory } from '../operator/coordinator.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import type { Guarantee } from '../connect/sink.ts';
import type { Source } from '../connect/source.ts';
import type { ExecutionSettings } from './settings.ts';

/** The place of a node in its graph: nodes are numbered in the order in which they were added. */
export type NodeId = number;

/** How records choose among the subtasks of the receiver. */
export type Partitioning =
  /** To the subtask of the same index; needs equal parallelism. The only one that can be chained. */
  | { readonly kind: 'forward' }
  /** By the key group of the key. */
  | { readonly kind: 'hash'; readonly key: (value: never) => unknown }
  /** By the key group of column values, for column batches. */
  | { readonly kind: 'hash-columns'; readonly columns: readonly number[] }
  /** In turn, over all. */
  | { readonly kind: 'rebalance' }
  /** In turn, over the receivers near the sender. */
  | { readonly kind: 'rescale' }
  /** At random. */
  | { readonly kind: 'shuffle' }
  /** To all. */
  | { readonly kind: 'broadcast' }
  /** To subtask 0. */
  | { readonly kind: 'global' }
  /** Where the user's function says. */
  | {
      readonly kind: 'custom';
      readonly key: (value: never) => unknown;
      readonly partition: (key: never, partitions: number) => number;
    };

/** What one input of a node reads. */
export interface StreamEdge {
  readonly source: NodeId;
  /** Which input of the receiver: 0, or 1 for the second input of a two-input operator. Union is several edges to one input. */
  readonly input: number;
  readonly partitioning: Partitioning;
  /** Reads the side output of this tag instead of the main one. */
  readonly side?: string;
}

/** An operator of the graph with its settings. */
export interface StreamNode {
  readonly id: NodeId;
  readonly name: string;
  readonly description: string | undefined;
  readonly uid: string | undefined;
  readonly definition: OperatorDefinition;
  readonly inputs: readonly StreamEdge[];
  readonly parallelism: number;
  readonly maxParallelism: number | undefined;
  /** `head`: starts a new chain; `never`: neither chained to its input nor its outputs to it. */
  readonly chaining: 'always' | 'head' | 'never';
  readonly slotSharingGroup: string;
  /** Milliseconds after which a part-filled batch leaves; 0: after every record; -1: only when full. */
  readonly bufferTimeoutMs: number | undefined;
  /** Present on source nodes: the plan reads boundedness and guarantees from it. */
  readonly source: Source<unknown, never, never> | undefined;
  readonly coordinator: CoordinatorFactory | undefined;
  /** Ends of the graph: the job is there for their sake. */
  readonly sink: boolean;
  /** What reporters are to know of the operator besides its name. */
  readonly metricVariables?: Readonly<Record<string, string>>;
  /** What a sink promises; one that says nothing keeps whatever its checkpoints do. */
  readonly guarantee?: Guarantee;
}

/** A job as it was described: frozen, and the same in every process that describes it. */
export interface StreamGraph {
  readonly jobName: string;
  readonly nodes: readonly StreamNode[];
  readonly settings: ExecutionSettings;
  /** Classes whose instances may cross edges and enter state. */
  readonly types: TypeRegistry;
}

/** What identifies the state of a node: its uid, or its place in the graph. */
export function operatorId(node: StreamNode): string {
  return node.uid ?? `${node.definition.kind}-${node.id}`;
}

export function nodeOf(graph: StreamGraph, id: NodeId): StreamNode {
  const node = graph.nodes[id];
  if (node === undefined) throw new MillstreamError('GRAPH_INVALID', `The graph has no node ${id}.`);
  return node;
}

/** One line per node with everything that workers must agree on; functions are compared by their text. */
export function fingerprint(graph: StreamGraph): readonly string[] {
  return graph.nodes.map((node) => {
    const inputs = node.inputs
      .map(
        (edge) =>
          `${edge.source}${edge.side === undefined ? '' : `/${edge.side}`}-${edge.partitioning.kind}->${edge.input}`,
      )
      .join(' ');
    return `${node.id} ${operatorId(node)} "${node.name}" ${node.definition.kind} p=${node.parallelism} max=${node.maxParallelism ?? '-'} ${node.chaining} ${node.slotSharingGroup} [${inputs}]`;
  });
}

/** Fails with GRAPH_DIFFERS and the first difference when a worker built another graph than the coordinator. */
export function assertSameGraph(expected: readonly string[], built: readonly string[], where: string): void {
  const length = Math.max(expected.length, built.length);
  for (let i = 0; i < length; i++) {
    if (expected[i] !== built[i]) {
      throw new MillstreamError(
        'GRAPH_DIFFERS',
        `The job built another graph on ${where} than on the JobManager. First difference, at node ${i}: expected «${expected[i] ?? 'nothing'}», got «${built[i] ?? 'nothing'}».`,
      );
    }
  }
}
