/**
 * The main job: departures of US flights, replayed as they really left, with their schedule as event time. Delays make
 * the stream out of order all by themselves.
 *
 * Parameters: `speedUp` (0: as fast as it goes), `parallelism`, `flights` (how many; all of them by default).
 */

import { job, outputTag, SlidingEventTimeWindows, WatermarkStrategy, type WatermarkGenerator } from 'millstream';
import { loadAirports, loadFlights, type Airport, type Flight } from './data.ts';
import { replaySource } from './replay-source.ts';

const HOUR = 3_600_000;

export const WINDOW_MS = 3 * HOUR;
export const SLIDE_MS = 1 * HOUR;

/** How far departures may lag behind their schedule before they are late: windows wait for this long. */
export const OUT_OF_ORDER_MS = 1 * HOUR;

/** A departure with the airport it left from. */
export interface Departure extends Flight {
  readonly airport: Airport;
}

/** Delays of the departures from one airport in one window. */
export interface DelayStatistics {
  readonly origin: string;
  readonly city: string;
  readonly windowEnd: number;
  readonly departures: number;
  readonly meanDelay: number;
  readonly worstDelay: number;
}

export const LATE = outputTag<Departure>('late');

/**
 * Bounded out-of-orderness, by every event instead of by the clock: in a replay at 250,000 times its speed the clock
 * would let half a day pass between two watermarks, and what is late would differ from run to run.
 */
class PerEvent implements WatermarkGenerator<Flight> {
  #highest = -Infinity;

  onEvent(_flight: Flight, timestamp: number, output: { emitWatermark(timestamp: number): void }): void {
    if (timestamp <= this.#highest) return;
    this.#highest = timestamp;
    output.emitWatermark(timestamp - OUT_OF_ORDER_MS - 1);
  }

  onPeriodicEmit(): void {}
}

export default job('flights', (env, parameters) => {
  const airports = loadAirports();
  env.setParallelism(Number(parameters['parallelism'] ?? 2));
  const departures = env
    .fromSource(
      replaySource({
        load: () => loadFlights().slice(0, Number(parameters['flights'] ?? Infinity)),
        timeOf: (flight) => flight.departed,
        speedUp: Number(parameters['speedUp'] ?? 0),
      }),
      WatermarkStrategy.forGenerator<Flight>(
        () => new PerEvent(),
        (flight) => flight.scheduled,
      ),
      'departures',
    )
    .uid('departures')
    .map((flight): Departure => ({
      ...flight,
      airport: airports.get(flight.origin) ?? { iata: flight.origin, name: flight.origin, city: '?', state: '?' },
    }))
    .name('enrich with airport')
    // Beside the one source: then every window has one channel in, and what is late is the same in every run.
    .setParallelism(1);

  const statistics = departures
    .keyBy((departure) => departure.origin)
    .window(SlidingEventTimeWindows.of(WINDOW_MS, SLIDE_MS))
    .sideOutputLateData(LATE)
    .aggregate(
      {
        createAccumulator: () => ({ city: '', departures: 0, delay: 0, worst: -Infinity }),
        add: (departure: Departure, acc) => ({
          city: departure.airport.city,
          departures: acc.departures + 1,
          delay: acc.delay + departure.delay,
          worst: Math.max(acc.worst, departure.delay),
        }),
        merge: (a, b) => ({
          city: b.city,
          departures: a.departures + b.departures,
          delay: a.delay + b.delay,
          worst: Math.max(a.worst, b.worst),
        }),
        getResult: (acc) => acc,
      },
      function* (origin, ctx, [acc]): Iterable<DelayStatistics> {
        if (acc === undefined) return;
        yield {
          origin,
          city: acc.city,
          windowEnd: ctx.window().end,
          departures: acc.departures,
          meanDelay: acc.delay / acc.departures,
          worstDelay: acc.worst,
        };
      },
    )
    .name('delays per airport')
    .uid('delays');

  statistics.collect('statistics');
  statistics.getSideOutput(LATE).collect('late');
});
