/**
 * Programs: how a thread comes by the graph of a job.
 *
 * A job module is loaded by its URL in every thread that runs a part of it. A graph that was built ad hoc holds
 * closures, which cannot leave their thread; it waits in a register of this thread under an id, and only slots of this
 * thread can run it.
 */

import { describeThrown, MillstreamError } from '../base/error.ts';
import type { JobProgram } from '../graph/launch.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import type { ProgramReference } from './messages.ts';

const graphs = new Map<string, StreamGraph>();

/** Registers a graph of this thread; the returned function forgets it. */
export function registerGraph(id: string, graph: StreamGraph): () => void {
  graphs.set(id, graph);
  return () => void graphs.delete(id);
}

export async function loadGraph(
  reference: ProgramReference,
  parameters: Readonly<Record<string, unknown>>,
): Promise<StreamGraph> {
  if (reference.kind === 'graph') {
    const graph = graphs.get(reference.id);
    if (graph === undefined)
      throw new MillstreamError(
        'JOB_MODULE_INVALID',
        `The graph ${reference.id} was built on another thread. Write the job as a module to run it on worker slots.`,
      );
    return graph;
  }
  const program = await importProgram(reference.url);
  return program.build(parameters, reference.settings);
}

export async function importProgram(url: string): Promise<JobProgram> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (error) {
    throw new MillstreamError(
      'JOB_MODULE_INVALID',
      `The job module ${url} could not be loaded: ${describeThrown(error)}`,
      { cause: error },
    );
  }
  const program = module.default as Partial<JobProgram> | undefined;
  if (program?.kind !== 'millstream-job' || typeof program.build !== 'function') {
    throw new MillstreamError(
      'JOB_MODULE_INVALID',
      `The module ${url} has no job as its default export. Write \`export default job('name', (env, parameters) => …)\`.`,
    );
  }
  return program as JobProgram;
}
