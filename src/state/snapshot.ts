/**
 * How state leaves an operator and comes back.
 *
 * At a barrier an operator describes its state to a {@link SnapshotWriter}: keyed entries under their key groups,
 * and lists with the way in which they are dealt out when the parallelism changes. What it writes becomes an
 * {@link OperatorSnapshot}: bytes by state and key group, in the canonical form that every backend reads. On restore
 * each subtask is handed the parts that now belong to it as a {@link RestoredState}.
 *
 * The writer may take its bytes at once or fix a view and read it later; an operator only promises that what it
 * handed over is the state at the barrier, and protects it by handing over copies or by versions.
 */

/** How an operator's list is dealt out to the subtasks on restore. */
export type Redistribution =
  /** Item by item, round robin. */
  | 'split'
  /** Every subtask gets all items of all subtasks. */
  | 'union'
  /** Every subtask gets the items of one subtask: they are all the same. */
  | 'broadcast';

/** Takes the entries of one keyed state. */
export interface KeyedEntryWriter {
  /** `namespace` tells windows apart; undefined where there is none. Values are encoded before the call returns. */
  entry(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void;
}

/** What an operator describes its state to. */
export interface SnapshotWriter {
  readonly checkpoint: number;
  readonly type: 'checkpoint' | 'savepoint';
  keyed(state: { readonly name: string; readonly kind: string; readonly version: number }): KeyedEntryWriter;
  list(name: string, redistribution: Redistribution, items: readonly unknown[], version?: number): void;
}

/** A keyed state of a checkpoint, as far as it belongs to this subtask. */
export interface RestoredKeyedState {
  readonly name: string;
  /** The kind of the descriptor, with `+ttl` where values carry stamps, or that of timers; see `cell-shape.ts`. */
  readonly kind: string;
  /** The versions of its values, ascending. */
  readonly versions: readonly number[];
  /** What it holds for this subtask's key groups, as it was written. */
  readonly groups: readonly KeyGroupState[];
  /**
   * What is there, each key and namespace (and timestamp of a timer) once: what was replaced and removed since is left
   * out, and maps and lists are put together. Key groups come one after the other.
   */
  entries(): Iterable<RestoredEntry>;
  /**
   * The parts of all groups, in the order in which they are to be applied, for who keeps the state itself: an entry
   * replaces what came before it. Rows of columns are entries too; a removal of columns names none, it is about all
   * that is under its namespace.
   */
  parts(): Iterable<RestoredPart>;
  /** The bytes of a part of {@link groups}. */
  bytesOf(part: KeyGroupPart): Uint8Array;
}

/** A part as it is read: `next` goes on to the next entry or removal, whose fields are then here. */
export interface RestoredPart {
  readonly group: number;
  readonly part: KeyGroupPart;
  next(): boolean;
  readonly key: unknown;
  readonly namespace: unknown;
  /** Undefined but for entries of maps, and for timers, of which it is the timestamp. */
  readonly entryKey: unknown;
  /** -1, or where the items in `value` begin in their list. */
  readonly index: number;
  readonly value: unknown;
  /** Whether `encoded` can be moved to another part as it is. */
  readonly standalone: boolean;
  readonly encoded: Uint8Array;
}

/** Takes a keyed state in part by part, while it is read. */
export interface PartTaker {
  /** The parts come in the order in which they are to be applied. A part may be read during the call, not later. */
  take(part: RestoredPart): void;
  /** That was the last one. */
  end(): void;
}

/** One entry of a keyed state, as it was written; the value of a timer is its timestamp. */
export interface RestoredEntry {
  readonly version: number;
  readonly keyGroup: number;
  readonly key: unknown;
  readonly namespace: unknown;
  readonly value: unknown;
}

/** A list of a checkpoint, as far as it belongs to this subtask. */
export interface RestoredList {
  readonly name: string;
  readonly redistribution: Redistribution;
  readonly version: number;
  readonly items: readonly unknown[];
}

/** What a checkpoint holds for one operator subtask. */
export interface RestoredState {
  readonly keyed: readonly RestoredKeyedState[];
  readonly lists: readonly RestoredList[];
  list(name: string): RestoredList | undefined;
}

/**
 * A piece of what a state holds for one key group. The pieces of a group are read in order.
 *
 * `base` and `delta` put entries: a later one replaces an earlier one of the same identity (key, namespace, and entry of
 * a map or timestamp of a timer), and one for a whole key and namespace replaces all of it. `removals` name what is
 * gone. The first of a group are `base`, as long as no checkpoint has built upon another. How entries become bytes is
 * said in `part-entries.ts`; `columns` are key and accumulator columns of a table over columns; `arrow` is a stretch of
 * a savepoint's file in Apache Arrow's format, which becomes `entries` before a task sees it.
 */
export interface KeyGroupPart {
  readonly kind: 'base' | 'delta' | 'removals';
  readonly encoding: 'entries' | 'columns' | 'arrow';
  /** The version of the values, as their descriptor had it. */
  readonly version: number;
  /** Entries, or removals. */
  readonly count: number;
  readonly bytes: StateBytes;
}

/** All that a state holds for one key group. */
export interface KeyGroupState {
  readonly group: number;
  readonly parts: readonly KeyGroupPart[];
}

/** A snapshot of one operator subtask as plain, serialisable data. */
export interface OperatorSnapshot {
  readonly operatorId: string;
  /**
   * The watermark that the operator's task had seen; with the first operator of a task that has inputs. Absent, or
   * -Infinity, when there was none yet.
   */
  readonly watermark?: number;
  readonly keyed: readonly {
    readonly name: string;
    readonly kind: string;
    readonly groups: readonly KeyGroupState[];
    /** In savepoints of the canonical format. */
    readonly described?: StateDescription;
  }[];
  readonly lists: readonly {
    readonly name: string;
    readonly redistribution: Redistribution;
    readonly version: number;
    readonly items: readonly StateBytes[];
  }[];
}

/**
 * A stretch of a state file: what was written of one key group or one list, checked by `crc`.
 *
 * `file` is the absolute URL of the file. `length` and `crc` (CRC-32) are those of the bytes as they lie in the file;
 * with `codec` these are zstd frames, one after the other, which make `rawLength` bytes together.
 */
export interface FileSegment {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
  readonly codec?: 'zstd';
  readonly rawLength?: number;
  /** Set where these are record batches of an Arrow file: see `checkpoint/savepoint`. */
  readonly arrow?: ArrowPlace;
}

/** What is needed to read record batches: the schema, which lies in the same file, behind its magic. */
export interface ArrowPlace {
  readonly schemaLength: number;
  readonly schemaCrc: number;
  /** Set where one row is meant: an item of a list. */
  readonly row?: number;
}

/** What a savepoint says of a state, for people and tools. */
export interface StateDescription {
  /** The shapes of keys and values, as TypeScript would write them. */
  readonly key: string;
  readonly value: string;
  readonly entries: number;
  /** Entries of which a part could only be stored as opaque bytes. */
  readonly opaque: number;
  /** The file with its entries; undefined while there are none. */
  readonly file?: string;
}

/** Bytes of a snapshot: at hand, or in a file. */
export type StateBytes = Uint8Array | FileSegment;

/** Gives the bytes of a part, wherever they lie, while a task restores. */
export type BytesOf = (bytes: StateBytes) => Uint8Array;

export function isFileSegment(bytes: StateBytes): bytes is FileSegment {
  return !(bytes instanceof Uint8Array);
}

/**
 * The state file that one operator of one task writes for one checkpoint, section by section. All calls but `finish`,
 * `abort` and `drained` return at once.
 *
 * Nothing is written before more than the inline threshold has come together: a small snapshot never becomes a file.
 * Sections of one state come in ascending order of key groups, so that a later reader of some groups reads one
 * stretch.
 */
export interface SnapshotFile {
  /** Adds bytes to the open section, opening one if need be. They belong to the file from here on: do not change them. */
  write(bytes: Uint8Array): void;
  /** Ends the open section, which may be empty, and returns its index: that of its bytes in what `finish` answers. */
  endSection(): number;
  /** False once so many bytes wait for the storage that the writer should hold back until `drained`. */
  readonly ready: boolean;
  drained(): Promise<void>;
  /**
   * Makes the file durable and visible, once no newer attempt of the job has begun.
   *
   * @returns The bytes of each section, in order: all inline, when they are few, or all segments of the file.
   * @throws CHECKPOINT_STALE when a newer attempt has begun, CHECKPOINT_STORAGE when the storage fails. Then nothing
   * is left behind, and `abort` need not be called.
   */
  finish(): Promise<readonly StateBytes[]>;
  /** Gives the file up, before or after `finish`; it is removed. Never fails. */
  abort(): Promise<void>;
}

/** The state files as a task sees them: where its snapshots go, and where it reads what it is restored from. */
export interface SnapshotFiles {
  /**
   * A barrier of this epoch has come: what is written from here on is written in it. Another region of the job may have
   * been started anew meanwhile.
   */
  enter(epoch: number): void;
  /** Begins the state file of an operator. `directory` (a URL) is where a savepoint goes; without it, to the checkpoints. */
  open(file: {
    readonly checkpoint: number;
    readonly operatorId: string;
    readonly subtask: number;
    readonly directory?: string;
  }): SnapshotFile;
  /**
   * Reads bytes in the order given; neighbours in a file are fetched together, from a local copy where there is one.
   * What is at hand is passed through. The bytes may share memory: do not change them.
   *
   * @throws STATE_CORRUPT, with file and offset, for bytes that are missing or not those that were written.
   */
  read(bytes: readonly StateBytes[]): Promise<readonly Uint8Array[]>;
  /**
   * Reads bytes as `read` does and hands them to `take` one after the other, in the order given. Some megabytes are read
   * ahead; what `take` is given is its own only during the call, since the memory is used again.
   */
  stream(bytes: readonly StateBytes[], take: (bytes: Uint8Array, index: number) => void): Promise<void>;
  /** The checkpoint is complete and refers to these files: local copies of others are not needed any more. */
  completed(checkpoint: number, files: ReadonlySet<string>): void;
}
