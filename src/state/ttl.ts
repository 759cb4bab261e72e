/** Time to live of state: processing time only, enforced lazily, as in Flink's StateTtlConfig. */

export interface StateTtl {
  /** Milliseconds since the last write (or read, by `update`) after which an entry has expired. */
  readonly timeToLive: number;
  /** Default `on-create-and-write`. */
  readonly update?: 'disabled' | 'on-create-and-write' | 'on-read-and-write';
  /** Default `never-return-expired`. */
  readonly visibility?: 'never-return-expired' | 'return-expired-if-not-cleaned-up';
  readonly cleanup?: {
    /** Expired entries are left out of snapshots. Default false. */
    readonly fullSnapshot?: boolean;
    /** Entries looked at per state access, and whether also once per record. Default 5, false; `false` turns it off. */
    readonly incremental?: { readonly entries: number; readonly everyRecord: boolean } | false;
  };
  /**
   * Whether what has expired is told when it is removed: counted, and sent to `getDropped('expired')` of the stream.
   * It then stays in snapshots until it is. Default false.
   */
  readonly reportExpired?: boolean;
}

/** Hears of a value that is removed because it has expired; `entryKey` is that of a map's entry. */
export type ExpiredListener = (state: string, key: unknown, value: unknown, entryKey: unknown) => void;

const CLEANUP_ENTRIES_DEFAULT = 5;

/** A {@link StateTtl} with its defaults filled in. */
export interface TtlRules {
  readonly timeToLive: number;
  readonly refreshOnRead: boolean;
  /** An expired value that is still there is returned once, and removed by that. */
  readonly returnExpired: boolean;
  readonly fullSnapshot: boolean;
  /** Entries that incremental cleanup looks at; 0 when it is off. */
  readonly sweepEntries: number;
  readonly sweepEveryRecord: boolean;
  /** Wall-clock time in milliseconds. */
  readonly clock: () => number;
  /** Told of every value that is removed because it has expired; undefined where nobody asked for that. */
  readonly expired: ((key: unknown, value: unknown, entryKey?: unknown) => void) | undefined;
}

/** Undefined where TTL is off. */
export function ttlRules(
  { name, ttl }: { readonly name: string; readonly ttl: StateTtl | undefined },
  clock: () => number,
  listener: ExpiredListener | undefined,
): TtlRules | undefined {
  if (ttl === undefined || ttl.update === 'disabled') return undefined;
  const reports = ttl.reportExpired === true && listener !== undefined;
  const incremental = ttl.cleanup?.incremental ?? { entries: CLEANUP_ENTRIES_DEFAULT, everyRecord: false };
  return {
    timeToLive: ttl.timeToLive,
    refreshOnRead: ttl.update === 'on-read-and-write',
    returnExpired: ttl.visibility === 'return-expired-if-not-cleaned-up',
    fullSnapshot: ttl.cleanup?.fullSnapshot === true && !reports,
    sweepEntries: incremental === false ? 0 : incremental.entries,
    sweepEveryRecord: incremental !== false && incremental.everyRecord,
    clock,
    expired: reports ? (key, value, entryKey) => listener(name, key, value, entryKey) : undefined,
  };
}
