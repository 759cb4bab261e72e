/**
 * The World: everything that makes two runs of the same program differ. Clock, randomness, network, storage and
 * threads are passed in, from one place; nothing else in the engine touches them. The real World lies in `world/`,
 * the simulated one, which runs a whole cluster under one seed, in `testing/`.
 */

/** Milliseconds; a point in time counts from the Unix epoch. */
export type Milliseconds = number;

export interface Cancellation {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time, in milliseconds since the epoch. May jump. */
  now(): Milliseconds;
  /** Monotonic time in milliseconds with a fraction; only differences mean something. */
  monotonic(): Milliseconds;
  /** Calls back once, not before `delay` has passed. A pending timer keeps the process alive until cancelled. */
  after(delay: Milliseconds, callback: () => void): Cancellation;
  /** Calls back in a later turn of the event loop, so that sockets, timers and promises get theirs first. */
  nextTurn(callback: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh identifier of 32 hexadecimal digits. */
  id(): string;
}

/**
 * One end of an ordered, reliable, message-preserving connection. What arrives is a copy: ends share no object.
 *
 * `send` never blocks, and copies: the sender may use the memory of a message again at once. It returns `false` once
 * more than a transport's buffer is waiting; the sender should then hold back until `onDrain`. `onClose` is called
 * once, with the reason when the connection broke, and nothing arrives after it.
 */
export interface Connection {
  send(message: Uint8Array): boolean;
  onMessage(listener: (message: Uint8Array) => void): void;
  onDrain(listener: () => void): void;
  onClose(listener: (reason: Error | undefined) => void): void;
  close(): void;
}

export interface Listener {
  /** Where others connect to: `local:NAME` inside the process, `tcp:HOST:PORT` between processes. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A plain TCP connection to somebody who does not speak the engine's messages: bytes in order, in pieces of any size.
 */
export interface ByteStream {
  /**
   * The next bytes as they come, `undefined` once the other end has closed; rejects when the connection broke. Called
   * again only after it has settled. Nothing more is taken from the network while nobody asks.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when there is room for more; from then on the bytes may be changed. Rejects when the connection broke. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends what was written and closes; reads that wait settle with `undefined`. */
  close(): void;
}

export interface Network {
  /** Fails with CHANNEL_LOST when nobody listens, or when `signal` is aborted before the connection stands. */
  openStream(host: string, port: number, signal?: AbortSignal): Promise<ByteStream>;
  /** `local:NAME`, or `tcp:HOST:PORT` with port 0 for a free one. Fails with PORT_IN_USE. */
  listen(address: string, onConnection: (connection: Connection) => void): Promise<Listener>;
  /** Fails with CHANNEL_LOST when nobody listens. */
  connect(address: string): Promise<Connection>;
}

export interface FileStatus {
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly modifiedAt: Milliseconds;
}

/** An open file for appending. Bytes are durable only after `sync`. */
export interface AppendFile {
  readonly path: string;
  /** Bytes in the file after the appends so far. */
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadFile {
  readonly bytes: number;
  /** Fills `into` from `position` on; returns how many bytes were read, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * A file that its process writes and reads while it runs, and nobody after it: state that does not fit in memory,
 * sorted runs. Access is synchronous, because it happens in the middle of a record; what is written lands in the
 * memory of the operating system and is not durable before `sync`.
 */
export interface WorkingFile {
  readonly path: string;
  /** Bytes in the file after the appends so far. */
  readonly length: number;
  /** Appends the bytes `[from, to)`, all of them. */
  append(bytes: Uint8Array, from: number, to: number): void;
  /** Reads up to `length` bytes at `position` to the start of `into`; returns how many there were, 0 at the end. */
  read(into: Uint8Array, length: number, position: number): number;
  sync(): Promise<void>;
  close(): void;
}

/** The working files of a thread. Errors are `StorageError`s, as of {@link Storage}. */
export interface WorkingFiles {
  /** A fresh, empty directory in `parent`, which is made too, or where the system keeps temporary files. */
  directory(parent?: string): string;
  /** Makes a file that does not exist, to append to and to read. */
  create(path: string): WorkingFile;
  /** Removes a file, or a directory with all that is in it; what is not there is no error. */
  remove(path: string): void;
}

/** Files by path. Errors of the system come as `StorageError` with the system's code (`ENOENT`, `EACCES`, `ENOSPC`). */
export interface Storage {
  openRead(path: string): Promise<ReadFile>;
  /** Opens for appending; `truncateTo` cuts an existing file first, without it the file must not exist. */
  openAppend(path: string, options?: { readonly truncateTo?: number }): Promise<AppendFile>;
  status(path: string): Promise<FileStatus | undefined>;
  /** Names (not paths) in a directory, sorted. */
  list(directory: string): Promise<readonly string[]>;
  /** With the directories above it, durably; one that is there already is no error. */
  makeDirectory(path: string): Promise<void>;
  /** Atomic and durable; replaces an existing target. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives a file a second name, durably; of several who want the same name, one succeeds and the others get EEXIST.
   * Some file systems have no such links (EPERM, ENOTSUP, ENOSYS), and none has them across devices (EXDEV).
   */
  link(path: string, name: string): Promise<void>;
  /** Removes a file, or a directory with all that is in it; what is not there is no error. */
  remove(path: string): Promise<void>;
  /** Removes a directory if nothing is in it; whether it is gone now. */
  removeEmptyDirectory(path: string): Promise<boolean>;
  /** A fresh, empty directory for temporary files (spilled sorts, working files). */
  temporaryDirectory(): Promise<string>;
}

/** What the system said when a path could not be used. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly system: string;
  readonly path: string;

  constructor(system: string, path: string, options?: { readonly cause?: unknown }) {
    super(`${system}: ${path}`, options);
    this.system = system;
    this.path = path;
  }
}

/** A worker thread as its owner sees it. Messages are structured clones; SharedArrayBuffers in them are shared. */
export interface Thread {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Once, however the thread ended. `outOfMemory` tells a heap limit that was hit from other failures. */
  onExit(listener: (exit: ThreadExit) => void): void;
  /** Ends the thread at once, whatever it is doing. */
  terminate(): Promise<void>;
}

export interface ThreadExit {
  readonly outOfMemory: boolean;
  readonly error: Error | undefined;
}

/** The same, seen from inside the thread. */
export interface ThreadHost {
  readonly input: unknown;
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Takes a waiting message without going through the event loop, for a loop that is busy. */
  poll(): { readonly message: unknown } | undefined;
}

export interface ThreadOptions {
  readonly name: string;
  /** URL of the module that runs in the thread. */
  readonly entry: URL;
  readonly input: unknown;
  readonly heapMegabytesMax: number;
}

export interface Threads {
  spawn(options: ThreadOptions): Thread;
}

/**
 * A doorbell between threads that share memory: who waits for shared memory to change waits here, who changed it
 * rings. One cell per waiting thread. Ringing while nobody waits is one atomic store and no system call.
 */
export interface Doorbell {
  /** Shared with the threads that ring it. */
  readonly cell: Int32Array<SharedArrayBuffer>;
  /** Resolves when rung after the last `wait` began or was refused, or when `timeout` has passed. */
  wait(timeout: Milliseconds): Promise<void>;
}

/**
 * Whose code is running: failures that no call is there to catch (a rejected promise that nobody awaits, a throw in a
 * callback that user code scheduled) are traced back to the job whose code began them.
 */
export interface Ownership {
  /** Runs `body`, and everything asynchronous that it begins, on behalf of `owner`. */
  run<T>(owner: string, body: () => T): T;
  /** Hears of stray failures of owners; others stay what they are. Cancel to hear no more. */
  onStray(listener: (owner: string, error: unknown) => boolean): Cancellation;
}

export interface World {
  readonly ownership: Ownership;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly storage: Storage;
  readonly working: WorkingFiles;
  readonly threads: Threads;
  /** User + system CPU microseconds of the process so far; 0 in a simulated World. */
  cpuMicroseconds(): number;
  /** The JavaScript heap of this thread in megabytes: what is in use, and what it may use. */
  heapMegabytes(): { readonly used: number; readonly limit: number };
  /** A line for the person who runs the process. */
  print(line: string, stream: 'out' | 'error'): void;
}
