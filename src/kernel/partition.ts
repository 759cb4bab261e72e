/** Replaced by the column path: see EdgeWriter.columns. */
import { MillstreamError } from '../base/error.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
export function partitionColumns(_batch: ColumnBatch, _columns: readonly number[], _channelOfGroup: Int32Array, _maxParallelism: number, _channels: number): (ColumnBatch | undefined)[] {
  throw new MillstreamError('INTERNAL_INVARIANT', 'columns are not partitioned yet');
}
