/**
 * Tumbling and hopping windows in event time over column batches.
 *
 * Rows are added to the accumulators of their key in the *slice* of time that they lie in. The slices of a tumbling
 * window are the windows; those of a hopping window are as long as the greatest common divisor of its size and its
 * hop, and a window is the sum of its slices. Results leave when the watermark passes a window's end, in batches of
 * bounded size between which the gate is asked; a barrier may come in between, and then only what has not left is in
 * the snapshot.
 */

import { MillstreamError } from '../base/error.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import { type Column } from '../data/column-batch.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { type Row, valueAt } from '../data/column-rows.ts';
import { keyGroupRange } from '../data/key.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { LogicalType, Schema } from '../data/schema.ts';
import { AggregateKernels } from '../kernel/aggregate-kernels.ts';
import { AggregatePlan, type NamedAggregate } from '../kernel/aggregates.ts';
import { TimeSlices } from '../kernel/time-slices.ts';
import type { ViewedState } from '../state/views.ts';
import { describeAggregates, namesOf, refuseRetractions } from './column-aggregate.ts';
import { checkAccumulators, restoreTables } from './column-state.ts';
import { WindowFiring } from './column-window-firing.ts';
import { OpenSlices } from './column-window-slices.ts';
import { ColumnWindowViews, FIRED, FIRING, SLICES } from './column-window-views.ts';
import { TIMER_METRIC } from './metered-timers.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

export interface ColumnWindowOptions {
  readonly schema: Schema;
  /** The key columns, which are the first columns of the output. */
  readonly keys: readonly number[];
  readonly aggregates: readonly NamedAggregate[];
  /** Milliseconds. */
  readonly sizeMs: number;
  /** Milliseconds between the starts of two windows; the size for tumbling windows. */
  readonly slideMs: number;
  /** Where windows begin, in milliseconds from the epoch. */
  readonly offsetMs: number;
}

const TIME_TYPE = LogicalType.notNull(LogicalType.timestamp(3));

/** The columns of a window aggregate: the key, `window_start` and `window_end`, then the results. */
function windowSchema(schema: Schema, keys: readonly number[], aggregates: readonly NamedAggregate[]): Schema {
  const { results } = new AggregatePlan(schema, aggregates);
  return new Schema([
    ...keys.map((index) => schema.fields[index] as Schema['fields'][number]),
    { name: 'window_start', type: TIME_TYPE },
    { name: 'window_end', type: TIME_TYPE },
    ...results.map(({ name, type }) => ({ name, type })),
  ]);
}

/**
 * @throws WINDOW_INVALID when size or hop are no whole positive numbers of milliseconds; GRAPH_INVALID when an
 * aggregate is not defined for its input.
 */
export function columnWindow(options: ColumnWindowOptions): OperatorDefinition & { readonly schema: Schema } {
  checkWindow(options);
  const schema = windowSchema(options.schema, options.keys, options.aggregates);
  const { sizeMs, slideMs, offsetMs } = options;
  return {
    kind: 'column-window',
    input: 'columns',
    output: 'columns',
    schema,
    changelog: false,
    create: () => new ColumnWindow(options, schema),
    describe: {
      window: slideMs === sizeMs ? 'tumbling' : 'hopping',
      sizeMs,
      ...(slideMs === sizeMs ? {} : { slideMs, sliceMs: sliceOf(options) }),
      ...(offsetMs === 0 ? {} : { offsetMs }),
      keys: namesOf(options.schema, options.keys),
      aggregates: describeAggregates(options.schema, options.aggregates),
    },
  };
}

function checkWindow({ sizeMs, slideMs, offsetMs }: ColumnWindowOptions): void {
  for (const [name, value] of [
    ['size', sizeMs],
    ['slide', slideMs],
  ] as const) {
    if (!Number.isSafeInteger(value) || value <= 0)
      throw new MillstreamError(
        'WINDOW_INVALID',
        `The ${name} of a window must be a whole positive number of milliseconds, but is ${value}.`,
      );
  }
  if (!Number.isSafeInteger(offsetMs))
    throw new MillstreamError(
      'WINDOW_INVALID',
      `The offset of a window must be a whole number of milliseconds, but is ${offsetMs}.`,
    );
}

function sliceOf({ sizeMs, slideMs }: ColumnWindowOptions): number {
  let [a, b] = [sizeMs, slideMs];
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

class ColumnWindow extends PlainOperator<ColumnBatch> implements InputOperator<ColumnBatch> {
  /** Windows that have not fired are state: a barrier may pass a burst. */
  readonly interruptible = true;
  readonly #options: ColumnWindowOptions;
  readonly #schema: Schema;
  readonly #kernels: AggregateKernels;
  readonly #times: TimeSlices;
  #slices!: OpenSlices;
  #firing!: WindowFiring;
  #views!: ColumnWindowViews;
  #watermark = MIN_WATERMARK;

  constructor(options: ColumnWindowOptions, schema: Schema) {
    super();
    this.#options = options;
    this.#schema = schema;
    this.#kernels = new AggregateKernels({ ...options, tag: 'window' });
    this.#times = new TimeSlices(sliceOf(options), options.offsetMs);
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    const { maxParallelism, parallelism, subtask } = context.task;
    const range = { keyGroups: keyGroupRange(maxParallelism, parallelism, subtask), maxParallelism };
    this.#slices = new OpenSlices(this.#kernels, range, {
      sizeMs: this.#options.sizeMs,
      slideMs: this.#options.slideMs,
      sliceMs: sliceOf(this.#options),
      offsetMs: this.#options.offsetMs,
    });
    context.metrics.gauge(TIMER_METRIC, () => this.#slices.waiting);
    this.#firing = new WindowFiring(
      this.#schema,
      this.#options.keys.length,
      this.#options.sizeMs,
      (batch) => this.output.emit(batch, NO_TIMESTAMP, 0),
      context.gate,
    );
    checkAccumulators(context, this.#kernels);
    const { restoredState } = context;
    restoreTables(restoredState, SLICES, this.#kernels, (slice) => this.#slices.of(slice as number));
    restoreTables(restoredState, FIRING, this.#kernels, (end) => this.#slices.partlyFired(end as number));
    for (const { keyGroup, value } of restoredState.keyed.find((state) => state.name === FIRED)?.entries() ?? [])
      this.#slices.restoreFired(keyGroup, value as number);
    this.#views = new ColumnWindowViews(
      this.#slices,
      this.#firing,
      range.keyGroups,
      context.types,
      restoredState.keyed.length > 0,
    );
  }

  element(batch: ColumnBatch): void {
    if (batch.selected === 0) return;
    refuseRetractions(batch, this.context.task.operatorName);
    if (batch.timestamps === undefined) throw this.#untimed('its input has no timestamps');
    const onTime = this.#dropLate(batch, batch.timestamps);
    if (onTime.selected === 0) return;
    const hashes = this.#kernels.hash(onTime);
    this.#times.assign(onTime, batch.timestamps, (slice, range) => this.#slices.of(slice).add(onTime, range, hashes));
  }

  /** Rows whose last window has fired are counted as late, and no longer count. */
  #dropLate(batch: ColumnBatch, timestamps: Float64Array): ColumnBatch {
    const first = this.#times.least(batch, timestamps);
    if (first === NO_TIMESTAMP) throw this.#untimed('a row has no timestamp');
    const least = this.#slices.leastOpen(this.#watermark);
    if (first >= least) return batch;
    const passed = this.#slices.passed(this.#watermark);
    const kept = new Int32Array(batch.selected);
    let count = 0;
    for (let at = 0; at < batch.selected; at++) {
      const row = batch.selection === undefined ? at : (batch.selection[at] as number);
      const timestamp = timestamps[row] as number;
      if (timestamp >= least) kept[count++] = row;
      // Between hopping windows lie times that are in no window: such a row may be on time, and is nobody's.
      else if (timestamp < passed) this.context.dropped('late', rowAt(batch, row), timestamp);
    }
    return batch.select(kept, count);
  }

  #untimed(what: string): MillstreamError {
    const { operatorName } = this.context.task;
    return new MillstreamError(
      'TIMESTAMP_MISSING',
      `"${operatorName}" makes windows in event time, and ${what}. Assign timestamps from a column without NULLs first.`,
      { details: { operator: operatorName } },
    );
  }

  override watermark(timestamp: Timestamp): void {
    this.#watermark = timestamp;
    this.#fire();
  }

  override resume(): void {
    this.#fire();
  }

  /** Fires every window that the watermark has passed, then forwards it; pauses in between when the gate says so. */
  #fire(): void {
    for (;;) {
      if (!this.#firing.goOn()) {
        this.context.gate.pause(this);
        return;
      }
      const window = this.#slices.nextWindow(this.#watermark);
      if (window === undefined) break;
      this.#firing.begin(window);
    }
    this.#slices.advance(this.#watermark);
    this.output.watermark(this.#watermark);
  }

  viewed(): ViewedState {
    return this.#views;
  }

  override close(): void {
    this.#firing?.release();
    this.#slices?.release();
  }
}

function rowAt(batch: ColumnBatch, row: number): Row {
  return Object.fromEntries(
    batch.schema.fields.map(({ name }, index) => [name, valueAt(batch.columns[index] as Column, row)]),
  );
}
