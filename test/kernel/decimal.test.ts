import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeType, LogicalType, Schema } from '../../src/data/schema.ts';
import type { ArithmeticOperator, ComparisonOperator, Expression } from '../../src/kernel/expression.ts';
import { ExpressionTypes } from '../../src/kernel/forms.ts';
import type { Row } from './any-columns.ts';
import { cast, column, evaluate, literal } from './evaluate.ts';

type Decimal = Extract<LogicalType, { kind: 'decimal' }>;

const decimal = (precision: number, scale: number): Decimal => LogicalType.decimal(precision, scale) as Decimal;

function arithmetic(operator: ArithmeticOperator): Expression {
  return { kind: 'arithmetic', operator, left: column(0), right: column(1) };
}

function typeOf(left: LogicalType, operator: ArithmeticOperator, right: LogicalType): LogicalType {
  return new ExpressionTypes(Schema.of({ a: left, b: right })).typeOf(arithmetic(operator));
}

test('results of decimals have the precision and scale that Flink gives them', () => {
  const cases: readonly (readonly [LogicalType, ArithmeticOperator, LogicalType, string])[] = [
    [decimal(10, 2), '+', decimal(10, 4), 'DECIMAL(13, 4)'],
    [decimal(10, 2), '-', LogicalType.int(), 'DECIMAL(13, 2)'],
    [decimal(3, 3), '*', LogicalType.bigint(), 'DECIMAL(23, 3)'],
    [decimal(20, 10), '*', decimal(20, 10), 'DECIMAL(38, 17)'],
    [decimal(38, 0), '+', decimal(38, 0), 'DECIMAL(38, 0)'],
    [decimal(10, 2), '/', decimal(5, 1), 'DECIMAL(17, 8)'],
    [decimal(38, 18), '/', decimal(38, 18), 'DECIMAL(38, 6)'],
    [decimal(10, 2), '%', decimal(5, 4), 'DECIMAL(5, 4)'],
    [decimal(10, 2), '*', LogicalType.double(), 'DOUBLE'],
    [decimal(10, 2), '+', LogicalType.float(), 'DOUBLE'],
  ];
  for (const [left, operator, right, wanted] of cases)
    assert.equal(describeType(typeOf(left, operator, right)), wanted, `${describeType(left)} ${operator}`);
});

test('a result is nullable only where it may have too many digits', () => {
  const present = (type: LogicalType): LogicalType => LogicalType.notNull(type);
  assert.equal(typeOf(present(decimal(10, 2)), '+', present(decimal(10, 2))).nullable, false);
  assert.equal(typeOf(present(decimal(38, 2)), '+', present(decimal(38, 2))).nullable, true);
});

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
const power = (exponent: number): bigint => 10n ** BigInt(exponent);

/** `numerator / denominator` with a number of decimal places, rounded half up. */
function rounded(numerator: bigint, denominator: bigint, scale: number): bigint {
  const doubled = 2n * magnitude(numerator) * power(scale);
  const below = magnitude(denominator);
  const result = (doubled + below) / (2n * below);
  return numerator < 0n === denominator < 0n ? result : -result;
}

/** As exact fractions. */
function reference(operator: ArithmeticOperator, a: bigint, b: bigint, [x, y, to]: readonly Decimal[]): bigint | null {
  const [s, t, scale] = [x?.scale ?? 0, y?.scale ?? 0, to?.scale ?? 0];
  const common = power(Math.max(s, t));
  const p = (a * common) / power(s);
  const q = (b * common) / power(t);
  const result =
    operator === '*'
      ? rounded(a * b, power(s + t), scale)
      : operator === '/'
        ? rounded(a * power(t), b * power(s), scale)
        : rounded(operator === '+' ? p + q : operator === '-' ? p - q : p % q, common, scale);
  return magnitude(result) < power(to?.precision ?? 0) ? result : null;
}

const anyDecimal = fc
  .integer({ min: 1, max: 38 })
  .chain((precision) => fc.integer({ min: 0, max: precision }).map((scale) => decimal(precision, scale)));

function anyUnscaled(type: Decimal): fc.Arbitrary<bigint> {
  const most = power(type.precision) - 1n;
  const small = most < 1000n ? most : 1000n;
  return fc.oneof(
    fc.bigInt({ min: -most, max: most }),
    fc.bigInt({ min: -small, max: small }),
    fc.constantFrom(most, -most, 0n),
  );
}

const bigints = (values: readonly unknown[]): unknown[] =>
  values.map((value) => (typeof value === 'number' ? BigInt(value) : value));

test('arithmetic of decimals is exact, rounds half up, and is NULL where there are too many digits', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<ArithmeticOperator>('+', '-', '*', '/', '%'),
      fc
        .tuple(anyDecimal, anyDecimal)
        .chain(([a, b]) =>
          fc.tuple(
            fc.constant([a, b] as const),
            fc.array(fc.tuple(anyUnscaled(a), anyUnscaled(b)), { minLength: 1, maxLength: 5 }),
          ),
        ),
      (operator, [[a, b], pairs]) => {
        const rows = pairs.filter(([, right]) => right !== 0n || !'/%'.includes(operator));
        if (rows.length === 0) return;
        const type = typeOf(a, operator, b) as Decimal;
        // Quotients are rounded twice, which shows where they have nearly 38 digits.
        if (operator === '/' && b.precision + type.precision > 36) return;
        assert.deepEqual(
          bigints(evaluate({ a, b }, rows, arithmetic(operator))),
          rows.map(([x, y]) => reference(operator, x, y, [a, b, type])),
        );
      },
    ),
    { numRuns: 400 },
  );
});

test('a quotient of long decimals keeps six decimal places', () => {
  const type = decimal(38, 0);
  assert.deepEqual(
    evaluate(
      { a: type, b: type },
      [
        [2n, 3n],
        [-1n, 8n],
      ],
      arithmetic('/'),
    ),
    [666667n, -125000n],
  );
});

test('comparison of decimals with numbers of all types is by value', () => {
  const others = [LogicalType.int(), LogicalType.bigint(), decimal(20, 5), decimal(4, 1), LogicalType.double()];
  const scales = [0, 0, 5, 1, 0];
  fc.assert(
    fc.property(
      fc.constantFrom<ComparisonOperator>('=', '<>', '<', '<=', '>', '>='),
      anyDecimal.chain((type) => fc.tuple(fc.constant(type), anyUnscaled(type))),
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: -100, max: 100 }),
      (operator, [type, left], other, right) => {
        const [got] = evaluate(
          { a: type, b: others[other] as LogicalType },
          [[left, other === 1 || other === 2 || other === 3 ? BigInt(right) : right]],
          { kind: 'comparison', operator, left: column(0), right: column(1) },
        );
        const x = left * power(scales[other] as number);
        const y = BigInt(right) * power(type.scale);
        const wanted = { '=': x === y, '<>': x !== y, '<': x < y, '<=': x <= y, '>': x > y, '>=': x >= y }[operator];
        if (other === 4) {
          const double = Number(`${left}e-${type.scale}`);
          if (double === right && x !== y) return;
        }
        assert.equal(got, wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test('dividing a decimal by zero fails, where it is reached', () => {
  const types = { a: decimal(5, 2), b: decimal(25, 2) };
  for (const operator of ['/', '%'] as const)
    assert.throws(() => evaluate(types, [[100n, 0n]], arithmetic(operator)), /EXPRESSION_FAILED.*Division by zero/);
  const guarded: Expression = {
    kind: 'case',
    branches: [
      {
        when: { kind: 'comparison', operator: '=', left: column(1), right: literal(0, LogicalType.int()) },
        then: column(0),
      },
    ],
    otherwise: arithmetic('/'),
  };
  assert.deepEqual(
    bigints(
      evaluate(
        types,
        [
          [100n, 0n],
          [100n, null],
          [null, 4n],
        ],
        guarded,
      ),
    ),
    [power(28), null, null],
  );
});

test('decimals of both storages go through negation, ABS, CASE and COALESCE with NULLs', () => {
  for (const type of [decimal(9, 2), decimal(38, 2)]) {
    const rows: Row[] = [[-150n], [null], [7n]];
    assert.deepEqual(bigints(evaluate({ a: type }, rows, { kind: 'negate', input: column(0) })), [150n, null, -7n]);
    assert.deepEqual(bigints(evaluate({ a: type }, rows, { kind: 'abs', input: column(0) })), [150n, null, 7n]);
    const other = literal(5, LogicalType.int());
    assert.deepEqual(bigints(evaluate({ a: type }, rows, { kind: 'coalesce', operands: [column(0), other] })), [
      -150n,
      500n,
      7n,
    ]);
  }
});

test('casts of decimals', () => {
  const cases: readonly (readonly [LogicalType, Row[number], LogicalType, unknown])[] = [
    [decimal(10, 3), 1_235_500n, decimal(6, 2), 123_550],
    [decimal(5, 3), 9_995n, decimal(4, 2), 1000],
    [decimal(5, 3), -9_995n, decimal(4, 2), -1000],
    [decimal(5, 3), 9_995n, decimal(3, 2), null],
    [decimal(30, 10), 10n ** 29n, LogicalType.bigint(), 10_000_000_000_000_000_000n - 2n ** 64n],
    [decimal(10, 2), -1_299n, LogicalType.int(), -12],
    [decimal(10, 2), 30_000n, LogicalType.tinyint(), 44],
    [decimal(10, 2), 1_25n, LogicalType.double(), 1.25],
    [decimal(38, 10), 12_345_678_901_234_567_890_123n, LogicalType.double(), 1_234_567_890_123.4568],
    [decimal(10, 2), 0n, LogicalType.boolean(), false],
    [decimal(30, 2), 1n, LogicalType.boolean(), true],
    [decimal(10, 2), -5n, LogicalType.string(), '-0.05'],
    [decimal(38, 0), 10n ** 37n, LogicalType.string(), `1${'0'.repeat(37)}`],
    [LogicalType.int(), 12, decimal(4, 2), 1200],
    [LogicalType.int(), 123, decimal(4, 2), null],
    [LogicalType.bigint(), 2n ** 62n, decimal(38, 18), 2n ** 62n * power(18)],
    [LogicalType.double(), 1e-7, decimal(10, 7), 1],
    [LogicalType.double(), 2.345, decimal(10, 2), 235],
    [LogicalType.double(), 1e20, decimal(10, 2), null],
    [LogicalType.boolean(), true, decimal(4, 2), 100],
    [LogicalType.string(), ' 1.25e1 ', decimal(6, 3), 12_500],
    [LogicalType.string(), '-.5', decimal(6, 0), -1],
  ];
  for (const [from, value, to, wanted] of cases) {
    const [got] = evaluate({ a: from }, [[value]], cast(column(0), to));
    const shown = typeof wanted === 'number' && to.kind === 'decimal' && to.precision > 18 ? BigInt(wanted) : wanted;
    assert.deepEqual(got, shown, `${String(value)}: ${describeType(from)} to ${describeType(to)}`);
  }
});

test('text that is no decimal, or has too many digits, fails a CAST and makes a TRY_CAST NULL', () => {
  for (const bad of ['', '  ', 'x', '1.2.3', '12345', '1e4', '--1']) {
    const rows: Row[] = [[bad], [null]];
    assert.throws(() => evaluate({ a: LogicalType.string() }, rows, cast(column(0), decimal(4, 0))), /cannot be cast/);
    assert.deepEqual(evaluate({ a: LogicalType.string() }, rows, cast(column(0), decimal(4, 0), 'null')), [null, null]);
  }
});

test('what is no number fails a CAST to a decimal and makes a TRY_CAST NULL', () => {
  for (const value of [NaN, Infinity]) {
    const types = { d: LogicalType.double() };
    assert.throws(() => evaluate(types, [[value]], cast(column(0), decimal(4, 0))), /cannot be cast to DECIMAL/);
    assert.deepEqual(evaluate(types, [[value]], cast(column(0), decimal(4, 0), 'null')), [null]);
  }
});

test('long decimals may stand in columns as numbers, too', () => {
  const big = 2n ** 70n;
  const rows = [[5], [null], [big]];
  const negated = { kind: 'negate', input: column(0) } as const;
  assert.deepEqual(evaluate({ a: decimal(38, 2) }, rows, negated), [-5n, null, -big]);
});
