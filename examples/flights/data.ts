/** The data of the example: 20,000 US flights of 2001 and the airports, out of the package `vega-datasets`. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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
const directory = join(dirname(createRequire(import.meta.url).resolve('vega-datasets/package.json')), 'data');

/** All flights, in the order in which they really left. */
export function loadFlights(): readonly Flight[] {
  const rows = JSON.parse(readFileSync(join(directory, 'flights-20k.json'), 'utf8')) as readonly {
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
  const [, ...lines] = readFileSync(join(directory, 'airports.csv'), 'utf8').trim().split('\n');
  return new Map(
    lines.map((line) => {
      // Some names are quoted because they hold commas.
      const [iata = '', name = '', city = '', state = ''] = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field = '']) =>
        field.replace(/^"|"$/g, ''),
      );
      return [iata, { iata, name, city, state }];
    }),
  );
}
