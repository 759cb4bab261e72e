/**
 * Aggregate functions over columns, as data, and what they are computed from.
 *
 * Several functions share accumulators: AVG is a sum and a count, and the same sum serves SUM. Types are Flink's: SUM,
 * MIN and MAX have the type of their input, AVG too (cut off where that is an integer), COUNT is a BIGINT. NULLs do
 * not take part; of nothing but NULLs every function but COUNT is NULL.
 */

import { MillstreamError } from '../base/error.ts';
import { describeType, type LogicalType, LogicalType as Types, type Schema, storageOf } from '../data/schema.ts';
import { isNumeric, withNull } from './numeric-types.ts';

export type AggregateFunction = 'count' | 'sum' | 'min' | 'max' | 'avg';

export interface AggregateCall {
  readonly function: AggregateFunction;
  /** The column that is aggregated; COUNT without one counts rows. */
  readonly input: number | undefined;
}

export interface NamedAggregate {
  readonly name: string;
  readonly call: AggregateCall;
}

export type AccumulatorKind = 'count' | 'sum' | 'min' | 'max';

/** How an accumulator holds its values. `long` is widened to 64 bits when doubles no longer do. */
export type AccumulatorStorage = 'f64' | 'i32' | 'long' | 'text';

export interface Accumulator {
  readonly kind: AccumulatorKind;
  /** Undefined where rows are counted. */
  readonly input: number | undefined;
  readonly storage: AccumulatorStorage;
  /** What sums are kept in: TINYINT and SMALLINT wrap around, FLOAT rounds. */
  readonly type: LogicalType;
}

/** How the result of a function comes out of the accumulators, by their numbers. */
export interface AggregateResult {
  readonly name: string;
  readonly type: LogicalType;
  readonly value: number;
  /** The count that an average is divided by. */
  readonly divisor: number | undefined;
  /** The count of values, where the result is NULL when it is zero. */
  readonly present: number | undefined;
}

/** What a list of aggregates needs, made once. */
export class AggregatePlan {
  readonly accumulators: readonly Accumulator[];
  readonly results: readonly AggregateResult[];
  /** The columns that are aggregated, ascending. */
  readonly inputs: readonly number[];

  /** @throws GRAPH_INVALID when a function is not defined for its input. */
  constructor(schema: Schema, aggregates: readonly NamedAggregate[]) {
    const accumulators: Accumulator[] = [];
    const share = (wanted: Accumulator): number => {
      const known = accumulators.findIndex(
        (one) => one.kind === wanted.kind && one.input === wanted.input && one.type.kind === wanted.type.kind,
      );
      return known >= 0 ? known : accumulators.push(wanted) - 1;
    };
    this.results = aggregates.map(({ name, call }) => {
      if (call.input === undefined)
        return { name, type: COUNT_TYPE, value: share(counter(undefined)), divisor: undefined, present: undefined };
      return resultOf(name, call.function, call.input, schema, share);
    });
    this.accumulators = accumulators;
    this.inputs = [...new Set(accumulators.flatMap((one) => (one.input === undefined ? [] : [one.input])))].sort(
      (a, b) => a - b,
    );
  }

  /** What identifies the accumulators in a snapshot. */
  get description(): readonly string[] {
    return this.accumulators.map((one) => `${one.kind}(${one.input ?? '*'}) ${one.type.kind}`);
  }
}

const COUNT_TYPE = Types.notNull(Types.bigint());

function counter(input: number | undefined): Accumulator {
  return { kind: 'count', input, storage: 'f64', type: COUNT_TYPE };
}

function resultOf(
  name: string,
  wanted: AggregateFunction,
  input: number,
  schema: Schema,
  share: (wanted: Accumulator) => number,
): AggregateResult {
  const field = schema.fields[input];
  if (field === undefined)
    throw new MillstreamError(
      'GRAPH_INVALID',
      `The aggregate "${name}" reads column ${input} of ${schema.describe()}, which has ${schema.fields.length} columns.`,
    );
  const { type } = field;
  if (wanted === 'count')
    return {
      name,
      type: COUNT_TYPE,
      value: share(counter(type.nullable ? input : undefined)),
      divisor: undefined,
      present: undefined,
    };
  if (!aggregable(wanted, type)) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `The aggregate "${name}" is ${wanted.toUpperCase()} of "${field.name}", whose type is ${describeType(type)}. Cast the column to ${wanted === 'sum' || wanted === 'avg' ? 'a number' : 'a number, a time or text'}.`,
    );
  }
  const present = type.nullable ? share(counter(input)) : undefined;
  if (wanted !== 'avg')
    return {
      name,
      type,
      value: share({ kind: wanted, input, storage: accumulatorStorage(type), type }),
      divisor: undefined,
      present,
    };
  const sum = withNull(storageOf(type) === 'f64' ? Types.double() : Types.bigint(), type.nullable);
  return {
    name,
    type,
    value: share({ kind: 'sum', input, storage: accumulatorStorage(sum), type: sum }),
    divisor: present ?? share(counter(undefined)),
    present,
  };
}

function aggregable(wanted: AggregateFunction, type: LogicalType): boolean {
  if (wanted === 'sum' || wanted === 'avg') return isNumeric(type) && type.kind !== 'decimal';
  const storage = storageOf(type);
  return storage === 'i32' || storage === 'f64' || storage === 'long' || storage === 'utf8';
}

function accumulatorStorage(type: LogicalType): AccumulatorStorage {
  switch (storageOf(type)) {
    case 'i32':
      return 'i32';
    case 'long':
      return 'long';
    case 'utf8':
      return 'text';
    default:
      return 'f64';
  }
}
