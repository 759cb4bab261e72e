/** The enumerator of a file source: finds files, once or again and again, and hands out their ranges. */

import { discoverFiles, type DiscoveryOptions } from './file-discovery.ts';
import { fileSplits, type FileSplit, type FoundFile } from './file-split.ts';
import type { EnumeratorContext, SplitEnumerator } from './source.ts';

export interface FileEnumeratorOptions extends DiscoveryOptions {
  /** Whether a file may be cut into ranges. */
  readonly splittable: (path: string) => boolean;
  /** `undefined`: by the amount of data and the parallelism. */
  readonly splitBytes: number | undefined;
  /** Milliseconds between two looks; `undefined` for one look. */
  readonly monitorIntervalMs: number | undefined;
  readonly order: 'any' | 'deterministic';
}

/** A range that nobody reads yet. */
interface PendingSplit {
  /** How many were found before it: decides who reads it, where the order is deterministic. */
  readonly index: number;
  readonly split: FileSplit;
}

/** What a checkpoint holds of the search for files. Plain data. */
export interface FileEnumeratorState {
  readonly pending: readonly PendingSplit[];
  /** Paths that were found, which are never read again. */
  readonly seen: readonly string[];
  readonly nextIndex: number;
  /** Whether the one look of a bounded source has been taken. */
  readonly complete: boolean;
}

/** Ranges that a source makes by itself hold between these many bytes. */
const SPLIT_BYTES_MIN = 1024 * 1024;
const SPLIT_BYTES_MAX = 64 * 1024 * 1024;

/** Ranges for each subtask, so that one that is slow does not hold up the end. */
const SPLITS_PER_SUBTASK = 4;

export class FileEnumerator implements SplitEnumerator<FileSplit, FileEnumeratorState> {
  readonly #context: EnumeratorContext<FileSplit>;
  readonly #options: FileEnumeratorOptions;
  readonly #seen: Set<string>;
  #pending: PendingSplit[];
  #nextIndex: number;
  #complete: boolean;
  /** Readers that asked and were given nothing yet. */
  readonly #waiting = new Set<number>();

  constructor(
    context: EnumeratorContext<FileSplit>,
    options: FileEnumeratorOptions,
    restored: FileEnumeratorState | undefined,
  ) {
    this.#context = context;
    this.#options = options;
    this.#pending = [...(restored?.pending ?? [])];
    this.#seen = new Set(restored?.seen);
    this.#nextIndex = restored?.nextIndex ?? 0;
    this.#complete = restored?.complete ?? false;
  }

  start(): void {
    if (this.#complete) return;
    const { storage } = this.#context.world;
    const discover = (): Promise<readonly FoundFile[]> => discoverFiles(storage, this.#options);
    this.#context.call(discover, (files) => this.#found(files), this.#options.monitorIntervalMs);
  }

  addReader(): void {}

  handleSplitRequest(subtask: number): void {
    this.#waiting.add(subtask);
    this.#serve();
  }

  addSplitsBack(splits: readonly FileSplit[]): void {
    this.#pending.unshift(...splits.map((split) => ({ index: this.#nextIndex++, split })));
    this.#serve();
  }

  snapshot(): FileEnumeratorState {
    return {
      pending: [...this.#pending],
      seen: [...this.#seen],
      nextIndex: this.#nextIndex,
      complete: this.#complete,
    };
  }

  close(): void {}

  #found(files: readonly FoundFile[]): void {
    const monitoring = this.#options.monitorIntervalMs !== undefined;
    const fresh = files.filter((file) => !this.#seen.has(file.path)).toSorted(monitoring ? byAge : byPath);
    const splitBytes = this.#options.splitBytes ?? this.#balancedSplitBytes(fresh);
    for (const file of fresh) {
      this.#seen.add(file.path);
      for (const split of fileSplits(file, this.#options.splittable(file.path), splitBytes)) {
        this.#pending.push({ index: this.#nextIndex++, split });
      }
    }
    this.#complete = !monitoring;
    this.#serve();
  }

  #balancedSplitBytes(files: readonly FoundFile[]): number {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const balanced = Math.ceil(bytes / (this.#context.parallelism * SPLITS_PER_SUBTASK));
    return Math.min(SPLIT_BYTES_MAX, Math.max(SPLIT_BYTES_MIN, balanced));
  }

  #serve(): void {
    for (const subtask of this.#waiting) {
      const split = this.#takeFor(subtask);
      if (split !== undefined) {
        this.#waiting.delete(subtask);
        this.#context.assign(subtask, [split]);
      } else if (this.#complete) {
        this.#waiting.delete(subtask);
        this.#context.noMoreSplits(subtask);
      }
    }
  }

  #takeFor(subtask: number): FileSplit | undefined {
    if (this.#options.order === 'any') return this.#pending.shift()?.split;
    const own = this.#pending.findIndex(({ index }) => index % this.#context.parallelism === subtask);
    return own === -1 ? undefined : this.#pending.splice(own, 1)[0]?.split;
  }
}

function byPath(a: FoundFile, b: FoundFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Files come in the order in which they were written, as far as their times tell. */
function byAge(a: FoundFile, b: FoundFile): number {
  return a.modifiedAt - b.modifiedAt || byPath(a, b);
}
