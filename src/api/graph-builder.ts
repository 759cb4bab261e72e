/**
 * The graph under construction: what the stream classes append to and an environment freezes.
 *
 * A node stays a draft until the graph is built, because its name, uid and parallelism are set by calls that come
 * after it was added. Building resolves what depends on the settings, checks what only the builder still knows, and
 * ends the construction: nothing is added or changed afterwards.
 */

import { MillstreamError } from '../base/error.ts';
import type { Guarantee } from '../connect/sink.ts';
import type { Source } from '../connect/source.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { ExecutionSettings } from '../graph/settings.ts';
import type { NodeId, Partitioning, StreamEdge, StreamGraph, StreamNode } from '../graph/stream-graph.ts';
import { batchKeyedInput } from '../operator/batch-keyed-input.ts';
import type { CoordinatorFactory } from '../operator/coordinator.ts';
import type { OperatorDefinition } from '../operator/operator.ts';

/** Where a stream comes out of the graph, and how its records will be dealt out to whoever reads it. */
export interface StreamOrigin {
  readonly node: NodeDraft;
  /** Id of the side output that is read instead of the main one. */
  readonly side: string | undefined;
  readonly partitioning: Partitioning;
  /** Whether the user asked for this partitioning; a plain `forward` gives way to `rebalance` otherwise. */
  readonly chosen: boolean;
}

/** The operator of a node, and what runs of it beside the JobManager. */
export interface NodeParts {
  readonly definition: OperatorDefinition;
  readonly coordinator?: CoordinatorFactory | undefined;
}

/** The parts, or what makes them once the settings of the job are final. */
export type NodeDefinition = OperatorDefinition | ((settings: ExecutionSettings) => NodeParts);

/** What a new node is made of. */
export interface NodeInit {
  readonly name: string;
  readonly definition: NodeDefinition;
  /** What each input reads; several origins of one input are a union. */
  readonly inputs: readonly (readonly StreamOrigin[])[];
  /** Default: the environment's parallelism at this moment. */
  readonly parallelism?: number;
  /** The only parallelism that makes sense. */
  readonly fixedParallelism?: number;
  readonly uid?: string;
  readonly source?: Source<unknown, never, never>;
  readonly sink?: boolean;
  /** What a sink promises. */
  readonly guarantee?: Guarantee;
  /** Part of an operator that consists of several nodes, which the user cannot name. Keeps no state. */
  readonly hidden?: boolean;
}

/** A node whose settings may still change. */
export class NodeDraft {
  readonly id: NodeId;
  readonly init: NodeInit;
  name: string;
  description: string | undefined;
  uid: string | undefined;
  parallelism: number;
  /** Set by `forceNonParallel`, or by a source or sink that has one parallelism only. */
  fixedParallelism: number | undefined;
  maxParallelism: number | undefined;
  chaining: StreamNode['chaining'] = 'always';
  slotSharingGroup: string | undefined;
  bufferTimeoutMs: number | undefined;
  metricVariables: Readonly<Record<string, string>> | undefined;

  constructor(id: NodeId, init: NodeInit, parallelism: number) {
    this.id = id;
    this.init = init;
    this.name = init.name;
    this.uid = init.uid;
    this.fixedParallelism = init.fixedParallelism;
    this.parallelism = init.fixedParallelism ?? init.parallelism ?? parallelism;
  }
}

/** The group of operators whose inputs name none. */
const DEFAULT_SLOT_SHARING_GROUP = 'default';

export class GraphBuilder {
  readonly #drafts: NodeDraft[] = [];
  readonly #parallelism: () => number;
  #closed: string | undefined;

  /** `parallelism` is asked for each new node: what it says may change while the graph grows. */
  constructor(parallelism: () => number) {
    this.#parallelism = parallelism;
  }

  get size(): number {
    return this.#drafts.length;
  }

  add(init: NodeInit): NodeDraft {
    this.assertOpen(`the operator "${init.name}" cannot be added`);
    const draft = new NodeDraft(this.#drafts.length, init, this.#parallelism());
    this.#drafts.push(draft);
    return draft;
  }

  /** Fails with ENVIRONMENT_CLOSED and the reason once the graph is built. */
  assertOpen(consequence: string): void {
    if (this.#closed === undefined) return;
    throw new MillstreamError(
      'ENVIRONMENT_CLOSED',
      `${this.#closed}, so ${consequence}. Build a new environment: one environment executes one graph.`,
    );
  }

  /** Ends the construction. `reason` is a sentence without its full stop, for the errors of later calls. */
  close(reason: string): void {
    this.assertOpen('it cannot be executed again');
    this.#closed = reason;
  }

  /** The graph as it stands. The settings' AUTOMATIC mode becomes what it stands for. */
  build(jobName: string, settings: ExecutionSettings, types: TypeRegistry): StreamGraph {
    if (!settings.autoGenerateUids) requireUids(this.#drafts);
    const resolved = resolvedSettings(settings, this.#runtimeMode(settings));
    const nodes: StreamNode[] = [];
    for (const draft of this.#drafts) nodes.push(freeze(draft, resolved, nodes));
    checkChangelogs(nodes);
    return Object.freeze({ jobName, nodes: Object.freeze(nodes), settings: resolved, types });
  }

  #runtimeMode(settings: ExecutionSettings): 'streaming' | 'batch' {
    const unbounded = this.#drafts.find((draft) => draft.init.source?.boundedness === 'unbounded');
    if (settings.runtimeMode === 'batch' && unbounded !== undefined) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `The source "${unbounded.name}" is unbounded, and BATCH mode ends only when its input does. Use STREAMING or AUTOMATIC, or bound the source.`,
        {
          details: { operator: unbounded.name },
        },
      );
    }
    if (settings.runtimeMode !== 'automatic') return settings.runtimeMode;
    return unbounded === undefined ? 'batch' : 'streaming';
  }
}

/** In BATCH mode there are no checkpoints: a job that fails begins anew. */
function resolvedSettings(settings: ExecutionSettings, runtimeMode: 'streaming' | 'batch'): ExecutionSettings {
  if (runtimeMode === 'streaming') return Object.freeze({ ...settings, runtimeMode });
  return Object.freeze({ ...settings, runtimeMode, checkpoint: { ...settings.checkpoint, intervalMs: undefined } });
}

function freeze(draft: NodeDraft, settings: ExecutionSettings, before: readonly StreamNode[]): StreamNode {
  const { init } = draft;
  checkParallelism(draft);
  const inputs = init.inputs.flatMap((origins, input) => origins.map((origin) => edge(draft, origin, input)));
  const { definition, coordinator } =
    typeof init.definition === 'function'
      ? init.definition(settings)
      : { definition: init.definition, coordinator: undefined };
  return Object.freeze({
    id: draft.id,
    name: draft.name,
    description: draft.description,
    uid: draft.uid,
    definition: Object.freeze(ofMode(definition, settings)),
    inputs: Object.freeze(inputs),
    parallelism: draft.parallelism,
    maxParallelism: draft.maxParallelism,
    chaining: draft.chaining,
    slotSharingGroup: draft.slotSharingGroup ?? inheritedGroup(inputs, before),
    bufferTimeoutMs: draft.bufferTimeoutMs,
    source: init.source,
    coordinator,
    sink: init.sink ?? false,
    ...(draft.metricVariables === undefined ? {} : { metricVariables: draft.metricVariables }),
    ...(init.guarantee === undefined ? {} : { guarantee: init.guarantee }),
  });
}

function requireUids(drafts: readonly NodeDraft[]): void {
  const unnamed = drafts.filter((draft) => draft.uid === undefined && draft.init.hidden !== true);
  if (unnamed.length === 0) return;
  throw new MillstreamError(
    'GRAPH_INVALID',
    `Every operator needs a uid, because autoGenerateUids (pipeline.auto-generate-uids) is off. Without one: ${unnamed.map(({ name }) => `"${name}"`).join(', ')}. Call uid() on each.`,
  );
}

function ofMode(definition: OperatorDefinition, settings: ExecutionSettings): OperatorDefinition {
  return settings.runtimeMode === 'batch' ? batchKeyedInput(definition, settings.sortMemoryMegabytes) : definition;
}

function checkParallelism(draft: NodeDraft): void {
  const { name, parallelism, fixedParallelism } = draft;
  if (fixedParallelism === undefined || parallelism === fixedParallelism) return;
  throw new MillstreamError(
    'GRAPH_INVALID',
    `The operator "${name}" can only run with parallelism ${fixedParallelism}, but is set to ${parallelism}. Remove its setParallelism().`,
    {
      details: { operator: name },
    },
  );
}

function edge(receiver: NodeDraft, origin: StreamOrigin, input: number): StreamEdge {
  const { node, partitioning, side, chosen } = origin;
  if (chosen && partitioning.kind === 'forward' && node.parallelism !== receiver.parallelism) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `"${node.name}" (parallelism ${node.parallelism}) forwards to "${receiver.name}" (parallelism ${receiver.parallelism}), and forward() needs equal parallelism. Use rebalance(), or set one parallelism for both.`,
      { details: { operator: receiver.name } },
    );
  }
  return Object.freeze({
    source: node.id,
    input,
    partitioning: Object.freeze(partitioning),
    ...(side === undefined ? {} : { side }),
  });
}

/**
 * Follows records that take something back to those who would take them for new ones. Side outputs are not followed: what
 * is sent to one is an insert, whatever it came from.
 */
function checkChangelogs(nodes: readonly StreamNode[]): void {
  /** By node: the operator that the changelog comes from, if it carries one. */
  const origins: (string | undefined)[] = [];
  for (const { definition, inputs, name } of nodes) {
    const origin = inputs
      .map((input) => (input.side === undefined ? origins[input.source] : undefined))
      .find((from) => from !== undefined);
    if (origin !== undefined && definition.changelog === false) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `The operator "${name}" only understands inserts, but gets a changelog with updates and deletes from "${origin}". Fold the changelog before it, or filter its inserts.`,
        { details: { operator: name } },
      );
    }
    origins.push(definition.emitsChangelog === true ? name : origin);
  }
}

/** An operator joins the group of its inputs when they agree on one. */
function inheritedGroup(inputs: readonly StreamEdge[], before: readonly StreamNode[]): string {
  const groups = new Set(inputs.map((input) => (before[input.source] as StreamNode).slotSharingGroup));
  const [group] = groups;
  return groups.size === 1 && group !== undefined ? group : DEFAULT_SLOT_SHARING_GROUP;
}
