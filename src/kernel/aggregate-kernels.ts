/** What all tables of one aggregating operator share: the plan, the generated loops, and room to work in. */

import type { ColumnBatch } from '../data/column-batch.ts';
import { type LogicalType, Schema } from '../data/schema.ts';
import { AccumulatorTrace } from './accumulator-trace.ts';
import { AggregatePlan, type NamedAggregate } from './aggregates.ts';
import { AggregateUpdate } from './aggregate-update.ts';
import type { BatchMemory } from './batch-memory.ts';
import { BufferPool } from './buffer-pool.ts';
import { GroupFinder } from './group-find.ts';
import { GroupGather } from './group-gather.ts';
import { KeyHasher } from './key-hash.ts';
import { keyPartKind } from './key-parts.ts';

export interface AggregateOptions {
  readonly schema: Schema;
  /** The key columns. */
  readonly keys: readonly number[];
  readonly aggregates: readonly NamedAggregate[];
  readonly tag: string;
}

export class AggregateKernels {
  readonly plan: AggregatePlan;
  readonly keySchema: Schema;
  readonly finder: GroupFinder;
  /** For batches of key columns alone. */
  readonly keyFinder: GroupFinder;
  readonly keyHasher: KeyHasher;
  readonly update: AggregateUpdate;
  readonly gather: GroupGather;
  readonly pool = new BufferPool();
  readonly #hasher: KeyHasher;
  #hashes = new Int32Array(0);

  constructor({ schema, keys, aggregates, tag }: AggregateOptions) {
    this.plan = new AggregatePlan(schema, aggregates);
    this.keySchema = keySchema(schema, keys);
    const kinds = this.keyTypes.map(keyPartKind);
    const stride = keys.length + this.plan.accumulators.length;
    const places = keys.map((_, place) => place);
    this.finder = new GroupFinder(keys, kinds, stride, tag);
    this.keyFinder = new GroupFinder(places, kinds, stride, `${tag}/keys`);
    this.keyHasher = new KeyHasher(this.keySchema, places, `${tag}/keys`);
    this.update = new AggregateUpdate(schema, this.plan, keys.length, tag);
    this.gather = new GroupGather(this.plan, tag);
    this.#hasher = new KeyHasher(schema, keys, tag);
  }

  get keyTypes(): readonly LogicalType[] {
    return this.keySchema.fields.map((field) => field.type);
  }

  /** The hashes of a batch's keys by place among the rows that count; valid until the next call. */
  hash(batch: ColumnBatch): Int32Array {
    if (this.#hashes.length < batch.selected) this.#hashes = new Int32Array(batch.selected);
    this.#hasher.hash(batch, this.#hashes);
    return this.#hashes;
  }

  /** Room for the accumulators as they are behind each of `rows` rows. */
  traces(rows: number, wide: boolean, memory: BatchMemory): readonly AccumulatorTrace[] {
    return this.plan.accumulators.map((accumulator) => new AccumulatorTrace(accumulator, rows, wide, memory));
  }
}

function keySchema(schema: Schema, keys: readonly number[]): Schema {
  return new Schema(keys.map((index) => schema.fields[index] as Schema['fields'][number]));
}
