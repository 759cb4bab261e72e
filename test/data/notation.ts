/**
 * The small notation of the golden vectors: JSON, where an object with one `$` field stands for what JSON lacks:
 * `{"$number": "NaN"}`, `{"$bigint": "5"}`, `{"$date": 0}`, `{"$bytes": "00ff"}`, `{"$undefined": true}`.
 */

export function fromNotation(notation: unknown): unknown {
  if (typeof notation !== 'object' || notation === null) return notation;
  if (Array.isArray(notation)) return notation.map(fromNotation);
  const fields = notation as Record<string, unknown>;
  if ('$number' in fields) return Number(fields['$number']);
  if ('$bigint' in fields) return BigInt(String(fields['$bigint']));
  if ('$date' in fields) return new Date(fields['$date'] === null ? Number.NaN : Number(fields['$date']));
  if ('$bytes' in fields) return new Uint8Array(Buffer.from(String(fields['$bytes']), 'hex'));
  if ('$undefined' in fields) return undefined;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromNotation(value)]));
}
