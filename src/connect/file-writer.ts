/** The writer of a file sink: buckets, the file in progress of each, and when it is time for a new one. */

import type { Encoder, Format } from '../format/format.ts';
import { assertBucket, bucketTimestamp, type BucketAssigner, type BucketContext } from './bucket.ts';
import { encodeRecord } from './encode-record.ts';
import { hold, inProgressPath, nameInProgress, PartFile, type OpenPart, type PendingPart } from './part-file.ts';
import { rescue } from './part-rescue.ts';
import { sinkFailure } from './sink-failure.ts';
import type { SinkWriter, WriteContext, WriterContext } from './sink.ts';

export interface RollingSettings {
  readonly maxBytes: number;
  readonly rolloverMs: number;
  readonly inactivityMs: number;
  readonly checkIntervalMs: number;
  readonly onCheckpoint: boolean;
}

export interface FileWriterSettings<T> {
  readonly path: string;
  readonly format: Format<unknown, T>;
  readonly bucket: BucketAssigner<T>;
  readonly rolling: RollingSettings;
  readonly partPrefix: string;
  readonly partSuffix: string;
}

/** What a writer leaves in a checkpoint. Plain data. */
export type FileWriterState = BucketState | WriterMark;

/** Which files a writer has begun: those numbered from `next` on belong to no checkpoint of its that is complete. */
export interface WriterMark {
  readonly jobId: string;
  /** Its files are called `STEM-0`, `STEM-1`, …: `part-3-5f3a90c1`, without suffix. */
  readonly stem: string;
  readonly next: number;
}

/** A bucket in a checkpoint. Plain data. */
export interface BucketState {
  readonly bucket: string;
  readonly open: OpenPart | undefined;
  /** Closed files that no checkpoint has handed to the committer: a savepoint holds them. */
  readonly pending: readonly PendingPart[];
}

interface Bucket {
  readonly name: string;
  part: PartFile | undefined;
  /** Closed, and not handed to the committer. */
  pending: PendingPart[];
}

/** Encoded bytes of one file that are gathered before they are written. */
const APPEND_BYTES = 256 * 1024;

/** Bytes that wait to be written, of all files together, before further records wait. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

/** Digits of the writer's own number in the names of its files: what makes them differ from those of any other. */
const RUN_DIGITS = 8;

export class FileWriter<T> implements SinkWriter<T, PendingPart, FileWriterState> {
  readonly #settings: FileWriterSettings<T>;
  readonly #context: WriterContext;
  readonly #encoder: Encoder<T>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #bucketContext: { -readonly [Fact in keyof BucketContext]: BucketContext[Fact] };
  readonly #run: string;
  /** What the attempt that failed has begun, where this one goes on from the last checkpoint of the same job. */
  readonly #failed: readonly WriterMark[];
  readonly #cleaned = new Set<string>();
  #parts = 0;
  #waitingBytes = 0;
  /** What is done to files happens in one order; this is the last of it. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  /** Files that are open, in progress or about to be closed. */
  readonly #files = new Set<PartFile>();
  /** From a flush to its snapshot files stay as they are. */
  #frozen = false;
  #timerArmed = false;
  #closed = false;

  constructor(settings: FileWriterSettings<T>, context: WriterContext, restored: readonly FileWriterState[]) {
    this.#settings = settings;
    this.#context = context;
    this.#encoder = settings.format.encoder();
    this.#bucketContext = { timestamp: undefined, watermark: 0, now: 0 };
    this.#run = context.world.random.id().slice(0, RUN_DIGITS);
    const marks = restored.filter((state) => 'stem' in state);
    this.#failed = marks.filter(({ jobId }) => jobId === context.jobId);
    // The same job, so it went on by itself from its last checkpoint: nobody goes on from an earlier one.
    const sameJob = marks.length > 0 && this.#failed.length === marks.length;
    for (const state of restored) if ('bucket' in state) this.#restore(state, sameJob);
  }

  write(value: T, context: WriteContext): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#frozen = false;
    const now = this.#context.now();
    const bucket = this.#bucketOf(value, context, now);
    const part = (bucket.part ??= this.#begin(bucket, value, now));
    part.writtenAt = now;
    encodeRecord(this.#encoder, value, part.buffer, part.final);
    if (part.bytes >= this.#settings.rolling.maxBytes) this.#roll(bucket);
    else if (part.buffer.length >= APPEND_BYTES) this.#append(part);
    if (this.#waitingBytes > WAITING_BYTES_MAX) return this.#settled();
  }

  #bucketOf(value: T, context: WriteContext, now: number): Bucket {
    const about = this.#bucketContext;
    about.timestamp = bucketTimestamp(context.timestamp);
    about.watermark = context.watermark;
    about.now = now;
    const name = this.#settings.bucket(value, about);
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      assertBucket(name, this.#settings.path);
      bucket = this.#addBucket(name);
    }
    return bucket;
  }

  #addBucket(name: string): Bucket {
    const bucket: Bucket = { name, part: undefined, pending: [] };
    this.#buckets.set(name, bucket);
    if (this.#failed.length > 0 && !this.#cleaned.has(name)) {
      this.#cleaned.add(name);
      const directory = this.#directory(name);
      this.#do(directory, () => this.#clean(directory));
    }
    return bucket;
  }

  #directory(bucket: string): string {
    const { path } = this.#settings;
    return bucket === '' ? path : `${path}/${bucket}`;
  }

  /**
   * Removes files that the failed attempt began after the checkpoint from which this one goes on, and did not close:
   * that was the last complete one, and savepoints hold closed files only, so nothing refers to them.
   */
  async #clean(directory: string): Promise<void> {
    const { storage } = this.#context.world;
    if ((await storage.status(directory)) === undefined) return;
    for (const name of await storage.list(directory)) {
      const final = nameInProgress(name);
      if (final !== undefined && this.#failed.some((mark) => this.#begunAfter(mark, final)))
        await storage.remove(`${directory}/${name}`);
    }
  }

  #begunAfter({ stem, next }: WriterMark, name: string): boolean {
    const { partSuffix } = this.#settings;
    if (!name.startsWith(`${stem}-`) || !name.endsWith(partSuffix)) return false;
    const number = name.slice(stem.length + 1, name.length - partSuffix.length);
    return /^\d+$/.test(number) && Number(number) >= next;
  }

  get #stem(): string {
    return `${this.#settings.partPrefix}-${this.#context.subtask}-${this.#run}`;
  }

  #begin(bucket: Bucket, first: T, now: number): PartFile {
    const final = `${this.#directory(bucket.name)}/${this.#stem}-${this.#parts++}${this.#settings.partSuffix}`;
    const part = new PartFile(this.#context.world.storage, inProgressPath(final), final, now);
    this.#files.add(part);
    this.#do(part.hidden, () => part.create());
    this.#encoder.prologue?.(first, part.buffer);
    this.#armTimer();
    return part;
  }

  #append(part: PartFile): void {
    if (part.buffer.length === 0) return;
    const bytes = part.takeBuffer();
    this.#waitingBytes += bytes.length;
    this.#do(part.hidden, async () => {
      await part.append(bytes);
      this.#waitingBytes -= bytes.length;
    });
  }

  /** Closes the file in progress: it is pending. */
  #roll(bucket: Bucket): void {
    const { part } = bucket;
    if (part === undefined) return;
    bucket.part = undefined;
    this.#append(part);
    this.#do(part.hidden, async () => {
      await part.sync();
      await part.close();
      this.#files.delete(part);
      bucket.pending.push(part.part());
    });
  }

  /** Adds to the work on files. After a failure nothing more is done. */
  #do(path: string, work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await work();
      } catch (error) {
        this.#fail(sinkFailure(error, path));
      }
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    if (!this.#closed) this.#context.fail(error);
  }

  async #settled(): Promise<void> {
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async flush(endOfInput: boolean): Promise<void> {
    this.#frozen = true;
    for (const bucket of this.#buckets.values()) {
      if (endOfInput) this.#roll(bucket);
      else if (bucket.part !== undefined) this.#append(bucket.part);
    }
    await this.#settled();
    await Promise.all([...this.#buckets.values()].map((bucket) => this.#sync(bucket.part)));
    await this.#settled();
  }

  async #sync(part: PartFile | undefined): Promise<void> {
    try {
      await part?.sync();
    } catch (error) {
      // What the system could not make durable once, it may have given up: nothing may be built on it.
      this.#failure ??= { error: sinkFailure(error, part?.hidden ?? '') };
    }
  }

  async prepareCommit(): Promise<readonly PendingPart[]> {
    if (this.#settings.rolling.onCheckpoint) this.#rollAll();
    await this.#holdAll();
    const prepared: PendingPart[] = [];
    for (const [name, bucket] of this.#buckets) {
      prepared.push(...bucket.pending);
      bucket.pending = [];
      if (bucket.part === undefined) this.#buckets.delete(name);
    }
    return prepared;
  }

  /** A savepoint may lie around while the files go on growing, so it holds none that are open. */
  async prepareSavepoint(): Promise<void> {
    this.#rollAll();
    await this.#holdAll();
  }

  #rollAll(): void {
    for (const bucket of this.#buckets.values()) this.#roll(bucket);
  }

  async #holdAll(): Promise<void> {
    await this.#settled();
    const { storage } = this.#context.world;
    for (const bucket of this.#buckets.values()) {
      for (const [index, part] of bucket.pending.entries())
        this.#do(part.final, async () => void (bucket.pending[index] = await hold(storage, part)));
    }
    await this.#settled();
  }

  snapshot(): readonly FileWriterState[] {
    this.#frozen = false;
    const buckets = [...this.#buckets.values()].map((bucket): BucketState => ({
      bucket: bucket.name,
      open: bucket.part?.part(),
      pending: [...bucket.pending],
    }));
    return [{ jobId: this.#context.jobId, stem: this.#stem, next: this.#parts }, ...buckets];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    // What is in progress stays: a checkpoint may hold it, and whoever goes on from there knows.
    await Promise.all([...this.#files].map((part) => part.close()));
  }

  #restore({ bucket: name, open, pending }: BucketState, sameJob: boolean): void {
    const bucket = this.#buckets.get(name) ?? this.#addBucket(name);
    bucket.pending.push(...pending.map((part) => ({ ...part, restored: true as const })));
    if (open === undefined) return;
    this.#do(open.hidden, async () => {
      const part = await rescue(this.#context.world.storage, open, {
        note: this.#run,
        suffix: this.#settings.partSuffix,
      });
      if (part !== undefined) bucket.pending.push(sameJob ? { ...part, leftovers: [open.hidden] } : part);
    });
  }

  #armTimer(): void {
    if (this.#timerArmed) return;
    this.#timerArmed = true;
    this.#context.after(this.#settings.rolling.checkIntervalMs, () => {
      this.#timerArmed = false;
      if (this.#closed) return;
      if (this.#frozen) this.#armTimer();
      else this.#rollByTime(this.#context.now());
    });
  }

  #rollByTime(now: number): void {
    const { rolloverMs, inactivityMs } = this.#settings.rolling;
    let open = false;
    for (const bucket of this.#buckets.values()) {
      const { part } = bucket;
      if (part === undefined) continue;
      if (now - part.createdAt >= rolloverMs || now - part.writtenAt >= inactivityMs) this.#roll(bucket);
      else open = true;
    }
    if (open) this.#armTimer();
  }
}
