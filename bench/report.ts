/** How outcomes are told: a line of JSON each, or a row of a table for people. */

import type { Figure, Measure, Outcome, Target } from './benchmark.ts';

const COLUMNS = [44, 14, 14, 14, 11, 12, 12, 8] as const;
const HEADINGS = ['benchmark', 'figure', 'target', 'Flink 2.3.0', 'to Flink', 'wall s', 'CPU s', 'met'] as const;

export function jsonLine(figure: Figure): string {
  return JSON.stringify(figure, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value,
  );
}

export function tableHead(): string {
  return row(HEADINGS);
}

export function tableRow({ figure, target }: Outcome): string {
  const measure = target?.measure ?? shown(figure);
  const value = figure[measure];
  const flink = target?.flink;
  return row([
    label(figure),
    amount(value, measure),
    target === undefined ? '' : `${target.atMost === true ? '≤' : '≥'} ${amount(target.value, measure)}`,
    flink === undefined ? '' : amount(flink, measure),
    flink === undefined || value === undefined ? '' : `${(value / flink).toFixed(1)}x`,
    seconds(figure.wallSeconds),
    seconds(figure.cpuSeconds),
    target === undefined || value === undefined ? '' : isMet(value, target) ? 'yes' : 'no',
  ]);
}

export function isMet(value: number, target: Target): boolean {
  return target.atMost === true ? value <= target.value : value >= target.value;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(COLUMNS[i] ?? 0) : cell.padStart(COLUMNS[i] ?? 0))).join(' ');
}

/** The measure of a figure that has no target. */
function shown(figure: Figure): Measure {
  if (figure.recordsPerCpuSecond !== undefined) return 'recordsPerCpuSecond';
  return figure.milliseconds === undefined ? 'ratio' : 'milliseconds';
}

function label({ benchmark, parameters }: Figure): string {
  const told = Object.entries(parameters).filter(([name]) => name !== 'records');
  return told.length === 0 ? benchmark : `${benchmark} (${told.map(([name, value]) => `${name} ${value}`).join(', ')})`;
}

function amount(value: number | undefined, measure: Measure): string {
  if (value === undefined) return '';
  if (measure === 'milliseconds') return `${value.toPrecision(3)} ms`;
  if (measure === 'ratio') return `${value.toPrecision(3)}x`;
  return `${(value / 1e6).toPrecision(3)} M/${measure === 'recordsPerSecond' ? 's' : 'CPU-s'}`;
}

function seconds(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}
