/** What the flights job looks like while it runs: a picture that is drawn anew, or plain lines. */

import type { JobExecutionResult, JobMetrics } from 'millstream';
import type { DelayStatistics, Departure } from './job.ts';

const FLIGHTS = 20_000;
const TOP = 8;
const BAR = 40;
const LIVE_MS = 250;
const PLAIN_MS = 3_000;

export interface ViewOptions {
  readonly live: boolean;
  readonly speedUp: number;
  readonly write: (text: string) => void;
}

export class View {
  readonly intervalMs: number;
  readonly #options: ViewOptions;
  readonly #startedAt = performance.now();
  readonly #airports = new Map<string, { city: string; departures: number; delay: number }>();
  #windows = 0;
  #windowEnd = 0;
  #latest: DelayStatistics[] = [];
  #late = 0;
  #lastLate: Departure | undefined;
  #before = { records: 0, at: performance.now() };
  #drawnLines = 0;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.intervalMs = options.live ? LIVE_MS : PLAIN_MS;
    if (!options.live)
      options.write(
        `Replaying ${FLIGHTS} US flights of January to March 2001 ${speed(options.speedUp)}, on two worker threads.\n`,
      );
  }

  statistics(row: DelayStatistics): void {
    this.#windows++;
    if (row.windowEnd > this.#windowEnd) {
      this.#windowEnd = row.windowEnd;
      this.#latest = [];
    }
    if (row.windowEnd === this.#windowEnd) this.#latest.push(row);
    const so = this.#airports.get(row.origin) ?? { city: row.city, departures: 0, delay: 0 };
    this.#airports.set(row.origin, {
      city: row.city,
      departures: so.departures + row.departures,
      delay: so.delay + row.meanDelay * row.departures,
    });
  }

  late(departure: Departure): void {
    this.#late++;
    this.#lastLate = departure;
  }

  show(metrics: JobMetrics): void {
    const source = metrics.operators.find((operator) => operator.operatorId === 'departures');
    const delays = metrics.operators.filter((operator) => operator.operatorId === 'delays');
    const records = source?.values['numRecordsOut'] ?? 0;
    const now = performance.now();
    const rate = ((records - this.#before.records) * 1000) / Math.max(1, now - this.#before.at);
    this.#before = { records, at: now };
    const watermark = Math.min(...delays.map((operator) => operator.values['currentWatermark'] ?? -Infinity));
    const behind = lag(source?.values['replayedUntil'] ?? 0, watermark);
    if (this.#options.live) this.#draw(records, rate, watermark, behind);
    else
      this.#options.write(
        `${share(records)}  watermark ${date(watermark)}, ${behind}  ${Math.round(rate)} flights/s  ${this.#windows} windows  ${this.#late} late\n`,
      );
  }

  #draw(records: number, rate: number, watermark: number, behind: string): void {
    const filled = Math.round((records / FLIGHTS) * BAR);
    const busiest = [...this.#latest]
      .sort((a, b) => b.departures - a.departures || b.meanDelay - a.meanDelay)
      .slice(0, TOP);
    const lines = [
      `\u001b[1mMillstream\u001b[0m  US flights, January to March 2001, ${speed(this.#options.speedUp)}`,
      '',
      `  ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${share(records)}   ${Math.round(rate)} flights/s`,
      `  watermark ${date(watermark)}   ${behind}`,
      `  ${this.#windows} windows fired   ${this.#late} departures too late${this.#lastLate === undefined ? '' : `, last ${this.#lastLate.origin} → ${this.#lastLate.destination} (+${this.#lastLate.delay} min)`}`,
      '',
      `  busiest airports in the three hours before ${date(this.#windowEnd)}`,
      ...Array.from({ length: TOP }, (_, i) => {
        const row = busiest[i];
        return row === undefined
          ? ''
          : `    ${row.origin}  ${row.city.padEnd(20).slice(0, 20)} ${String(row.departures).padStart(3)} departures   mean ${minutes(row.meanDelay)}   worst ${minutes(row.worstDelay)}`;
      }),
    ];
    const up = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A`;
    this.#options.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
    this.#drawnLines = lines.length;
  }

  summary(result: JobExecutionResult): void {
    if (result.status === 'cancelled') {
      this.#options.write('\nCancelled.\n');
      return;
    }
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const rows = [...this.#airports].map(([origin, { city, departures, delay }]) => ({
      origin,
      city,
      departures,
      mean: delay / departures,
    }));
    const often = rows.filter((row) => row.departures >= 600).sort((a, b) => b.mean - a.mean);
    this.#options.write(
      [
        '',
        `Done: ${FLIGHTS} flights in ${seconds.toFixed(1)} s; ${this.#windows} windows of three hours at ${this.#airports.size} airports; ${this.#late} departures came too late for all of theirs.`,
        'Most delayed of the busy airports:',
        ...often.slice(0, 5).map((row) => `  ${row.origin}  ${row.city.padEnd(20)} ${minutes(row.mean)} on average`),
        'Least delayed:',
        ...often.slice(-3).map((row) => `  ${row.origin}  ${row.city.padEnd(20)} ${minutes(row.mean)} on average`),
        '',
      ].join('\n'),
    );
  }
}

function speed(speedUp: number): string {
  return speedUp === 0 ? 'as fast as it goes' : `${speedUp} times faster than they left`;
}

/** How far event time is behind the departures that have been replayed. */
function lag(replayedUntil: number, watermark: number): string {
  const hours = (replayedUntil - watermark) / 3_600_000;
  return Number.isFinite(hours) ? `${hours.toFixed(1)} h behind the departures` : 'not known yet';
}

function share(records: number): string {
  return `${((records * 100) / FLIGHTS).toFixed(0).padStart(3)} %`;
}

function date(time: number): string {
  return Number.isFinite(time) && time > 0 ? new Date(time).toISOString().slice(0, 16).replace('T', ' ') : '…';
}

function minutes(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(1)} min`.padStart(10);
}
