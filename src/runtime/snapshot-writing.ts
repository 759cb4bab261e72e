/**
 * The snapshots of a task that are being written: slice by slice between its turns, the oldest first, then as files,
 * and in the end they are told to whoever waits for them.
 */

import { describeThrown } from '../base/error.ts';
import type { Clock } from '../base/world.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import type { ChainSnapshot } from './chain-snapshot.ts';

/** How long a slice goes on: what a record may have to wait for it. */
const SLICE_MS = 1;

interface Writing {
  readonly snapshot: ChainSnapshot;
  readonly began: number;
  readonly done: (operators: readonly OperatorSnapshot[]) => void;
  readonly failed: (reason: string) => void;
  /** Until the storage has caught up. */
  waiting: boolean;
}

export class SnapshotWriting {
  readonly #clock: Clock;
  readonly #post: (callback: () => void) => void;
  #writing: readonly Writing[] = [];
  #syncMs = 0;
  #asyncMs = 0;
  #bytes = 0;

  /** `post` runs a callback in the next turn of the task. */
  constructor(clock: Clock, post: (callback: () => void) => void) {
    this.#clock = clock;
    this.#post = post;
  }

  /** Begins a snapshot, now; `done` or `failed` is called later, unless it is given up before. */
  begin(fix: () => ChainSnapshot, done: Writing['done'], failed: Writing['failed']): void {
    const began = this.#clock.monotonic();
    let snapshot: ChainSnapshot;
    try {
      snapshot = fix();
    } catch (error) {
      failed(describeThrown(error));
      return;
    }
    this.#syncMs = this.#clock.monotonic() - began;
    this.#writing = [...this.#writing, { snapshot, began, done, failed, waiting: false }];
  }

  /** Writes a slice; returns whether there is more to write at once. */
  slice(): boolean {
    if (this.#writing.length === 0) return false;
    const until = this.#clock.monotonic() + SLICE_MS;
    for (const writing of this.#writing) {
      if (writing.waiting) continue;
      if (writing.snapshot.over) this.#remove(writing);
      else if (!this.#advance(writing, until)) return true;
    }
    return false;
  }

  /** False when the slice is over before the snapshot is written. */
  #advance(writing: Writing, until: number): boolean {
    try {
      const result = writing.snapshot.advance(() => this.#clock.monotonic() < until);
      if (result === 'more') return false;
      if (result === 'done') this.#finish(writing);
      else this.#await(writing, result);
    } catch (error) {
      this.#fail(writing, error);
    }
    return true;
  }

  #await(writing: Writing, drained: Promise<void>): void {
    writing.waiting = true;
    drained.then(
      () =>
        this.#post(() => {
          writing.waiting = false;
        }),
      (error: unknown) => this.#post(() => this.#fail(writing, error)),
    );
  }

  #finish(writing: Writing): void {
    this.#remove(writing);
    writing.snapshot.finish().then(
      ({ operators, written }) =>
        this.#post(() => {
          this.#asyncMs = this.#clock.monotonic() - writing.began;
          this.#bytes = written;
          if (!writing.snapshot.over) writing.done(operators);
        }),
      (error: unknown) => this.#post(() => this.#fail(writing, error)),
    );
  }

  #fail(writing: Writing, error: unknown): void {
    this.#remove(writing);
    // What was given up fails because of that.
    if (writing.snapshot.over) return;
    writing.snapshot.abort();
    writing.failed(describeThrown(error));
  }

  #remove(writing: Writing): void {
    this.#writing = this.#writing.filter((other) => other !== writing);
  }

  /** Nothing more is written. */
  stop(): void {
    this.#writing = [];
  }

  /** Of the snapshot that was last: in milliseconds and bytes. */
  metrics(): Readonly<Record<string, number>> {
    return { checkpointSyncMs: this.#syncMs, checkpointAsyncMs: this.#asyncMs, checkpointBytes: this.#bytes };
  }
}
