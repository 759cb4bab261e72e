/**
 * What a job promises of its records when it fails on the way: the weakest of its checkpoints, its sources and its
 * sinks. Known before it starts, and said then: in the plan, and in a warning where a job with checkpoints keeps less
 * than they promise.
 */

import type { Guarantee } from '../connect/sink.ts';
import type { NodeId, StreamGraph, StreamNode } from './stream-graph.ts';

/** `none`: records may be lost, and others come twice. */
export type DeliveryGuarantee = Guarantee | 'none';

/** The guarantees of a job. */
export interface JobGuarantees {
  /** Of all sinks together; of the sources, where there are no sinks. */
  readonly job: DeliveryGuarantee;
  /** Of a source: by itself. Of a sink: for what comes to it from its sources, through checkpoints. Of others: absent. */
  readonly nodes: ReadonlyMap<NodeId, DeliveryGuarantee>;
  /** One line for people; undefined when there is nothing to warn of. */
  readonly warning: string | undefined;
}

/** What may happen to records when the job fails. */
interface Harm {
  readonly loses: boolean;
  readonly doubles: boolean;
}

const UNHARMED: Harm = { loses: false, doubles: false };

export function jobGuarantees(graph: StreamGraph): JobGuarantees {
  const { settings, nodes } = graph;
  const checkpoints = settings.checkpoint.intervalMs !== undefined;
  // A job in BATCH mode that fails begins anew, before anything was committed.
  const unprotected = !checkpoints && settings.runtimeMode !== 'batch';
  const mode: Harm = {
    loses: unprotected,
    doubles: unprotected || (checkpoints && settings.checkpoint.mode === 'at-least-once'),
  };
  const reaching: Harm[] = [];
  const guarantees = new Map<NodeId, DeliveryGuarantee>();
  let job = UNHARMED;
  for (const node of nodes) {
    const before = worst(node.inputs.map((edge) => reaching[edge.source] ?? UNHARMED));
    const after = worst([before, ofSource(node), ofSink(node)]);
    reaching.push(after);
    if (!node.sink && node.source === undefined) continue;
    // What a source has lost, no sink gets; what the job repeats, every sink that is told of it does.
    const harm = node.sink ? worst([after, mode]) : after;
    guarantees.set(node.id, named(harm));
    if (node.sink) job = worst([job, harm]);
  }
  if (!nodes.some((node) => node.sink)) job = worst([mode, ...reaching]);
  return { job: named(job), nodes: guarantees, warning: checkpoints ? warningOf(graph, named(job)) : undefined };
}

function worst(harms: readonly Harm[]): Harm {
  return { loses: harms.some(({ loses }) => loses), doubles: harms.some(({ doubles }) => doubles) };
}

function named({ loses, doubles }: Harm): DeliveryGuarantee {
  if (loses) return doubles ? 'none' : 'at-most-once';
  return doubles ? 'at-least-once' : 'exactly-once';
}

function ofSource({ source }: StreamNode): Harm {
  return { loses: source?.replayable === false, doubles: false };
}

function ofSink({ guarantee }: StreamNode): Harm {
  return { loses: guarantee === 'at-most-once', doubles: guarantee === 'at-least-once' };
}

function warningOf({ jobName, nodes, settings }: StreamGraph, job: DeliveryGuarantee): string | undefined {
  const { mode } = settings.checkpoint;
  const causes = nodes.flatMap((node) => causeOf(node, mode));
  if (causes.length === 0) return undefined;
  const kept = job === 'none' ? 'keeps no guarantee' : `is ${words(job)}`;
  return `Job "${jobName}" ${kept}, while its checkpoints are ${words(mode)}: ${causes.join('; ')}.`;
}

function causeOf(node: StreamNode, mode: Guarantee): readonly string[] {
  const { loses } = ofSource(node);
  if (loses)
    return [
      `source "${node.name}" cannot be read again, so what it gave since the last checkpoint is lost in a failure`,
    ];
  const { guarantee } = node;
  if (guarantee === 'at-most-once') return [`sink "${node.name}" may lose records in a failure`];
  if (guarantee === 'at-least-once' && mode === 'exactly-once')
    return [`sink "${node.name}" may write records twice after a failure`];
  return [];
}

function words(guarantee: Guarantee): string {
  return guarantee.replaceAll('-', ' ');
}
