/**
 * Makes few large files of many small ones before they are finished: Flink's `FileCompactor`, as a pre-committer.
 *
 * Pending files of a bucket are gathered in the order in which they were written, until they are large enough together
 * or have waited for enough checkpoints. Then one file is made of them in the background, and becomes part of a later
 * checkpoint in their place. What is gathered, and what is being put together, is state: after a failure the work is
 * done again from the same files, which stay until the file that holds their records is finished.
 */

import type { Format } from '../format/format.ts';
import { compactedPath, isCompacted, isCompactedFrom, partName, type PartName } from './compacted-name.ts';
import { mergeParts, sameBeginnings } from './file-merging.ts';
import { hold, inProgressPath, nameInProgress, type PendingPart } from './part-file.ts';
import { sinkFailure } from './sink-failure.ts';
import type { PreCommitter, WriterContext } from './sink.ts';

/** When files are put together, and how. */
export interface CompactionSettings<T> {
  readonly format: Format<unknown, T>;
  readonly partSuffix: string;
  /** Once the files that wait have so many bytes together. */
  readonly bytes: number;
  /** Once the first of them has waited for so many checkpoints. */
  readonly checkpoints: number;
  /** Byte by byte, or record by record. */
  readonly by: 'bytes' | 'records';
}

/** Files of one writer in one directory, in the order of their numbers. Plain data. */
interface Group {
  readonly parts: readonly PendingPart[];
  /** Checkpoints that the first of them has waited for. */
  readonly checkpoints: number;
}

/** In a checkpoint: files that wait or are being put together, or a file that was made and not handed over. Plain data. */
type CompactionState = (Group | { readonly made: PendingPart }) & { readonly jobId: string };

/** Digits that tell apart those who work on the same files. */
const RUN_DIGITS = 8;

export class FileCompactor<T> implements PreCommitter<PendingPart> {
  readonly #settings: CompactionSettings<T>;
  readonly #context: WriterContext;
  readonly #run: string;
  /** By directory and writer. */
  readonly #waiting = new Map<string, Group>();
  readonly #making = new Set<Group>();
  /** Whether this goes on from the last checkpoint of its own job, so that nobody else works on the same files. */
  readonly #sameJob: boolean;
  #made: PendingPart[] = [];
  /** One after the other; never rejects. */
  #work: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #closed = false;

  constructor(settings: CompactionSettings<T>, context: WriterContext, restored: readonly unknown[]) {
    this.#settings = settings;
    this.#context = context;
    this.#run = context.world.random.id().slice(0, RUN_DIGITS);
    const states = restored as readonly CompactionState[];
    this.#sameJob = states.every(({ jobId }) => jobId === context.jobId);
    for (const state of states) {
      if ('made' in state) this.#made.push(state.made);
      else for (const part of state.parts) this.#takeOver(part, state.checkpoints);
    }
  }

  #takeOver(part: PendingPart, checkpoints: number): void {
    const name = partName(part.final, this.#settings.partSuffix) as PartName;
    this.#add({ ...part, restored: true }, name, checkpoints);
  }

  #add(part: PendingPart, { directory, stem }: PartName, checkpoints: number): void {
    const key = `${directory}/${stem}`;
    const group = this.#waiting.get(key) ?? { parts: [], checkpoints };
    this.#waiting.set(key, { parts: [...group.parts, part], checkpoints: group.checkpoints });
  }

  async process(
    _checkpoint: number,
    committables: readonly PendingPart[],
    endOfInput: boolean,
  ): Promise<readonly PendingPart[]> {
    const passed = committables.filter((part) => !this.#gather(part));
    for (const [key, { parts, checkpoints }] of this.#waiting) {
      const group = { parts, checkpoints: checkpoints + 1 };
      this.#waiting.set(key, group);
      if (!endOfInput && !this.#isDue(group)) continue;
      this.#waiting.delete(key);
      this.#making.add(group);
      this.#work = this.#work.then(() => this.#make(group));
    }
    if (endOfInput) await this.#work;
    if (this.#failure !== undefined) throw this.#failure.error;
    return [...this.#made.splice(0), ...passed];
  }

  /** False for a file that is finished as it is. */
  #gather(part: PendingPart): boolean {
    // Others may have more of the same file: it keeps its name.
    if (part.beginning === true) return false;
    const name = partName(part.final, this.#settings.partSuffix);
    if (name === undefined) return false;
    if (part.bytes >= this.#settings.bytes && !this.#waiting.has(`${name.directory}/${name.stem}`)) return false;
    this.#add(part, name, 0);
    return true;
  }

  #isDue({ parts, checkpoints }: Group): boolean {
    if (checkpoints >= this.#settings.checkpoints) return true;
    return parts.reduce((sum, { bytes }) => sum + bytes, 0) >= this.#settings.bytes;
  }

  async #make(group: Group): Promise<void> {
    if (this.#failure !== undefined || this.#closed) return;
    try {
      const [first] = group.parts;
      if (this.#sameJob && first?.restored === true) await this.#clean(first);
      const parts = await this.#unpublished(group.parts);
      const { format, by } = this.#settings;
      // Files of which some begin otherwise, with other columns, are not put together.
      const runs = by === 'bytes' ? await sameBeginnings(this.#context.world.storage, format, parts) : [parts];
      const made: PendingPart[] = [];
      for (const run of runs) made.push(await this.#merge(run));
      this.#made.push(...made);
      this.#making.delete(group);
    } catch (error) {
      this.#failure = { error: sinkFailure(error, group.parts[0]?.final ?? '') };
      if (!this.#closed) this.#context.fail(this.#failure.error);
    }
  }

  /** Removes what the attempt that failed had begun to make of the same files. */
  async #clean(first: PendingPart): Promise<void> {
    const { storage } = this.#context.world;
    const { directory, stem } = partName(first.final, this.#settings.partSuffix) as PartName;
    for (const name of await storage.list(directory)) {
      const final = nameInProgress(name);
      if (final !== undefined && isCompactedFrom(final, stem) && !final.endsWith(`.${this.#run}`))
        await storage.remove(`${directory}/${name}`);
    }
  }

  /** Without files whose records stand under a final name already: those of a restored state may. */
  async #unpublished(parts: readonly PendingPart[]): Promise<readonly PendingPart[]> {
    const { storage } = this.#context.world;
    const left: PendingPart[] = [];
    for (const part of parts) {
      if (part.restored === true) {
        // That a pending file is gone means that its records are published.
        if ((await storage.status(part.hidden)) === undefined) continue;
        if (await isCompacted(storage, partName(part.final, this.#settings.partSuffix), this.#settings.partSuffix)) {
          await storage.remove(part.hidden);
          continue;
        }
      }
      left.push(part);
    }
    return left;
  }

  async #merge(parts: readonly PendingPart[]): Promise<PendingPart> {
    const [first] = parts;
    const last = parts.at(-1);
    if (parts.length === 1 || first === undefined || last === undefined) return first as PendingPart;
    const { partSuffix, format, by } = this.#settings;
    const { storage } = this.#context.world;
    const [from, to] = [partName(first.final, partSuffix), partName(last.final, partSuffix)] as [PartName, PartName];
    const final = compactedPath(from, to, partSuffix);
    const hidden = inProgressPath(final, `.${this.#run}`);
    const bytes = await mergeParts({ storage, format, by, into: hidden }, parts);
    const merged: PendingPart = { hidden, final, bytes, leftovers: parts.map((part) => part.hidden) };
    return await hold(storage, merged, `.${this.#run}`);
  }

  snapshot(): readonly CompactionState[] {
    const { jobId } = this.#context;
    const groups = [...this.#waiting.values(), ...this.#making].map((group) => ({ ...group, jobId }));
    return [...groups, ...this.#made.map((made) => ({ made, jobId }))];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
  }
}
