/**
 * The job graph: the stream graph with its operators chained into vertices.
 *
 * A vertex is a tree of nodes with one head: a node joins the vertex of its input when the edge between them forwards,
 * it has no other input, both have one parallelism and one slot sharing group, and neither refuses. A task runs one
 * subtask of a vertex. What is not chained becomes an edge with a partitioner.
 */

import { MillstreamError } from '../base/error.ts';
import { defaultMaxParallelism } from '../data/key.ts';
import type { DataShape } from '../operator/operator.ts';
import {
  nodeOf,
  operatorId,
  type NodeId,
  type Partitioning,
  type StreamEdge,
  type StreamGraph,
  type StreamNode,
} from './stream-graph.ts';

export type VertexId = number;

/** An edge that stays inside a vertex: a plain call. */
export interface ChainedEdge {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly side: string | undefined;
}

/** An edge between vertices: a matrix of channels. */
export interface JobEdge {
  readonly id: number;
  readonly sourceVertex: VertexId;
  readonly sourceNode: NodeId;
  readonly side: string | undefined;
  readonly targetVertex: VertexId;
  readonly input: number;
  readonly partitioning: Partitioning;
  readonly shape: DataShape;
  readonly bufferTimeoutMs: number;
}

export interface JobVertex {
  readonly id: VertexId;
  readonly name: string;
  /** Head first, then in the order of the graph. */
  readonly nodes: readonly StreamNode[];
  readonly chained: readonly ChainedEdge[];
  readonly inputs: readonly JobEdge[];
  readonly outputs: readonly JobEdge[];
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly slotSharingGroup: string;
  /** Megabytes of heap that the group asks of each of its slots; 0: any will do. */
  readonly slotHeapMegabytes: number;
}

export interface JobGraph {
  readonly jobName: string;
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
}

export function headOf(vertex: JobVertex): StreamNode {
  return vertex.nodes[0] as StreamNode;
}

/**
 * Plans the tasks of a graph.
 *
 * @param stored The max parallelism with which operators have stored state, by id: taken over where none is set.
 */
export function buildJobGraph(graph: StreamGraph, stored: ReadonlyMap<string, number> = NOTHING_STORED): JobGraph {
  checkGraph(graph);
  const vertexOfNode = new Map<NodeId, number>();
  const members: StreamNode[][] = [];
  const chained: ChainedEdge[][] = [];
  for (const node of graph.nodes) {
    const link = chainableInput(graph, node);
    if (link === undefined) {
      vertexOfNode.set(node.id, members.length);
      members.push([node]);
      chained.push([]);
      continue;
    }
    const vertex = vertexOfNode.get(link.source) as number;
    vertexOfNode.set(node.id, vertex);
    (members[vertex] as StreamNode[]).push(node);
    (chained[vertex] as ChainedEdge[]).push({ from: link.source, to: node.id, side: link.side });
  }
  const edges = jobEdges(graph, vertexOfNode);
  const vertices = members.map((nodes, id): JobVertex => {
    const head = nodes[0] as StreamNode;
    return Object.freeze({
      id,
      name: nodes.map((node) => node.name).join(' -> '),
      nodes: Object.freeze(nodes),
      chained: Object.freeze(chained[id] as ChainedEdge[]),
      inputs: Object.freeze(edges.filter((edge) => edge.targetVertex === id)),
      outputs: Object.freeze(edges.filter((edge) => edge.sourceVertex === id)),
      parallelism: head.parallelism,
      maxParallelism: maxParallelismOf(graph, nodes, stored),
      slotSharingGroup: head.slotSharingGroup,
      slotHeapMegabytes: graph.settings.slotSharingGroups[head.slotSharingGroup]?.heapMegabytes ?? 0,
    });
  });
  return Object.freeze({ jobName: graph.jobName, vertices: Object.freeze(vertices), edges: Object.freeze(edges) });
}

const NOTHING_STORED: ReadonlyMap<string, number> = new Map();

/** What is set, or what is stored, or what follows from the parallelism. */
function maxParallelismOf(
  graph: StreamGraph,
  nodes: readonly StreamNode[],
  stored: ReadonlyMap<string, number>,
): number {
  const head = nodes[0] as StreamNode;
  const set = head.maxParallelism ?? graph.settings.maxParallelism;
  if (set !== undefined) return set;
  const known = nodes.map((node) => stored.get(operatorId(node))).find((most) => most !== undefined);
  return known !== undefined && known >= head.parallelism ? known : defaultMaxParallelism(head.parallelism);
}

/** The input edge over which a node joins its input's vertex, if it may. */
function chainableInput(graph: StreamGraph, node: StreamNode): StreamEdge | undefined {
  const edge = node.inputs[0];
  if (!graph.settings.chaining || edge === undefined || node.inputs.length !== 1) return undefined;
  if (edge.partitioning.kind !== 'forward' || node.chaining !== 'always') return undefined;
  const source = nodeOf(graph, edge.source);
  if (source.chaining === 'never' || source.parallelism !== node.parallelism) return undefined;
  if (source.slotSharingGroup !== node.slotSharingGroup) return undefined;
  if ((source.maxParallelism ?? node.maxParallelism) !== (node.maxParallelism ?? source.maxParallelism))
    return undefined;
  return edge;
}

function jobEdges(graph: StreamGraph, vertexOfNode: ReadonlyMap<NodeId, number>): JobEdge[] {
  const edges: JobEdge[] = [];
  for (const node of graph.nodes) {
    for (const edge of node.inputs) {
      const sourceVertex = vertexOfNode.get(edge.source) as number;
      const targetVertex = vertexOfNode.get(node.id) as number;
      if (sourceVertex === targetVertex && chainableInput(graph, node) === edge) continue;
      const source = nodeOf(graph, edge.source);
      const partitioning =
        edge.partitioning.kind === 'forward' && source.parallelism !== node.parallelism
          ? { kind: 'rebalance' as const }
          : edge.partitioning;
      edges.push(
        Object.freeze({
          id: edges.length,
          sourceVertex,
          sourceNode: edge.source,
          side: edge.side,
          targetVertex,
          input: edge.input,
          partitioning,
          shape: source.definition.output === 'columns' && edge.side === undefined ? 'columns' : 'records',
          bufferTimeoutMs: source.bufferTimeoutMs ?? graph.settings.bufferTimeoutMs,
        }),
      );
    }
  }
  return edges;
}

function checkGraph(graph: StreamGraph): void {
  if (graph.nodes.length === 0 || !graph.nodes.some((node) => node.sink)) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `The job "${graph.jobName}" has no sink, so it would compute nothing. End a stream with sinkTo(), print() or executeAndCollect().`,
    );
  }
  const uids = new Map<string, string>();
  for (const node of graph.nodes) {
    const where = `operator "${node.name}" of job "${graph.jobName}"`;
    if (node.uid !== undefined) {
      const other = uids.get(node.uid);
      if (other !== undefined)
        throw new MillstreamError(
          'GRAPH_INVALID',
          `The uid "${node.uid}" is used by "${other}" and by ${where}. Give each operator a uid of its own.`,
        );
      uids.set(node.uid, node.name);
    }
    if (node.maxParallelism !== undefined && node.parallelism > node.maxParallelism) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `The parallelism ${node.parallelism} of ${where} is above its maximum parallelism ${node.maxParallelism}.`,
      );
    }
    for (const edge of node.inputs) checkEdge(graph, node, edge, where);
  }
}

function checkEdge(graph: StreamGraph, node: StreamNode, edge: StreamEdge, where: string): void {
  const source = nodeOf(graph, edge.source);
  const shape = edge.side === undefined ? source.definition.output : 'records';
  if (shape !== node.definition.input) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `The ${where} takes ${node.definition.input}, but "${source.name}" gives ${shape}. Put toRows() or toColumns() between them.`,
    );
  }
  if (
    edge.partitioning.kind === 'forward' &&
    source.parallelism !== node.parallelism &&
    node.definition.keySelectors !== undefined
  ) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `The keyed ${where} is forwarded to from "${source.name}" with another parallelism (${source.parallelism} to ${node.parallelism}), which would mix up its keys. Use keyBy().`,
    );
  }
}

/** The subtasks of the receiver that a sending subtask is connected with, in channel order. */
export function targetSubtasks(
  partitioning: Partitioning,
  subtask: number,
  senders: number,
  receivers: number,
): readonly number[] {
  switch (partitioning.kind) {
    case 'forward':
      return [subtask];
    case 'rescale':
      return rescaleTargets(subtask, senders, receivers);
    default:
      return Array.from({ length: receivers }, (_, i) => i);
  }
}

/** Pointwise distribution: each side's subtasks are spread evenly over the other's. */
function rescaleTargets(subtask: number, senders: number, receivers: number): readonly number[] {
  const targets: number[] = [];
  for (let receiver = 0; receiver < receivers; receiver++) {
    const lowest = Math.floor((receiver * senders) / receivers);
    const connected =
      senders >= receivers
        ? subtask >= lowest && subtask < Math.floor(((receiver + 1) * senders) / receivers)
        : lowest === subtask;
    if (connected) targets.push(receiver);
  }
  return targets;
}

/**
 * The pipelined regions of a job: groups of vertices that exchange data with each other, directly or by way of others.
 * A failure in one of them leaves the others untouched, because nothing that they have seen came from it.
 */
export function pipelinedRegions(job: JobGraph): readonly (readonly VertexId[])[] {
  const region = job.vertices.map((vertex) => vertex.id);
  const find = (vertex: VertexId): VertexId => {
    let root = vertex;
    while (region[root] !== root) root = region[root] as VertexId;
    return root;
  };
  for (const edge of job.edges) region[find(edge.targetVertex)] = find(edge.sourceVertex);
  const groups = Map.groupBy(
    job.vertices.map((vertex) => vertex.id),
    find,
  );
  return [...groups.values()];
}
