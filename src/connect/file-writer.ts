/** The writer of a file sink: buckets, the file in progress of each, and when it is time for a new one. */

import type { Encoder, Format } from '../format/format.ts';
import { assertBucket, bucketTimestamp, type BucketAssigner, type BucketContext } from './bucket.ts';
import { encodeRecord } from './encode-record.ts';
import { PartFile, type OpenPart, type PendingPart } from './part-file.ts';
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
  readonly pending: PendingPart[];
}

/** Encoded bytes of one file that are gathered before they are written. */
const APPEND_BYTES = 256 * 1024;

/** Bytes that wait to be written, of all files together, before further records wait. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

/** Digits of the writer's own number in the names of its files: what makes them differ from those of any other. */
const RUN_DIGITS = 8;

export class FileWriter<T> implements SinkWriter<T, PendingPart, BucketState> {
  readonly #settings: FileWriterSettings<T>;
  readonly #context: WriterContext;
  readonly #encoder: Encoder<T>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #bucketContext: { -readonly [Fact in keyof BucketContext]: BucketContext[Fact] };
  readonly #run: string;
  #parts = 0;
  #waitingBytes = 0;
  /** What is done to files happens in one order; this is the last of it. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  /** Files that are open, in progress or about to be closed. */
  readonly #files = new Set<PartFile>();
  /** Until restored files are open again: records wait, as a file may turn out to be finished already. */
  #restoring: boolean;
  #waitingRecords = 0;
  /** From a flush to its snapshot files stay as they are. */
  #frozen = false;
  #timerArmed = false;
  #closed = false;

  constructor(settings: FileWriterSettings<T>, context: WriterContext, restored: readonly BucketState[]) {
    this.#settings = settings;
    this.#context = context;
    this.#encoder = settings.format.encoder();
    this.#bucketContext = { timestamp: undefined, watermark: 0, now: 0 };
    this.#run = context.world.random.id().slice(0, RUN_DIGITS);
    this.#restoring = restored.some(({ open }) => open !== undefined);
    for (const state of restored) this.#restore(state);
  }

  write(value: T, context: WriteContext): void | Promise<void> {
    if (this.#restoring || this.#waitingRecords > 0) return this.#writeRestored(value, { ...context });
    return this.#write(value, context);
  }

  async #writeRestored(value: T, context: WriteContext): Promise<void> {
    this.#waitingRecords++;
    await this.#settled();
    this.#restoring = false;
    this.#waitingRecords--;
    await this.#write(value, context);
  }

  #write(value: T, context: WriteContext): void | Promise<void> {
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
    return bucket;
  }

  #begin(bucket: Bucket, first: T, now: number): PartFile {
    const { path, partPrefix, partSuffix } = this.#settings;
    const name = `${partPrefix}-${this.#context.subtask}-${this.#run}-${this.#parts++}${partSuffix}`;
    const directory = bucket.name === '' ? path : `${path}/${bucket.name}`;
    const part = PartFile.begin(this.#context.world.storage, directory, name, now);
    this.#files.add(part);
    this.#do(part, () => part.create());
    this.#encoder.prologue?.(first, part.buffer);
    this.#armTimer();
    return part;
  }

  #append(part: PartFile): void {
    if (part.buffer.length === 0) return;
    const bytes = part.takeBuffer();
    this.#waitingBytes += bytes.length;
    this.#do(part, async () => {
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
    this.#do(part, async () => {
      await part.sync();
      await part.close();
      this.#files.delete(part);
      bucket.pending.push(part.pendingPart());
    });
  }

  /** Adds to the work on files. After a failure nothing more is done. */
  #do(part: PartFile, work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await work();
      } catch (error) {
        this.#fail(sinkFailure(error, part.hidden));
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
    if (this.#settings.rolling.onCheckpoint) {
      for (const bucket of this.#buckets.values()) this.#roll(bucket);
      await this.#settled();
    }
    const prepared: PendingPart[] = [];
    for (const [name, bucket] of this.#buckets) {
      prepared.push(...bucket.pending.splice(0));
      if (bucket.part === undefined) this.#buckets.delete(name);
    }
    return prepared;
  }

  snapshot(): readonly BucketState[] {
    this.#frozen = false;
    return [...this.#buckets.values()].map((bucket) => ({
      bucket: bucket.name,
      open: bucket.part?.openPart(),
      pending: [...bucket.pending],
    }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    // What is in progress stays: a checkpoint may hold it.
    await Promise.all([...this.#files].map((part) => part.close()));
  }

  #restore({ bucket: name, open, pending }: BucketState): void {
    const bucket = this.#buckets.get(name) ?? this.#addBucket(name);
    bucket.pending.push(...pending);
    if (open === undefined) return;
    const part = PartFile.resume(this.#context.world.storage, open);
    // Two subtasks may have written this bucket before the parallelism fell: one of the files is closed at once.
    if (bucket.part !== undefined) this.#roll(bucket);
    bucket.part = part;
    this.#files.add(part);
    this.#do(part, async () => {
      if (!(await part.reopen()) && bucket.part === part) bucket.part = undefined;
    });
    this.#armTimer();
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
