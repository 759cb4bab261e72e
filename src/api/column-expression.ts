/**
 * Expressions over the columns of a stream, typed: what `filter`, `select` and `aggregate` of a column stream are
 * given. They are data (`kernel/expression.ts`) and compute nothing here. Methods have the names of Flink's Table API.
 */

import { MillstreamError } from '../base/error.ts';
import { LogicalType, Schema } from '../data/schema.ts';
import type { AggregateFunction } from '../kernel/aggregates.ts';
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Expression,
  LiteralValue,
  TextFunction,
} from '../kernel/expression.ts';
import { ExpressionTypes } from '../kernel/forms.ts';
import type { DataType } from './data-types.ts';

/** What NULL in an operand makes of a result. */
type NullOf<T> = null extends T ? null : never;
type Numeric = number | bigint;
/** BIGINT with anything may be a bigint. */
type Wider<A, B> = ([bigint] extends [NonNullable<A> | NonNullable<B>] ? Numeric : number) | NullOf<A> | NullOf<B>;
/** What a value can be compared with. */
type Comparable<T> =
  NonNullable<T> extends Numeric
    ? Numeric
    : NonNullable<T> extends string
      ? string
      : NonNullable<T> extends boolean
        ? boolean
        : NonNullable<T>;

/** An expression, or a value that stands for a literal. */
export type Operand<T> = ColumnExpression<T> | NonNullable<T>;

/**
 * A value that each row of a column stream has: a column, a literal, or what is computed from them. `T` is its type in
 * TypeScript, with `null` where it may be NULL.
 *
 * NULL in an operand makes the result NULL; `and` and `or` know three values. Integers wrap around at their width as
 * Java's do, and dividing one by zero fails the job with EXPRESSION_FAILED.
 *
 * @example
 * ```ts
 * import { ColumnSchema, DataTypes } from 'millstream/columns';
 * const env = createEnvironment();
 * const schema = ColumnSchema.of({ price: DataTypes.DOUBLE().notNull(), pieces: DataTypes.INT().notNull() });
 * const large = env
 *   .fromData({ price: 2.5, pieces: 4 }, { price: 1, pieces: 1 })
 *   .toColumns(schema)
 *   .filter((row) => row.price.times(row.pieces).isGreater(5));
 * ```
 */
export class ColumnExpression<T> {
  /** The expression as data. */
  readonly node: Expression;
  readonly type: LogicalType;
  /** Carries the type of the value; never set. */
  declare readonly valueType?: T;

  constructor(node: Expression, type: LogicalType) {
    this.node = Object.freeze(node);
    this.type = type;
    Object.freeze(this);
  }

  // Arithmetic.

  plus<B extends Numeric | null>(
    this: ColumnExpression<Numeric | null>,
    other: Operand<B>,
  ): ColumnExpression<Wider<T, B>> {
    return arithmetic('+', this, other);
  }

  minus<B extends Numeric | null>(
    this: ColumnExpression<Numeric | null>,
    other: Operand<B>,
  ): ColumnExpression<Wider<T, B>> {
    return arithmetic('-', this, other);
  }

  times<B extends Numeric | null>(
    this: ColumnExpression<Numeric | null>,
    other: Operand<B>,
  ): ColumnExpression<Wider<T, B>> {
    return arithmetic('*', this, other);
  }

  /** Of integers the quotient is cut off towards zero. */
  dividedBy<B extends Numeric | null>(
    this: ColumnExpression<Numeric | null>,
    other: Operand<B>,
  ): ColumnExpression<Wider<T, B>> {
    return arithmetic('/', this, other);
  }

  /** The remainder, with the sign of the dividend. */
  mod<B extends Numeric | null>(
    this: ColumnExpression<Numeric | null>,
    other: Operand<B>,
  ): ColumnExpression<Wider<T, B>> {
    return arithmetic('%', this, other);
  }

  negate(this: ColumnExpression<Numeric | null>): ColumnExpression<T> {
    return typed({ kind: 'negate', input: this.node }, [this]);
  }

  abs(this: ColumnExpression<Numeric | null>): ColumnExpression<T> {
    return typed({ kind: 'abs', input: this.node }, [this]);
  }

  // Comparison.

  isEqual<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('=', this, other);
  }

  isNotEqual<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('<>', this, other);
  }

  isLess<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('<', this, other);
  }

  isLessOrEqual<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('<=', this, other);
  }

  isGreater<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('>', this, other);
  }

  isGreaterOrEqual<B extends Comparable<T> | null>(
    other: Operand<B>,
  ): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return comparison('>=', this, other);
  }

  /** Equality for which NULL equals NULL; never NULL itself. */
  isNotDistinctFrom<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<boolean> {
    const right = operand(other, this);
    return typed({ kind: 'same-as', left: this.node, right: right.node }, [this, right]);
  }

  isNull(): ColumnExpression<boolean> {
    return typed({ kind: 'is-null', input: this.node }, [this]);
  }

  isNotNull(): ColumnExpression<boolean> {
    return not(this.isNull());
  }

  // Logic.

  and<B extends boolean | null>(
    this: ColumnExpression<boolean | null>,
    other: ColumnExpression<B>,
  ): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return typed({ kind: 'logic', operator: 'and', operands: [this.node, other.node] }, [this, other]);
  }

  or<B extends boolean | null>(
    this: ColumnExpression<boolean | null>,
    other: ColumnExpression<B>,
  ): ColumnExpression<boolean | NullOf<T> | NullOf<B>> {
    return typed({ kind: 'logic', operator: 'or', operands: [this.node, other.node] }, [this, other]);
  }

  // Conversion.

  /** The value as another type. Text that is no such value fails the job with EXPRESSION_FAILED. */
  cast<B>(type: DataType<B>): ColumnExpression<NonNullable<B> | NullOf<T>> {
    return typed({ kind: 'cast', input: this.node, type: LogicalType.nullable(type.logicalType), onFailure: 'fail' }, [
      this,
    ]);
  }

  /** The value as another type; NULL where text is no such value. */
  tryCast<B>(type: DataType<B>): ColumnExpression<B | null> {
    return typed({ kind: 'cast', input: this.node, type: LogicalType.nullable(type.logicalType), onFailure: 'null' }, [
      this,
    ]);
  }

  /** The value, or, where it is NULL, the other one. */
  ifNull<B extends Comparable<T> | null>(other: Operand<B>): ColumnExpression<NonNullable<T> | B> {
    const right = operand(other, this);
    return typed({ kind: 'coalesce', operands: [this.node, right.node] }, [this, right]);
  }

  // Text.

  upperCase(this: ColumnExpression<string | null>): ColumnExpression<T> {
    return text('upper', this);
  }

  lowerCase(this: ColumnExpression<string | null>): ColumnExpression<T> {
    return text('lower', this);
  }

  /** Characters, as code points. */
  charLength(this: ColumnExpression<string | null>): ColumnExpression<number | NullOf<T>> {
    return text('char-length', this);
  }

  // Aggregates, for `aggregate` of keyed and windowed streams. NULLs do not take part.

  /** The sum, of the type of the column: it wraps around where the column's type does. */
  sum(this: ColumnExpression<Numeric | null>): AggregateExpression<T> {
    return new AggregateExpression('sum', this);
  }

  min(): AggregateExpression<T> {
    return new AggregateExpression('min', this);
  }

  max(): AggregateExpression<T> {
    return new AggregateExpression('max', this);
  }

  /** The average, of the type of the column: of integers it is cut off towards zero. */
  avg(this: ColumnExpression<Numeric | null>): AggregateExpression<T> {
    return new AggregateExpression('avg', this);
  }

  /** How many values are not NULL. */
  count(): AggregateExpression<number | bigint> {
    return new AggregateExpression('count', this);
  }
}

/**
 * What is computed from all rows of a key. `T` is the type of the result.
 *
 * @example
 * ```ts
 * import { count, type AggregateExpression } from 'millstream/columns';
 * const rows: AggregateExpression<number | bigint> = count();
 * ```
 */
export class AggregateExpression<T> {
  readonly function: AggregateFunction;
  /** Undefined where rows are counted. */
  readonly input: ColumnExpression<unknown> | undefined;
  /** Carries the type of the result; never set. */
  declare readonly valueType?: T;

  constructor(name: AggregateFunction, input: ColumnExpression<unknown> | undefined) {
    this.function = name;
    this.input = input;
    Object.freeze(this);
  }
}

/**
 * How many rows a key has.
 *
 * @example
 * ```ts
 * import { count } from 'millstream/columns';
 * const rows = count();
 * ```
 */
export function count(): AggregateExpression<number | bigint> {
  return new AggregateExpression('count', undefined);
}

/**
 * A literal: an INT, or a BIGINT where the number is too large for one, a DOUBLE, a STRING or a BOOLEAN.
 *
 * @example
 * ```ts
 * import { lit } from 'millstream/columns';
 * const one = lit(1);
 * ```
 */
export function lit<T extends number | bigint | string | boolean>(value: T): ColumnExpression<Literal<T>> {
  const type = LogicalType.notNull(literalType(value));
  return new ColumnExpression({ kind: 'literal', value, type }, type);
}

/** The type of a literal's column, not of the one value. */
type Literal<T> = T extends number ? number : T extends bigint ? bigint : T extends string ? string : boolean;

/**
 * True where the expression is false.
 *
 * @example
 * ```ts
 * import { lit, not } from 'millstream/columns';
 * const never = not(lit(true));
 * ```
 */
export function not<T extends boolean | null>(expression: ColumnExpression<T>): ColumnExpression<boolean | NullOf<T>> {
  return typed({ kind: 'not', input: expression.node }, [expression]);
}

/**
 * Texts joined; NULL where one of them is.
 *
 * @example
 * ```ts
 * import { concat, lit } from 'millstream/columns';
 * const greeting = concat(lit('hello, '), lit('world'));
 * ```
 */
export function concat<T extends string | null>(...parts: readonly Operand<T>[]): ColumnExpression<string | NullOf<T>> {
  const operands = parts.map((part) => operand(part));
  return typed({ kind: 'concat', operands: operands.map((one) => one.node) }, operands);
}

/**
 * The first that is not NULL.
 *
 * @example
 * ```ts
 * import { coalesce, lit } from 'millstream/columns';
 * const two = coalesce(lit(2), lit(3));
 * ```
 */
export function coalesce<T>(...values: readonly ColumnExpression<T>[]): ColumnExpression<T> {
  return typed({ kind: 'coalesce', operands: values.map((value) => value.node) }, values);
}

/**
 * The second where the first is true, else the third; only the one that is chosen is computed.
 *
 * @example
 * ```ts
 * import { ifThenElse, lit } from 'millstream/columns';
 * const safe = ifThenElse(lit(0).isEqual(0), lit(0), lit(1).dividedBy(lit(0)));
 * ```
 */
export function ifThenElse<A, B extends Comparable<A> | null>(
  condition: ColumnExpression<boolean | null>,
  then: ColumnExpression<A>,
  otherwise: ColumnExpression<B>,
): ColumnExpression<A | B> {
  // A branch of a CASE has a `then`, and nobody awaits it.
  // oxlint-disable-next-line unicorn/no-thenable
  return typed({ kind: 'case', branches: [{ when: condition.node, then: then.node }], otherwise: otherwise.node }, [
    condition,
    then,
    otherwise,
  ]);
}

const INT_MAX = 2 ** 31 - 1;

function literalType(value: LiteralValue): LogicalType {
  switch (typeof value) {
    case 'bigint':
      return LogicalType.bigint();
    case 'string':
      return LogicalType.string();
    case 'boolean':
      return LogicalType.boolean();
    default:
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return LogicalType.double();
      return Math.abs(value as number) <= INT_MAX ? LogicalType.int() : LogicalType.bigint();
  }
}

/** A value becomes a literal; a whole number that stands beside a DOUBLE one of those. */
function operand(value: unknown, beside?: ColumnExpression<unknown>): ColumnExpression<unknown> {
  if (value instanceof ColumnExpression) return value;
  if (typeof value === 'number' && (beside?.type.kind === 'double' || beside?.type.kind === 'float')) {
    const type = LogicalType.notNull(beside.type);
    return new ColumnExpression({ kind: 'literal', value, type }, type);
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean')
    return lit(value);
  throw new MillstreamError(
    'GRAPH_INVALID',
    `${value === null ? 'null' : typeof value} is no operand of an expression. Use a column, a number, a string or a boolean; ask for NULL with isNull().`,
  );
}

function arithmetic<R>(
  operator: ArithmeticOperator,
  left: ColumnExpression<unknown>,
  other: unknown,
): ColumnExpression<R> {
  const right = operand(other, left);
  return typed({ kind: 'arithmetic', operator, left: left.node, right: right.node }, [left, right]);
}

function comparison<R>(
  operator: ComparisonOperator,
  left: ColumnExpression<unknown>,
  other: unknown,
): ColumnExpression<R> {
  const right = operand(other, left);
  return typed({ kind: 'comparison', operator, left: left.node, right: right.node }, [left, right]);
}

function text<R>(name: TextFunction, input: ColumnExpression<unknown>): ColumnExpression<R> {
  return typed({ kind: 'text', function: name, input: input.node }, [input]);
}

const NO_COLUMNS = new Schema([]);

/** Types a node by its operands, whose types are known: a form asks no further than one level down. */
function typed<R>(node: Expression, operands: readonly ColumnExpression<unknown>[]): ColumnExpression<R> {
  const types = new ExpressionTypes(NO_COLUMNS);
  for (const one of operands) types.assume(one.node, one.type);
  return new ColumnExpression<R>(node, types.typeOf(node));
}
