/** The timers of an operator over a memory backend; how they fire is said in `timer-bursts.ts`. */

import { MillstreamError } from '../base/error.ts';
import type { Space } from './places.ts';
import type { ChangeWriter, Changing } from './change-lists.ts';
import { Changes } from './changes.ts';
import type { RemovedCell } from './cell-table.ts';
import type { RestoredKeyedState } from './snapshot.ts';
import { type BurstSettings, TimerBursts } from './timer-bursts.ts';
import { TimerQueue } from './timer-queue.ts';
import { TIMER_KINDS, type TimeDomain, type TimerDriver, type TimerHandler, type TimerService } from './timers.ts';
import { joinedView, type KeyedView, type ViewPlan } from './views.ts';

const VERSION = 1;

/** A timer that fired or was deleted. */
interface RemovedTimer extends RemovedCell {
  readonly timestamp: number;
}

/** The timers of one domain, with what has changed among them. */
class DomainTimers implements Changing<RemovedTimer> {
  readonly queue = new TimerQueue();
  readonly #name: string;
  readonly #kind: string;
  readonly #space: Space;
  readonly changes: Changes<RemovedTimer>;

  constructor(name: string, kind: string, space: Space, generation: number) {
    this.#name = name;
    this.#kind = kind;
    this.#space = space;
    this.changes = new Changes(this, generation);
  }

  add(row: number, namespace: number, timestamp: number): void {
    this.changes.created(this.queue.add(row, namespace, timestamp));
  }

  remove(timer: number): void {
    if (this.changes.dropping(timer)) {
      const { rows } = this.#space;
      const row = this.queue.rowOf(timer);
      const namespace = this.#namespaceOf(timer);
      const timestamp = this.queue.timestampOf(timer);
      this.changes.removed({ group: rows.keyGroupOf(row), key: rows.keyOf(row), namespace, timestamp });
    }
    this.queue.remove(timer);
  }

  #namespaceOf(timer: number): unknown {
    return this.#space.cells.namespaceAt(this.queue.namespaceOf(timer));
  }

  get limit(): number {
    return this.queue.limit;
  }

  exists(timer: number): boolean {
    return this.queue.has(timer);
  }

  groupOf(timer: number): number {
    return this.#space.rows.keyGroupOf(this.queue.rowOf(timer));
  }

  writer({ to }: ViewPlan): ChangeWriter<RemovedTimer> {
    const section = to.state(this.#name, this.#kind, VERSION);
    const { rows } = this.#space;
    return {
      write: (timer) => {
        const row = this.queue.rowOf(timer);
        const timestamp = this.queue.timestampOf(timer);
        section.putEntry(rows.keyGroupOf(row), rows.keyOf(row), this.#namespaceOf(timer), timestamp, undefined);
      },
      remove: ({ group, key, namespace, timestamp }) => section.removeEntry(group, key, namespace, timestamp),
    };
  }
}

export interface TimerSettings extends Omit<BurstSettings, 'event' | 'processing' | 'fire'> {
  readonly name: string;
  readonly handler: TimerHandler;
  readonly space: Space;
  /** As in {@link Changes}. */
  readonly generation: number;
}

export class MemoryTimers extends TimerBursts implements TimerDriver, TimerService {
  readonly #name: string;
  readonly #handler: TimerHandler;
  readonly #space: Space;
  readonly #event: DomainTimers;
  readonly #processing: DomainTimers;

  constructor(settings: TimerSettings) {
    const { name, space, generation, handler } = settings;
    const event = new DomainTimers(name, TIMER_KINDS.event, space, generation);
    const processing = new DomainTimers(name, TIMER_KINDS.processing, space, generation);
    super({
      gate: settings.gate,
      clock: settings.clock,
      schedule: settings.schedule,
      event: event.queue,
      processing: processing.queue,
      fire: (domain) => this.#fire(domain === 'event' ? event : processing, domain),
    });
    this.#name = name;
    this.#handler = handler;
    this.#space = space;
    this.#event = event;
    this.#processing = processing;
  }

  get service(): TimerService {
    return this;
  }

  registerEventTimeTimer(timestamp: number): void {
    this.#register(this.#event, timestamp);
  }

  registerProcessingTimeTimer(timestamp: number): void {
    this.#register(this.#processing, timestamp);
    this.registered(timestamp);
  }

  deleteEventTimeTimer(timestamp: number): void {
    this.#delete(this.#event, timestamp);
  }

  deleteProcessingTimeTimer(timestamp: number): void {
    this.#delete(this.#processing, timestamp);
  }

  #register(timers: DomainTimers, timestamp: number): void {
    // Not a number comes in no order.
    if (timestamp !== timestamp) throw this.#notATime();
    const { rows, cells } = this.#space;
    // Looks at the namespace before anything is made, so that one that cannot be a key leaves nothing behind.
    cells.currentNamespace();
    const row = rows.occupy();
    const namespace = cells.occupyNamespace();
    if (timers.queue.find(row, namespace, timestamp) >= 0) return;
    rows.retain(row);
    cells.retainNamespace(namespace);
    timers.add(row, namespace, timestamp);
  }

  #notATime(): MillstreamError {
    return new MillstreamError(
      'OPTION_INVALID',
      `A timer of "${this.#name}" was registered at NaN. Give it milliseconds since the epoch.`,
    );
  }

  #delete(timers: DomainTimers, timestamp: number): void {
    const { rows, cells } = this.#space;
    const row = rows.current();
    if (row < 0 || !cells.namespaceExists()) return;
    const timer = timers.queue.find(row, cells.currentNamespace(), timestamp);
    if (timer >= 0) this.#remove(timers, timer);
  }

  #remove(timers: DomainTimers, timer: number): void {
    const row = timers.queue.rowOf(timer);
    const namespace = timers.queue.namespaceOf(timer);
    timers.remove(timer);
    this.#space.cells.releaseNamespace(namespace);
    this.#space.rows.release(row);
  }

  /** Removes all timers of a row, in all namespaces. */
  removeRow(row: number): void {
    for (const timers of [this.#event, this.#processing]) {
      const { queue } = timers;
      for (let timer = queue.ofRow(row); timer >= 0; timer = queue.ofRow(row)) this.#remove(timers, timer);
    }
  }

  #fire(timers: DomainTimers, domain: TimeDomain): void {
    const { queue } = timers;
    const timer = queue.peek();
    const timestamp = queue.timestampOf(timer);
    const namespace = queue.namespaceOf(timer);
    this.#space.select(queue.rowOf(timer), namespace);
    const value = this.#space.namespace;
    this.#remove(timers, timer);
    this.#handler(timestamp, domain, value);
  }

  beginView(plan: ViewPlan): KeyedView {
    return joinedView([this.#event.changes.beginView(plan), this.#processing.changes.beginView(plan)]);
  }

  completed(generation: number): void {
    this.#event.changes.completed(generation);
    this.#processing.changes.completed(generation);
  }

  get burdened(): boolean {
    return this.#event.changes.burdened || this.#processing.changes.burdened;
  }

  /** Takes in the timers of one domain. Leaves another key and namespace current. */
  restore(stored: RestoredKeyedState): void {
    const timers = stored.kind === TIMER_KINDS.event ? this.#event : this.#processing;
    timers.changes.restoring(() => {
      for (const part of stored.parts()) {
        const removals = part.part.kind === 'removals';
        while (part.next()) {
          this.#space.setKey(part.key);
          this.#space.setNamespace(part.namespace);
          if (removals) this.#delete(timers, part.entryKey as number);
          else this.#register(timers, part.entryKey as number);
        }
      }
    });
    this.restored();
  }
}
