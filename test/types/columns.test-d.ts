/** What the compiler must know of column streams without annotations, and what it must refuse. Compiled, never run. */
import {
  coalesce,
  concat,
  count,
  ifThenElse,
  lit,
  not,
  type AggregateExpression,
  type ColumnExpression,
} from '../../src/api/column-expression.ts';
import { ColumnSchema } from '../../src/api/column-schema.ts';
import type { ColumnStream, OperatorColumnStream } from '../../src/api/column-stream.ts';
import { DataTypes } from '../../src/api/data-types.ts';
import type { DataStream } from '../../src/api/data-stream.ts';
import type { StreamEnvironment } from '../../src/api/environment.ts';
import type { SingleOutputStream } from '../../src/api/single-output-stream.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { type Equal, same } from './equal.ts';

declare const env: StreamEnvironment;
declare const records: DataStream<{ id: number }>;

const schema = ColumnSchema.of({
  id: DataTypes.INT().notNull(),
  amount: DataTypes.BIGINT().notNull(),
  price: DataTypes.DOUBLE(),
  name: DataTypes.STRING(),
  open: DataTypes.BOOLEAN().notNull(),
});

interface Bid {
  readonly id: number;
  readonly amount: number | bigint;
  readonly price: number | null;
  readonly name: string | null;
  readonly open: boolean;
}

// A schema says what its rows are.
same<Equal<typeof schema, ColumnSchema<Bid>>>(true);
const bids = records.toColumns(schema);
same<Equal<typeof bids, OperatorColumnStream<Bid>>>(true);
same<Equal<ReturnType<typeof bids.toRows>, SingleOutputStream<Bid>>>(true);

// Selections have the types of their expressions, with NULL where an operand may be NULL.
const selected = bids.select((bid) => ({
  twice: bid.id.times(2),
  big: bid.id.plus(bid.amount),
  maybe: bid.price.plus(bid.id),
  label: concat(bid.name, lit('!')),
  upper: bid.name.upperCase(),
  length: bid.name.charLength(),
  sure: bid.price.ifNull(0),
  dear: bid.price.isGreater(10),
  known: bid.price.isNotNull(),
  text: bid.id.cast(DataTypes.STRING()),
  parsed: bid.name.tryCast(DataTypes.INT()),
  either: ifThenElse(bid.open, bid.id, lit(0)),
  first: coalesce(bid.price, lit(1)),
  closed: not(bid.open),
}));
same<
  Equal<
    typeof selected,
    OperatorColumnStream<{
      readonly twice: number;
      readonly big: number | bigint;
      readonly maybe: number | null;
      readonly label: string | null;
      readonly upper: string | null;
      readonly length: number | null;
      readonly sure: number;
      readonly dear: boolean | null;
      readonly known: boolean;
      readonly text: string;
      readonly parsed: number | null;
      readonly either: number;
      readonly first: number | null;
      readonly closed: boolean;
    }>
  >
>(true);
same<Equal<ReturnType<typeof picked.toRows>, SingleOutputStream<Pick<Bid, 'id' | 'name'>>>>(true);
const picked = bids.select('id', 'name');

// Aggregates have the key's columns and their own.
const totals = bids
  .keyBy('name', 'open')
  .aggregate((bid) => ({ n: count(), sum: bid.amount.sum(), mean: bid.price.avg() }));
const total: SingleOutputStream<{
  readonly name: string | null;
  readonly open: boolean;
  readonly n: number | bigint;
  readonly sum: number | bigint;
  readonly mean: number | null;
}> = totals.toRows();
void total;
const windowed = bids
  .keyBy('id')
  .window(TumblingEventTimeWindows.of(1_000))
  .aggregate((bid) => ({ least: bid.name.min() }));
const window: SingleOutputStream<{
  readonly id: number;
  readonly window_start: number;
  readonly window_end: number;
  readonly least: string | null;
}> = windowed.toRows();
void window;

// Sources.
declare const source: Parameters<typeof env.fromColumnSource>[0];
const sourced: ColumnStream<Bid> = env.fromColumnSource(source, schema, {
  timestamp: 'amount',
  maxOutOfOrdernessMs: 5,
});
void sourced;
void schema.batch({ id: Int32Array.of(1), amount: [1n], price: [null], name: ['a'], open: [true] });

// Refused: columns that are not there.
// @ts-expect-error
bids.keyBy('nobody');
// @ts-expect-error
bids.select('nobody');
// @ts-expect-error
bids.filter((bid) => bid.nobody.isEqual(1));
// @ts-expect-error
env.fromColumnSource(source, schema, { timestamp: 'nobody' });
// @ts-expect-error
schema.batch({ id: Int32Array.of(1) });

// Refused: operands that do not fit.
// @ts-expect-error
bids.filter((bid) => bid.id.plus(1));
// @ts-expect-error
bids.select((bid) => ({ x: bid.name.plus(1) }));
// @ts-expect-error
bids.select((bid) => ({ x: bid.id.isEqual('1') }));
// @ts-expect-error
bids.select((bid) => ({ x: bid.id.upperCase() }));
// @ts-expect-error
bids.select((bid) => ({ x: bid.id.and(bid.open) }));
// @ts-expect-error
bids.keyBy('id').aggregate((bid) => ({ x: bid.name.sum() }));
// @ts-expect-error
bids.keyBy('id').aggregate((bid) => ({ x: bid.id }));
// @ts-expect-error
bids.select((bid) => ({ x: bid.id.sum() }));
// @ts-expect-error
bids.keyBy();

same<Equal<AggregateExpression<number>, ColumnExpression<number>>>(false);
