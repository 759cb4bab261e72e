/** What the job must compute, the slow and obvious way: every window keeps its flights. */

import { loadFlights, type Flight } from './data.ts';
import { OUT_OF_ORDER_MS, SLIDE_MS, WINDOW_MS } from './job.ts';

export interface Totals {
  /** Results: pairs of an airport and a window in which it had departures. */
  readonly windows: number;
  /** Departures over all windows; each is in several. */
  readonly departures: number;
  /** Sum of all delays over all windows, in minutes. */
  readonly delay: number;
  /** Flights that came too late for every window. */
  readonly late: number;
}

export function naiveTotals(): Totals {
  const windows = new Map<string, Flight[]>();
  let watermark = -Infinity;
  let late = 0;
  for (const flight of loadFlights()) {
    let taken = false;
    const last = Math.floor(flight.scheduled / SLIDE_MS) * SLIDE_MS;
    for (let start = last; start > flight.scheduled - WINDOW_MS; start -= SLIDE_MS) {
      if (start + WINDOW_MS - 1 <= watermark) continue;
      taken = true;
      const key = `${flight.origin} ${start}`;
      windows.set(key, [...(windows.get(key) ?? []), flight]);
    }
    if (!taken) late++;
    watermark = Math.max(watermark, flight.scheduled - OUT_OF_ORDER_MS - 1);
  }
  const all = [...windows.values()].flat();
  return {
    windows: windows.size,
    departures: all.length,
    delay: all.reduce((sum, flight) => sum + flight.delay, 0),
    late,
  };
}
