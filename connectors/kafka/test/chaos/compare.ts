/** Compares what was written with what should have been, record by record, as multisets. */

export interface Difference {
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
}

export function difference(expected: readonly string[], actual: readonly string[]): Difference {
  const owed = new Map<string, number>();
  for (const record of expected) owed.set(record, (owed.get(record) ?? 0) + 1);
  const surplus: string[] = [];
  for (const record of actual) {
    const left = owed.get(record) ?? 0;
    if (left === 0) surplus.push(record);
    else owed.set(record, left - 1);
  }
  const missing: string[] = [];
  for (const [record, count] of owed) for (let i = 0; i < count; i++) missing.push(record);
  return { missing, surplus };
}

export function isSame({ missing, surplus }: Difference): boolean {
  return missing.length === 0 && surplus.length === 0;
}

export function told({ missing, surplus }: Difference): string {
  const some = (records: readonly string[]): string =>
    `${records.length}${records.length === 0 ? '' : `, the first: ${records.slice(0, 5).join(' | ')}`}`;
  return `lost ${some(missing)}; doubled or wrong ${some(surplus)}`;
}
