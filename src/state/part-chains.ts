/**
 * What a checkpoint holds of keyed state: parts by state and key group, and how a later checkpoint builds upon them.
 *
 * Chains of parts stay short by *rolling* bases: what a checkpoint writes as deltas it earns as credit, and spends on
 * writing key groups whole, those first whose chain is longest for what they hold. So at most about twice the bytes
 * that changed are written, and about twice the bytes that are there are read on restore.
 */

import type { KeyGroupPart, KeyGroupState, OperatorSnapshot } from './snapshot.ts';

type KeyedState = OperatorSnapshot['keyed'][number];

/** The parts of one state. */
export interface StateChain {
  readonly name: string;
  readonly kind: string;
  readonly groups: ReadonlyMap<number, readonly KeyGroupPart[]>;
}

export function chainOf({ name, kind, groups }: KeyedState): StateChain {
  return { name, kind, groups: new Map(groups.map(({ group, parts }) => [group, parts])) };
}

export function keyedStateOf({ name, kind, groups }: StateChain): KeyedState {
  const states: KeyGroupState[] = [...groups].map(([group, parts]) => ({ group, parts }));
  return { name, kind, groups: states.toSorted((a, b) => a.group - b.group) };
}

/** A chain with what a view has written behind it; groups that were written whole begin anew. */
export function extended(
  before: StateChain | undefined,
  state: { readonly name: string; readonly kind: string },
  written: ReadonlyMap<number, readonly KeyGroupPart[]>,
  isWhole: (group: number) => boolean,
): StateChain {
  const groups = new Map<number, readonly KeyGroupPart[]>();
  for (const [group, parts] of before?.groups ?? []) if (!isWhole(group)) groups.set(group, parts);
  for (const [group, parts] of written) {
    // Removals first: what a view puts was there after everything that it removes.
    const removals = parts.filter((part) => part.kind === 'removals');
    const puts = parts.filter((part) => part.kind !== 'removals');
    groups.set(group, [...(groups.get(group) ?? []), ...removals, ...puts]);
  }
  return { name: state.name, kind: state.kind, groups };
}

/** What a key group costs to write, and what is read in vain for it. */
interface GroupWeight {
  readonly group: number;
  readonly cost: number;
  readonly waste: number;
}

function weights(chains: readonly StateChain[]): GroupWeight[] {
  const costs = new Map<number, number>();
  const wastes = new Map<number, number>();
  for (const { groups } of chains) {
    for (const [group, parts] of groups) {
      const { cost, waste } = weigh(parts);
      costs.set(group, (costs.get(group) ?? 0) + cost);
      wastes.set(group, (wastes.get(group) ?? 0) + waste);
    }
  }
  return [...costs].map(([group, cost]) => ({ group, cost, waste: wastes.get(group) ?? 0 }));
}

/** What is removed is taken to be as large as the entries of the bases are on average. */
function weigh(parts: readonly KeyGroupPart[]): { readonly cost: number; readonly waste: number } {
  let bases = 0;
  let entries = 0;
  let deltas = 0;
  let removed = 0;
  for (const { kind, count, bytes } of parts) {
    if (kind === 'base') {
      bases += bytes.length;
      entries += count;
    } else {
      deltas += bytes.length;
      if (kind === 'removals') removed += count;
    }
  }
  const gone = entries === 0 ? 0 : bases * Math.min(1, removed / entries);
  return { cost: entries === 0 ? deltas : bases - gone, waste: entries === 0 ? 0 : deltas + gone };
}

/** What the changes that a view has written are worth in credit: the bytes that it wrote, and those that it made vain. */
export function earned(before: StateChain | undefined, written: ReadonlyMap<number, readonly KeyGroupPart[]>): number {
  let bytes = 0;
  for (const [group, parts] of written) {
    const base = before?.groups.get(group) ?? [];
    const { waste } = weigh(base);
    bytes += Math.max(0, weigh([...base, ...parts.filter((part) => part.kind !== 'base')]).waste - waste);
  }
  return bytes;
}

/** The key groups to write whole for `credit` bytes, and what that costs. */
export function rolled(
  chains: readonly StateChain[],
  credit: number,
): { readonly whole: ReadonlySet<number>; readonly cost: number } {
  const whole = new Set<number>();
  let left = credit;
  const candidates = weights(chains).filter(({ waste }) => waste > 0);
  for (const { group, cost } of candidates.toSorted((a, b) => b.waste * a.cost - a.waste * b.cost)) {
    // Saved for, so that large groups get their turn.
    if (cost > left) break;
    left -= cost;
    whole.add(group);
  }
  return { whole, cost: credit - left };
}
