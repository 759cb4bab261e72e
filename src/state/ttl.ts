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
}
