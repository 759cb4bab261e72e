/** What becomes of the state of a snapshot in a job, found out before the job starts. */

import { MillstreamError } from '../../base/error.ts';
import type { StreamGraph } from '../../graph/stream-graph.ts';
import type { AnyStateDescriptor } from '../../state/descriptor.ts';
import { checkMigrations, type VersionedState } from '../../state/migration.ts';
import type { OperatorSnapshot, StateBytes } from '../../state/snapshot.ts';
import type { CheckpointContent } from '../storage/metadata.ts';
import { declaredStates, operatorFacts } from './declared-state.ts';
import { bareKind } from './keyed-columns.ts';
import { isArrowSegment, type StoredState } from './stored-rows.ts';

/**
 * What becomes of a state.
 *
 * - `kept`: it goes on as it is.
 * - `migrated`: its values are brought to a later version, each when it is first touched.
 * - `new`: the job declares it, and there is nothing stored.
 * - `dropped`: the job has no operator of that uid.
 * - `incompatible`: it cannot become what the job declares; the job does not start.
 */
export type StateFate = 'kept' | 'migrated' | 'new' | 'dropped' | 'incompatible';

/** One state of one operator, as it is stored and as the job declares it. */
export interface StateMapping {
  /** The uid of the operator. */
  readonly operator: string;
  readonly operatorName: string | undefined;
  readonly state: string;
  /** `value`, `list`, `map`, `event-timer`, `operator-list`, … */
  readonly kind: string;
  readonly fate: StateFate;
  /**
   * Of what is stored. In the native format the entries of maps count one by one, and in checkpoints, which are written
   * as changes, those that were replaced count, too.
   */
  readonly entries: number;
  readonly bytes: number;
  /** Entries of which a part is opaque bytes, because no column can hold it; undefined where the format is native. */
  readonly opaque: number | undefined;
  /** Kind, version and shape. */
  readonly stored: string | undefined;
  readonly declared: string | undefined;
  /** Why it is incompatible. */
  readonly reason: string | undefined;
}

/** What becomes of everything that is stored. */
export interface MappingReport {
  readonly jobName: string;
  readonly states: readonly StateMapping[];
  /** Those that do not simply go on, or begin. */
  readonly changed: readonly StateMapping[];
  /** One line. */
  readonly summary: string;
}

interface Stored {
  readonly operators: CheckpointContent['operators'];
  readonly facts?: CheckpointContent['facts'] | undefined;
}

/** What is stored under one name. */
interface StoredSummary {
  readonly name: string;
  readonly kind: string;
  readonly versions: readonly number[];
  readonly entries: number;
  readonly bytes: number;
  readonly shape: string | undefined;
  readonly opaque: number | undefined;
}

export function mappingReport(graph: StreamGraph, stored: Stored): MappingReport {
  const facts = operatorFacts(graph, stored.facts);
  const declared = declaredStates(graph);
  const ids = new Set([...stored.operators.keys(), ...declared.keys()]);
  const states = [...ids].flatMap((id): StateMapping[] => {
    const summaries = storedStates(stored.operators.get(id) ?? []);
    const mine = facts.get(id);
    const was = stored.facts?.get(id);
    const name = mine?.name ?? was?.name;
    if (mine === undefined) return summaries.map((one) => mapping(id, name, one, undefined, 'dropped'));
    const groups =
      was === undefined || was.maxParallelism === mine.maxParallelism
        ? undefined
        : `keys are in ${was.maxParallelism} key groups, and the job has ${mine.maxParallelism}: set the max parallelism of the operator to ${was.maxParallelism}, or rewrite the savepoint for ${mine.maxParallelism}`;
    return operatorMappings(id, name, summaries, declared.get(id) ?? [], groups);
  });
  const changed = states.filter(({ fate }) => fate !== 'kept' && fate !== 'new');
  const counts = Map.groupBy(states, ({ fate }) => fate);
  const texts = Array.from(counts, ([fate, own]) => `${own.length} ${fate}`);
  const summary = `Job "${graph.jobName}" starts from stored state: ${texts.length === 0 ? 'nothing' : texts.join(', ')}.`;
  return { jobName: graph.jobName, states, changed, summary };
}

function operatorMappings(
  id: string,
  name: string | undefined,
  summaries: readonly StoredSummary[],
  declared: readonly AnyStateDescriptor[],
  otherGroups: string | undefined,
): StateMapping[] {
  const found = summaries.map((one): StateMapping => {
    const descriptor = isOperatorList(one) ? undefined : declared.find((state) => state.name === one.name);
    if (otherGroups !== undefined && !isOperatorList(one) && one.entries > 0)
      return { ...mapping(id, name, one, descriptor, 'incompatible'), reason: otherGroups };
    if (descriptor === undefined || one.entries === 0) return mapping(id, name, one, descriptor, 'kept');
    const reason = whyIncompatible(one, descriptor);
    if (reason !== undefined) return { ...mapping(id, name, one, descriptor, 'incompatible'), reason };
    const isOld = one.versions.some((version) => version < descriptor.version);
    return mapping(id, name, one, descriptor, isOld ? 'migrated' : 'kept');
  });
  const fresh = declared
    .filter((descriptor) => !summaries.some((one) => !isOperatorList(one) && one.name === descriptor.name))
    .map((descriptor) => mapping(id, name, undefined, descriptor, 'new'));
  return [...found, ...fresh];
}

function whyIncompatible(stored: StoredSummary, descriptor: AnyStateDescriptor): string | undefined {
  if (bareKind(stored.kind) !== descriptor.kind)
    return `it is stored as ${bareKind(stored.kind)} state and declared as ${descriptor.kind} state`;
  for (const version of stored.versions) {
    try {
      checkMigrations(descriptor as unknown as VersionedState, version);
    } catch (error) {
      if (error instanceof MillstreamError) return error.message.replace(/^\[\w+\] /, '');
      throw error;
    }
  }
  return undefined;
}

function mapping(
  operator: string,
  operatorName: string | undefined,
  stored: StoredSummary | undefined,
  declared: AnyStateDescriptor | undefined,
  fate: StateFate,
): StateMapping {
  return {
    operator,
    operatorName,
    state: stored?.name ?? declared?.name ?? '',
    kind: stored?.kind ?? declared?.kind ?? '',
    fate,
    entries: stored?.entries ?? 0,
    bytes: stored?.bytes ?? 0,
    opaque: stored?.opaque,
    stored: stored && describeStored(stored),
    declared: declared && describeDeclared(declared),
    reason: undefined,
  };
}

function describeStored({ kind, versions, shape }: StoredSummary): string {
  return `${kind} version ${versions.join(' and ') || 1}${shape === undefined ? '' : `: ${shape}`}`;
}

function describeDeclared({ kind, version, ttl }: AnyStateDescriptor): string {
  return `${kind}${ttl === undefined ? '' : '+ttl'} version ${version}`;
}

const LIST_KIND = 'operator-list';

function isOperatorList({ kind }: StoredSummary): boolean {
  return kind === LIST_KIND;
}

/** Everything that the subtasks of an operator have stored, by name. */
export function storedStates(snapshots: readonly OperatorSnapshot[]): StoredSummary[] {
  const keyed = Map.groupBy(
    snapshots.flatMap((snapshot) => snapshot.keyed),
    ({ name, kind }) => `${kind} ${name}`,
  );
  const lists = Map.groupBy(
    snapshots.flatMap((snapshot) => snapshot.lists),
    ({ name }) => name,
  );
  return [
    ...Array.from(keyed.values(), keyedSummary),
    ...Array.from(lists, ([name, own]): StoredSummary => {
      const items = own.flatMap((list) => list.items);
      const versions = [...new Set(own.map(({ version }) => version))];
      return {
        name,
        kind: LIST_KIND,
        versions,
        entries: items.length,
        bytes: listBytes(items),
        shape: undefined,
        opaque: undefined,
      };
    }),
  ];
}

function keyedSummary(states: readonly StoredState[]): StoredSummary {
  const { name, kind } = states[0] as StoredState;
  const parts = states.flatMap(({ groups }) => groups.flatMap((group) => group.parts));
  const put = parts.filter((part) => part.kind !== 'removals');
  const described = states.find((state) => state.described !== undefined)?.described;
  return {
    name,
    kind,
    versions: [...new Set(put.map(({ version }) => version))].sort((a, b) => a - b),
    entries: put.reduce((sum, { count }) => sum + count, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes.length, 0),
    shape: described && `${described.key} → ${described.value}`,
    opaque: described?.opaque,
  };
}

/** Items of one stretch share its bytes. */
function listBytes(items: readonly StateBytes[]): number {
  const stretches = new Map<string, number>();
  let bytes = 0;
  for (const item of items) {
    if (isArrowSegment(item)) stretches.set(`${item.offset} ${item.file}`, item.length);
    else bytes += item.length;
  }
  for (const length of stretches.values()) bytes += length;
  return bytes;
}

/** One line of a report. */
export function mappingLine(state: StateMapping): string {
  const operator = state.operatorName === undefined ? state.operator : `${state.operator} (${state.operatorName})`;
  const opaque = (state.opaque ?? 0) > 0 ? ` (${state.opaque} with opaque parts)` : '';
  const size = `${state.entries} entries${opaque}, ${state.bytes} bytes`;
  const schemas = [
    state.stored === undefined ? [] : [`stored ${state.stored}`],
    state.declared === undefined ? [] : [`declared ${state.declared}`],
  ].flat();
  const reason = state.reason === undefined ? '' : ` (${state.reason})`;
  return `${state.fate}: ${operator}, "${state.state}", ${size}; ${schemas.join('; ')}${reason}`;
}

/** @throws STATE_INCOMPATIBLE with what is stored and what is declared, side by side. */
export function refuseIncompatible(jobName: string, states: readonly StateMapping[]): void {
  const refused = states.filter(({ fate }) => fate === 'incompatible');
  const [first] = refused;
  if (first === undefined) return;
  const texts = refused.map(
    ({ operator, state, stored, declared, reason }) =>
      `\n  operator ${operator}, state "${state}": ${reason}\n    stored    ${stored}\n    declared  ${declared ?? 'only when it runs'}`,
  );
  throw new MillstreamError(
    'STATE_INCOMPATIBLE',
    `Job "${jobName}" cannot take over what is stored:${texts.join('')}\nCorrect the job, rewrite the savepoint, or give the operator another uid and pass allowNonRestoredState.`,
    { details: { uid: first.operator, state: first.state } },
  );
}
