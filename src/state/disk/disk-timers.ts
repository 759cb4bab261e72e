/**
 * The timers of an operator over a disk backend. A timer stands with its key, where it is found again, and in a page
 * in the order of time, where it is found when it fires; both leave memory when it is needed for others.
 */

import { MillstreamError } from '../../base/error.ts';
import type { RestoredKeyedState } from '../snapshot.ts';
import { TimerBursts, type BurstSettings, type FiringOrder } from '../timer-bursts.ts';
import { TIMER_KINDS, type TimeDomain, type TimerDriver, type TimerService } from '../timers.ts';
import type { PartWriter } from '../views.ts';
import { linksOf, type DiskSpace } from './disk-space.ts';
import { KeyTimer } from './key-links.ts';
import type { Row } from './row.ts';
import type { PageNumbers } from './timer-pages.ts';
import { TimerPages } from './timer-pages.ts';

const VERSION = 1;

export interface DiskTimerSettings extends Omit<BurstSettings, 'event' | 'processing' | 'fire'> {
  readonly name: string;
  readonly handler: (timestamp: number, domain: TimeDomain, namespace: unknown) => void;
  readonly space: DiskSpace;
  /** The number of the event-time lane; that of processing time follows. */
  readonly lane: number;
  readonly pageGroup: number;
  readonly pageNumbers: PageNumbers;
  readonly reserve: (bytes: number) => void;
}

/** The timers of one time domain. */
class Lane implements FiringOrder {
  readonly number: number;
  readonly kind: string;
  readonly pages: TimerPages;

  constructor(number: number, kind: string, pages: TimerPages) {
    this.number = number;
    this.kind = kind;
    this.pages = pages;
  }

  get size(): number {
    return this.pages.size;
  }

  get earliest(): number {
    return this.pages.earliest;
  }
}

export class DiskTimers extends TimerBursts implements TimerDriver, TimerService {
  readonly name: string;
  readonly #space: DiskSpace;
  readonly #event: Lane;
  readonly #processing: Lane;
  #sequence = 0;

  constructor(settings: DiskTimerSettings) {
    const { space, lane, pageGroup, pageNumbers, reserve, name, handler } = settings;
    const pages = (): TimerPages => new TimerPages(space.store, pageGroup, pageNumbers, reserve);
    const event = new Lane(lane, TIMER_KINDS.event, pages());
    const processing = new Lane(lane + 1, TIMER_KINDS.processing, pages());
    super({
      gate: settings.gate,
      clock: settings.clock,
      schedule: settings.schedule,
      event,
      processing,
      fire: (domain) => this.#fire(domain === 'event' ? event : processing, domain, handler),
    });
    this.name = name;
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

  #register(lane: Lane, timestamp: number): void {
    // Not a number comes in no order.
    if (timestamp !== timestamp) throw this.#notATime();
    const space = this.#space;
    // Looks at the namespace before anything is made, so that one that cannot be a key leaves nothing behind.
    const { namespaceId, namespace } = space;
    // 0 and -0 are one time.
    const time = timestamp + 0;
    if (space.keyRow()?.links?.timers.find(lane.number, time, namespaceId) !== undefined) return;
    const row = space.occupyKeyRow();
    const links = linksOf(row);
    const sequence = this.#sequence++;
    const generation = space.restoring ? 0 : space.store.generation;
    const timer = new KeyTimer(lane.number, time, namespace, namespaceId, sequence, generation);
    links.timers.add(timer);
    space.store.resized(row);
    lane.pages.add(time, sequence, row.key, namespace);
  }

  #notATime(): MillstreamError {
    return new MillstreamError(
      'OPTION_INVALID',
      `A timer of "${this.name}" was registered at NaN. Give it milliseconds since the epoch.`,
    );
  }

  #delete(lane: Lane, timestamp: number): void {
    const space = this.#space;
    const row = space.keyRow();
    const timer = row?.links?.timers.find(lane.number, timestamp + 0, space.namespaceId);
    if (row !== undefined && timer !== undefined) this.#remove(lane, row, timer);
  }

  /** Removes a timer of the current key. */
  #remove(lane: Lane, row: Row, timer: KeyTimer): void {
    const { store } = this.#space;
    store.touch(row);
    const links = linksOf(row);
    links.completed(store.completedGeneration);
    links.remove(timer, store.generation);
    lane.pages.remove(timer.time, timer.sequence);
    store.resized(row);
    this.#space.unlinked(row);
  }

  /** Removes all timers of the current key's row, in all namespaces. */
  removeAll(row: Row): void {
    for (const timer of Array.from(row.links?.timers.values() ?? [])) {
      for (const lane of [this.#event, this.#processing])
        if (timer.lane === lane.number) this.#remove(lane, row, timer);
    }
  }

  #fire(lane: Lane, domain: TimeDomain, handler: DiskTimerSettings['handler']): void {
    const { key, namespace, time } = lane.pages.first();
    const space = this.#space;
    space.setKey(key);
    space.setNamespace(namespace);
    const row = space.keyRow() as Row;
    this.#remove(lane, row, linksOf(row).timers.find(lane.number, time, space.namespaceId) as KeyTimer);
    handler(time, domain, space.namespace);
  }

  /** Writes the timers of a key, or those that changed after `since`. */
  emit(row: Row, since: number | undefined, to: PartWriter): void {
    const { links } = row;
    if (links === undefined) return;
    const { group, key } = row;
    for (const lane of [this.#event, this.#processing]) {
      const mine = (timer: KeyTimer): boolean =>
        timer.lane === lane.number && (since === undefined || timer.generation > since);
      if (since !== undefined) {
        for (const { namespace, time } of links.removed.filter(mine)) {
          to.state(this.name, lane.kind, VERSION).removeEntry(group, key, namespace, time);
        }
      }
      for (const timer of links.timers.values()) {
        if (!mine(timer)) continue;
        const { namespace, time } = timer;
        to.state(this.name, lane.kind, VERSION).putEntry(group, key, namespace, time, undefined);
      }
    }
  }

  /** Takes in the timers of one domain. Leaves another key and namespace current. */
  restore(stored: RestoredKeyedState): void {
    const lane = stored.kind === TIMER_KINDS.event ? this.#event : this.#processing;
    for (const entry of stored.entries()) {
      this.#space.setKey(entry.key);
      this.#space.setNamespace(entry.namespace);
      this.#register(lane, entry.value as number);
    }
    this.restored();
  }
}
