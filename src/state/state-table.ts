/** One keyed state of a memory backend: a cell per place, each written whole, or from an item on. Everything but maps. */

import type { CellShape, Stamped } from './cell-shape.ts';
import { CellTable, type RemovedCell } from './cell-table.ts';
import type { ChangeWriter, Changing } from './change-lists.ts';
import { Changes } from './changes.ts';
import type { StateDescriptor } from './descriptor.ts';
import { Stale } from './migration.ts';
import { ABSENT, type Space } from './places.ts';
import type { RestoredPart } from './snapshot.ts';
import type { TtlRules } from './ttl.ts';
import type { KeyedView, StatePartWriter, ViewPlan } from './views.ts';

export class StateTable<C> extends CellTable<C> implements Changing<RemovedCell> {
  readonly #shape: CellShape<C>;
  readonly #changes: Changes<RemovedCell>;

  /** `generation` as in {@link Changes}. */
  constructor(
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: Space,
    shape: CellShape<C>,
    ttl: TtlRules | undefined,
    generation: number,
  ) {
    super(descriptor, namespaced, space, ttl);
    this.#shape = shape;
    this.#changes = new Changes(this, generation, shape.tail !== undefined);
  }

  /** The cell of the current place, to look at: what it holds is neither changed nor handed out. */
  peek(): C | undefined {
    const place = this.places.current();
    if (place === ABSENT) return undefined;
    const cell = this.cells.get(place);
    return this.stale > 0 && cell instanceof Stale ? this.#migrate(place, cell) : (cell as C | undefined);
  }

  /** The cell of the current place, to be handed out: an object may be changed then. */
  load(): C | undefined {
    const place = this.places.current();
    if (place === ABSENT) return undefined;
    const cell = this.cells.get(place);
    if (typeof cell !== 'object') return cell;
    this.#changes.touch(place);
    return this.stale > 0 && cell instanceof Stale ? this.#migrate(place, cell) : (cell as C);
  }

  /** The list at the current place, to add items to its end. */
  loadTail(): C | undefined {
    const place = this.places.current();
    if (place === ABSENT) return undefined;
    const cell = this.cells.get(place);
    if (cell === undefined) return undefined;
    if (this.stale > 0 && cell instanceof Stale) {
      this.#changes.touch(place);
      return this.#migrate(place, cell);
    }
    this.#changes.touchTail(place, (cell as unknown as readonly unknown[]).length);
    return cell as C;
  }

  /** Puts a cell at the current place. */
  store(cell: C): void {
    let place = this.places.current();
    if (place === ABSENT) place = this.places.occupy();
    this.#put(place, cell);
  }

  #put(place: number, cell: C | Stale<C>): void {
    this.#changes.touch(place);
    const before = this.cells.exchange(place, cell);
    if (before === undefined) {
      this.places.retain(place);
      this.#changes.created(place);
    } else if (this.stale > 0 && before instanceof Stale) this.stale--;
  }

  override dropAt(place: number): void {
    if (this.cells.get(place) === undefined) return;
    if (this.#changes.dropping(place)) this.#changes.removed(this.removalAt(place));
    const before = this.cells.exchange(place, undefined);
    if (this.stale > 0 && before instanceof Stale) this.stale--;
    this.places.release(place);
  }

  #migrate(place: number, stale: Stale<C>): C | undefined {
    const cell = this.#shape.migrate(stale.cell, (value) => this.migratedValue(stale.version, value));
    // A migration that returns undefined gives the value up.
    if (cell === undefined) this.dropAt(place);
    else this.#put(place, cell);
    return cell;
  }

  protected override expire(place: number, cell: C | Stale<C>, deadline: number): void {
    const content = cell instanceof Stale ? cell.cell : cell;
    const live = this.#shape.live(content, deadline);
    if (live === content) return;
    if (this.ttl?.expired !== undefined) this.#tell(place, cell instanceof Stale ? cell : undefined, content, deadline);
    if (live === undefined) this.dropAt(place);
    else this.#put(place, cell instanceof Stale ? new Stale(cell.version, live) : live);
  }

  /** Tells of what has expired of a cell: one stamped value, or some of a list of them. */
  #tell(place: number, stale: Stale<C> | undefined, content: C, deadline: number): void {
    const stamped = content as Stamped<unknown> | readonly Stamped<unknown>[];
    for (const { value, stamp } of Array.isArray(stamped) ? stamped : [stamped]) {
      if (stamp > deadline) continue;
      this.ttl?.expired?.(this.keyAt(place), stale === undefined ? value : this.migratedValue(stale.version, value));
    }
  }

  // Views.

  get limit(): number {
    return this.places.limit;
  }

  exists(place: number): boolean {
    return this.cells.get(place) !== undefined;
  }

  groupOf(place: number): number {
    return this.groupAt(place);
  }

  /** Cells that wait for their migration are written as they are, under the version that they have. */
  writer({ to }: ViewPlan): ChangeWriter<RemovedCell> {
    const { version } = this.state;
    const kind = this.snapshotKind;
    const current = to.state(this.name, kind, version);
    const deadline = this.viewDeadline;
    const shape = this.#shape;
    return {
      write: (place, tail) => {
        const stored = this.cells.get(place) as C | Stale<C>;
        const stale = stored instanceof Stale;
        const section: StatePartWriter = stale ? to.state(this.name, kind, stored.version) : current;
        const cell = stale ? stored.cell : stored;
        const live = shape.live(cell, deadline);
        const group = this.groupAt(place);
        const key = this.keyAt(place);
        const namespace = this.namespaceAt(place);
        if (live === undefined) section.remove(group, key, namespace);
        else if (tail > 0 && live === cell && shape.tail !== undefined)
          section.putTail(group, key, namespace, tail, shape.tail(live, tail));
        else section.put(group, key, namespace, shape.encode(live));
      },
      remove: ({ group, key, namespace }) => current.remove(group, key, namespace),
    };
  }

  override beginView(plan: ViewPlan): KeyedView {
    return this.#changes.beginView(plan);
  }

  override completed(generation: number): void {
    this.#changes.completed(generation);
  }

  override get burdened(): boolean {
    return this.#changes.burdened;
  }

  protected override restoring(restore: () => void): void {
    this.#changes.restoring(restore);
  }

  protected override removeRestored(): void {
    this.drop();
  }

  protected override putRestored(part: RestoredPart, stamped: boolean, now: number): void {
    let cell = this.#shape.decode(part.value, stamped, now);
    if (part.index >= 0 && this.#shape.join !== undefined) {
      const place = this.places.current();
      const before = place === ABSENT ? undefined : this.cells.get(place);
      if (before !== undefined)
        cell = this.#shape.join(before instanceof Stale ? before.cell : before, part.index, cell);
    }
    const { version } = part.part;
    this.#put(this.places.occupy(), this.stored(version, cell));
    if (version !== this.state.version) this.stale++;
  }
}
