/** What of a checkpoint goes to which task of a new attempt, and whether all of it has a place to go to. */

import { MillstreamError } from '../base/error.ts';
import type { JobGraph, JobVertex } from '../graph/job-graph.ts';
import { operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import { redistribute } from '../state/snapshot-data.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import type { CompletedCheckpoint } from './job-checkpoints.ts';
import type { Placement, TaskRestore } from './messages.ts';

/** The parts of all operators of a vertex that belong to one of its subtasks. */
export function restoreFor(job: JobGraph, checkpoint: CompletedCheckpoint, place: Placement): TaskRestore {
  const vertex = job.vertices[place.vertex] as JobVertex;
  const snapshots = vertex.nodes.flatMap((node): OperatorSnapshot[] => {
    const all = checkpoint.operators.get(operatorId(node));
    return all === undefined ? [] : [redistribute(all, vertex.maxParallelism, vertex.parallelism, place.subtask)];
  });
  return { vertex: place.vertex, subtask: place.subtask, snapshots };
}

/** State that no operator of the job takes is refused by name, unless it was allowed to be dropped. */
export function checkRestore(
  graph: StreamGraph,
  checkpoint: CompletedCheckpoint,
  allowNonRestoredState: boolean,
): void {
  const known = new Set(graph.nodes.map(operatorId));
  const homeless = [...checkpoint.operators]
    .filter(([id, snapshots]) => !known.has(id) && snapshots.some(holdsState))
    .map(([id]) => id);
  if (homeless.length === 0 || allowNonRestoredState) return;
  throw new MillstreamError(
    'STATE_INCOMPATIBLE',
    `The savepoint holds state of operators that job "${graph.jobName}" does not have: ${homeless.join(', ')}. Its operators are: ${[...known].join(', ')}. Give the operators their old uids, or pass allowNonRestoredState to drop that state.`,
  );
}

function holdsState(snapshot: OperatorSnapshot): boolean {
  return (
    snapshot.keyed.some((state) => state.groups.length > 0) || snapshot.lists.some((list) => list.items.length > 0)
  );
}
