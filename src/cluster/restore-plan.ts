/** What of a checkpoint goes to which task of a new attempt, and whether all of it has a place to go to. */

import { MillstreamError } from '../base/error.ts';
import { channelStatesFor, type ReceiverOfEdge } from '../exchange/channel-redistribution.ts';
import { buildJobGraph, type JobEdge, type JobGraph, type JobVertex } from '../graph/job-graph.ts';
import { operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import { edgeName } from '../graph/unaligned-edges.ts';
import { mappingLine, mappingReport, refuseIncompatible } from '../checkpoint/savepoint/mapping-report.ts';
import { redistribute } from '../state/snapshot-data.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import type { CompletedCheckpoint } from './completed-checkpoint.ts';
import type { Placement, TaskRestore } from './messages.ts';

/** The parts of all operators of a vertex that belong to one of its subtasks. */
export function restoreFor(
  graph: StreamGraph,
  job: JobGraph,
  checkpoint: CompletedCheckpoint,
  place: Placement,
): TaskRestore {
  const vertex = job.vertices[place.vertex] as JobVertex;
  const snapshots = vertex.nodes.flatMap((node): OperatorSnapshot[] => {
    const all = checkpoint.operators.get(operatorId(node));
    return all === undefined ? [] : [redistribute(all, vertex.maxParallelism, vertex.parallelism, place.subtask)];
  });
  const channels = vertex.inputs.flatMap((edge) =>
    channelStatesFor(checkpoint.channels, receiverOf(graph, job, edge, place.subtask)),
  );
  return { vertex: place.vertex, subtask: place.subtask, snapshots, channels };
}

/** A receiving subtask of an edge, as the state of its channels is dealt out to it. */
export function receiverOf(graph: StreamGraph, job: JobGraph, edge: JobEdge, receiver: number): ReceiverOfEdge {
  const target = job.vertices[edge.targetVertex] as JobVertex;
  return {
    edge: edgeName(graph, job, edge),
    partitioning: edge.partitioning,
    receiver,
    receivers: target.parallelism,
    maxParallelism: target.maxParallelism,
  };
}

/**
 * Says what becomes of the state, before anything starts. State that no operator of the job takes is refused by name,
 * unless it was allowed to be dropped; what cannot become what the job declares is refused.
 *
 * @param print is given a line for everything that does not simply stay.
 */
export function checkRestore(
  graph: StreamGraph,
  checkpoint: CompletedCheckpoint,
  allowNonRestoredState: boolean,
  print: (line: string) => void,
): void {
  const known = new Set(graph.nodes.map(operatorId));
  const homeless = [...checkpoint.operators]
    .filter(([id, snapshots]) => !known.has(id) && snapshots.some(holdsState))
    .map(([id]) => id);
  if (!allowNonRestoredState) {
    checkChannels(graph, checkpoint);
    if (homeless.length > 0) throw homelessState(graph, homeless, [...known]);
  }
  const report = mappingReport(graph, checkpoint);
  if (report.changed.length === 0) return;
  for (const line of [report.summary, ...report.changed.map(mappingLine)]) print(line);
  refuseIncompatible(graph.jobName, report.states);
}

function homelessState(graph: StreamGraph, homeless: readonly string[], known: readonly string[]): MillstreamError {
  return new MillstreamError(
    'STATE_INCOMPATIBLE',
    `The savepoint holds state of operators that job "${graph.jobName}" does not have: ${homeless.join(', ')}. Its operators are: ${known.join(', ')}. Give the operators their old uids, or pass allowNonRestoredState to drop that state.`,
  );
}

/** Records on their way over an edge that is not there any more would be lost. */
function checkChannels(graph: StreamGraph, checkpoint: CompletedCheckpoint): void {
  if (checkpoint.channels.length === 0) return;
  const job = buildJobGraph(graph);
  const edges = new Set(job.edges.map((edge) => edgeName(graph, job, edge)));
  const homeless = new Set(checkpoint.channels.map(({ edge }) => edge).filter((edge) => !edges.has(edge)));
  if (homeless.size === 0) return;
  throw new MillstreamError(
    'STATE_INCOMPATIBLE',
    `The checkpoint holds records that were on their way over edges that job "${graph.jobName}" does not have: ${[...homeless].join(', ')}. It has: ${[...edges].join(', ')}. Change a job only with a savepoint, which holds no such records, or pass allowNonRestoredState to lose them.`,
  );
}

function holdsState(snapshot: OperatorSnapshot): boolean {
  return (
    snapshot.keyed.some((state) => state.groups.length > 0) || snapshot.lists.some((list) => list.items.length > 0)
  );
}
