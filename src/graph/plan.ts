/**
 * A graph for people and tools: what `getExecutionPlan()` returns, as JSON in Flink's shape and as text.
 *
 * Nodes are the operators as the program named them; vertices are the tasks they will be chained into.
 */

import { jobGuarantees, type DeliveryGuarantee } from './guarantees.ts';
import { buildJobGraph, type JobVertex } from './job-graph.ts';
import type { ExecutionSettings } from './settings.ts';
import { operatorId, type Partitioning, type StreamGraph, type StreamNode } from './stream-graph.ts';

/** Where a node's input comes from. Identifiers count from 1, as in Flink. */
export interface PlanPredecessor {
  readonly id: number;
  /** `FORWARD`, `HASH`, `REBALANCE`, … */
  readonly ship_strategy: string;
  /** `second` for the second input of a two-input operator. */
  readonly side?: 'second';
  /** The side output that is read instead of the main one. */
  readonly output?: string;
}

/** An operator of the plan. */
export interface PlanNode {
  readonly id: number;
  readonly type: string;
  readonly pact: 'Data Source' | 'Operator' | 'Data Sink';
  readonly contents: string;
  readonly parallelism: number;
  readonly uid: string;
  /**
   * Of a source: `at-most-once` when it cannot be read again. Of a sink: what it keeps in a failure of the job, given its
   * sources and the job's checkpoints; what it promises by itself is among its facts.
   */
  readonly guarantee?: DeliveryGuarantee;
  /** What the operator says of itself: its window, its mode. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  readonly predecessors?: readonly PlanPredecessor[];
}

/** A task, of which `parallelism` instances run. */
export interface PlanVertex {
  readonly id: number;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly slotSharingGroup: string;
  /** Ids of the nodes that run in it, the head first. */
  readonly nodes: readonly number[];
}

/** A plan as JSON. */
export interface PlanDocument {
  readonly job: string;
  readonly mode: ExecutionSettings['runtimeMode'];
  /** What becomes of records when the job fails: the weakest that any sink keeps. */
  readonly guarantee: DeliveryGuarantee;
  readonly nodes: readonly PlanNode[];
  readonly vertices: readonly PlanVertex[];
}

/** `JSON.stringify(plan)` gives Flink's plan with vertices; `String(plan)` gives text. */
export interface ExecutionPlan {
  toJSON(): PlanDocument;
  toString(): string;
}

/** @throws GRAPH_INVALID when the graph could not run. */
export function executionPlan(graph: StreamGraph): ExecutionPlan {
  const vertices = buildJobGraph(graph).vertices;
  const { job, nodes: guarantees } = jobGuarantees(graph);
  const document: PlanDocument = Object.freeze({
    job: graph.jobName,
    mode: graph.settings.runtimeMode,
    guarantee: job,
    nodes: graph.nodes.map((node) => planNode(graph, node, guarantees.get(node.id))),
    vertices: vertices.map(planVertex),
  });
  return Object.freeze({ toJSON: () => document, toString: () => planText(document) });
}

function planNode(graph: StreamGraph, node: StreamNode, guarantee: DeliveryGuarantee | undefined): PlanNode {
  const { describe } = node.definition;
  const predecessors = node.inputs.map((edge): PlanPredecessor => {
    const source = graph.nodes[edge.source] as StreamNode;
    return {
      id: edge.source + 1,
      ship_strategy: shipStrategy(edge.partitioning, source.parallelism, node.parallelism),
      ...(edge.input === 1 ? { side: 'second' as const } : {}),
      ...(edge.side === undefined ? {} : { output: edge.side }),
    };
  });
  return {
    id: node.id + 1,
    type: node.name,
    pact: node.definition.input === 'none' ? 'Data Source' : node.sink ? 'Data Sink' : 'Operator',
    contents: node.description ?? node.name,
    parallelism: node.parallelism,
    uid: operatorId(node),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(describe === undefined || Object.keys(describe).length === 0 ? {} : { facts: describe }),
    ...(predecessors.length === 0 ? {} : { predecessors }),
  };
}

/** A plain forward between different parallelisms is a rebalance. */
function shipStrategy(partitioning: Partitioning, senders: number, receivers: number): string {
  if (partitioning.kind === 'forward' && senders !== receivers) return 'REBALANCE';
  return partitioning.kind === 'hash-columns' ? 'HASH' : partitioning.kind.toUpperCase();
}

function planVertex(vertex: JobVertex): PlanVertex {
  return {
    id: vertex.id + 1,
    name: vertex.name,
    parallelism: vertex.parallelism,
    maxParallelism: vertex.maxParallelism,
    slotSharingGroup: vertex.slotSharingGroup,
    nodes: vertex.nodes.map((node) => node.id + 1),
  };
}

function planText({ job, mode, guarantee, nodes, vertices }: PlanDocument): string {
  const kept = guarantee === 'none' ? 'no guarantee' : guarantee.replaceAll('-', ' ');
  const lines = [`Job "${job}" (${mode.toUpperCase()}, ${kept})`];
  for (const vertex of vertices) {
    const group = vertex.slotSharingGroup === 'default' ? '' : `, slot sharing group ${vertex.slotSharingGroup}`;
    lines.push(`Task ${vertex.id}, parallelism ${vertex.parallelism} of at most ${vertex.maxParallelism}${group}`);
    const depths = new Map<number, number>();
    for (const id of vertex.nodes) {
      const node = nodes[id - 1] as PlanNode;
      const chainedTo = node.predecessors?.map((from) => depths.get(from.id)).find((depth) => depth !== undefined);
      const depth = id === vertex.nodes[0] || chainedTo === undefined ? 0 : chainedTo + 1;
      depths.set(id, depth);
      lines.push(`${'  '.repeat(depth + 1)}${nodeText(node, depth > 0)}`);
    }
  }
  return lines.join('\n');
}

function nodeText({ id, type, contents, facts, guarantee, predecessors = [] }: PlanNode, chained: boolean): string {
  const inputs = predecessors.map((from) => {
    const output = from.output === undefined ? '' : ` "${from.output}"`;
    return `${from.ship_strategy} from ${from.id}${output}${from.side === undefined ? '' : ' (second input)'}`;
  });
  const description = contents === type ? '' : `: ${contents}`;
  const said = Object.entries({ ...facts, ...(guarantee === undefined ? {} : keptOf(guarantee, facts)) });
  const details = said.length === 0 ? '' : ` {${said.map(([name, value]) => `${name}: ${value}`).join(', ')}}`;
  const sides = predecessors.some((from) => from.output !== undefined);
  return `${id} ${type}${description}${details}${inputs.length === 0 || (chained && !sides) ? '' : ` <- ${inputs.join(', ')}`}`;
}

/** A sink that keeps less than it promises shows both. */
function keptOf(guarantee: DeliveryGuarantee, facts: PlanNode['facts']): Readonly<Record<string, string>> {
  const promised = facts?.['guarantee'];
  return promised === undefined || promised === guarantee ? { guarantee } : { keeps: guarantee };
}
