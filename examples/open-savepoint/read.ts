/** Reads a savepoint without the engine: its files are Apache Arrow's, a row for each entry of state. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC, type Table } from 'apache-arrow';

/** Every state with its columns, and the rows of those that are small. */
export function printSavepoint(directory: string): void {
  for (const file of globSync('**/*.arrow', { cwd: directory }).toSorted()) {
    const table = tableFromIPC(readFileSync(join(directory, file)));
    const { metadata } = table.schema;
    const operator = metadata.get('millstream.operator');
    console.log(`${operator}: ${metadata.get('millstream.state')}, ${metadata.get('millstream.kind')}`);
    const columns = table.schema.fields.filter(({ type }) => String(type) !== 'Null');
    console.log(columns.map(({ name, type }) => `${name} ${type}`).join(', '));
    if (metadata.get('millstream.kind')?.startsWith('list') !== true) printRows(table);
  }
}

function printRows(table: Table): void {
  const rows = table.toArray().map((row) => {
    const { key, value, timestamp } = row.toJSON() as Record<string, unknown>;
    return `${String(key)} → ${JSON.stringify(value ?? timestamp, plain)}`;
  });
  for (const line of rows.toSorted()) console.log(line);
}

/** Integers of 64 bits are bigints, which JSON does not know. */
function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
