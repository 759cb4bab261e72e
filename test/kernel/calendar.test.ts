import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addMonths, ceilDate, dateOf, daysOf, floorDate, isoWeek, monthsBetween } from '../../src/kernel/calendar.ts';
import { timeZone } from '../../src/kernel/time-zone.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const date = (text: string): number => Date.parse(`${text}T00:00:00Z`) / DAY;

test('days and dates are those of JavaScript, also before the year 1', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 3_000_000 }), (days) => {
      const known = new Date(days * DAY);
      const { year, month, day } = dateOf(days);
      assert.deepEqual([year, month, day], [known.getUTCFullYear(), known.getUTCMonth() + 1, known.getUTCDate()]);
      assert.equal(daysOf(year, month, day), days);
    }),
    { numRuns: 2000 },
  );
});

test('months are added to the same day, or the last one that there is', () => {
  assert.equal(addMonths(date('2024-01-31'), 1), date('2024-02-29'));
  assert.equal(addMonths(date('2024-03-31'), -13), date('2023-02-28'));
  assert.equal(addMonths(date('1969-12-15'), 1), date('1970-01-15'));
});

test('months between two times are whole, in either direction', () => {
  const between = (from: string, to: string): number => monthsBetween(Date.parse(`${from}Z`), Date.parse(`${to}Z`));
  assert.equal(between('2024-01-31T00:00:00', '2024-02-29T00:00:00'), 1);
  assert.equal(between('2024-01-15T12:00:00', '2024-02-15T11:00:00'), 0);
  assert.equal(between('2024-02-15T11:00:00', '2024-01-15T12:00:00'), 0);
  assert.equal(between('2024-02-15T12:00:00', '2023-02-15T12:00:00'), -12);
});

test('dates are rounded to units, weeks beginning on Sunday', () => {
  assert.equal(floorDate('WEEK', date('2024-05-15')), date('2024-05-12'));
  assert.equal(ceilDate('WEEK', date('2024-05-15')), date('2024-05-19'));
  assert.equal(ceilDate('WEEK', date('2024-05-12')), date('2024-05-12'));
  assert.equal(floorDate('QUARTER', date('2024-06-30')), date('2024-04-01'));
  assert.equal(ceilDate('QUARTER', date('2024-06-30')), date('2024-07-01'));
  assert.equal(floorDate('CENTURY', date('2000-06-30')), date('1901-01-01'));
  assert.equal(ceilDate('DECADE', date('2011-01-01')), date('2020-01-01'));
  assert.equal(floorDate('MILLENNIUM', date('2024-06-30')), date('2001-01-01'));
  assert.deepEqual(isoWeek(date('2021-01-03')), { year: 2020, week: 53 });
  assert.deepEqual(isoWeek(date('2024-12-30')), { year: 2025, week: 1 });
});

test('the offset of a zone is what the platform shows, at any instant', () => {
  const zones = ['Europe/Zurich', 'America/New_York', 'Asia/Kathmandu', 'Africa/Casablanca', 'Australia/Lord_Howe'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.array(fc.integer({ min: -2_000_000_000, max: 2_500_000_000 }), { minLength: 1, maxLength: 5 }),
      (id, seconds) => {
        for (const second of seconds) {
          const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: id, dateStyle: 'short', timeStyle: 'medium' });
          const local = Date.parse(`${shown.format(second * 1000).replace(' ', 'T')}Z`);
          assert.equal(timeZone(id).offsetAt(second * 1000), local - second * 1000);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a local time that a clock skips counts on, one that it shows twice is the earlier one', () => {
  const zone = timeZone('Europe/Zurich');
  const instant = (local: string): string => new Date(zone.instantOf(Date.parse(`${local}Z`))).toISOString();
  assert.equal(instant('2024-03-31T01:59:59'), '2024-03-31T00:59:59.000Z');
  assert.equal(instant('2024-03-31T02:30:00'), '2024-03-31T01:30:00.000Z');
  assert.equal(instant('2024-03-31T03:00:00'), '2024-03-31T01:00:00.000Z');
  assert.equal(instant('2024-10-27T01:59:59'), '2024-10-26T23:59:59.000Z');
  assert.equal(instant('2024-10-27T02:30:00'), '2024-10-27T00:30:00.000Z');
  assert.equal(instant('2024-10-27T03:00:00'), '2024-10-27T02:00:00.000Z');
  // This clock is moved by half an hour.
  const lord = timeZone('Australia/Lord_Howe');
  assert.equal(lord.instantOf(Date.parse('2024-10-06T02:15:00Z')), Date.parse('2024-10-05T15:45:00Z'));
});

test('zones of one offset need no name, and there are no others', () => {
  for (const [id, offset] of [
    ['UTC', 0],
    ['Z', 0],
    ['GMT+01:00', HOUR],
    ['-0230', -2.5 * HOUR],
    ['UTC+8', 8 * HOUR],
  ] as const) {
    assert.equal(timeZone(id).offsetAt(0), offset, id);
    assert.equal(timeZone(id).instantOf(0), 0 - offset, id);
  }
  for (const id of ['Mars/Olympus', '']) assert.throws(() => timeZone(id), /GRAPH_INVALID.*no time zone/);
});
