/** Which edges barriers may overtake on, and the names under which their channels' state is kept. */

import { headOf, type JobEdge, type JobGraph, type JobVertex } from './job-graph.ts';
import type { CheckpointSettings } from './settings.ts';
import { nodeOf, operatorId, type Partitioning, type StreamGraph } from './stream-graph.ts';

/**
 * Whether barriers may overtake on the edges into a vertex. Flink's rule: on none of them when one is pointwise (forward,
 * rescale) or broadcast, because the state of its channels could not be dealt out anew when the parallelism changes; nor
 * when one has a custom partitioner, which need not give the same answer again, unless that is forced.
 */
export function inputsOvertake(vertex: JobVertex, settings: CheckpointSettings): boolean {
  if (!settings.unaligned || settings.mode !== 'exactly-once') return false;
  return vertex.inputs.every(({ partitioning }) => isDealtAnew(partitioning, settings.forceUnaligned));
}

function isDealtAnew({ kind }: Partitioning, forced: boolean): boolean {
  switch (kind) {
    case 'forward':
    case 'rescale':
    case 'broadcast':
      return false;
    case 'custom':
      return forced;
    default:
      return true;
  }
}

/** A name of an edge that does not depend on the parallelism, as the numbers of edges do. Needs the whole graph. */
export function edgeName(graph: StreamGraph, job: JobGraph, edge: JobEdge): string {
  const nameOf = ({ sourceNode, side, targetVertex, input }: JobEdge): string => {
    const target = headOf(job.vertices[targetVertex] as JobVertex);
    return `${operatorId(nodeOf(graph, sourceNode))}${side === undefined ? '' : `/${side}`} > ${operatorId(target)}/${input}`;
  };
  const name = nameOf(edge);
  // One operator may be united with itself.
  const same = job.edges.filter((other) => other.targetVertex === edge.targetVertex && nameOf(other) === name);
  const nth = same.indexOf(edge);
  return nth <= 0 ? name : `${name} #${nth + 1}`;
}
