/** Rolling counts over columns, whose table is restored while its snapshot is read. */

import { job } from 'millstream';
import { ColumnSchema, count, DataTypes } from 'millstream/columns';

const RECORDS = 800;
const KEYS = 40;

const COLUMNS = ColumnSchema.of({ key: DataTypes.STRING().notNull(), n: DataTypes.DOUBLE().notNull() });

export default job('column-counts', (env) => {
  env.setParallelism(2);
  env
    .fromSequence(1, RECORDS)
    .map((n) => ({ key: `key ${n % KEYS}`, n }))
    .toColumns(COLUMNS, { batchRows: 16 })
    .keyBy('key')
    .aggregate((one) => ({ count: count(), most: one.n.max() }))
    .toRows()
    .map(({ key, count: so }) => `${key}: ${so}`)
    .collect('result');
});
