/** Sources whose values are column batches, and sinks that take them. */

import type { Sink } from '../connect/sink.ts';
import type { ReaderOutput, Source, SourceReader } from '../connect/source.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import type { CoordinatorFactory } from './coordinator.ts';
import { columnWatermarkStrategy } from './column-timestamps.ts';
import type { OperatorDefinition } from './operator.ts';
import { sinkDefinition, type SinkOperatorOptions } from './sink-operator.ts';
import { sourceDefinition, type SourceOperatorOptions } from './source-operator.ts';
import { WatermarkStrategy } from '../time/watermark-strategy.ts';

export interface ColumnSourceOptions {
  /** Gives batches their timestamps; without it they keep those that the source gave them. */
  readonly stamp: ((batch: ColumnBatch) => ColumnBatch) | undefined;
  /** Milliseconds that the watermark stays behind the greatest timestamp; undefined: no watermarks. */
  readonly boundMs: number | undefined;
  /** What of the job's settings concerns the source. */
  readonly operator: SourceOperatorOptions;
}

interface Definition {
  readonly definition: OperatorDefinition;
  readonly coordinator: CoordinatorFactory;
}

/** The definition of a source of column batches. */
export function columnSource<Split, State>(
  source: Source<ColumnBatch, Split, State>,
  { stamp, boundMs, operator }: ColumnSourceOptions,
): Definition {
  const strategy =
    boundMs === undefined ? WatermarkStrategy.noWatermarks<ColumnBatch>() : columnWatermarkStrategy(boundMs);
  const stamped = stamp === undefined ? source : stampedSource(source, stamp);
  const { definition, coordinator } = sourceDefinition(
    stamped as unknown as Source<ColumnBatch, never, never>,
    strategy,
    operator,
  );
  return { definition: { ...definition, output: 'columns' }, coordinator };
}

/** The same source, whose readers stamp each batch. */
function stampedSource<Split, State>(
  source: Source<ColumnBatch, Split, State>,
  stamp: (batch: ColumnBatch) => ColumnBatch,
): Source<ColumnBatch, Split, State> {
  return {
    name: source.name,
    boundedness: source.boundedness,
    replayable: source.replayable,
    ...(source.parallelism === undefined ? {} : { parallelism: source.parallelism }),
    ...(source.reassignsSplits === undefined ? {} : { reassignsSplits: source.reassignsSplits }),
    createEnumerator: (context, restored) => source.createEnumerator(context, restored),
    createReader: (context) => stampedReader(source.createReader(context), stamp),
    splitId: (split) => source.splitId(split),
  };
}

function stampedReader<Split>(
  reader: SourceReader<ColumnBatch, Split>,
  stamp: (batch: ColumnBatch) => ColumnBatch,
): SourceReader<ColumnBatch, Split> {
  // One wrapper per output that the reader is given, not one per poll.
  const outputs = new WeakMap<ReaderOutput<ColumnBatch>, ReaderOutput<ColumnBatch>>();
  const wrap = (output: ReaderOutput<ColumnBatch>): ReaderOutput<ColumnBatch> => {
    const known = outputs.get(output);
    if (known !== undefined) return known;
    const made: ReaderOutput<ColumnBatch> = {
      collect: (batch, timestamp) => output.collect(stamp(batch), timestamp),
      proceed: () => output.proceed(),
      forSplit: (splitId) => wrap(output.forSplit(splitId)),
      releaseSplit: (splitId) => output.releaseSplit(splitId),
      side: (tag, value) => output.side(tag, value),
      dropped: (value) => output.dropped(value),
    };
    outputs.set(output, made);
    return made;
  };
  return {
    start: () => reader.start(),
    addSplits: (splits) => reader.addSplits(splits),
    noMoreSplits: () => reader.noMoreSplits(),
    poll: (output) => reader.poll(wrap(output)),
    available: () => reader.available(),
    snapshot: (checkpoint) => reader.snapshot(checkpoint),
    pauseOrResumeSplits: (pause, resume) => reader.pauseOrResumeSplits?.(pause, resume),
    checkpointComplete: (checkpoint) => reader.checkpointComplete?.(checkpoint),
    fromEnumerator: (event) => reader.fromEnumerator?.(event),
    close: () => reader.close(),
  };
}

/** The definition of a sink of column batches: its writer is given one batch at a time. */
export function columnSink<Committable, State>(
  sink: Sink<ColumnBatch, Committable, State>,
  options: SinkOperatorOptions = {},
): { readonly definition: OperatorDefinition; readonly coordinator: CoordinatorFactory | undefined } {
  const { definition, coordinator } = sinkDefinition(sink as unknown as Sink<ColumnBatch, never, never>, options);
  return { definition: { ...definition, kind: 'column-sink', input: 'columns' }, coordinator };
}
