/** The data of the example: 20,000 US flights of 2001 and the airports, out of the package `vega-datasets`. */

import { readFileSync } from 'node:fs';

export interface Flight {
  readonly origin: string;
  readonly destination: string;
  /** Minutes that it left after its schedule; negative when it left early. */
  readonly delay: number;
  readonly distance: number;
  /** When it should have left, in milliseconds since the epoch: the event time. */
  readonly scheduled: number;
  /** When it really left: the order in which the stream has it. */
  readonly departed: number;
}

export interface Airport {
  readonly iata: string;
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

const MINUTE = 60_000;

function read(name: string): string {
  // The package exports its module only; the data lies beside it.
  return readFileSync(new URL(`../data/${name}`, import.meta.resolve('vega-datasets')), 'utf8');
}

/** All flights, in the order in which they really left. */
export function loadFlights(): readonly Flight[] {
  const rows = JSON.parse(read('flights-20k.json')) as readonly {
    readonly date: string;
    readonly delay: number;
    readonly distance: number;
    readonly origin: string;
    readonly destination: string;
  }[];
  const flights = rows.map(({ date, delay, distance, origin, destination }): Flight => {
    const scheduled = Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`);
    return { origin, destination, delay, distance, scheduled, departed: scheduled + delay * MINUTE };
  });
  return flights.sort((a, b) => a.departed - b.departed);
}

/** Airports by their code. */
export function loadAirports(): ReadonlyMap<string, Airport> {
  const [, ...lines] = read('airports.csv').trim().split('\n');
  return new Map(
    lines.map((line) => {
      // Some names are quoted because they hold commas.
      const [iata = '', name = '', city = '', state = ''] = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(
        ([, field = '']) => field.replace(/^"|"$/g, ''),
      );
      return [iata, { iata, name, city, state }];
    }),
  );
}
