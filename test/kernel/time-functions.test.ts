import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeType, LogicalType } from '../../src/data/schema.ts';
import type { Expression, LiteralValue } from '../../src/kernel/expression.ts';
import type { Value } from './naive-expression.ts';
import { call, column, evaluate, int, text } from './evaluate.ts';

const MILLI = LogicalType.timestamp(3);
const MICRO = LogicalType.timestamp(6);
const NANO = LogicalType.timestamp(9);
const DATE = LogicalType.date();
const TIME = LogicalType.time(3);
const INSTANT = LogicalType.timestampLtz(3);
const ZURICH = 'Europe/Zurich';

const millis = (local: string): number => Date.parse(`${local}Z`);
const days = (date: string): number => millis(`${date}T00:00:00`) / 86_400_000;
const shown = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** Of a value in a column, with literals around it. */
function of(name: string, before: LiteralValue[], value: Value, type: LogicalType, ...after: LiteralValue[]): unknown {
  const wrap = (operand: LiteralValue): Expression =>
    typeof operand === 'number' ? int(operand) : text(String(operand));
  const [result, absent] = evaluate(
    { v: type },
    [[value], [null]],
    call(name, ...before.map(wrap), column(0), ...after.map(wrap)),
  );
  assert.equal(absent, null);
  return result;
}

test('EXTRACT reads every unit, from every precision, also before 1970', () => {
  const local = millis('2024-05-15T13:07:09.123');
  const units: readonly (readonly [string, number])[] = [
    ['MILLENNIUM', 3],
    ['CENTURY', 21],
    ['DECADE', 202],
    ['YEAR', 2024],
    ['ISOYEAR', 2024],
    ['QUARTER', 2],
    ['MONTH', 5],
    ['WEEK', 20],
    ['DAY', 15],
    ['DOY', 136],
    ['DOW', 4],
    ['ISODOW', 3],
    ['HOUR', 13],
    ['MINUTE', 7],
    ['SECOND', 9],
    ['MILLISECOND', 123],
    ['MICROSECOND', 123_456],
    ['NANOSECOND', 123_456_789],
    ['EPOCH', Math.floor(local / 1000)],
  ];
  const nanos = BigInt(local) * 1_000_000n + 456_789n;
  for (const [unit, wanted] of units) {
    assert.equal(of('EXTRACT', [unit], nanos, NANO), wanted, unit);
    if (unit === 'NANOSECOND') continue;
    assert.equal(of('EXTRACT', [unit], shown(nanos / 1000n), MICRO), wanted, unit);
    if (unit !== 'MICROSECOND') assert.equal(of('EXTRACT', [unit], local, MILLI), wanted, unit);
  }
  const before = millis('1969-12-31T23:59:58.999');
  assert.deepEqual(
    ['YEAR', 'DAY', 'HOUR', 'SECOND', 'MILLISECOND'].map((unit) => of('EXTRACT', [unit], before, MILLI)),
    [1969, 31, 23, 58, 999],
  );
  assert.equal(of('EXTRACT', ['DOW'], days('2024-05-12'), DATE), 1);
  assert.equal(of('EXTRACT', ['HOUR'], days('2024-05-12'), DATE), 0);
  assert.equal(of('EXTRACT', ['MINUTE'], 13 * 3_600_000 + 7 * 60_000, TIME), 7);
});

test('EXTRACT of an instant asks the zone, and of intervals keeps the sign', () => {
  const instant = millis('2024-07-31T22:30:00');
  assert.equal(of('EXTRACT', ['HOUR'], instant, INSTANT, ZURICH), 0);
  assert.equal(of('EXTRACT', ['MONTH'], instant, INSTANT, ZURICH), 8);
  assert.equal(of('EXTRACT', ['MONTH'], instant, INSTANT, 'UTC'), 7);
  assert.equal(of('EXTRACT', ['MONTH'], -14, LogicalType.intervalYearMonth()), -2);
  assert.equal(of('EXTRACT', ['HOUR'], -93_600_000, LogicalType.intervalDayTime()), -2);
  assert.throws(() => of('EXTRACT', ['MONTH'], instant, INSTANT), /EXTRACT is not defined/);
  assert.throws(() => of('EXTRACT', ['FORTNIGHT'], 0, DATE), /EXTRACT is not defined/);
});

test('times are rounded to units in the zone of the session', () => {
  const local = millis('2024-05-15T13:07:09.123');
  const round = (name: string, unit: string): string =>
    new Date(of(name, [unit], local, MILLI) as number).toISOString().slice(0, -1);
  assert.equal(round('FLOOR_TIME', 'YEAR'), '2024-01-01T00:00:00.000');
  assert.equal(round('FLOOR_TIME', 'HOUR'), '2024-05-15T13:00:00.000');
  assert.equal(round('CEIL_TIME', 'MINUTE'), '2024-05-15T13:08:00.000');
  assert.equal(round('CEIL_TIME', 'MONTH'), '2024-06-01T00:00:00.000');
  assert.equal(round('CEIL_TIME', 'DAY'), '2024-05-16T00:00:00.000');
  assert.equal(
    of('FLOOR_TIME', ['DAY'], millis('2024-07-31T23:00:00'), INSTANT, ZURICH),
    millis('2024-07-31T22:00:00'),
  );
  assert.equal(of('FLOOR_TIME', ['MONTH'], days('2024-05-15'), DATE), days('2024-05-01'));
  assert.equal(of('FLOOR_TIME', ['HOUR'], 3_700_000, TIME), 3_600_000);
});

test('intervals are added to and subtracted from times', () => {
  const month = LogicalType.intervalYearMonth();
  const time = LogicalType.intervalDayTime();
  const plus = (name: string, value: Value, type: LogicalType, by: Value, interval: LogicalType): unknown =>
    evaluate({ v: type, i: interval }, [[value, by]], call(name, column(0), column(1)))[0];
  assert.equal(plus('DATETIME_PLUS', days('2024-01-31'), DATE, 1, month), days('2024-02-29'));
  assert.equal(plus('DATETIME_MINUS', days('2024-03-01'), DATE, 86_400_000, time), days('2024-02-29'));
  assert.equal(plus('DATETIME_PLUS', millis('2024-01-31T10:00:00'), MILLI, 1, month), millis('2024-02-29T10:00:00'));
  assert.equal(plus('DATETIME_MINUS', millis('1970-01-01T00:00:00'), MILLI, 1, time), -1);
  const nanos = 1_700_000_000_123_456_789n;
  assert.equal(plus('DATETIME_PLUS', nanos, NANO, 1000, time), nanos + 1_000_000_000n);
  assert.equal(plus('DATETIME_PLUS', 86_399_000, TIME, 2000, time), 1000);
  assert.equal(plus('INTERVAL_PLUS', 5, month, 7, month), 12);
  assert.equal(plus('INTERVAL_MINUS', 5, time, 7, time), -2);
  assert.equal(plus('INTERVAL_TIMES', 5, time, 3, LogicalType.int()), 15);
  assert.throws(() => plus('INTERVAL_PLUS', 5, time, 3, month), /INTERVAL_PLUS is not defined/);
});

test('TIMESTAMPADD and TIMESTAMPDIFF count whole units', () => {
  assert.equal(of('TIMESTAMPADD', ['QUARTER', 1], millis('2024-01-31T00:00:00'), MILLI), millis('2024-04-30T00:00:00'));
  assert.equal(of('TIMESTAMPADD', ['WEEK', -1], days('2024-01-08'), DATE), days('2024-01-01'));
  const diff = (unit: string, from: string, to: string): unknown =>
    evaluate(
      { a: MILLI, b: MILLI },
      [[millis(from), millis(to)]],
      call('TIMESTAMPDIFF', text(unit), column(0), column(1)),
    )[0];
  assert.equal(diff('MONTH', '2024-01-31T00:00:00', '2024-02-29T00:00:00'), 1);
  assert.equal(diff('DAY', '2024-01-02T00:00:00', '2024-01-01T00:00:01'), 0);
  assert.equal(diff('HOUR', '2024-01-01T00:00:00', '2024-01-01T23:59:59'), 23);
  assert.equal(diff('YEAR', '2020-02-29T00:00:00', '2024-02-28T00:00:00'), 3);
});

test('DATE_FORMAT writes patterns of Java', () => {
  const local = millis('2024-05-05T00:07:09.120');
  const format = (pattern: string): unknown => of('DATE_FORMAT', [], local, MILLI, pattern);
  assert.equal(format('yyyy-MM-dd HH:mm:ss.SSS'), '2024-05-05 00:07:09.120');
  assert.equal(format("EEE, d MMM yy 'at' h 'o''clock' a"), "Sun, 5 May 24 at 12 o'clock AM");
  assert.equal(format('EEEE MMMM D k K'), 'Sunday May 126 24 0');
  assert.equal(format('SSSSSS'), '120000');
  assert.equal(of('DATE_FORMAT', [], 1_700_000_000_123_456, MICRO, 'ss.SSSSSSSSS'), '20.123456000');
  assert.equal(of('DATE_FORMAT', [], millis('2024-07-31T22:00:00'), INSTANT, 'yyyy-MM-dd', ZURICH), '2024-08-01');
  assert.equal(of('DATE_FORMAT', [], days('2024-05-05'), DATE, 'dd.MM.yyyy'), '05.05.2024');
  assert.equal(of('DATE_FORMAT', [], '2024-05-05 01:02:03', LogicalType.string(), 'HHmmss'), '010203');
  assert.equal(of('DATE_FORMAT', [], 'never', LogicalType.string(), 'HH'), null);
  assert.throws(() => format('QQ'), /EXPRESSION_FAILED.*the letter "Q"/);
  assert.throws(() => format("'a"), /a quote that is not closed/);
});

test('DATE_FORMAT keeps a text for as long as the pattern says the same', () => {
  const times = [0, 59_999, 60_000, 1, -1, 3_599_999, 3_600_000, 86_399_999, 86_400_000, -86_400_001].map((time) => [
    time,
  ]);
  for (const pattern of ['mm', 'HH', 'yyyy-MM-dd', 'ss', 'S', "''", 'a'])
    assert.deepEqual(
      evaluate({ v: MILLI }, times, call('DATE_FORMAT', column(0), text(pattern))),
      times.map(([time]) => of('DATE_FORMAT', [], time as number, MILLI, pattern)),
      pattern,
    );
});

test('text is read by patterns of Java', () => {
  const timestamp = (value: string, ...pattern: string[]): unknown =>
    of('TO_TIMESTAMP', [], value, LogicalType.string(), ...pattern);
  assert.equal(timestamp('2024-05-05 01:02:03'), millis('2024-05-05T01:02:03'));
  assert.equal(timestamp('2024-5-5 1:2:3.4567'), millis('2024-05-05T01:02:03.456'));
  assert.equal(timestamp('20240505010203', 'yyyyMMddHHmmss'), millis('2024-05-05T01:02:03'));
  assert.equal(timestamp('5 May 2024, 1PM', 'd MMM yyyy, ha'), millis('2024-05-05T13:00:00'));
  assert.equal(timestamp('2024-02-31', 'yyyy-MM-dd'), millis('2024-02-29T00:00:00'));
  assert.equal(timestamp('2024-5-5', 'yyyy-MM-dd'), millis('2024-05-05T00:00:00'));
  assert.equal(timestamp('05.05.24', 'dd.MM.yy'), millis('2024-05-05T00:00:00'));
  assert.equal(timestamp('2024-13-01', 'yyyy-MM-dd'), null);
  assert.equal(timestamp('2024-01-01 24:00:00'), null);
  assert.equal(of('TO_DATE', [], '2024-05-05', LogicalType.string()), days('2024-05-05'));
  assert.equal(of('TO_DATE', [], '05/2024', LogicalType.string(), 'MM/yyyy'), days('2024-05-01'));
  assert.equal(of('TO_DATE', [], 'x', LogicalType.string()), null);
});

test('seconds since the epoch become text in a zone, and back', () => {
  const pattern = 'yyyy-MM-dd HH:mm:ss';
  assert.equal(of('FROM_UNIXTIME', [], 44, LogicalType.bigint(), pattern, 'UTC'), '1970-01-01 00:00:44');
  assert.equal(of('FROM_UNIXTIME', [], 44, LogicalType.bigint(), pattern, 'Asia/Tokyo'), '1970-01-01 09:00:44');
  assert.equal(of('UNIX_TIMESTAMP', [], '1970-01-01 09:00:44', LogicalType.string(), pattern, 'Asia/Tokyo'), 44);
  assert.equal(of('UNIX_TIMESTAMP', [], 'x', LogicalType.string(), pattern, 'UTC'), -(2n ** 63n));
  assert.equal(of('TO_TIMESTAMP_LTZ', [], 44, LogicalType.bigint(), 0), 44_000);
  assert.equal(of('TO_TIMESTAMP_LTZ', [], 44.9, LogicalType.double(), 3), 44);
  assert.equal(of('TO_TIMESTAMP_LTZ', [], 2n ** 60n, LogicalType.bigint(), 3), null);
  assert.equal(
    of('TO_TIMESTAMP_LTZ', [], '2024-07-01 12:00:00', LogicalType.string(), pattern, ZURICH),
    millis('2024-07-01T10:00:00'),
  );
  assert.throws(() => of('TO_TIMESTAMP_LTZ', [], 44, LogicalType.bigint(), 6), /no precision 6/);
  assert.equal(
    of('CONVERT_TZ', [], '1970-01-01 00:00:00', LogicalType.string(), 'UTC', 'America/Los_Angeles'),
    '1969-12-31 16:00:00',
  );
});

test('casts among dates, times, timestamps, instants and text', () => {
  const cases: readonly (readonly [LogicalType, Value, LogicalType, unknown])[] = [
    [DATE, days('2024-05-05'), LogicalType.string(), '2024-05-05'],
    [TIME, 3_723_450, LogicalType.string(), '01:02:03.45'],
    [LogicalType.time(0), 3_723_000, LogicalType.string(), '01:02:03'],
    [TIME, 3_723_000, LogicalType.string(), '01:02:03.0'],
    [MILLI, millis('2024-05-05T01:02:03.100'), LogicalType.string(), '2024-05-05 01:02:03.100'],
    [LogicalType.timestamp(0), millis('0001-01-01T00:00:00'), LogicalType.string(), '0001-01-01 00:00:00'],
    [NANO, -1n, LogicalType.string(), '1969-12-31 23:59:59.999999999'],
    [INSTANT, millis('2024-07-01T10:00:00'), LogicalType.string(), '2024-07-01 12:00:00.000'],
    [LogicalType.intervalYearMonth(), -14, LogicalType.string(), '-1-02'],
    [LogicalType.intervalDayTime(), 90_061_001, LogicalType.string(), '+1 01:01:01.001'],
    [LogicalType.string(), '2024-5-5 23:59', DATE, days('2024-05-05')],
    [LogicalType.string(), '2024', DATE, days('2024-01-01')],
    [LogicalType.string(), '01:02:03.4567', TIME, 3_723_457],
    [LogicalType.string(), '2024-05-05 01:02:03.456789', MICRO, millis('2024-05-05T01:02:03.456') * 1000 + 789],
    [LogicalType.string(), '2024-05-05 01:02:03.456789', LogicalType.timestamp(1), millis('2024-05-05T01:02:03.400')],
    [LogicalType.string(), '2024-07-01 12:00:00', INSTANT, millis('2024-07-01T10:00:00')],
    [DATE, days('2024-05-05'), NANO, BigInt(millis('2024-05-05T00:00:00')) * 1_000_000n],
    [DATE, days('2024-07-01'), INSTANT, millis('2024-06-30T22:00:00')],
    [MILLI, -1, DATE, -1],
    [MILLI, -1, TIME, 86_399_999],
    [TIME, 5, MILLI, 5],
    [NANO, -1n, MILLI, -1],
    [MICRO, 1_999, LogicalType.timestamp(3), 1],
    [MILLI, 1234, LogicalType.timestamp(0), 1000],
    [MILLI, millis('2024-03-31T02:30:00'), INSTANT, millis('2024-03-31T01:30:00')],
    [INSTANT, millis('2024-07-01T10:00:00'), MICRO, millis('2024-07-01T12:00:00') * 1000],
    [INSTANT, millis('2024-07-01T22:30:00'), DATE, days('2024-07-02')],
    [INSTANT, millis('2024-07-01T22:30:00'), LogicalType.timestampLtz(0), millis('2024-07-01T22:30:00')],
  ];
  for (const [from, value, to, wanted] of cases) {
    const cast = { kind: 'cast', input: column(0), type: to, onFailure: 'fail', zone: ZURICH } as const;
    const got = evaluate({ v: from }, [[value], [null]], cast);
    assert.deepEqual(got, [wanted, null], `${String(value)}: ${describeType(from)} to ${describeType(to)}`);
  }
});

test('text that is no date or time fails a CAST and makes a TRY_CAST NULL', () => {
  const cast = (type: LogicalType, onFailure: 'fail' | 'null'): Expression => ({
    kind: 'cast',
    input: column(0),
    type,
    onFailure,
  });
  for (const type of [DATE, TIME, MILLI, NANO])
    for (const bad of ['', 'x', '2024-02-30', '2024-01-01 25:00:00', '1:x']) {
      if (type === TIME && bad.startsWith('2024')) continue;
      if (type === DATE && bad.startsWith('2024-01')) continue;
      assert.throws(() => evaluate({ s: LogicalType.string() }, [[bad]], cast(type, 'fail')), /cannot be cast/, bad);
      assert.deepEqual(evaluate({ s: LogicalType.string() }, [[bad]], cast(type, 'null')), [null], bad);
    }
  assert.throws(() => evaluate({ v: INSTANT }, [[0]], cast(MILLI, 'fail')), /CAST without a time zone/);
  assert.throws(() => evaluate({ v: DATE }, [[0]], cast(TIME, 'fail')), /CAST is not defined for DATE and TIME/);
});
