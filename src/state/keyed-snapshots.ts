/**
 * The snapshots of one operator subtask: views of its keyed state, what becomes of them, and which of them a later one
 * builds upon.
 *
 * A snapshot begins at the barrier: the views are fixed, and what has no view (operator lists, state that an operator
 * writes at once) is taken as bytes. It is written between the turns of the task, `advance` by `advance`, into a state
 * file where there is a storage for it, else into memory, and ends as an {@link OperatorSnapshot} whose parts are those
 * of the last complete checkpoint and those that were written now. When it is complete it is what later ones build
 * upon; when it is given up nothing is lost, because changes are kept until a checkpoint that has them is complete.
 *
 * What was restored counts as the last complete checkpoint, so that the first one after a recovery is a small one. A
 * savepoint holds everything in itself, and nothing builds upon it.
 */

import { invariant } from '../base/assert.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { chainOf, earned, extended, keyedStateOf, rolled, type StateChain } from './part-chains.ts';
import { PartBuffers, type WrittenPart } from './part-buffers.ts';
import {
  isFileSegment,
  type BytesOf,
  type KeyGroupPart,
  type OperatorSnapshot,
  type SnapshotFile,
  type SnapshotFiles,
  type StateBytes,
} from './snapshot.ts';
import { joinedView, type KeyedView, type ViewedState } from './views.ts';

/** When so much has come together it is handed to the state file. */
const RUN_BYTES = 8 << 20;
/** An item of an operator list that is larger is no part of the snapshot's own bytes. */
const ITEM_IN_FILE_LEAST = 4096;

export interface KeyedSnapshotsSettings {
  readonly operatorId: string;
  readonly subtask: number;
  readonly types: TypeRegistry;
  /** Where parts are written to; undefined: they stay in memory, in the snapshot. */
  readonly files: SnapshotFiles | undefined;
  readonly restored: OperatorSnapshot | undefined;
  /** Reads what lies in the files of `restored`. */
  readonly bytesOf: BytesOf;
  /** Whether checkpoints may refer to the files that were restored. */
  readonly claimed: boolean;
}

/** The checkpoint that the next one builds upon. */
interface Foundation {
  /** Its generation; undefined where changes are not known since, so that everything has to be written. */
  readonly generation: number | undefined;
  readonly chains: readonly StateChain[];
}

/** What a snapshot has become, apart from what it holds. */
export interface SnapshotOutcome {
  readonly snapshot: OperatorSnapshot;
  /** Bytes that were written for it; what it shares with earlier ones is not among them. */
  readonly written: number;
}

export class KeyedSnapshots {
  readonly #settings: KeyedSnapshotsSettings;
  readonly #states: ViewedState[] = [];
  #generation = 0;
  /** What changed up to this generation is not known apart any more. */
  #anewAt = 0;
  #foundation: Foundation;
  #credit = 0;
  /** Checkpoints that have begun and are not known to be complete, by id. */
  readonly #pending = new Map<number, PendingSnapshot>();

  constructor(settings: KeyedSnapshotsSettings) {
    this.#settings = settings;
    const chains = (settings.restored?.keyed ?? []).map(chainOf);
    this.#foundation = { generation: settings.claimed && chains.length > 0 ? 0 : undefined, chains };
  }

  /** Adds keyed state of the operator. */
  add(state: ViewedState): void {
    this.#states.push(state);
    // It knows nothing of the generations so far.
    if (this.#generation > 0) this.#foundation = { ...this.#foundation, generation: undefined };
  }

  /**
   * Fixes the views of a snapshot.
   *
   * @param atOnce what the operator has written at once.
   */
  begin(checkpoint: number, type: 'checkpoint' | 'savepoint', atOnce: OperatorSnapshot): PendingSnapshot {
    const generation = ++this.#generation;
    const anew = type === 'checkpoint' && this.#states.some((state) => state.burdened === true);
    if (anew) {
      this.#foundation = { ...this.#foundation, generation: undefined };
      this.#anewAt = generation;
    }
    const { chains } = this.#foundation;
    const since = type === 'savepoint' ? undefined : this.#foundation.generation;
    const standing = chains
      .filter(({ name, kind }) => !atOnce.keyed.some((state) => state.name === name && state.kind === kind))
      .map((chain) => ({ chain, standing: this.#standing(chain) }));
    const current = standing.filter((one) => one.standing === 'current').map(({ chain }) => chain);
    const unclaimed = standing.filter((one) => one.standing === 'unclaimed').map(({ chain }) => chain);
    const { whole, cost } = since === undefined ? { whole: new Set<number>(), cost: 0 } : rolled(current, this.#credit);
    this.#credit -= cost;
    const isWhole = since === undefined ? (): boolean => true : (group: number): boolean => whole.has(group);
    const to = new PartBuffers(this.#settings.operatorId, this.#settings.types, isWhole);
    const view = joinedView(this.#states.map((state) => state.beginView({ generation, since, whole, to, anew })));
    const pending = new PendingSnapshot(this.#settings, {
      checkpoint,
      generation,
      cost,
      isWhole,
      // What belongs to others, or to a savepoint's owner, is copied.
      copies: since === undefined && !(type === 'checkpoint' && this.#settings.claimed),
      current: since === undefined ? [] : current,
      unclaimed,
      view,
      to,
      atOnce,
    });
    if (type === 'checkpoint') this.#pending.set(checkpoint, pending);
    return pending;
  }

  #standing(chain: StateChain): 'current' | 'replaced' | 'unclaimed' {
    const found = this.#states.map((state) => state.standing(chain.name, chain.kind));
    if (found.includes('current')) return 'current';
    // An operator without views has taken what it needs.
    return found.length === 0 || found.includes('replaced') ? 'replaced' : 'unclaimed';
  }

  /** The checkpoint is complete, and with it those before it are over. */
  completed(checkpoint: number): void {
    const complete = this.#pending.get(checkpoint);
    for (const [id, pending] of this.#pending) {
      if (id > checkpoint) continue;
      this.#pending.delete(id);
      if (id === checkpoint) continue;
      this.#credit += pending.cost;
      pending.release();
    }
    const chains = complete?.chains;
    if (complete === undefined || chains === undefined) return;
    this.#credit += complete.earned;
    const { generation } = complete;
    this.#foundation = { generation: generation < this.#anewAt ? undefined : generation, chains };
    for (const state of this.#states) state.completed(generation);
  }

  /** The files that the last complete checkpoint refers to. */
  get files(): ReadonlySet<string> {
    const files = new Set<string>();
    for (const { groups } of this.#foundation.chains)
      for (const parts of groups.values())
        for (const { bytes } of parts) if (isFileSegment(bytes)) files.add(bytes.file);
    return files;
  }

  /** The checkpoint was given up. */
  aborted(checkpoint: number): void {
    const pending = this.#pending.get(checkpoint);
    if (pending === undefined) return;
    this.#pending.delete(checkpoint);
    this.#credit += pending.cost;
    pending.release();
  }

  close(): void {
    for (const pending of this.#pending.values()) pending.release();
    this.#pending.clear();
  }
}

interface PendingPlan {
  readonly checkpoint: number;
  readonly generation: number;
  /** What it takes of the credit. */
  readonly cost: number;
  readonly isWhole: (group: number) => boolean;
  readonly copies: boolean;
  /** The chains that the view builds upon. */
  readonly current: readonly StateChain[];
  /** The chains that go on as they are. */
  readonly unclaimed: readonly StateChain[];
  readonly view: KeyedView;
  readonly to: PartBuffers;
  readonly atOnce: OperatorSnapshot;
}

/** A part that was written: its bytes at hand, or the section of the file that will have them. */
interface PlacedPart extends Omit<WrittenPart, 'part'> {
  readonly part: Omit<KeyGroupPart, 'bytes'>;
  readonly bytes: Uint8Array | number;
}

/** A state that is copied into the file, or goes on as it is. */
interface PlacedState {
  readonly name: string;
  readonly kind: string;
  readonly groups: readonly {
    readonly group: number;
    readonly parts: readonly (Omit<KeyGroupPart, 'bytes'> & { readonly bytes: StateBytes | number })[];
  }[];
}

/** What a snapshot holds besides its views. */
interface SnapshotRest {
  readonly states: readonly PlacedState[];
  readonly carried: readonly PlacedState[];
  readonly lists: readonly (Omit<OperatorSnapshot['lists'][number], 'items'> & {
    readonly items: readonly (StateBytes | number)[];
  })[];
}

/** A snapshot on its way. */
export class PendingSnapshot {
  readonly checkpoint: number;
  readonly generation: number;
  readonly cost: number;
  readonly #settings: KeyedSnapshotsSettings;
  readonly #plan: PendingPlan;
  readonly #parts: PlacedPart[] = [];
  #file: SnapshotFile | undefined;
  #spilling = false;
  #viewed = false;
  #over = false;
  #written = 0;
  /** Known once it is finished. */
  #outcome: { readonly chains: readonly StateChain[]; readonly earned: number } | undefined;

  constructor(settings: KeyedSnapshotsSettings, plan: PendingPlan) {
    this.checkpoint = plan.checkpoint;
    this.generation = plan.generation;
    this.cost = plan.cost;
    this.#settings = settings;
    this.#plan = plan;
  }

  /**
   * Goes on writing until `proceed` says to stop.
   *
   * @returns `more`, `done`, or a promise after which it can go on, because the storage has enough to do.
   * @throws What writing an entry threw: the snapshot has failed.
   */
  advance(proceed: () => boolean): 'more' | 'done' | Promise<void> {
    if (this.#over) return 'done';
    const { view, to } = this.#plan;
    for (;;) {
      if (this.#file !== undefined && !this.#file.ready) return this.#file.drained();
      if (this.#spilling && !this.#spill(proceed)) return 'more';
      if (this.#viewed) return 'done';
      const files = this.#settings.files !== undefined;
      this.#viewed = view.advance(() => !(files && to.buffered >= RUN_BYTES) && proceed());
      this.#spilling = this.#viewed || (files && to.buffered >= RUN_BYTES);
      if (!this.#spilling || !proceed()) return 'more';
    }
  }

  #spill(proceed: () => boolean): boolean {
    if (!this.#plan.to.drain((part) => this.#take(part), proceed)) return false;
    this.#spilling = false;
    return true;
  }

  #take({ part: { bytes, ...part }, ...of }: WrittenPart): void {
    this.#parts.push({ ...of, part, bytes: this.#place(bytes) });
  }

  /** Puts bytes into the file, where there is one: returns the section. */
  #place(bytes: Uint8Array): Uint8Array | number {
    const { files, operatorId, subtask } = this.#settings;
    this.#written += bytes.length;
    if (files === undefined) return bytes;
    this.#file ??= files.open({ checkpoint: this.checkpoint, operatorId, subtask });
    this.#file.write(bytes);
    return this.#file.endSection();
  }

  /** Everything that was written, durably, once `advance` is done. */
  async finish(): Promise<SnapshotOutcome> {
    const rest = this.#rest();
    return this.#assembled(rest, this.#file === undefined ? [] : await this.#file.finish());
  }

  /** The same, at once, where everything stays in memory. */
  finishInMemory(): SnapshotOutcome {
    const rest = this.#rest();
    invariant(this.#file === undefined, 'what is in a file takes time to be there');
    return this.#assembled(rest, []);
  }

  /** What is not written by views. */
  #rest(): SnapshotRest {
    invariant(this.#viewed && !this.#spilling, 'a snapshot is finished when all of it is written');
    const { atOnce, copies, unclaimed } = this.#plan;
    return {
      states: atOnce.keyed.map((state) => this.#placed(state)),
      carried: unclaimed.map(keyedStateOf).map((state) => (copies ? this.#placed(state) : state)),
      lists: atOnce.lists.map((list) => ({ ...list, items: list.items.map((item) => this.#placedItem(item)) })),
    };
  }

  #assembled({ states, carried, lists }: SnapshotRest, sections: readonly StateBytes[]): SnapshotOutcome {
    const { current, isWhole } = this.#plan;
    const bytesOf = (place: StateBytes | number): StateBytes =>
      typeof place === 'number' ? (sections[place] as StateBytes) : place;
    const chains: StateChain[] = [];
    let earnings = 0;
    for (const [state, written] of this.#byState(bytesOf)) {
      const before = current.find((chain) => chain.name === state.name && chain.kind === state.kind);
      chains.push(extended(before, state, written, isWhole));
      earnings += earned(before, written);
    }
    const untouched = current.filter(
      (chain) => !chains.some((other) => other.name === chain.name && other.kind === chain.kind),
    );
    for (const chain of untouched) chains.push(extended(chain, chain, new Map(), isWhole));
    const done = (state: PlacedState): OperatorSnapshot['keyed'][number] => ({
      ...state,
      groups: state.groups.map(({ group, parts }) => ({
        group,
        parts: parts.map((part) => ({ ...part, bytes: bytesOf(part.bytes) })),
      })),
    });
    const others = carried.map(done);
    this.#outcome = { chains: [...chains, ...others.map(chainOf)], earned: earnings };
    const snapshot = {
      operatorId: this.#settings.operatorId,
      keyed: [...states.map(done), ...chains.map(keyedStateOf), ...others],
      lists: lists.map((list) => ({ ...list, items: list.items.map(bytesOf) })),
    };
    return { snapshot, written: this.#written };
  }

  /** A state whose bytes go into the file of this snapshot. */
  #placed({ name, kind, groups }: OperatorSnapshot['keyed'][number]): PlacedState {
    return {
      name,
      kind,
      groups: groups.map(({ group, parts }) => ({
        group,
        parts: parts.map((part) => ({
          ...part,
          bytes: this.#place(this.#settings.bytesOf(part.bytes)) as StateBytes | number,
        })),
      })),
    };
  }

  #placedItem(item: StateBytes): StateBytes | number {
    const bytes = this.#settings.bytesOf(item);
    if (bytes.length >= ITEM_IN_FILE_LEAST) return this.#place(bytes);
    this.#written += bytes.length;
    return bytes;
  }

  #byState(
    bytesOf: (place: StateBytes | number) => StateBytes,
  ): Map<{ readonly name: string; readonly kind: string }, Map<number, KeyGroupPart[]>> {
    const states = new Map<{ readonly name: string; readonly kind: string }, Map<number, KeyGroupPart[]>>();
    for (const { name, kind, group, part, bytes } of this.#parts) {
      const known = [...states.keys()].find((state) => state.name === name && state.kind === kind) ?? { name, kind };
      const groups = states.get(known) ?? new Map<number, KeyGroupPart[]>();
      states.set(known, groups);
      const parts = groups.get(group) ?? [];
      groups.set(group, parts);
      parts.push({ ...part, bytes: bytesOf(bytes) });
    }
    return states;
  }

  /** What a later snapshot builds upon; undefined as long as it is not finished. */
  get chains(): readonly StateChain[] | undefined {
    return this.#outcome?.chains;
  }

  get earned(): number {
    return this.#outcome?.earned ?? 0;
  }

  /** Lets go of the state, and of what was written for nobody. Idempotent. */
  release(): void {
    // What is finished was acknowledged, and may be part of a checkpoint that is complete.
    if (this.#outcome === undefined) this.abort();
  }

  /** Lets go of the state, and of everything that was written. Idempotent. */
  abort(): void {
    this.#over = true;
    this.#plan.view.release();
    void this.#file?.abort();
  }

  /** Whether it was given up. */
  get over(): boolean {
    return this.#over;
  }
}
