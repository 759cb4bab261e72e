/**
 * The timers of an operator over a memory backend. They fire in bursts: all that a watermark releases, or all whose
 * time has come on the clock. A burst asks the gate after every timer and can be left half done, because timers that
 * have not fired are state like any other.
 *
 * At most one burst runs at a time. When the clock strikes while something is paused, its burst takes its place behind
 * that; when it strikes within a burst of the watermark, it follows it.
 */

import { invariant } from '../base/assert.ts';
import { MillstreamError } from '../base/error.ts';
import type { Cancellation } from '../base/world.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import type { Space } from './places.ts';
import type { ChangeWriter, Changing } from './change-lists.ts';
import { Changes } from './changes.ts';
import type { RemovedCell } from './cell-table.ts';
import type { RestoredKeyedState } from './snapshot.ts';
import { TimerQueue } from './timer-queue.ts';
import {
  TIMER_KINDS,
  type TimeDomain,
  type TimerDriver,
  type TimerGate,
  type TimerHandler,
  type TimerService,
} from './timers.ts';
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

/** Calls back on the task's thread, not before `time`. */
export type Schedule = (time: number, callback: () => void) => Cancellation;

export interface TimerSettings {
  readonly name: string;
  readonly handler: TimerHandler;
  readonly space: Space;
  readonly gate: TimerGate;
  /** Wall-clock time in milliseconds. */
  readonly clock: () => number;
  readonly schedule: Schedule;
  /** As in {@link Changes}. */
  readonly generation: number;
}

export class MemoryTimers implements TimerDriver, TimerService {
  readonly interruptible = true;
  readonly #settings: TimerSettings;
  readonly #space: Space;
  readonly #event: DomainTimers;
  readonly #processing: DomainTimers;
  #watermark = MIN_WATERMARK;
  /** Called at the end of the burst of the watermark that is running. */
  #watermarkDone: (() => void) | undefined;
  /** The time up to which the burst of the clock that is running or waiting fires. */
  #clockBurst: number | undefined;
  /** Within `#run`, so that what a handler sets off waits for its turn. */
  #running = false;
  /** Among what the gate will resume. */
  #paused = false;
  #scheduledAt = Infinity;
  #scheduled: Cancellation | undefined;

  constructor(settings: TimerSettings) {
    this.#settings = settings;
    this.#space = settings.space;
    const { name, space, generation } = settings;
    this.#event = new DomainTimers(name, TIMER_KINDS.event, space, generation);
    this.#processing = new DomainTimers(name, TIMER_KINDS.processing, space, generation);
  }

  get service(): TimerService {
    return this;
  }

  get size(): number {
    return this.#event.queue.size + this.#processing.queue.size;
  }

  get currentWatermark(): number {
    return this.#watermark;
  }

  currentProcessingTime(): number {
    return this.#settings.clock();
  }

  registerEventTimeTimer(timestamp: number): void {
    this.#register(this.#event, timestamp);
  }

  registerProcessingTimeTimer(timestamp: number): void {
    this.#register(this.#processing, timestamp);
    if (timestamp < this.#scheduledAt) this.#reschedule();
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
      `A timer of "${this.#settings.name}" was registered at NaN. Give it milliseconds since the epoch.`,
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

  advance(watermark: number, done: () => void): void {
    invariant(this.#watermarkDone === undefined, 'a watermark comes when the burst of the one before has ended');
    this.#watermark = watermark;
    this.#watermarkDone = done;
    // While a burst of the clock is paused, this one waits for it; the task gives no watermark then.
    if (!this.#paused) this.#run();
  }

  resume(): void {
    this.#paused = false;
    this.#run();
  }

  #run(): void {
    this.#running = true;
    this.#burst();
    this.#running = false;
    if (this.#clockBurst === undefined) this.#reschedule();
  }

  /** Ends when both bursts have, or when the gate says so; then it will be resumed. */
  #burst(): void {
    while (this.#watermarkDone !== undefined) {
      if (this.#event.queue.earliest <= this.#watermark && this.#event.queue.size > 0) {
        this.#fire(this.#event, 'event');
      } else {
        const done = this.#watermarkDone;
        this.#watermarkDone = undefined;
        done();
      }
      if (!this.#goOn()) return;
    }
    while (this.#clockBurst !== undefined) {
      if (this.#processing.queue.size > 0 && this.#processing.queue.earliest <= this.#clockBurst) {
        this.#fire(this.#processing, 'processing');
      } else {
        this.#clockBurst = undefined;
        return;
      }
      if (!this.#goOn()) return;
    }
  }

  /** What a timer sends on may have stopped in the middle further down: then nothing may follow before it has ended. */
  #goOn(): boolean {
    if (this.#watermarkDone === undefined && this.#clockBurst === undefined) return false;
    if (this.#settings.gate.proceed()) return true;
    this.#pause();
    return false;
  }

  #pause(): void {
    this.#paused = true;
    this.#settings.gate.pause(this);
  }

  #fire(timers: DomainTimers, domain: TimeDomain): void {
    const { queue } = timers;
    const timer = queue.peek();
    const timestamp = queue.timestampOf(timer);
    const namespace = queue.namespaceOf(timer);
    this.#space.select(queue.rowOf(timer), namespace);
    const value = this.#space.namespace;
    this.#remove(timers, timer);
    this.#settings.handler(timestamp, domain, value);
  }

  /** Lets the clock strike at the earliest processing-time timer. Within a burst of the clock its end does this. */
  #reschedule(): void {
    const { earliest } = this.#processing.queue;
    if (this.#clockBurst !== undefined || earliest === this.#scheduledAt) return;
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#scheduledAt = earliest;
    if (earliest !== Infinity) this.#scheduled = this.#settings.schedule(earliest, () => this.#strike(earliest));
  }

  #strike(time: number): void {
    this.#scheduled = undefined;
    this.#scheduledAt = Infinity;
    this.#clockBurst = Math.max(time, this.#settings.clock());
    // In the middle of a burst of this driver, or waiting for one: it goes on with this.
    if (this.#running || this.#paused) return;
    if (this.#settings.gate.proceed()) this.#run();
    else this.#pause();
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
    this.#reschedule();
  }

  close(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#scheduledAt = Infinity;
    this.#clockBurst = undefined;
    this.#watermarkDone = undefined;
  }
}
