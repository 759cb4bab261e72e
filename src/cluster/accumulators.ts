/** Accumulators of a job: what the subtasks counted, merged by name. */

/** What a subtask reports of one accumulator: how to merge it, and what it holds. */
export interface AccumulatorValue {
  readonly kind: 'sum' | 'min' | 'max' | 'average' | 'list' | 'histogram';
  readonly value: unknown;
}

export function mergeAccumulators(
  parts: readonly Readonly<Record<string, unknown>>[],
): Readonly<Record<string, unknown>> {
  const merged: Record<string, AccumulatorValue> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const own = value as AccumulatorValue;
      const so = merged[name];
      merged[name] = so === undefined ? own : { kind: own.kind, value: merge(own.kind, so.value, own.value) };
    }
  }
  return Object.fromEntries(Object.entries(merged).map(([name, { kind, value }]) => [name, result(kind, value)]));
}

interface Average {
  readonly sum: number;
  readonly count: number;
}

function merge(kind: AccumulatorValue['kind'], a: unknown, b: unknown): unknown {
  switch (kind) {
    case 'sum':
      return (a as number) + (b as number);
    case 'min':
      return Math.min(a as number, b as number);
    case 'max':
      return Math.max(a as number, b as number);
    case 'average':
      return { sum: (a as Average).sum + (b as Average).sum, count: (a as Average).count + (b as Average).count };
    case 'list':
      return [...(a as unknown[]), ...(b as unknown[])];
    case 'histogram': {
      const counts = new Map(a as Map<number, number>);
      for (const [value, count] of b as Map<number, number>) counts.set(value, (counts.get(value) ?? 0) + count);
      return counts;
    }
  }
}

function result(kind: AccumulatorValue['kind'], value: unknown): unknown {
  if (kind !== 'average') return value;
  const { sum, count } = value as Average;
  return count === 0 ? Number.NaN : sum / count;
}
