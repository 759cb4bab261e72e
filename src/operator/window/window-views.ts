/**
 * Views of the state that a specialised window operator keeps in tables of its own: the changes of its tables, and what
 * has gone from them.
 */

import type { Changes } from '../../state/changes.ts';
import { RemovalLog } from '../../state/removal-log.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import { joinedView, type KeyedView, type PartWriter, type ViewedState, type ViewPlan } from '../../state/views.ts';

/** A state that the operator writes. */
export interface WrittenState {
  readonly name: string;
  readonly kind: string;
}

/** Something that has gone: writes its removal. */
export type Gone = (to: PartWriter) => void;

/** What an operator shows of its tables. */
export interface WindowTables {
  /** All that is noted by now; asked at every view. */
  readonly changes: Iterable<Changes<never>>;
  readonly states: readonly WrittenState[];
  /** A view begins: changes are noted from here on. */
  viewed?(): void;
  /** Everything that there is, about. */
  readonly entries: number;
}

export class WindowViews implements ViewedState {
  readonly #tables: WindowTables;
  readonly #gone: RemovalLog<Gone>;
  /** What was restored is not what would be written: the next checkpoint writes everything. */
  #anew: boolean;
  /** The present generation; 0 while there is nothing that changes could be told from. */
  generation: number;

  constructor(tables: WindowTables, restored: RestoredState) {
    this.#tables = tables;
    this.generation = restored.keyed.length > 0 ? 1 : 0;
    this.#anew = restored.keyed.some(({ name, kind }) => this.standing(name, kind) === 'replaced');
    this.#gone = new RemovalLog(this.generation);
  }

  /** Of what was restored not everything was taken over, or not as it was. */
  writeAnew(): void {
    this.#anew = true;
  }

  /** Notes what has gone that a view may have held. */
  gone(removal: Gone): void {
    this.#gone.add(removal);
  }

  standing(name: string, kind: string): 'current' | 'replaced' {
    return this.#tables.states.some((state) => state.name === name && state.kind === kind) ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    if (plan.anew === true) this.#anew = false;
    this.#tables.viewed?.();
    const views = Array.from(this.#tables.changes, (changes) => changes.beginView(plan));
    this.generation = plan.generation + 1;
    return joinedView([this.#gone.beginView(plan, (removal) => removal(plan.to)), ...views]);
  }

  completed(generation: number): void {
    this.#gone.completed(generation);
    for (const changes of this.#tables.changes) changes.completed(generation);
  }

  get burdened(): boolean {
    return this.#anew || this.#gone.isBurden(this.#tables.entries);
  }
}
