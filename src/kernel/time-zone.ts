/**
 * Time zones: the offset at an instant, and the instant of a local time, as java.time resolves it. A local time that a
 * clock skips counts on by the clock before; one that it shows twice is the earlier one.
 *
 * What the platform knows of a zone is asked for a stretch of time once. Times are milliseconds.
 */

import { MillstreamError } from '../base/error.ts';
import { daysOf, MILLIS_PER_DAY, MILLIS_PER_HOUR, MILLIS_PER_MINUTE, MILLIS_PER_SECOND } from './calendar.ts';

export interface TimeZone {
  readonly id: string;
  /** What to add to the instant for the time that a clock shows. */
  offsetAt(instant: number): number;
  instantOf(local: number): number;
}

const zones = new Map<string, TimeZone>();

/**
 * A zone by its name: `Europe/Zurich`, `UTC`, `GMT+01:00`, `+01:00`.
 *
 * @throws GRAPH_INVALID when there is none of that name.
 */
export function timeZone(id: string): TimeZone {
  let zone = zones.get(id);
  if (zone === undefined) {
    zone = fixedZone(id) ?? new NamedZone(id);
    zones.set(id, zone);
  }
  return zone;
}

const FIXED = /^(?:UTC|GMT|UT|Z)?(?:([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?)?$/;

function fixedZone(id: string): TimeZone | undefined {
  const [found, sign, hours = '0', minutes = '0', seconds = '0'] = FIXED.exec(id) ?? [];
  if (found === undefined || id === '') return undefined;
  const magnitude =
    Number(hours) * MILLIS_PER_HOUR + Number(minutes) * MILLIS_PER_MINUTE + Number(seconds) * MILLIS_PER_SECOND;
  const offset = sign === '-' ? 0 - magnitude : magnitude;
  return { id, offsetAt: () => offset, instantOf: (local) => local - offset };
}

/** A stretch of time in which a clock is not moved. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

/** A clock is not moved back and forth within less than this. */
const PROBE = 7 * MILLIS_PER_DAY;
/** How far from an instant stretches are looked for. */
const PROBES_MOST = 60;
/** No clock is farther from UTC. */
const OFFSET_MOST = 18 * MILLIS_PER_HOUR;

class NamedZone implements TimeZone {
  readonly id: string;
  readonly #format: Intl.DateTimeFormat;
  /** Those that are known, by their start. */
  readonly #stretches: Stretch[] = [];
  #last: Stretch = { start: 0, end: 0, offset: 0 };

  constructor(id: string) {
    this.id = id;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: id,
        hourCycle: 'h23',
        era: 'short',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `There is no time zone ${JSON.stringify(id)}. Give a name like Europe/Zurich, or an offset like GMT+01:00.`,
      );
    }
  }

  offsetAt(instant: number): number {
    const last = this.#last;
    if (instant >= last.start && instant < last.end) return last.offset;
    this.#last = this.#find(instant);
    return this.#last.offset;
  }

  instantOf(local: number): number {
    const before = this.offsetAt(local - OFFSET_MOST);
    const after = this.offsetAt(local + OFFSET_MOST);
    if (before === after || this.offsetAt(local - before) === before) return local - before;
    return this.offsetAt(local - after) === after ? local - after : local - before;
  }

  #find(instant: number): Stretch {
    const stretches = this.#stretches;
    let low = 0;
    let high = stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((stretches[middle] as Stretch).start <= instant) low = middle + 1;
      else high = middle;
    }
    const known = stretches[low - 1];
    if (known !== undefined && instant < known.end) return known;
    const found = this.#explore(instant);
    stretches.splice(low, 0, found);
    return found;
  }

  /** The stretch around an instant, as far as it goes or is looked at. */
  #explore(instant: number): Stretch {
    const offset = this.#ask(instant);
    return { start: this.#border(instant, offset, -1), end: this.#border(instant, offset, 1), offset };
  }

  #border(instant: number, offset: number, direction: 1 | -1): number {
    let near = instant;
    for (let i = 0; i < PROBES_MOST; i++) {
      let far = near + direction * PROBE;
      if (this.#ask(far) === offset) {
        near = far;
        continue;
      }
      while (Math.abs(far - near) > 1) {
        const middle = Math.floor((near + far) / 2);
        if (this.#ask(middle) === offset) near = middle;
        else far = middle;
      }
      return direction === 1 ? far : near;
    }
    return near;
  }

  #ask(instant: number): number {
    const parts = new Map(this.#format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const number = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name));
    const year = parts.get('era') === 'BC' ? 1 - number('year') : number('year');
    const local =
      daysOf(year, number('month'), number('day')) * MILLIS_PER_DAY +
      number('hour') * MILLIS_PER_HOUR +
      number('minute') * MILLIS_PER_MINUTE +
      number('second') * MILLIS_PER_SECOND;
    return local - Math.floor(instant / MILLIS_PER_SECOND) * MILLIS_PER_SECOND;
  }
}
